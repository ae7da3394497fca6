//! Run Command: a shell script on one managed instance.

use std::time::Duration;

use aws_sdk_ssm::types::CommandInvocationStatus as Status;

use super::Client;
use crate::aws::clients::Effect;
use crate::aws::error::{Operation, Result};

const SEND: Operation = Operation::new("ssm", "SendCommand");
const LOOK: Operation = Operation::new("ssm", "GetCommandInvocation");
const CANCEL: Operation = Operation::new("ssm", "CancelCommand");

/// The document that runs a script with `sh`, as root.
const DOCUMENT: &str = "AWS-RunShellScript";
/// Limits of `TimeoutSeconds`, for the delivery. Source: Systems Manager API reference, SendCommand.
const DELIVERY_SECONDS: std::ops::RangeInclusive<u64> = 30..=2_592_000;
/// Limits of the document's `executionTimeout`.
const EXECUTION_SECONDS: std::ops::RangeInclusive<u64> = 1..=172_800;

/// How far a command is on an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// Whether nothing more will change.
    pub is_final: bool,
    /// The status with its details, such as `InProgress`, `Success`, `Failed`, `Delivery Timed Out`.
    pub status: String,
    /// Exit status of the script; `None` if it did not end by itself.
    pub exit_status: Option<i64>,
    /// The first 24,000 characters of standard output.
    pub stdout: String,
    /// The first 8,000 characters of standard error.
    pub stderr: String,
}

impl Client {
    /// Sends a script to an instance, and returns the command's id. AWS stores the script: it must not contain a secret.
    ///
    /// # Errors
    /// Those of the call; [`NotFound`](crate::aws::Kind::NotFound) if the instance is not registered.
    pub async fn send_command(
        &self,
        instance: &str,
        script: &str,
        delivery: Duration,
        limit: Duration,
    ) -> Result<String> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let delivery = delivery.as_secs().clamp(*DELIVERY_SECONDS.start(), *DELIVERY_SECONDS.end());
        let limit = limit.as_secs().clamp(*EXECUTION_SECONDS.start(), *EXECUTION_SECONDS.end());
        let request = regional
            .ssm()
            .send_command()
            .document_name(DOCUMENT)
            .instance_ids(instance)
            // It is at most 2,592,000.
            .timeout_seconds(i32::try_from(delivery).unwrap_or(i32::MAX))
            .parameters("commands", vec![script.to_owned()])
            .parameters("executionTimeout", vec![limit.to_string()]);
        let run = |probe| request.customize().interceptor(probe).send();
        let output = self.clients.run(SEND, Effect::Create, &regional.region, run).await?;
        Ok(output.command.and_then(|command| command.command_id).unwrap_or_default())
    }

    /// How far a command is; `None` if AWS does not know it on this instance, which is so in its first seconds.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn command_invocation(&self, instance: &str, command: &str) -> Result<Option<Invocation>> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let request = regional.ssm().get_command_invocation().command_id(command).instance_id(instance);
        let run = |probe| request.customize().interceptor(probe).send();
        let output = match self.clients.run(LOOK, Effect::Read, &regional.region, run).await {
            Err(error) if error.code() == Some("InvocationDoesNotExist") => return Ok(None),
            output => output?,
        };
        let status = output.status.unwrap_or(Status::Pending);
        let is_final = matches!(status, Status::Success | Status::Failed | Status::TimedOut | Status::Cancelled);
        let details = output.status_details.filter(|text| !text.is_empty());
        Ok(Some(Invocation {
            is_final,
            status: details.unwrap_or_else(|| status.as_str().to_owned()),
            // -1 until it has ended, and if it never did.
            exit_status: Some(i64::from(output.response_code)).filter(|code| is_final && *code >= 0),
            stdout: output.standard_output_content.unwrap_or_default(),
            stderr: output.standard_error_content.unwrap_or_default(),
        }))
    }

    /// Asks the agent to end a command. There is no guarantee that it does.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn cancel_command(&self, instance: &str, command: &str) -> Result<()> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let request = regional.ssm().cancel_command().command_id(command).instance_ids(instance);
        let run = |probe| request.customize().interceptor(probe).send();
        self.clients.run(CANCEL, Effect::Change, &regional.region, run).await?;
        Ok(())
    }
}
