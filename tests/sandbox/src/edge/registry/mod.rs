//! A registry of ECR: TLS under the names of the registry and of the storage behind it, one request a connection.

mod answer;
mod push;

use std::{collections::BTreeMap, net::Ipv4Addr, sync::Arc, time::Duration};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::{ServerConfig, pki_types::PrivatePkcs8KeyDer};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
};
use tokio_rustls::TlsAcceptor;

use self::answer::{Asked, End, Told};
use super::head::Head;
use crate::{ecr, eks::authority, plane::folder::Folder, random, store::Shared};

/// Largest body that is read.
const LARGEST: usize = 64 * 1024 * 1024;

pub struct Registry {
    host: String,
    storage: String,
    port: u16,
    folder: Folder,
    task: AbortHandle,
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Registry {
    /// Listens on a free port; the error is the text for the caller.
    pub async fn start(shared: &Arc<Shared>, account: &str, region: &str) -> Result<Self, String> {
        let (host, storage) = (ecr::host(account, region), ecr::storage_host(region));
        let (bundle, server) = certificates(&[host.clone(), storage.clone()]).map_err(|error| error.to_string())?;
        let folder = Folder::make().map_err(|error| error.to_string())?;
        std::fs::write(folder.path().join("ca.pem"), bundle).map_err(|error| error.to_string())?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(|error| error.to_string())?;
        let port = listener.local_addr().map_err(|error| error.to_string())?.port();
        let place = Place { shared: Arc::clone(shared), account: account.to_owned(), region: region.to_owned() };
        let task = tokio::spawn(accept(listener, TlsAcceptor::from(Arc::new(server)), Arc::new(place)));
        Ok(Self { host, storage, port, folder, task: task.abort_handle() })
    }

    pub fn describe(&self) -> Value {
        let to = format!("127.0.0.1:{}", self.port);
        json!({
            "host": self.host,
            "ca_bundle": self.folder.path().join("ca.pem"),
            "hosts": {format!("{}:443", self.host): to, format!("{}:443", self.storage): to},
        })
    }
}

/// PEM of an authority, and what a server under these names needs.
fn certificates(names: &[String]) -> Result<(String, ServerConfig), Box<dyn std::error::Error + Send + Sync>> {
    let key = KeyPair::generate()?;
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name.push(DnType::CommonName, "sandbox registries");
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let bundle = authority::pem("CERTIFICATE", parameters.self_signed(&key)?.der());
    let issuer = Issuer::new(parameters, key);
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(names)?.signed_by(&key, &issuer)?;
    let server = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())?;
    Ok((bundle, server))
}

struct Place {
    shared: Arc<Shared>,
    account: String,
    region: String,
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, place: Arc<Place>) {
    // Dropped with this task, and all connections with it.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                connections.spawn(connection(stream, acceptor.clone(), Arc::clone(&place)));
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, acceptor: TlsAcceptor, place: Arc<Place>) {
    let Ok(mut stream) = acceptor.accept(stream).await else { return };
    let reset = serve(&mut stream, &place).await == End::Reset;
    if reset {
        // With no time to linger, closing sends a reset instead of an orderly end.
        let _ = socket2::SockRef::from(stream.get_ref().0).set_linger(Some(Duration::ZERO));
    } else {
        // Whoever has gone has gone.
        let _ = stream.shutdown().await;
    }
}

async fn serve(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), place: &Place) -> End {
    let Some(head) = Head::read(stream).await else { return End::Close };
    let size = head.header("content-length").and_then(|text| text.parse::<usize>().ok()).unwrap_or(0);
    let mut body = vec![0; size.min(LARGEST)];
    if stream.read_exact(&mut body).await.is_err() {
        return End::Close;
    }
    let asked = Asked { head: &head, body: &body };
    let told = place.shared.change(|world| answer::answer(world, &place.account, &place.region, &asked));
    let Told { status, headers, body, end, wait } = told;
    tokio::time::sleep(Duration::from_millis(wait)).await;
    if end == End::Reset {
        return end;
    }
    let mut text = format!("HTTP/1.1 {status} Said\r\nConnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "Content-Length") {
        text.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    let cut = if end == End::Cut { body.len() / 2 } else { body.len() };
    let body = if head.method == "HEAD" { &[][..] } else { &body[..cut] };
    // A client that has hung up is the client's business.
    let _ = stream.write_all(text.as_bytes()).await;
    let _ = stream.write_all(body).await;
    let _ = stream.flush().await;
    end
}

/// Body of `POST …/registry/charts`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    repository: String,
    tag: String,
    /// The chart's files by their paths in it: `Chart.yaml`, `templates/a.yaml`.
    files: BTreeMap<String, String>,
    /// Other accounts that may pull from the repository.
    #[serde(default)]
    readers: Vec<String>,
    /// Stores other bytes than the manifest's digest says.
    #[serde(default)]
    damaged: bool,
}

/// Puts a chart into a repository as `helm push` does, and returns the digest of its manifest.
pub fn push(shared: &Shared, account: &str, region: &str, wanted: Wanted) -> Result<String, String> {
    let mut archive = pack(&wanted).map_err(|error| error.to_string())?;
    let layer = digest(&archive);
    let manifest = json!({
        "schemaVersion": 2,
        "config": {
            "mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": digest(b"{}"), "size": 2,
        },
        "layers": [{
            "mediaType": "application/vnd.cncf.helm.chart.content.v1.tar+gzip", "digest": layer, "size": archive.len(),
        }],
    })
    .to_string()
    .into_bytes();
    let named = digest(&manifest);
    if wanted.damaged {
        for byte in &mut archive {
            *byte = !*byte;
        }
    }
    shared.change(|world| {
        let account = world.accounts.get_mut(account).ok_or("the account has gone")?;
        let repository = account.region(region).ecr.repositories.entry(wanted.repository).or_default();
        repository.blobs.insert(layer, archive);
        repository.blobs.insert(digest(b"{}"), b"{}".to_vec());
        repository.manifests.insert(named.clone(), manifest);
        repository.tags.insert(wanted.tag, named.clone());
        repository.readers.extend(wanted.readers);
        Ok(named)
    })
}

/// The chart's archive. It holds something that no other one does, so that nobody has it in a cache.
fn pack(wanted: &Wanted) -> std::io::Result<Vec<u8>> {
    let name = wanted.repository.rsplit('/').next().unwrap_or_default();
    let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    let unique = ("README.md".to_owned(), random::uuid());
    for (path, text) in wanted.files.iter().chain([(&unique.0, &unique.1)]) {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, format!("{name}/{path}"), text.as_bytes())?;
    }
    archive.into_inner()?.finish()
}

/// `sha256:…`
fn digest(content: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(content)))
}
