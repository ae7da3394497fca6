//! Words of a client certificate.

use framework::model::Text;
use framework::text_field;

use crate::kube::x509;

/// The longest common name or organization. Source: RFC 5280, appendix A.1, `ub-common-name` and
/// `ub-organization-name`.
const LONGEST: usize = 64;
/// What the signer of client certificates accepts. Source: Kubernetes documentation, "Certificates and Certificate
/// Signing Requests", Kubernetes signers.
pub(super) const USAGES: [&str; 3] = ["client auth", "digital signature", "key encipherment"];

/// A common name or an organization: a Kubernetes user or group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SubjectName(String);

impl SubjectName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A name that a certificate or a request contains, which nobody has checked.
    pub(super) fn as_found(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl Text for SubjectName {
    const NOUN: &'static str = "name in a certificate";

    fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() || text.trim() != text || text.chars().any(char::is_control) {
            return Err(format!(
                "`{text}` is not a name for a certificate: it must not be empty, begin or end with a space, or contain control characters."
            ));
        }
        if text.chars().count() > LONGEST {
            return Err(format!("`{text}` is longer than {LONGEST} characters, the most that a certificate takes."));
        }
        Ok(Self(text.to_owned()))
    }

    fn text(&self) -> &str {
        &self.0
    }
}

text_field!(SubjectName);

/// A certificate request in PEM format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateRequest(String);

impl CertificateRequest {
    /// Whom it names.
    pub(super) fn subject(&self) -> x509::Subject {
        // Parsed once already.
        x509::requested(&self.0).unwrap_or_default()
    }
}

impl Text for CertificateRequest {
    const NOUN: &'static str = "certificate request";

    fn parse(text: &str) -> Result<Self, String> {
        match x509::requested(text) {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(why) => Err(format!(
                "This is not a certificate request: {why}. It begins with `-----BEGIN CERTIFICATE REQUEST-----`, as `openssl req -new` and `tls_cert_request` write it."
            )),
        }
    }

    fn text(&self) -> &str {
        &self.0
    }
}

text_field!(CertificateRequest);

/// A usage of a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Usage(String);

impl Usage {
    /// `client auth`
    pub(super) fn is_client_auth(&self) -> bool {
        self.0 == USAGES[0]
    }

    /// The usage.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Text for Usage {
    const NOUN: &'static str = "usage of a key";

    fn parse(text: &str) -> Result<Self, String> {
        if USAGES.contains(&text) {
            return Ok(Self(text.to_owned()));
        }
        let all = USAGES.map(|usage| format!("`{usage}`")).join(", ");
        Err(format!("`{text}` is not a usage that a client certificate can have. There are {all}."))
    }

    fn text(&self) -> &str {
        &self.0
    }
}

text_field!(Usage);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_certificates() {
        for name in ["ops", "jane@plant", "system:node:a", "zoé"] {
            assert!(SubjectName::parse(name).is_ok(), "{name}");
        }
        for name in ["", " ops", "ops ", "a\nb", &"a".repeat(65)] {
            assert!(SubjectName::parse(name).is_err(), "{name}");
        }
        assert!(SubjectName::parse(&"é".repeat(64)).is_ok());
    }

    #[test]
    fn usages() {
        assert!(Usage::parse("client auth").unwrap().is_client_auth());
        assert!(!Usage::parse("digital signature").unwrap().is_client_auth());
        assert!(Usage::parse("server auth").unwrap_err().contains("`key encipherment`"));
    }
}
