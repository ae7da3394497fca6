//! The passwords of ECR's private registries, out of the provider's AWS credentials.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use secrecy::SecretString;

use crate::aws;
use crate::charts::{Cause, EcrLogin, EcrRegistry};

/// Asks ECR in the registry's own region. The text is the argument of the provider that is not known yet.
pub(super) struct Passwords(pub(super) Result<aws::Clients, &'static str>);

impl EcrLogin for Passwords {
    fn authorization_token<'a>(&'a self, registry: &'a EcrRegistry) -> BoxFuture<'a, Result<SecretString, Cause>> {
        async {
            let aws = self.0.as_ref().map_err(|argument| {
                format!(
                    "`{argument}` of the provider's configuration is known only after apply; apply first what it \
                     depends on, or set user and password of the registry in `registries`"
                )
            })?;
            aws.registry_password(&registry.region).await.map_err(Cause::from)
        }
        .boxed()
    }
}
