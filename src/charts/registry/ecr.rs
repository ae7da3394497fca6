//! Private registries of Amazon ECR: which hosts they are, and who knows their passwords.

use futures::future::BoxFuture;
use secrecy::SecretString;

use crate::charts::error::Cause;

/// A private registry of Amazon ECR.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EcrRegistry {
    /// Account that owns it.
    pub account: String,
    /// Its region.
    pub region: String,
    /// Its host.
    pub host: String,
}

/// Knows the passwords of private ECR registries.
pub trait EcrLogin: Send + Sync {
    /// What `ecr:GetAuthorizationToken` gives for this registry: `AWS:` and the password, in Base64.
    ///
    /// It is asked when the registry wants a password and the user gave none for it.
    ///
    /// # Errors
    /// Why there is none; becomes the source of [`Error::EcrLogin`](super::super::Error::EcrLogin).
    fn authorization_token<'a>(&'a self, registry: &'a EcrRegistry) -> BoxFuture<'a, Result<SecretString, Cause>>;
}

/// Domains behind the region, of AWS's partitions. `dkr-ecr` is the dual-stack form.
const DOMAINS: &[(&str, &[&str])] = &[
    ("dkr.ecr", &["amazonaws.com", "amazonaws.com.cn", "amazonaws.eu", "c2s.ic.gov", "sc2s.sgov.gov"]),
    ("dkr.ecr-fips", &["amazonaws.com"]),
    ("dkr-ecr", &["on.aws", "on.amazonwebservices.com.cn", "on.amazonwebservices.eu"]),
    ("dkr-ecr-fips", &["on.aws"]),
];

impl EcrRegistry {
    /// Reads `ACCOUNT.dkr.ecr.REGION.amazonaws.com` and its forms in other partitions.
    #[must_use]
    pub fn parse(host: &str) -> Option<Self> {
        let (account, rest) = host.split_once('.')?;
        if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let region = DOMAINS.iter().find_map(|(service, domains)| {
            let rest = rest.strip_prefix(service)?.strip_prefix('.')?;
            let (region, domain) = rest.split_once('.')?;
            domains.contains(&domain).then_some(region)
        })?;
        let valid =
            !region.is_empty() && region.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-');
        valid.then(|| Self { account: account.to_owned(), region: region.to_owned(), host: host.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for (host, region) in [
            ("123456789012.dkr.ecr.us-west-2.amazonaws.com", Some("us-west-2")),
            ("123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com", Some("us-gov-west-1")),
            ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", Some("cn-north-1")),
            ("123456789012.dkr-ecr.eu-west-1.on.aws", Some("eu-west-1")),
            ("public.ecr.aws", None),
            ("12345678901.dkr.ecr.us-west-2.amazonaws.com", None),
            ("123456789012.dkr.ecr.us-west-2.amazonaws.com.example.com", None),
            ("123456789012.dkr.ecr.us-west-2.example.com", None),
            ("123456789012.dkr.ecr.amazonaws.com", None),
            ("123456789012.dkr.ecr..amazonaws.com", None),
            ("x.123456789012.dkr.ecr.us-west-2.amazonaws.com", None),
            ("123456789012.dkr.ecr.us-west-2.amazonaws.com:443", None),
        ] {
            let registry = EcrRegistry::parse(host);
            assert_eq!(registry.as_ref().map(|it| it.region.as_str()), region, "{host}");
            assert!(registry.is_none_or(|it| it.account == "123456789012" && it.host == host));
        }
    }
}
