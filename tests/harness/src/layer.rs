//! What every layer can do with a configuration.

use std::time::Duration;

use crate::outcome::{Outcome, State};

/// A layer at work on one case: it holds the configuration, the state and the last plan.
///
/// Methods block. What the provider or Terraform says to the user is in the [`Outcome`]; an `Err` means that the layer
/// itself could not do its work, or that the provider broke the protocol's contract, and fails the case.
pub trait Layer {
    /// Replaces the configuration.
    ///
    /// # Errors
    ///
    /// It cannot be read or written.
    fn configure(&mut self, configuration: &str) -> Result<(), LayerError>;

    /// Puts a file beside the configuration.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    fn put_file(&mut self, name: &str, content: &str) -> Result<(), LayerError>;

    /// Checks the configuration alone.
    ///
    /// # Errors
    ///
    /// See the trait.
    fn validate(&mut self) -> Result<Outcome, LayerError>;

    /// Plans, and keeps the plan for [`Layer::apply`] when it has no errors. The outcome reports as much of it as `look`
    /// asks for, because a look is a process of its own for real Terraform.
    ///
    /// # Errors
    ///
    /// See the trait.
    fn plan(&mut self, goal: &Goal, look: Look) -> Result<Outcome, LayerError>;

    /// Makes the changes of the last plan.
    ///
    /// # Errors
    ///
    /// See the trait. There must be a plan.
    fn apply(&mut self, interruption: Option<&mut Interruption<'_>>) -> Result<Outcome, LayerError>;

    /// Lists with the list blocks of `configuration`.
    ///
    /// # Errors
    ///
    /// See the trait.
    fn query(&mut self, configuration: &str) -> Result<Outcome, LayerError>;

    /// Runs the action at `address`.
    ///
    /// # Errors
    ///
    /// See the trait.
    fn invoke(&mut self, address: &str) -> Result<Outcome, LayerError>;

    /// Removes an object from the state without deleting it.
    ///
    /// # Errors
    ///
    /// It is not in the state.
    fn forget(&mut self, address: &str) -> Result<(), LayerError>;

    /// Taints an object, so that the next plan replaces it.
    ///
    /// # Errors
    ///
    /// It is not in the state.
    fn taint(&mut self, address: &str) -> Result<(), LayerError>;

    /// Makes the state again what it was before the last [`Layer::forget`].
    ///
    /// # Errors
    ///
    /// It cannot be written.
    fn put_back(&mut self) -> Result<(), LayerError>;

    /// Whether nothing is in the state.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    fn is_empty(&mut self) -> Result<bool, LayerError>;

    /// The state as it is now; with `marks` also which parts of it are sensitive, which costs real Terraform a process.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    fn state(&mut self, marks: bool) -> Result<State, LayerError>;

    /// What the provider has logged for this case.
    fn logs(&self) -> String;

    /// What the provider asked of other systems and does not declare, one line each. Only the layer in this process sees
    /// it.
    fn undeclared(&self) -> Vec<String> {
        Vec::new()
    }

    /// Everything that people would see or that stays on disk beside state and plan: output, and all logs.
    fn said(&self) -> String;
}

/// What a plan is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Goal {
    /// The configuration as it is.
    Change,
    /// Everything in the state is destroyed.
    Destroy,
    /// The state is brought up to date.
    Refresh,
    /// One existing object is imported by its id.
    ImportById {
        /// Its address in the configuration.
        address: String,
        /// Its id.
        id: String,
    },
    /// One existing object without a configuration is imported by its id; a configuration is generated.
    Generate {
        /// Its address, which the configuration does not have.
        address: String,
        /// Its id.
        id: String,
    },
    /// One existing object is imported by its identity.
    ImportByIdentity {
        /// Its address in the configuration.
        address: String,
        /// Its identity.
        identity: serde_json::Value,
    },
}

/// How much of a plan is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Messages only; the outcome has no plan.
    Messages,
    /// Whether it is empty; the whole plan only when it is not.
    Emptiness,
    /// What would be done to which object, without values.
    Actions,
    /// The whole plan.
    Whole,
}

/// When to stop a running command.
pub struct Interruption<'a> {
    /// Whether the moment has come. Asked again and again.
    pub due: &'a mut dyn FnMut() -> bool,
    /// The provider's process is killed instead.
    pub kill: bool,
    /// How long the command took to end after the stop, without what is not the provider's; set by the layer.
    pub took: Option<Duration>,
}

/// The layer could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// A file or a process.
    #[error("could not {doing}")]
    Io {
        /// What was attempted.
        doing: String,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// Terraform answered something that is not understood.
    #[error("could not understand the answer of `{command}`: {fault}\n{output}")]
    Answer {
        /// The command.
        command: String,
        /// What is wrong with it.
        fault: String,
        /// What it printed.
        output: String,
    },
    /// The provider broke a rule of the protocol.
    #[error("the provider broke the rule “{rule}”: {what}")]
    Contract {
        /// The rule's name.
        rule: &'static str,
        /// What was seen.
        what: String,
    },
    /// A call ended without an answer.
    #[error("{call} was not answered: {status}")]
    Call {
        /// The method's name.
        call: &'static str,
        /// The gRPC status.
        status: String,
    },
    /// The provider does not come to an end.
    #[error("the provider has not ended after {} minutes", .0.as_secs() / 60)]
    Endless(std::time::Duration),
    /// The miniature Terraform does not know what the case uses, or the configuration is wrong by itself.
    #[error("{0}")]
    Configuration(String),
}

impl LayerError {
    /// For `map_err` on file and process work.
    pub fn io(doing: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let doing = doing.into();
        |source| Self::Io { doing, source }
    }
}
