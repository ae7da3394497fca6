//! Credentials by host.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::ecr::{EcrLogin, EcrRegistry};
use crate::charts::error::{Error, Result, Tried};
use crate::charts::http::Authorization;

/// User and password of a repository or a registry.
#[derive(Debug, Clone)]
pub struct Login {
    /// Host, with the port when it is not the scheme's own.
    pub host: String,
    /// User.
    pub username: String,
    /// Password.
    pub password: SecretString,
}

/// All known credentials.
pub(in crate::charts) struct Logins {
    pub(in crate::charts) configured: Vec<Login>,
    pub(in crate::charts) ecr: Option<Arc<dyn EcrLogin>>,
}

/// Credentials as the `Authorization` header of the Basic scheme carries them.
pub(in crate::charts) struct Basic {
    username: String,
    /// User and password in Base64.
    encoded: SecretString,
}

impl Basic {
    fn of(login: &Login) -> Self {
        let plain = format!("{}:{}", login.username, login.password.expose_secret());
        Self { username: login.username.clone(), encoded: STANDARD.encode(plain).into() }
    }

    /// The header for the origin of an address.
    pub(in crate::charts) fn authorization(&self, url: &Url) -> Authorization {
        Authorization::new(url, &self.username, format!("Basic {}", self.encoded.expose_secret()).into())
    }
}

impl Logins {
    fn configured(&self, host: &str) -> Option<&Login> {
        // People write the API's host of Docker Hub, its old index, or its name.
        let name = |host: &str| match host.trim_end_matches('/') {
            "registry-1.docker.io" | "index.docker.io" => "docker.io".to_owned(),
            other => other.to_ascii_lowercase(),
        };
        self.configured.iter().find(|login| name(&login.host) == name(host))
    }

    /// What the user configured for the host of an address.
    pub(in crate::charts) fn of_address(&self, url: &Url) -> Option<Basic> {
        self.configured(&host(url)).map(Basic::of)
    }

    /// Credentials of a registry: the user's own, else those of AWS for ECR.
    pub(in crate::charts) async fn basic(&self, registry: &str) -> Result<Option<Basic>> {
        if let Some(login) = self.configured(registry) {
            return Ok(Some(Basic::of(login)));
        }
        let (Some(ecr), Some(place)) = (&self.ecr, EcrRegistry::parse(registry)) else { return Ok(None) };
        let encoded = ecr
            .authorization_token(&place)
            .await
            .map_err(|source| Error::EcrLogin { registry: registry.to_owned(), source })?;
        Ok(Some(Basic { username: "AWS".to_owned(), encoded }))
    }

    /// Whether the password of a registry comes from AWS.
    pub(super) fn of_aws(&self, registry: &str) -> bool {
        self.ecr.is_some() && self.configured(registry).is_none() && EcrRegistry::parse(registry).is_some()
    }

    /// For messages: the credentials that a host received.
    pub(in crate::charts) fn tried(&self, registry: &str) -> Tried {
        if let Some(login) = self.configured(registry) {
            return Tried::Configured { username: login.username.clone(), host: registry.to_owned() };
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
