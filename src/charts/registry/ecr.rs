//! Private registries of Amazon ECR: their hosts, and where their passwords come from.

use futures::future::BoxFuture;
use names::{AccountId, Partition, Word as _};
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

/// Source of the passwords of private ECR registries.
pub trait EcrLogin: Send + Sync {
    /// The result of `ecr:GetAuthorizationToken` for this registry: `AWS:` and the password, in Base64.
    ///
    /// It is called when the registry requires a password and the user configured none.
    ///
    /// # Errors
    /// Why there is no password; becomes the source of [`Error::EcrLogin`](super::super::Error::EcrLogin).
    fn authorization_token<'a>(&'a self, registry: &'a EcrRegistry) -> BoxFuture<'a, Result<SecretString, Cause>>;
}

impl EcrRegistry {
    /// Reads `ACCOUNT.dkr.ecr.REGION.amazonaws.com` and its forms in other partitions.
    #[must_use]
    pub fn parse(host: &str) -> Option<Self> {
        let (account, rest) = host.split_once('.')?;
        AccountId::parse(account).ok()?;
        let (dual_stack, rest) = match rest.strip_prefix("dkr-ecr") {
            Some(rest) => (true, rest),
            None => (false, rest.strip_prefix("dkr.ecr")?),
        };
        let (region, domain) = rest.strip_prefix("-fips").unwrap_or(rest).strip_prefix('.')?.split_once('.')?;
        // Not the rule of region names: a registry in a region of tomorrow is asked for, whatever the region is called.
        let named =
            !region.is_empty() && region.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-');
        let is_domain = |partition: Partition| {
            if dual_stack { partition.ecr_dual_stack() == Some(domain) } else { partition.dns_suffix() == domain }
        };
        (named && Partition::all().any(is_domain)).then(|| Self {
            account: account.to_owned(),
            region: region.to_owned(),
            host: host.to_owned(),
        })
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
            ("123456789012.dkr.ecr.us-isof-south-1.csp.hci.ic.gov", Some("us-isof-south-1")),
            ("123456789012.dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk", Some("eu-isoe-west-1")),
            ("123456789012.dkr-ecr-fips.us-east-1.on.aws", Some("us-east-1")),
            ("123456789012.dkr-ecr.us-east-1.amazonaws.com", None),
            ("123456789012.dkr.ecr-x.us-east-1.amazonaws.com", None),
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
