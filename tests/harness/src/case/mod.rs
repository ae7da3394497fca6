//! An acceptance case: one text file that says what is configured and what must be seen.
//!
//! `tests/acceptance/README.md` is the page for those who write cases. This module is the model; it knows neither how
//! a case is run nor what the values mean.

mod expectation;
mod host;
mod parse;
mod step;
mod target;

pub use expectation::{Comparison, Expectation, PlannedAction, Severity, Test};
pub use host::{HostChange, OnHost};
pub use parse::CaseError;
pub use step::{Asked, Duration, Outside, Repeat, Step, StepKind};
pub use target::{AttributePath, PathStep, Target};

/// A case as its file states it.
#[derive(Debug)]
pub struct Case {
    /// Path below the folder of cases, without the extension: `activation/life_cycle`.
    pub name: String,
    /// The prose at the top.
    pub shows: String,
    /// Where the case can run.
    pub needs: Needs,
    /// Why the account is not as before at the end; `None` when it must be.
    pub leaves: Option<String>,
    /// Environment variables of the provider: real Terraform only, because a process has one environment.
    pub environment: Vec<(String, String)>,
    /// Files to put beside the configuration: name and content.
    pub files: Vec<(String, String)>,
    /// What is done, in order.
    pub steps: Vec<Step>,
}

/// Where a case or a step can run.
#[allow(clippy::struct_excessive_bools, reason = "each is a line of its own in a case")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The least Terraform version, such as (1, 12).
    pub terraform: Option<(u64, u64)>,
    /// The least OpenTofu version. `None` leaves OpenTofu out exactly when a Terraform version is required.
    pub tofu: Option<(u64, u64)>,
    /// The only layer that can show it.
    pub layer: Option<LayerKind>,
    /// One Terraform shows it as well as all of them.
    pub one_terraform: bool,
    /// Every Terraform runs it, also those between the oldest and the newest, and also with a control plane.
    pub every_terraform: bool,
    /// The account's cluster must have a control plane, which is started before the case.
    pub control_plane: bool,
    /// The published charts must be there.
    pub charts: bool,
    /// Helm's command line must be there.
    pub helm: bool,
    /// The sandbox must have hosts.
    pub hosts: bool,
    /// The in-process layer is to be Terraform 1.16, which hands the private bytes of a plan to the plan during apply.
    pub planned_private: bool,
    /// The author's reasons, for those who read what was left out.
    pub because: String,
}

/// A layer, as a case names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerKind {
    /// The provider's gRPC service in this process.
    InProcess,
    /// A Terraform or OpenTofu program.
    Terraform,
}

impl Case {
    /// Whether a step asks for more of Terraform than to plan, apply and destroy a configuration: an import, a query,
    /// an action, a stop, logs. Its own rules for plans and states are checked in-process, after each call.
    pub fn asks_more_of_terraform(&self) -> bool {
        let by_itself = |step: &Step| {
            matches!(
                step.kind,
                StepKind::ImportById { .. }
                    | StepKind::ImportByIdentity { .. }
                    | StepKind::Generate { .. }
                    | StepKind::Taint { .. }
                    | StepKind::Query
                    | StepKind::Invoke { .. }
            )
        };
        let seen = |expectation: &Expectation| {
            matches!(
                expectation,
                Expectation::LogNever { .. } | Expectation::Interrupt { .. } | Expectation::StateTainted { .. }
            )
        };
        let only_there = |needs: &Needs| needs.layer == Some(LayerKind::Terraform);
        only_there(&self.needs)
            || self.steps.iter().any(|step| {
                by_itself(step) || only_there(&step.needs) || step.expectations.iter().any(|(_, one)| seen(one))
            })
    }

    /// Whether a step or the case itself looks at logs, so that they must be complete.
    pub fn traces(&self) -> bool {
        self.steps
            .iter()
            .flat_map(|step| &step.expectations)
            .any(|(_, expectation)| matches!(expectation, Expectation::LogNever { .. }))
    }
}
