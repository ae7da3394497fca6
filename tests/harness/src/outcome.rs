//! What a layer saw, in one form for both layers: the JSON shapes are those of `terraform show -json`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use crate::case::{AttributePath, PathStep, Severity};

/// What one command showed.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Errors and warnings, equal ones once.
    pub messages: Vec<Message>,
    /// The plan, if there is one.
    pub plan: Option<Plan>,
    /// What a query found.
    pub found: Vec<Json>,
    /// The progress that an action reported.
    pub progress: Vec<String>,
}

/// An error or a warning.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Message {
    /// How bad it is.
    pub severity: Severity,
    /// Its title.
    pub summary: String,
    /// The rest of its text.
    pub detail: String,
    /// The object that it is about.
    pub address: Option<String>,
    /// The place in the object's configuration.
    pub place: Place,
}

/// Where in a configuration a message points.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Nothing is known of it: Terraform's messages point at the whole block also when the attribute is absent.
    #[default]
    Unknown,
    /// An attribute, named as far as the source line names it.
    Attribute(String),
    /// The whole path.
    Path(AttributePath),
}

impl Place {
    /// Whether it may be the place that a case names.
    pub fn agrees(&self, path: &AttributePath) -> bool {
        match self {
            Self::Unknown => true,
            Self::Attribute(name) => path.0.first().is_some_and(|step| *step == PathStep::Name(name.clone())),
            Self::Path(seen) => seen == path,
        }
    }
}

impl Outcome {
    /// Whether an error is among the messages.
    pub fn failed(&self) -> bool {
        self.messages.iter().any(|message| message.severity == Severity::Error)
    }

    /// Adds a message unless it is there already.
    pub fn add(&mut self, message: Message) {
        if !self.messages.contains(&message) {
            self.messages.push(message);
        }
    }
}

/// What would be changed.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The changes of objects, no-ops included, by address.
    pub changes: Vec<Change>,
    /// Outputs that would change.
    pub outputs: BTreeSet<String>,
}

impl Plan {
    /// The changes that change something.
    pub fn effective(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|change| change.action != Action::NoOp || change.importing)
    }

    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.effective().next().is_none() && self.outputs.is_empty()
    }
}

/// What would happen to one object.
#[derive(Clone, Debug)]
pub struct Change {
    /// Its address.
    pub address: String,
    /// What would be done.
    pub action: Action,
    /// Whether it is imported.
    pub importing: bool,
    /// The planned value, unknown parts left out.
    pub after: Json,
    /// `true` for each unknown part.
    pub unknown: Json,
    /// `true` for each sensitive part.
    pub sensitive: Json,
    /// The places that make a replacement necessary.
    pub replace_paths: Vec<AttributePath>,
}

/// What would be done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    NoOp,
    /// It would be created.
    Create,
    /// A data source would be read.
    Read,
    /// It would be changed.
    Update,
    /// It would be deleted and created again.
    Replace,
    /// It would be deleted.
    Delete,
    /// It would be removed from the state but not deleted.
    Forget,
}

impl Action {
    /// The word that cases use.
    pub fn word(self) -> &'static str {
        match self {
            Self::NoOp => "no-op",
            Self::Create => "create",
            Self::Read => "read",
            Self::Update => "update",
            Self::Replace => "replace",
            Self::Delete => "delete",
            Self::Forget => "forget",
        }
    }
}

/// The state after a command.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// The objects by address.
    pub objects: BTreeMap<String, Object>,
    /// The outputs by name.
    pub outputs: BTreeMap<String, Output>,
}

/// One object of the state.
#[derive(Clone, Debug, Default)]
pub struct Object {
    /// Its attributes.
    pub values: Json,
    /// `true` for each sensitive part.
    pub sensitive: Json,
    /// Its identity, where the layer reports it.
    pub identity: Option<Json>,
    /// Whether the next plan must replace it.
    pub tainted: bool,
}

/// One output of the state.
#[derive(Clone, Debug)]
pub struct Output {
    /// Its value.
    pub value: Json,
    /// Whether it is declared sensitive.
    pub sensitive: bool,
}
