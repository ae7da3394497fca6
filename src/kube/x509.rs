//! Client certificates for an API server: keys, certificate signing requests, and what an issued certificate says.
//!
//! Pure: nothing here is sent anywhere. In a client certificate, the common name is the Kubernetes user and each
//! organization a group. Source: Kubernetes documentation, "Authenticating", X.509 client certificates.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rcgen::{KeyPair, PublicKeyData as _, SigningKey as _};
use secrecy::SecretString;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::pem::Pem;
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::X509Name;
use yasna::Tag;
use yasna::models::ObjectIdentifier;

/// `id-at-commonName`
const COMMON_NAME: &[u64] = &[2, 5, 4, 3];
/// `id-at-organizationName`
const ORGANIZATION: &[u64] = &[2, 5, 4, 10];
/// `ecdsa-with-SHA256`
const ECDSA_WITH_SHA256: &[u64] = &[1, 2, 840, 10045, 4, 3, 2];
/// Labels of a request in PEM; the second is that of older programs.
const REQUEST_LABELS: [&str; 2] = ["CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"];

/// Whom a certificate names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// The Kubernetes user.
    pub common_name: String,
    /// The user's groups.
    pub organizations: BTreeSet<String>,
}

/// A new private key, and a request for a certificate of its public key.
#[derive(Debug)]
pub struct NewKey {
    /// PKCS #8 in PEM: ECDSA on the curve P-256.
    pub private_key: SecretString,
    /// PKCS #10 in PEM.
    pub request: String,
}

/// What an issued certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Whom it names.
    pub subject: Subject,
    /// Serial number in lowercase hexadecimal digits.
    pub serial_number: String,
    /// When it becomes valid.
    pub not_before: Timestamp,
    /// When it expires.
    pub not_after: Timestamp,
}

/// Creates a private key and a request that names `subject`.
///
/// # Errors
/// The system has no random numbers.
pub fn generate(subject: &Subject) -> Result<NewKey, String> {
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(|error| error.to_string())?;
    // rcgen writes one organization at most.
    let body = yasna::construct_der(|writer| {
        writer.write_sequence(|writer| {
            // Version 1 of PKCS #10.
            writer.next().write_u8(0);
            writer.next().write_sequence(|writer| {
                for organization in &subject.organizations {
                    name_part(writer.next(), ORGANIZATION, organization);
                }
                name_part(writer.next(), COMMON_NAME, &subject.common_name);
            });
            writer.next().write_der(&key.subject_public_key_info());
            writer.next().write_tagged_implicit(Tag::context(0), |writer| writer.write_set(|_| {}));
        });
    });
    let signature = key.sign(&body).map_err(|error| error.to_string())?;
    let request = yasna::construct_der(|writer| {
        writer.write_sequence(|writer| {
            writer.next().write_der(&body);
            writer.next().write_sequence(|writer| {
                writer.next().write_oid(&ObjectIdentifier::from_slice(ECDSA_WITH_SHA256));
            });
            writer.next().write_bitvec_bytes(&signature, signature.len() * 8);
        });
    });
    Ok(NewKey { private_key: SecretString::from(key.serialize_pem()), request: pem(REQUEST_LABELS[0], &request) })
}

fn name_part(writer: yasna::DERWriter<'_>, kind: &[u64], text: &str) {
    writer.write_set(|writer| {
        writer.next().write_sequence(|writer| {
            writer.next().write_oid(&ObjectIdentifier::from_slice(kind));
            writer.next().write_utf8_string(text);
        });
    });
}

/// RFC 7468: base64 in lines of 64 characters.
fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> = (0..text.len()).step_by(64).map(|at| &text[at..text.len().min(at + 64)]).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// Whom a request (PKCS #10 in PEM) names. Its signature is verified.
///
/// # Errors
/// What is wrong with the request.
pub fn requested(text: &str) -> Result<Subject, String> {
    let block = block(text, &REQUEST_LABELS)?;
    let (rest, request) = X509CertificationRequest::from_der(&block.contents)
        .map_err(|_| "it is not a certificate request (PKCS #10)".to_owned())?;
    if !rest.is_empty() {
        return Err("something follows the request within its PEM block".to_owned());
    }
    request.verify_signature().map_err(|_| "its signature is not that of its key".to_owned())?;
    named(&request.certification_request_info.subject)
}

/// Reads the first certificate of a PEM text.
///
/// # Errors
/// What is wrong with the certificate.
pub fn certificate(text: &str) -> Result<Certificate, String> {
    let block = block(text, &["CERTIFICATE"])?;
    let certificate = block.parse_x509().map_err(|_| "it is not an X.509 certificate".to_owned())?;
    let moment = |seconds: i64| Timestamp::from_second(seconds).map_err(|error| error.to_string());
    Ok(Certificate {
        subject: named(certificate.subject())?,
        serial_number: hex_of(certificate.raw_serial()),
        not_before: moment(certificate.validity().not_before.timestamp())?,
        not_after: moment(certificate.validity().not_after.timestamp())?,
    })
}

/// Whether the first certificate of `text` is signed by one of `authorities`. Both are PEM; a text that cannot be read
/// is signed by nobody.
#[must_use]
pub fn is_signed_by(text: &str, authorities: &str) -> bool {
    let Ok(block) = block(text, &["CERTIFICATE"]) else { return false };
    let Ok(certificate) = block.parse_x509() else { return false };
    Pem::iter_from_buffer(authorities.as_bytes()).flatten().any(|authority| {
        authority.parse_x509().is_ok_and(|authority| certificate.verify_signature(Some(authority.public_key())).is_ok())
    })
}

/// The first block of a PEM text, which must have one of these labels.
fn block(text: &str, labels: &[&str]) -> Result<Pem, String> {
    let found = Pem::iter_from_buffer(text.as_bytes()).next();
    let Some(Ok(block)) = found else { return Err("it is not in PEM format".to_owned()) };
    if labels.contains(&block.label.as_str()) {
        Ok(block)
    } else {
        Err(format!("it begins with a block `{}` instead of `{}`", block.label, labels[0]))
    }
}

fn named(name: &X509Name<'_>) -> Result<Subject, String> {
    let unreadable = |_| "its subject holds text that cannot be read".to_owned();
    let common_name = name.iter_common_name().next().map(|part| part.as_str().map_err(unreadable)).transpose()?;
    let organizations = name.iter_organization().map(|part| part.as_str().map(str::to_owned).map_err(unreadable));
    Ok(Subject {
        common_name: common_name.unwrap_or_default().to_owned(),
        organizations: organizations.collect::<Result<_, _>>()?,
    })
}

fn hex_of(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    // A leading zero byte only keeps the number positive.
    let bytes = if bytes.len() > 1 && bytes[0] == 0 { &bytes[1..] } else { bytes };
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, CertificateSigningRequestParams, Issuer};
    use secrecy::ExposeSecret as _;

    use super::*;

    fn subject(organizations: &[&str]) -> Subject {
        let organizations = organizations.iter().map(|one| (*one).to_owned()).collect();
        Subject { common_name: "zoé@plant".to_owned(), organizations }
    }

    fn authority() -> (String, Issuer<'static, KeyPair>) {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::default();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let certificate = parameters.self_signed(&key).unwrap();
        (pem("CERTIFICATE", certificate.der()), Issuer::new(parameters, key))
    }

    #[test]
    fn a_request_names_its_subject() {
        for organizations in [&[][..], &["ops"], &["ops", "plant operators"]] {
            let made = generate(&subject(organizations)).unwrap();
            assert_eq!(requested(&made.request).unwrap(), subject(organizations));
            assert!(KeyPair::from_pem(made.private_key.expose_secret()).is_ok());
        }
    }

    #[test]
    fn faults_of_a_request() {
        let made = generate(&subject(&[])).unwrap();
        let other = made.request.replace("REQUEST", "KEY");
        // Another subject under the same signature.
        let der = block(&made.request, &REQUEST_LABELS).unwrap().contents;
        let name = der.windows(5).position(|bytes| bytes == b"plant").unwrap();
        let forged = [&der[..name], b"plane", &der[name + 5..]].concat();
        for (text, expected) in [
            ("", "not in PEM"),
            ("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n", "PKCS #10"),
            (other.as_str(), "`CERTIFICATE KEY`"),
            (pem(REQUEST_LABELS[0], &forged).as_str(), "signature"),
        ] {
            let why = requested(text).expect_err(expected);
            assert!(why.contains(expected), "{why}");
        }
    }

    #[test]
    fn a_certificate_and_who_signed_it() {
        let (own, issuer) = authority();
        let (other, _) = authority();
        let made = generate(&subject(&["ops"])).unwrap();
        // Another implementation reads the request.
        let request = CertificateSigningRequestParams::from_pem(&made.request).unwrap();
        let text = pem("CERTIFICATE", request.signed_by(&issuer).unwrap().der());
        let found = certificate(&text).unwrap();
        assert_eq!(found.subject, subject(&["ops"]));
        assert!(found.not_before < found.not_after && !found.serial_number.is_empty());
        assert!(is_signed_by(&text, &own));
        assert!(is_signed_by(&text, &format!("{other}{own}")));
        assert!(!is_signed_by(&text, &other));
        assert!(!is_signed_by("", &own) && !is_signed_by(&text, ""));
    }
}
