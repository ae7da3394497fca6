//! Clients with certificates. The front ends TLS, so it verifies them as the API server would, and tells the API server
//! who they are: by the headers of an authenticating proxy, over a connection with a certificate of its own.
//!
//! Source: Kubernetes documentation, "Authenticating", authenticating proxy.

use std::sync::Arc;

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivatePkcs8KeyDer},
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
};
use tokio_rustls::TlsConnector;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::{eks::authority, plane::certificates::Pair};

/// The name in the front's own certificate; the API server believes no other.
pub const PROXY: &str = "front";
/// The headers of the user and of each group.
pub const HEADERS: [&str; 2] = ["X-Remote-User", "X-Remote-Group"];

/// What a cluster that accepts client certificates needs.
pub struct Authorities {
    /// PEM of the certificate authority whose client certificates are accepted.
    pub clients: String,
    /// The front's own certificate for the API server.
    pub proxy: Pair,
}

impl Authorities {
    pub fn verifier(&self, provider: Arc<CryptoProvider>) -> Result<Arc<dyn ClientCertVerifier>, rustls::Error> {
        let mut roots = RootCertStore::empty();
        roots.add(authority::der(&self.clients).unwrap_or_default().into())?;
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .allow_unauthenticated()
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))
    }
}

/// How clients with certificates reach the API server.
pub struct Certified {
    pub connector: TlsConnector,
}

impl Certified {
    /// `inner` is the PEM of the authority of the API server's certificate.
    pub fn new(inner: &str, with: &Authorities) -> Result<Self, rustls::Error> {
        let der = |pem: &str| authority::der(pem).unwrap_or_default();
        let mut roots = RootCertStore::empty();
        roots.add(der(inner).into())?;
        let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_client_auth_cert(
                vec![der(&with.proxy.certificate).into()],
                PrivatePkcs8KeyDer::from(der(&with.proxy.key)).into(),
            )?;
        config.alpn_protocols = vec![super::H2.to_vec()];
        Ok(Self { connector: TlsConnector::from(Arc::new(config)) })
    }
}

/// Whom a client certificate names: its common name is the user, its organizations are the groups.
pub struct User {
    name: String,
    groups: Vec<String>,
}

impl User {
    pub fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
        let subject = certificate.subject();
        let name = subject.iter_common_name().next()?.as_str().ok()?.to_owned();
        let groups = subject.iter_organization().filter_map(|group| group.as_str().ok()).map(ToOwned::to_owned);
        Some(Self { name, groups: groups.collect() })
    }
}

/// Replaces whatever the client says about itself.
pub fn introduce(headers: &mut HeaderMap, user: Option<&User>) {
    let [name, group] = HEADERS.map(|header| HeaderName::from_bytes(header.as_bytes()).expect("a header's name"));
    headers.remove(&name);
    headers.remove(&group);
    let Some(user) = user else { return };
    let value = |text: &str| HeaderValue::from_bytes(text.as_bytes()).ok();
    headers.extend(value(&user.name).map(|user| (name, user)));
    for text in &user.groups {
        if let Some(text) = value(text) {
            headers.append(&group, text);
        }
    }
}
