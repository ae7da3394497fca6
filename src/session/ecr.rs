//! Passwords of private ECR registries, obtained with the provider's AWS credentials.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use secrecy::SecretString;

use crate::aws;
use crate::charts::{Cause, EcrLogin, EcrRegistry};

/// Calls ECR in the registry's own region. The string names the unknown provider argument.
pub(super) struct Passwords(pub(super) Result<aws::Clients, &'static str>);

impl EcrLogin for Passwords {
    fn authorization_token<'a>(&'a self, registry: &'a EcrRegistry) -> BoxFuture<'a, Result<SecretString, Cause>> {
        async {
            let aws = self.0.as_ref().map_err(|argument| {
                format!(
                    "`{argument}` of the provider's configuration is known only after apply. Apply what it depends on \
                     first, or set user name and password of the registry in `registries`"
                )
            })?;
            aws.registry_password(&registry.region).await.map_err(Cause::from)
        }
        .boxed()
    }
}
