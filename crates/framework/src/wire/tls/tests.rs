//! Who gets in: clients of the same TLS library, over a pipe in memory.

use std::sync::Arc;

use harness::plugin::HostKey;
use rustls::ClientConfig;
use rustls::client::ResolvesClientCert;
use rustls::client::danger::{ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::ServerName;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
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

#[tokio::test]
async fn the_host_gets_in_with_either_curve() {
    let host = HostKey::new();
    let identity = prepare(&host.pem()).expect("TLS");
    assert_eq!(exchange(&identity, client(&identity, Some(host.certified()))).await.as_deref(), Ok(&b"reply"[..]));

    let (certificate, key) = p256();
    let identity = prepare(&pem(&certificate)).expect("TLS");
    assert_eq!(exchange(&identity, client(&identity, Some(key))).await.as_deref(), Ok(&b"reply"[..]));
}

#[tokio::test]
async fn nobody_else_gets_anything() {
    let host = HostKey::new();
    let identity = prepare(&host.pem()).expect("TLS");
    // The host's certificate, shown by someone who has not its key.
    let stolen = CertifiedKey::new(vec![host.certificate.clone()], Arc::clone(&HostKey::new().certified().key));
    let (_, other_curve) = p256();
    for (who, own, why) in [
        ("no certificate", None, "peer sent no certificates"),
        ("another certificate", Some(HostKey::new().certified()), "ApplicationVerificationFailure"),
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
    let identity = prepare(&HostKey::new().pem()).expect("TLS");
    // webpki has a verifier's opinion: it may be a server's, for `localhost`, and is its own issuer.
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
