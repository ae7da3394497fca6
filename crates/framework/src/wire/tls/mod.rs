//! Proof of both sides: the host's one certificate is accepted and no other.
//!
//! The host makes a certificate for this one process and hands it over in the environment. It is self-signed, marked
//! as an authority, and has a P-521 key: a usual verifier refuses it as an end entity, and ring cannot check the
//! signature. So the certificate is compared byte for byte, and the proof that the other side holds its key is checked
//! with the p521 crate. Without that certificate nothing beyond the TLS handshake is reached.

use std::sync::Arc;

use p521::ecdsa::signature::Verifier;
use p521::ecdsa::{Signature, VerifyingKey};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, PrivateKeyDer, PrivatePkcs8KeyDer,
    SignatureVerificationAlgorithm, UnixTime, alg_id,
};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error as TlsError, OtherError, ServerConfig,
    SignatureScheme,
};

/// TLS could not be prepared.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// `PLUGIN_CLIENT_CERT` holds no certificate.
    #[error("the host's certificate in PLUGIN_CLIENT_CERT cannot be read")]
    ClientCertificate(#[source] rustls::pki_types::pem::Error),
    /// Our own certificate could not be created.
    #[error("the provider's certificate could not be created")]
    ServerCertificate(#[source] rcgen::Error),
    /// rustls refuses our own certificate.
    #[error("the provider's certificate could not be used")]
    Configuration(#[source] TlsError),
}

/// TLS for one host.
pub struct Identity {
    /// For the acceptor.
    pub config: Arc<ServerConfig>,
    /// Our certificate, for the handshake line.
    pub certificate: CertificateDer<'static>,
}

/// Makes a certificate, and a configuration that lets nobody in but the holder of `client_pem`'s key.
pub fn prepare(client_pem: &str) -> Result<Identity, PrepareError> {
    let pinned = CertificateDer::from_pem_slice(client_pem.as_bytes()).map_err(PrepareError::ClientCertificate)?;
    let (certificate, key) = server_certificate().map_err(PrepareError::ServerCertificate)?;
    let provider = Arc::new(ring::default_provider());
    let verifier = Arc::new(OnlyThis { pinned, others: provider.signature_verification_algorithms });
    let mut config = configure(provider, verifier, certificate.clone(), key).map_err(PrepareError::Configuration)?;
    // grpc-go refuses a server that does not agree to HTTP/2 here.
    config.alpn_protocols = vec![b"h2".to_vec()];
    // The one client comes once: tickets would serve nobody.
    config.send_tls13_tickets = 0;
    Ok(Identity { config: Arc::new(config), certificate })
}

fn configure(
    provider: Arc<CryptoProvider>,
    verifier: Arc<OnlyThis>,
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, TlsError> {
    ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![certificate], key)
}

/// A self-signed P-256 certificate for `localhost`, the name that the host asks for.
fn server_certificate() -> Result<(CertificateDer<'static>, PrivateKeyDer<'static>), rcgen::Error> {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    let mut parameters = rcgen::CertificateParams::new(["localhost".to_owned()])?;
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "localhost");
    parameters.is_ca = rcgen::IsCa::ExplicitNoCa;
    parameters.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = parameters.self_signed(&key)?;
    Ok((certificate.into(), PrivatePkcs8KeyDer::from(key.serialize_der()).into()))
}

/// Accepts one certificate.
#[derive(Debug)]
struct OnlyThis {
    pinned: CertificateDer<'static>,
    others: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for OnlyThis {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, TlsError> {
        // No validity period is looked at: the certificate was created for this process a moment ago, and clocks jump.
        if *end_entity == self.pinned {
            Ok(ClientCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        // Never reached: only TLS 1.3 is offered.
        Err(TlsError::Other(OtherError(Arc::new(std::io::Error::other("TLS 1.2 is not offered")))))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms =
            if signature.scheme == SignatureScheme::ECDSA_NISTP521_SHA512 { &P521_ONLY } else { &self.others };
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = vec![SignatureScheme::ECDSA_NISTP521_SHA512];
        schemes.extend(self.others.supported_schemes());
        schemes
    }
}

/// ECDSA over P-521 with SHA-512.
#[derive(Debug)]
struct P521;

static P521_ONLY: WebPkiSupportedAlgorithms =
    WebPkiSupportedAlgorithms { all: &[&P521], mapping: &[(SignatureScheme::ECDSA_NISTP521_SHA512, &[&P521])] };

impl SignatureVerificationAlgorithm for P521 {
    fn verify_signature(&self, public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        let key = VerifyingKey::from_sec1_bytes(public_key).map_err(|_| InvalidSignature)?;
        let signature = Signature::from_der(signature).map_err(|_| InvalidSignature)?;
        key.verify(message, &signature).map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_P521
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_SHA512
    }
}

#[cfg(test)]
mod tests;
