//! The certificates of a cluster's authorities.

use base64::Engine as _;
use jiff::Timestamp;
use x509_parser::pem::Pem;

/// When the certificates in a bundle end: PEM in base64, as EKS gives it. `None` if it cannot be read.
pub fn ends(bundle: &str) -> Option<Vec<Timestamp>> {
    let pem = base64::engine::general_purpose::STANDARD.decode(bundle).ok()?;
    let ends = Pem::iter_from_buffer(&pem).map(|block| {
        let block = block.ok()?;
        let certificate = block.parse_x509().ok()?;
        Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()
    });
    let ends: Vec<Timestamp> = ends.collect::<Option<_>>()?;
    (!ends.is_empty()).then_some(ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle(years: &[i32]) -> String {
        let pem: String = years
            .iter()
            .map(|year| {
                let key = rcgen::KeyPair::generate().expect("a key");
                let mut parameters = rcgen::CertificateParams::new(Vec::new()).expect("parameters");
                parameters.not_after = rcgen::date_time_ymd(*year, 11, 30);
                parameters.self_signed(&key).expect("a certificate").pem()
            })
            .collect();
        base64::engine::general_purpose::STANDARD.encode(pem)
    }

    #[test]
    fn every_certificate_of_a_bundle_is_read() {
        let at = |year| format!("{year}-11-30T00:00:00Z").parse().expect("a time");
        assert_eq!(ends(&bundle(&[2036])), Some(vec![at(2036)]));
        assert_eq!(ends(&bundle(&[2027, 2036])), Some(vec![at(2027), at(2036)]));
        let damaged = base64::engine::general_purpose::STANDARD
            .encode("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        for text in ["", "%", "Q0E=", damaged.as_str()] {
            assert_eq!(ends(text), None, "{text}");
        }
    }
}
