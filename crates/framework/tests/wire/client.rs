//! A host: starts the provider, proves itself, and calls.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use framework::wire::proto::plugin::Empty;
use framework::wire::proto::plugin::grpc_controller_client::GrpcControllerClient;
use framework::wire::proto::tfplugin6::provider_client::ProviderClient;
use hyper_util::rt::TokioIo;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::UnixStream;
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint};

/// Terraform's cookie, from its documentation.
pub const COOKIE: (&str, &str) =
    ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2");

/// A step that takes longer than this has gone wrong.
const LONGEST: Duration = Duration::from_mins(1);

/// A test's outcome.
pub type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Waits for `work`, but not for ever.
pub async fn soon<T>(what: &str, work: impl Future<Output = T>) -> Outcome<T> {
    tokio::time::timeout(LONGEST, work).await.map_err(|_| format!("{what} takes too long").into())
}

/// This program again, with nothing of the tests' environment that a provider looks at.
pub fn command() -> Outcome<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    for name in ["TF_LOG", "TF_LOG_PROVIDER", "TF_LOG_PROVIDER_SAMPLE", "PLUGIN_UNIX_SOCKET_DIR", COOKIE.0] {
        command.env_remove(name);
    }
    command.env("SAMPLE_PROVIDER", "1").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.kill_on_drop(true);
    Ok(command)
}

/// A key, and the certificate that the host hands over.
pub struct HostKey {
    certificate: CertificateDer<'static>,
    key: PrivatePkcs8KeyDer<'static>,
}

impl HostKey {
    pub fn new() -> Outcome<Self> {
        let key = rcgen::KeyPair::generate()?;
        let certificate = rcgen::CertificateParams::new(["localhost".to_owned()])?.self_signed(&key)?;
        Ok(Self { certificate: certificate.into(), key: PrivatePkcs8KeyDer::from(key.serialize_der()) })
    }

    pub fn pem(&self) -> String {
        let text = STANDARD.encode(&self.certificate);
        format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
    }

    /// TLS towards the server that has `certificate`.
    fn tls(&self, certificate: &CertificateDer<'static>) -> Outcome<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone())?;
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_client_auth_cert(vec![self.certificate.clone()], self.key.clone_key().into())?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(config)
    }
}

/// A started provider.
pub struct Plugin {
    pub child: Child,
    /// The handshake line.
    pub line: String,
    pub socket: PathBuf,
    certificate: CertificateDer<'static>,
    key: HostKey,
    stdout: BufReader<ChildStdout>,
    stderr: JoinHandle<String>,
    /// Where the socket's folder is made, so that a provider that is killed leaves nothing.
    _temporary: TempDir,
}

/// How a provider ended.
pub struct Ended {
    pub status: ExitStatus,
    /// What it wrote after the handshake line.
    pub stdout: String,
    pub stderr: String,
}

impl Plugin {
    /// Starts the provider as a host does, with `more` in its environment.
    pub async fn start(more: &[(&str, &str)]) -> Outcome<Self> {
        let key = HostKey::new()?;
        let temporary = tempfile::tempdir()?;
        let mut command = command()?;
        command.env("TMPDIR", temporary.path());
        command.env(COOKIE.0, COOKIE.1).env("PLUGIN_PROTOCOL_VERSIONS", "6,5").env("PLUGIN_CLIENT_CERT", key.pem());
        command.envs(more.iter().copied());
        let mut child = command.spawn()?;
        let mut stdout = BufReader::new(child.stdout.take().ok_or("no standard output")?);
        let stderr = collect(child.stderr.take().ok_or("no standard error")?);
        let mut line = String::new();
        soon("the handshake", stdout.read_line(&mut line)).await??;
        let parts: Vec<&str> = line.trim_end().split('|').collect();
        let ["1", "6", "unix", socket, "grpc", certificate, ..] = parts.as_slice() else {
            return Err(format!("the handshake line is {line:?}").into());
        };
        let certificate = CertificateDer::from(STANDARD_NO_PAD.decode(certificate)?);
        let socket = PathBuf::from(socket);
        Ok(Self { child, socket, certificate, key, stdout, stderr, line: line.clone(), _temporary: temporary })
    }

    /// A connection that shows `key`'s certificate.
    pub async fn channel(&self, key: &HostKey) -> Outcome<Channel> {
        let tls = TlsConnector::from(Arc::new(key.tls(&self.certificate)?));
        let socket = self.socket.clone();
        let connector = tower::service_fn(move |_| {
            let (tls, socket) = (tls.clone(), socket.clone());
            async move {
                let stream = UnixStream::connect(socket).await?;
                let name = ServerName::try_from("localhost").map_err(std::io::Error::other)?;
                Ok::<_, std::io::Error>(TokioIo::new(tls.connect(name, stream).await?))
            }
        });
        let endpoint = Endpoint::from_static("http://localhost");
        Ok(soon("the connection", endpoint.connect_with_connector(connector)).await??)
    }

    /// A connection of the host itself.
    pub async fn own_channel(&self) -> Outcome<Channel> {
        self.channel(&self.key).await
    }

    /// The provider's calls.
    pub async fn provider(&self) -> Outcome<ProviderClient<Channel>> {
        Ok(provider(self.own_channel().await?))
    }

    /// Asks for the end, as the host does.
    pub async fn shutdown(&self) -> Outcome {
        GrpcControllerClient::new(self.own_channel().await?).shutdown(Empty {}).await?;
        Ok(())
    }

    /// Sends a signal, by name.
    pub async fn signal(&self, name: &str) -> Outcome {
        signal(&self.child, name).await
    }

    /// Waits for the end.
    pub async fn ended(mut self) -> Outcome<Ended> {
        let mut stdout = String::new();
        let status = soon("the provider's end", self.child.wait()).await??;
        self.stdout.read_to_string(&mut stdout).await?;
        Ok(Ended { status, stdout, stderr: self.stderr.await? })
    }
}

/// Sends a signal, by name.
pub async fn signal(child: &Child, name: &str) -> Outcome {
    let id = child.id().ok_or("the process has ended")?;
    let status = Command::new("kill").args([format!("-{name}"), id.to_string()]).status().await?;
    if status.success() { Ok(()) } else { Err(format!("kill -{name} failed").into()) }
}

/// All text of a stream, read in the background.
pub fn collect(mut stream: impl tokio::io::AsyncRead + Unpin + Send + 'static) -> JoinHandle<String> {
    tokio::spawn(async move {
        let mut bytes = Vec::new();
        // What was read before a fault is what there is to look at.
        let _ = stream.read_to_end(&mut bytes).await;
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// A connection without proof, for debugging sessions.
pub async fn plain_channel(socket: &Path) -> Outcome<Channel> {
    let socket = socket.to_owned();
    let connector = tower::service_fn(move |_| {
        let socket = socket.clone();
        async move { UnixStream::connect(socket).await.map(TokioIo::new) }
    });
    Ok(soon("the connection", Endpoint::from_static("http://localhost").connect_with_connector(connector)).await??)
}

/// The provider's calls, with the protocol's limits.
pub fn provider(channel: Channel) -> ProviderClient<Channel> {
    ProviderClient::new(channel).max_decoding_message_size(256 << 20).max_encoding_message_size(256 << 20)
}
