//! The key with which a host proves itself: P-521 and self-signed, as Terraform makes it.
//!
//! rustls signs with no such key and rcgen makes no such certificate, so both are done here.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use p521::ecdsa::signature::RandomizedSigner;
use p521::ecdsa::{Signature, SigningKey as PrivateKey, VerifyingKey};
use p521::elliptic_curve::rand_core::{CryptoRng, Error as RandomError, RngCore};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, alg_id};
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::{SignatureAlgorithm, SignatureScheme};

/// A key, and the certificate that the host hands over.
#[derive(Clone, Debug)]
pub struct HostKey {
    key: Key,
    /// The certificate, self-signed and marked as an authority.
    pub certificate: CertificateDer<'static>,
}

impl HostKey {
    /// A new one.
    pub fn new() -> Self {
        let key = Key(PrivateKey::random(&mut SystemRandom));
        let certificate = key.self_signed();
        Self { key, certificate }
    }

    /// The certificate as it is handed over in `PLUGIN_CLIENT_CERT`.
    pub fn pem(&self) -> String {
        let text = STANDARD.encode(&self.certificate);
        format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
    }

    /// For rustls.
    pub fn certified(&self) -> Arc<CertifiedKey> {
        Arc::new(CertifiedKey::new(vec![self.certificate.clone()], Arc::new(self.key.clone())))
    }
}

impl Default for HostKey {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Clone)]
struct Key(PrivateKey);

impl std::fmt::Debug for Key {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("[sensitive]")
    }
}

impl Key {
    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature: Signature = self.0.sign_with_rng(&mut SystemRandom, message);
        signature.to_der().as_bytes().to_vec()
    }

    fn self_signed(&self) -> CertificateDer<'static> {
        let point = VerifyingKey::from(&self.0).to_encoded_point(false);
        let algorithm = der(0x30, &[&alg_id::ECDSA_SHA512]);
        let name =
            der(0x30, &[&der(0x31, &[&der(0x30, &[&der(0x06, &[b"\x55\x04\x03"]), &der(0x0c, &[b"localhost"])])])]);
        let validity = der(0x30, &[&der(0x17, &[b"200101000000Z"]), &der(0x17, &[b"491231235959Z"])]);
        let key = der(0x30, &[&der(0x30, &[&alg_id::ECDSA_P521]), &der(0x03, &[b"\x00", point.as_bytes()])]);
        let authority = der(
            0x30,
            &[
                &der(0x06, &[b"\x55\x1d\x13"]),
                &der(0x01, &[b"\xff"]),
                &der(0x04, &[&der(0x30, &[&der(0x01, &[b"\xff"])])]),
            ],
        );
        let body = der(
            0x30,
            &[
                &der(0xa0, &[&der(0x02, &[b"\x02"])]),
                &der(0x02, &[b"\x01"]),
                &algorithm,
                &name,
                &validity,
                &name,
                &key,
                &der(0xa3, &[&der(0x30, &[&authority])]),
            ],
        );
        let signature = der(0x03, &[b"\x00", &self.sign(&body)]);
        CertificateDer::from(der(0x30, &[&body, &algorithm, &signature]))
    }
}

/// One DER element.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    // A certificate has some hundred bytes.
    let length = u16::try_from(content.len()).expect("shorter than 64 KiB").to_be_bytes();
    let mut element = match content.len() {
        0..=127 => vec![tag, length[1]],
        128..=255 => vec![tag, 0x81, length[1]],
        _ => vec![tag, 0x82, length[0], length[1]],
    };
    element.extend(content);
    element
}

/// The system's randomness, as the p521 crate takes it.
struct SystemRandom;

impl CryptoRng for SystemRandom {}

impl RngCore for SystemRandom {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.fill_bytes(&mut bytes);
        u32::from_ne_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill_bytes(&mut bytes);
        u64::from_ne_bytes(bytes)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        // The interface has no way to fail, and a system without randomness runs no TLS either.
        ring::default_provider().secure_random.fill(bytes).expect("the system gives randomness");
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), RandomError> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl SigningKey for Key {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        offered.contains(&SignatureScheme::ECDSA_NISTP521_SHA512).then(|| Box::new(self.clone()) as Box<dyn Signer>)
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ECDSA
    }
}

impl Signer for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        Ok(Self::sign(self, message))
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ECDSA_NISTP521_SHA512
    }
}
