//! Run Command: shell scripts that the agents of managed instances run. What an agent does is in `hosts/commands.rs`.

mod document;
mod operations;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use self::{
    document::Script,
    operations::{cancel, invocation, list, send},
};
use crate::{moment::Moment, world::Birth};

/// Characters of standard output and standard error that GetCommandInvocation returns. Source: Systems Manager API
/// reference.
const OUTPUTS: [usize; 2] = [24_000, 8_000];
/// What the agent appends to an output that is longer. Source: aws/amazon-ssm-agent, agent/framework/processor.
const CUT: &str = "\n---Output truncated---";
/// How long GetCommandInvocation does not know the invocation of a new command. AWS gives no figure; its waiters ask
/// again after InvocationDoesNotExist.
const UNSEEN_MILLIS: i64 = 300;

/// A command that was sent.
#[derive(Clone, Serialize, Deserialize)]
pub struct Command {
    pub id: String,
    pub born: Birth,
    pub comment: String,
    pub parameters: BTreeMap<String, Vec<String>>,
    /// Time for the delivery.
    pub timeout_seconds: i64,
    /// By instance.
    pub invocations: BTreeMap<String, Invocation>,
}

/// A command on one instance.
#[derive(Clone, Serialize, Deserialize)]
pub struct Invocation {
    pub stage: Stage,
    pub response_code: i64,
    pub stdout: String,
    pub stderr: String,
    pub started: Option<Moment>,
    pub ended: Option<Moment>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    Pending,
    InProgress,
    Cancelling,
    Success,
    Failed,
    DeliveryTimedOut,
    ExecutionTimedOut,
    Cancelled,
    Undeliverable,
}

impl Stage {
    /// `Status`.
    pub fn status(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::InProgress => "InProgress",
            Self::Cancelling => "Cancelling",
            Self::Success => "Success",
            Self::Failed | Self::Undeliverable => "Failed",
            Self::DeliveryTimedOut | Self::ExecutionTimedOut => "TimedOut",
            Self::Cancelled => "Cancelled",
        }
    }

    /// `StatusDetails`.
    pub fn details(self) -> &'static str {
        match self {
            Self::DeliveryTimedOut => "DeliveryTimedOut",
            Self::ExecutionTimedOut => "ExecutionTimedOut",
            Self::Undeliverable => "Undeliverable",
            other => other.status(),
        }
    }

    pub fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::InProgress | Self::Cancelling)
    }
}

/// Work for the agent of an instance.
#[derive(Clone)]
pub struct Sent {
    pub account: String,
    pub region: String,
    pub command: String,
    pub instance: String,
}

/// How a script ended, as its agent reports it.
pub enum Outcome {
    Ended { status: i64, stdout: String, stderr: String },
    TimedOut,
    Cancelled,
}

impl Invocation {
    fn new() -> Self {
        Self {
            stage: Stage::Pending,
            response_code: -1,
            stdout: String::new(),
            stderr: String::new(),
            started: None,
            ended: None,
        }
    }

    /// The agent has received it.
    pub fn start(&mut self) {
        self.stage = Stage::InProgress;
        self.started = Some(Moment::now());
    }

    /// The agent reports its end.
    pub fn end(&mut self, outcome: Outcome) {
        self.ended = Some(Moment::now());
        match outcome {
            Outcome::Ended { status, stdout, stderr } => {
                self.stage = if status == 0 { Stage::Success } else { Stage::Failed };
                self.response_code = status;
                // Source: aws/amazon-ssm-agent, agent/plugins/runscript: the agent adds its own line.
                let stderr = if status == 0 {
                    stderr
                } else {
                    format!(
                        "{stderr}{}failed to run commands: exit status {status}",
                        if stderr.is_empty() || stderr.ends_with('\n') { "" } else { "\n" }
                    )
                };
                self.stdout = cut(stdout, OUTPUTS[0]);
                self.stderr = cut(stderr, OUTPUTS[1]);
            }
            Outcome::TimedOut => self.stage = Stage::ExecutionTimedOut,
            Outcome::Cancelled => self.stage = Stage::Cancelled,
        }
    }

    fn close(&mut self, stage: Stage) {
        self.stage = stage;
        self.ended = Some(Moment::now());
    }
}

/// The first characters of an output, with a note if that is not all.
fn cut(output: String, most: usize) -> String {
    if output.chars().count() <= most {
        return output;
    }
    let kept: String = output.chars().take(most - CUT.chars().count()).collect();
    kept + CUT
}

impl Command {
    fn age_millis(&self, advanced: i64) -> i64 {
        self.born.now(advanced).millis() - self.born.at.millis()
    }

    /// Gives up what was not delivered or reported in time, and what has nobody to be delivered to.
    pub fn settle(&mut self, advanced: i64, exists: impl Fn(&str) -> bool) {
        let seconds = self.age_millis(advanced) / 1000;
        let execution = Script::of(&self.parameters).map_or(0, |script| script.seconds);
        for (instance, invocation) in &mut self.invocations {
            match invocation.stage {
                Stage::Pending if seconds >= self.timeout_seconds => invocation.close(Stage::DeliveryTimedOut),
                Stage::Pending if !exists(instance) => invocation.close(Stage::Undeliverable),
                // Its agent would have reported by now.
                Stage::InProgress | Stage::Cancelling if seconds >= self.timeout_seconds + execution => {
                    invocation.close(Stage::ExecutionTimedOut);
                }
                _ => {}
            }
        }
    }

    /// `Status` of the whole.
    fn stage(&self) -> Stage {
        let stages: Vec<Stage> = self.invocations.values().map(|invocation| invocation.stage).collect();
        let any = |wanted: Stage| stages.contains(&wanted);
        if stages.iter().any(|stage| !stage.is_final()) {
            let begun = stages.iter().any(|stage| *stage != Stage::Pending);
            return if any(Stage::Cancelling) {
                Stage::Cancelling
            } else if begun {
                Stage::InProgress
            } else {
                Stage::Pending
            };
        }
        // MaxErrors is 0.
        let worst =
            [Stage::Cancelled, Stage::Failed, Stage::ExecutionTimedOut, Stage::DeliveryTimedOut, Stage::Undeliverable];
        worst.into_iter().find(|stage| any(*stage)).unwrap_or(Stage::Success)
    }

    /// `Command`, as SendCommand returns it.
    fn describe(&self) -> Value {
        let count = |which: &dyn Fn(Stage) -> bool| {
            self.invocations.values().filter(|invocation| which(invocation.stage)).count()
        };
        let execution = Script::of(&self.parameters).map_or(0, |script| script.seconds);
        json!({
            "CommandId": self.id,
            "DocumentName": document::NAME,
            "DocumentVersion": "$DEFAULT",
            "Comment": self.comment,
            "ExpiresAfter": self.born.at.plus_seconds(self.timeout_seconds + execution).epoch(),
            "Parameters": self.parameters,
            "InstanceIds": self.invocations.keys().collect::<Vec<_>>(),
            "Targets": [],
            "RequestedDateTime": self.born.at.epoch(),
            "Status": self.stage().status(),
            "StatusDetails": self.stage().details(),
            "OutputS3BucketName": "",
            "OutputS3KeyPrefix": "",
            "MaxConcurrency": "50",
            "MaxErrors": "0",
            "TargetCount": self.invocations.len(),
            "CompletedCount": count(&Stage::is_final),
            "ErrorCount": count(&|stage| matches!(stage, Stage::Failed | Stage::ExecutionTimedOut)),
            "DeliveryTimedOutCount": count(&|stage| stage == Stage::DeliveryTimedOut),
            "ServiceRole": "",
            "TimeoutSeconds": self.timeout_seconds,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_outputs_are_cut_with_a_note() {
        assert_eq!(cut("abc".to_owned(), 24), "abc");
        let output = cut("x".repeat(30_000), 24_000);
        assert_eq!(output.len(), 24_000);
        assert!(output.ends_with("x\n---Output truncated---"));
    }

    #[test]
    fn a_command_that_fails_ends_with_the_agents_own_line() {
        let mut invocation = Invocation::new();
        invocation.end(Outcome::Ended { status: 3, stdout: "out".to_owned(), stderr: "why".to_owned() });
        assert_eq!((invocation.stage, invocation.response_code), (Stage::Failed, 3));
        assert_eq!(invocation.stderr, "why\nfailed to run commands: exit status 3");
    }
}
