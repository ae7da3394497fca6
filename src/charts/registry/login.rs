//! Credentials by host.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::ecr::{EcrLogin, EcrRegistry};
use crate::charts::error::{Error, Result, Tried};
use crate::charts::http::Authorization;

/// Credentials for a repository or a registry.
#[derive(Debug, Clone)]
pub struct Login {
    /// Host, with the port when it is not the scheme's own.
    pub host: String,
    /// What proves who is there.
    pub proof: Proof,
}

/// What proves who is there.
#[derive(Debug, Clone)]
pub enum Proof {
    /// A user and a password, by the Basic scheme; registries give a token for them.
    Password {
        /// User.
        username: String,
        /// Password.
        password: SecretString,
    },
    /// A token that the host itself takes, by the Bearer scheme.
    Token(SecretString),
}

impl Login {
    /// A user and a password.
    pub fn with_password(
        host: impl Into<String>,
        username: impl Into<String>,
        password: impl Into<SecretString>,
    ) -> Self {
        Self { host: host.into(), proof: Proof::Password { username: username.into(), password: password.into() } }
    }

    /// A token.
    pub fn with_token(host: impl Into<String>, token: impl Into<SecretString>) -> Self {
        Self { host: host.into(), proof: Proof::Token(token.into()) }
    }
}

/// All known credentials.
pub(in crate::charts) struct Logins {
    pub(in crate::charts) configured: Vec<Login>,
    pub(in crate::charts) ecr: Option<Arc<dyn EcrLogin>>,
}

/// Credentials as the `Authorization` header carries them.
pub(in crate::charts) struct Shown {
    /// Whose they are, for messages.
    whose: String,
    scheme: &'static str,
    /// User and password in Base64, or the token.
    encoded: SecretString,
}

impl Shown {
    fn of(login: &Login) -> Self {
        match &login.proof {
            Proof::Password { username, password } => {
                let plain = format!("{username}:{}", password.expose_secret());
                Self { whose: username.clone(), scheme: BASIC, encoded: STANDARD.encode(plain).into() }
            }
            Proof::Token(token) => Self { whose: "a token".to_owned(), scheme: "Bearer", encoded: token.clone() },
        }
    }

    /// The header for the origin of an address.
    pub(in crate::charts) fn authorization(&self, url: &Url) -> Authorization {
        Authorization::new(url, &self.whose, format!("{} {}", self.scheme, self.encoded.expose_secret()).into())
    }
}

const BASIC: &str = "Basic";

impl Logins {
    fn configured(&self, host: &str) -> Option<&Login> {
        // People write the API's host of Docker Hub, its old index, or its name.
        let name = |host: &str| match host.trim_end_matches('/') {
            "registry-1.docker.io" | "index.docker.io" => "docker.io".to_owned(),
            other => other.to_ascii_lowercase(),
        };
        self.configured.iter().find(|login| name(&login.host) == name(host))
    }

    /// The user's token for a host.
    pub(super) fn token(&self, host: &str) -> Option<Shown> {
        self.configured(host).filter(|login| matches!(login.proof, Proof::Token(_))).map(Shown::of)
    }

    /// What the user configured for the host of an address.
    pub(in crate::charts) fn of_address(&self, url: &Url) -> Option<Shown> {
        self.configured(&host(url)).map(Shown::of)
    }

    /// Credentials of a registry: the user's own, else those of AWS for ECR.
    pub(in crate::charts) async fn of_registry(&self, registry: &str) -> Result<Option<Shown>> {
        if let Some(login) = self.configured(registry) {
            return Ok(Some(Shown::of(login)));
        }
        let (Some(ecr), Some(place)) = (&self.ecr, EcrRegistry::parse(registry)) else { return Ok(None) };
        let encoded = ecr
            .authorization_token(&place)
            .await
            .map_err(|source| Error::EcrLogin { registry: registry.to_owned(), source })?;
        Ok(Some(Shown { whose: "AWS".to_owned(), scheme: BASIC, encoded }))
    }

    /// Whether the password of a registry comes from AWS.
    pub(super) fn of_aws(&self, registry: &str) -> bool {
        self.ecr.is_some() && self.configured(registry).is_none() && EcrRegistry::parse(registry).is_some()
    }

    /// For messages: the credentials that a host received.
    pub(in crate::charts) fn tried(&self, registry: &str) -> Tried {
        if let Some(login) = self.configured(registry) {
            let host = registry.to_owned();
            return match &login.proof {
                Proof::Password { username, .. } => Tried::Configured { username: username.clone(), host },
                Proof::Token(_) => Tried::Token { host },
            };
        }
        match EcrRegistry::parse(registry).filter(|_| self.ecr.is_some()) {
            Some(EcrRegistry { account, region, .. }) => Tried::Ecr { account, region },
            None => Tried::Nothing { host: registry.to_owned() },
        }
    }
}

/// Host of an address, with the port when it is not the scheme's own.
pub(in crate::charts) fn host(url: &Url) -> String {
    url[url::Position::BeforeHost..url::Position::AfterPort].to_owned()
}
