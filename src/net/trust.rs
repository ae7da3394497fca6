//! The user's own certificates, in addition to those that the system trusts.

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{Error, PemObject as _};

use super::Unusable;

/// The certificates in a PEM text.
///
/// # Errors
/// If the text is not PEM.
pub fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
    CertificateDer::pem_slice_iter(pem).collect()
}

/// The certificate authorities in a PEM text, each validated.
///
/// # Errors
/// What is wrong with the text, without a period.
pub fn authorities(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = certificates(pem).map_err(|error| format!("not a PEM certificate: {error:?}"))?;
    let mut roots = RootCertStore::empty();
    for certificate in &found {
        roots.add(certificate.clone()).map_err(|error| format!("not a certificate authority: {error}"))?;
    }
    if found.is_empty() { Err("holds no PEM certificate".to_owned()) } else { Ok(found) }
}

/// A bundle of certificate authorities.
#[derive(Debug)]
pub struct Bundle {
    /// As the file holds them.
    pub pem: Vec<u8>,
    /// The same, each validated.
    pub authorities: Vec<CertificateDer<'static>>,
}

/// Reads the file of `custom_ca_bundle`.
///
/// # Errors
/// If it cannot be read, or does not hold certificate authorities in PEM format.
pub fn bundle(path: &Path) -> Result<Bundle, Unusable> {
    let wrong = |problem: String| unusable(format!("`{}`: {problem}", path.display()));
    let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let authorities = authorities(&pem).map_err(wrong)?;
    Ok(Bundle { pem, authorities })
}

/// A problem of `custom_ca_bundle`, or of the certificates that the system trusts.
pub fn unusable(problem: impl Into<String>) -> Unusable {
    Unusable { argument: "custom_ca_bundle", problem: problem.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundles() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("ca.pem");
        assert!(bundle(&path).is_err(), "no file");
        for (text, problem) in [
            ("", "holds no PEM certificate"),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "not a certificate authority"),
            ("-----BEGIN CERTIFICATE-----\n", "PEM"),
        ] {
            std::fs::write(&path, text).expect("written");
            let unusable = bundle(&path).expect_err(problem);
            assert_eq!(unusable.argument, "custom_ca_bundle");
            assert!(unusable.problem.contains(problem) && unusable.problem.contains("ca.pem"), "{unusable:?}");
        }
    }
}
