//! Who gets in: clients of the same TLS library, over a pipe in memory.

use std::sync::Arc;

use p521::ecdsa::signature::RandomizedSigner;
use p521::ecdsa::{Signature as P521Signature, SigningKey as P521Key};
use p521::elliptic_curve::rand_core::{CryptoRng, Error as RandomError, RngCore};
use rustls::client::ResolvesClientCert;
use rustls::client::danger::{ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::ServerName;
use rustls::sign::{CertifiedKey, Signer, SigningKey, SingleCertAndKey};
use rustls::{ClientConfig, SignatureAlgorithm};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::*;

/// What the client gets, or why the server gives it nothing.
async fn exchange(identity: &Identity, client: ClientConfig) -> Result<Vec<u8>, String> {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let server = TlsAcceptor::from(Arc::clone(&identity.config));
    let serving = async {
        let mut stream = server.accept(ours).await?;
        stream.write_all(b"reply").await?;
        stream.shutdown().await
    };
    let name = ServerName::try_from("localhost").expect("a name");
    let calling = async {
        let mut stream = TlsConnector::from(Arc::new(client)).connect(name, theirs).await.ok()?;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).await.ok().map(|_| reply)
    };
    match tokio::join!(serving, calling) {
        (Ok(()), reply) => Ok(reply.expect("a reply")),
        (Err(error), None) => Err(error.to_string()),
        (Err(error), Some(reply)) => panic!("{reply:?} in spite of: {error}"),
    }
}

fn client(server: &Identity, own: Option<Arc<CertifiedKey>>) -> ClientConfig {
    let verifier = PinnedServer(server.certificate.clone());
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match own {
        Some(own) => {
            builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(own)) as Arc<dyn ResolvesClientCert>)
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

/// As the host does: the certificate of the handshake line and no other.
#[derive(Debug)]
struct PinnedServer(CertificateDer<'static>);

impl ServerCertVerifier for PinnedServer {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        assert_eq!(*end_entity, self.0);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        panic!("TLS 1.2 is not offered")
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &ring::default_provider().signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

fn pem(der: &CertificateDer<'_>) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}

/// A P-256 client, for hosts that will make such.
fn p256() -> (CertificateDer<'static>, Arc<CertifiedKey>) {
    let (certificate, key) = server_certificate().expect("a certificate");
    let key = ring::default_provider().key_provider.load_private_key(key).expect("a key");
    (certificate.clone(), Arc::new(CertifiedKey::new(vec![certificate], key)))
}

/// A P-521 client, as Terraform is one. rustls cannot sign with such a key, so the test does.
#[derive(Clone, Debug)]
struct P521Client {
    scalar: [u8; 66],
    certificate: CertificateDer<'static>,
}

impl P521Client {
    /// A key that depends on `seed` alone; nothing is kept secret by it.
    fn new(seed: u8) -> Self {
        let mut scalar = [seed; 66];
        scalar[0] = 0;
        let mut client = Self { scalar, certificate: Vec::new().into() };
        client.certificate = client.self_signed();
        client
    }

    fn key(&self) -> P521Key {
        P521Key::from_slice(&self.scalar).expect("a scalar below the order")
    }

    /// Self-signed, marked as an authority, as go-plugin makes it.
    fn self_signed(&self) -> CertificateDer<'static> {
        let point = p521::ecdsa::VerifyingKey::from(&self.key()).to_encoded_point(false);
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
        let signature: P521Signature = self.key().sign_with_rng(&mut SystemRandom, &body);
        let signature = der(0x03, &[b"\x00", signature.to_der().as_bytes()]);
        CertificateDer::from(der(0x30, &[&body, &algorithm, &signature]))
    }

    fn certified(&self) -> Arc<CertifiedKey> {
        Arc::new(CertifiedKey::new(vec![self.certificate.clone()], Arc::new(self.clone())))
    }
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
        ring::default_provider().secure_random.fill(bytes).expect("randomness");
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), RandomError> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

/// One DER element.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = u16::try_from(content.len()).expect("short").to_be_bytes();
    let mut element = match content.len() {
        0..=127 => vec![tag, length[1]],
        128..=255 => vec![tag, 0x81, length[1]],
        _ => vec![tag, 0x82, length[0], length[1]],
    };
    element.extend(content);
    element
}

impl SigningKey for P521Client {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        offered.contains(&SignatureScheme::ECDSA_NISTP521_SHA512).then(|| Box::new(self.clone()) as Box<dyn Signer>)
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ECDSA
    }
}

impl Signer for P521Client {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, TlsError> {
        let signature: P521Signature = self.key().sign_with_rng(&mut SystemRandom, message);
        Ok(signature.to_der().as_bytes().to_vec())
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ECDSA_NISTP521_SHA512
    }
}

#[tokio::test]
async fn the_host_gets_in_with_either_curve() {
    let host = P521Client::new(7);
    let identity = prepare(&pem(&host.certificate)).expect("TLS");
    assert_eq!(exchange(&identity, client(&identity, Some(host.certified()))).await.as_deref(), Ok(&b"reply"[..]));

    let (certificate, key) = p256();
    let identity = prepare(&pem(&certificate)).expect("TLS");
    assert_eq!(exchange(&identity, client(&identity, Some(key))).await.as_deref(), Ok(&b"reply"[..]));
}

#[tokio::test]
async fn nobody_else_gets_anything() {
    let host = P521Client::new(7);
    let identity = prepare(&pem(&host.certificate)).expect("TLS");
    // The host's certificate, shown by someone who has not its key.
    let stolen = CertifiedKey::new(vec![host.certificate.clone()], Arc::new(P521Client::new(9)));
    let (_, other_curve) = p256();
    for (who, own, why) in [
        ("no certificate", None, "peer sent no certificates"),
        ("another certificate", Some(P521Client::new(9).certified()), "ApplicationVerificationFailure"),
        ("another curve", Some(other_curve), "ApplicationVerificationFailure"),
        ("a stolen certificate", Some(Arc::new(stolen)), "BadSignature"),
    ] {
        let refused = exchange(&identity, client(&identity, own)).await.expect_err(who);
        assert!(refused.contains(why), "{who}: {refused}");
    }
}

#[test]
fn what_is_no_certificate_is_refused() {
    for text in ["", "certificate", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"] {
        assert!(matches!(prepare(text), Err(PrepareError::ClientCertificate(_))), "{text}");
    }
}

#[test]
fn our_own_certificate_is_as_the_host_wants_it() {
    let identity = prepare(&pem(&P521Client::new(7).certificate)).expect("TLS");
    // webpki has a verifier's opinion: it may be a server's, for `localhost`, and stands alone.
    let mut roots = rustls::RootCertStore::empty();
    roots.add(identity.certificate.clone()).expect("a certificate");
    let verifier = rustls::client::WebPkiServerVerifier::builder_with_provider(
        Arc::new(roots),
        Arc::new(ring::default_provider()),
    )
    .build()
    .expect("a verifier");
    for (name, accepted) in [("localhost", true), ("example.com", false)] {
        let name = ServerName::try_from(name).expect("a name");
        let outcome = verifier.verify_server_cert(&identity.certificate, &[], &name, &[], UnixTime::now());
        assert_eq!(outcome.is_ok(), accepted, "{name:?}: {outcome:?}");
    }
}
