//! Security Token Service: who calls.

use super::clients::{Clients, Effect};
use super::error::{Operation, Result};

pub(super) const GET_CALLER_IDENTITY: Operation = Operation::new("sts", "GetCallerIdentity");

/// Who the credentials belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Account number, twelve digits.
    pub account: String,
    /// ARN of the user or of the role's session.
    pub arn: String,
    /// Unique id of the user or of the role's session.
    pub user_id: String,
}

/// Security Token Service.
#[derive(Debug, Clone)]
pub struct Client {
    clients: Clients,
}

impl Client {
    pub(super) fn new(clients: Clients) -> Self {
        Self { clients }
    }

    /// Who calls. Asked once for all clones of the [`Clients`].
    ///
    /// # Errors
    /// Those of the call, and [`WrongAccount`](super::Kind::WrongAccount).
    pub async fn caller(&self) -> Result<Caller> {
        self.clients.caller().await
    }
}

pub(super) async fn ask_caller(clients: &Clients) -> Result<Caller> {
    let regional = clients.regional(None).await?;
    let client = regional.sts();
    let output = clients
        .run(GET_CALLER_IDENTITY, Effect::Read, &regional.region, |probe| {
            client.get_caller_identity().customize().interceptor(probe).send()
        })
        .await?;
    Ok(Caller {
        account: output.account.unwrap_or_default(),
        arn: output.arn.unwrap_or_default(),
        user_id: output.user_id.unwrap_or_default(),
    })
}
