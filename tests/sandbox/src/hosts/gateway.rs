//! Where hosts find everything: one port, TLS, by the name that the client asks for.
//!
//! An API server's name leads to that cluster's front, unopened: the certificate is the front's. Every other name is
//! served with a certificate of an authority that hosts trust, and leads to the sandbox's own port, with the Host header
//! as it was signed.

use std::{
    collections::BTreeMap,
    fmt,
    net::Ipv4Addr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::{
    ServerConfig,
    crypto::ring::sign::any_supported_type,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    server::{Acceptor, ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::{eks::authority, plane::Planes};

/// How long a client may take to say which name it wants.
const PATIENCE: Duration = Duration::from_secs(10);
/// A greeting is far shorter.
const LONGEST_GREETING: usize = 16 << 10;

/// Signs a certificate for each name that is asked for.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// PEM, for the hosts' trust stores.
    pub certificate: String,
    signed: Mutex<BTreeMap<String, Arc<CertifiedKey>>>,
}

impl fmt::Debug for Authority {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Authority")
    }
}

impl Authority {
    pub fn make() -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate()?;
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, "sandbox hosts");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = authority::pem("CERTIFICATE", parameters.self_signed(&key)?.der());
        Ok(Self { issuer: Issuer::new(parameters, key), certificate, signed: Mutex::default() })
    }

    fn sign(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        let key = KeyPair::generate().ok()?;
        let certificate = CertificateParams::new([name.to_owned()]).ok()?.signed_by(&key, &self.issuer).ok()?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Some(Arc::new(CertifiedKey::new(vec![certificate.der().clone()], any_supported_type(&key).ok()?)))
    }
}

impl ResolvesServerCert for Authority {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name()?;
        let mut signed = self.signed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = signed.get(name) {
            return Some(Arc::clone(key));
        }
        let key = self.sign(name)?;
        signed.insert(name.to_owned(), Arc::clone(&key));
        Some(key)
    }
}

/// Accepts connections until the process ends.
pub async fn serve(gateway: Ipv4Addr, authority: Arc<Authority>, planes: Arc<Planes>, port: u16) {
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map(|builder| builder.with_no_client_auth().with_cert_resolver(authority));
    let (config, listener) = match (config, TcpListener::bind((gateway, 443)).await) {
        (Ok(config), Ok(listener)) => (config, listener),
        (Err(error), _) => return eprintln!("sandbox: hosts have no gateway: {error}"),
        (_, Err(error)) => return eprintln!("sandbox: hosts have no gateway: {error}"),
    };
    let acceptor = TlsAcceptor::from(Arc::new(config));
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(connection(stream, acceptor.clone(), Arc::clone(&planes), port));
            }
            // Out of file descriptors: others end soon.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// Whoever hangs up, on either side, ends a connection.
async fn connection(mut stream: TcpStream, acceptor: TlsAcceptor, planes: Arc<Planes>, port: u16) {
    let _ = stream.set_nodelay(true);
    let Ok(Some(name)) = tokio::time::timeout(PATIENCE, wanted(&stream)).await else { return };
    if is_api_server(&name) {
        let Some(port) = planes.port_of(&name) else { return };
        if let Ok(mut target) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
            let _ = tokio::io::copy_bidirectional(&mut stream, &mut target).await;
        }
        return;
    }
    let (Ok(mut stream), Ok(mut target)) =
        (acceptor.accept(stream).await, TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await)
    else {
        return;
    };
    let _ = tokio::io::copy_bidirectional(&mut stream, &mut target).await;
}

/// `0123….gr7.us-west-2.eks.amazonaws.com`
fn is_api_server(name: &str) -> bool {
    name.ends_with(".eks.amazonaws.com") && name.contains(".gr7.")
}

/// The name in a client's greeting, which stays in the stream.
async fn wanted(stream: &TcpStream) -> Option<String> {
    let mut buffer = vec![0; LONGEST_GREETING];
    let mut seen = 0;
    loop {
        let length = stream.peek(&mut buffer).await.ok()?;
        if length == 0 || length == buffer.len() {
            return None;
        }
        if length > seen {
            seen = length;
            let mut acceptor = Acceptor::default();
            acceptor.read_tls(&mut &buffer[..length]).ok()?;
            if let Some(accepted) = acceptor.accept().ok()? {
                return accepted.client_hello().server_name().map(ToOwned::to_owned);
            }
        }
        // `peek` answers at once while there is anything, so there is nothing else to wait for.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
