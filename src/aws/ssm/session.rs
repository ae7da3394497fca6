//! Session Manager: a session that forwards a port. The data channel is the plugin's business.

use secrecy::SecretString;

use super::Client;
use crate::aws::clients::Effect;
use crate::aws::error::{Operation, Result};

const START: Operation = Operation::new("ssm", "StartSession");
const TERMINATE: Operation = Operation::new("ssm", "TerminateSession");

/// The document that forwards a local port to a host that the managed node can reach.
pub const TO_REMOTE_HOST: &str = "AWS-StartPortForwardingSessionToRemoteHost";

/// A session that was started.
#[derive(Debug)]
pub struct Session {
    /// Its id.
    pub id: String,
    /// URL of its data channel.
    pub stream_url: String,
    /// Who has this may use the session.
    pub token: SecretString,
    /// The region in which it was started.
    pub region: String,
}

impl Client {
    /// Starts a session that forwards a local port, chosen by the plugin, through a managed node to another host.
    ///
    /// # Errors
    /// Those of the call: code `TargetNotConnected` if the node's agent is not connected.
    pub async fn start_port_forwarding(&self, node: &str, host: &str, port: u16) -> Result<Session> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let request = regional
            .ssm()
            .start_session()
            .target(node)
            .document_name(TO_REMOTE_HOST)
            .parameters("host", vec![host.to_owned()])
            .parameters("portNumber", vec![port.to_string()])
            .parameters("localPortNumber", vec!["0".to_owned()]);
        let run = |probe| request.customize().interceptor(probe).send();
        let output = self.clients.run(START, Effect::Create, &regional.region, run).await?;
        Ok(Session {
            id: output.session_id.unwrap_or_default(),
            stream_url: output.stream_url.unwrap_or_default(),
            token: SecretString::from(output.token_value.unwrap_or_default()),
            region: regional.region.clone(),
        })
    }

    /// Ends a session.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn terminate_session(&self, id: &str) -> Result<()> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let request = regional.ssm().terminate_session().session_id(id);
        let run = |probe| request.customize().interceptor(probe).send();
        self.clients.run(TERMINATE, Effect::Change, &regional.region, run).await.map(drop)
    }
}
