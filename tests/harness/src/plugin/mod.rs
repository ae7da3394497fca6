//! A provider in a process of its own, started and called as Terraform does it: handshake line, `AutoMTLS`, gRPC.
//!
//! The other side of `framework::wire`, without Terraform's checks of the answers: those are in [`crate::core`].

mod host_key;

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use framework::wire::proto::plugin::Empty;
use framework::wire::proto::plugin::grpc_controller_client::GrpcControllerClient;
use framework::wire::proto::tfplugin6::provider_client::ProviderClient;
use hyper_util::rt::TokioIo;
use rustls::client::ResolvesClientCert;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::UnixStream;
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint};

pub use host_key::HostKey;

/// Terraform's cookie, from its documentation.
pub const COOKIE: (&str, &str) =
    ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2");

/// As much as Terraform takes in one message.
pub const LARGEST_MESSAGE: usize = 256 << 20;

/// A step that takes longer than this has gone wrong.
const LONGEST: Duration = Duration::from_mins(1);

/// The provider's process did not do its part.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// The process or one of its streams failed.
    #[error("could not {doing}")]
    Process {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// Its first line is no handshake.
    #[error("the handshake line is {0:?}")]
    Line(String),
    /// Its certificate cannot be used.
    #[error("could not use the provider's certificate")]
    Certificate(#[source] rustls::Error),
    /// It takes no connection.
    #[error("could not connect to the provider")]
    Connection(#[source] tonic::transport::Error),
    /// It answers a call with a status.
    #[error("{call} was not answered")]
    Call {
        /// The call's name.
        call: &'static str,
        /// The gRPC status.
        #[source]
        status: Box<tonic::Status>,
    },
    /// It hangs.
    #[error("{0} takes too long")]
    TooLong(&'static str),
}

impl PluginError {
    fn process(doing: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Process { doing, source }
    }
}

/// Waits for `work`, but not for ever.
///
/// # Errors
///
/// It does not end within a minute.
pub async fn soon<T>(what: &'static str, work: impl Future<Output = T>) -> Result<T, PluginError> {
    tokio::time::timeout(LONGEST, work).await.map_err(|_| PluginError::TooLong(what))
}

/// A started provider. It is killed when this is dropped.
#[derive(Debug)]
pub struct Plugin {
    /// The process.
    pub child: Child,
    /// When it was started.
    pub started: Instant,
    /// How long after that the handshake line was here.
    pub line_after: Duration,
    /// The handshake line.
    pub line: String,
    /// Where it listens.
    pub socket: PathBuf,
    certificate: CertificateDer<'static>,
    key: HostKey,
    stdout: BufReader<ChildStdout>,
    stderr: JoinHandle<String>,
    /// Where the socket's folder is created, so that a killed provider leaves nothing behind.
    _temporary: TempDir,
}

/// How a provider ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// What it wrote after the handshake line.
    pub stdout: String,
    /// What it wrote there at all.
    pub stderr: String,
}

impl Plugin {
    /// Starts the provider as a host does. Only what `command` sets of the environment differs from the host's own.
    ///
    /// # Errors
    ///
    /// It does not start, or its first line is no handshake over a Unix socket.
    ///
    /// # Panics
    ///
    /// Never: its output and its errors are pipes.
    pub async fn start(mut command: Command) -> Result<Self, PluginError> {
        let key = HostKey::new();
        let temporary = tempfile::tempdir().map_err(PluginError::process("make a folder for the socket"))?;
        command.env("TMPDIR", temporary.path());
        command.env(COOKIE.0, COOKIE.1).env("PLUGIN_PROTOCOL_VERSIONS", "6,5").env("PLUGIN_CLIENT_CERT", key.pem());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let started = Instant::now();
        let mut child = command.spawn().map_err(PluginError::process("start the provider"))?;
        let mut stdout = BufReader::new(child.stdout.take().expect("standard output is a pipe"));
        let stderr = collect(child.stderr.take().expect("standard error is a pipe"));
        let mut line = String::new();
        soon("the handshake", stdout.read_line(&mut line))
            .await?
            .map_err(PluginError::process("read the handshake line"))?;
        let line_after = started.elapsed();
        let parts: Vec<&str> = line.trim_end().split('|').collect();
        let ["1", "6", "unix", socket, "grpc", certificate, ..] = parts.as_slice() else {
            return Err(PluginError::Line(line));
        };
        let Ok(certificate) = STANDARD_NO_PAD.decode(certificate) else { return Err(PluginError::Line(line)) };
        let (certificate, socket) = (CertificateDer::from(certificate), PathBuf::from(socket));
        Ok(Self { child, started, line_after, line, socket, certificate, key, stdout, stderr, _temporary: temporary })
    }

    /// TLS towards this provider, with `key`'s proof.
    fn tls(&self, key: &HostKey) -> Result<ClientConfig, PluginError> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).map_err(PluginError::Certificate)?;
        let proof: Arc<dyn ResolvesClientCert> = Arc::new(SingleCertAndKey::from(key.certified()));
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(PluginError::Certificate)?
            .with_root_certificates(roots)
            .with_client_cert_resolver(proof);
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(config)
    }

    /// A connection that shows `key`'s certificate.
    ///
    /// # Errors
    ///
    /// The provider refuses it, or is not there.
    pub async fn channel(&self, key: &HostKey) -> Result<Channel, PluginError> {
        let tls = TlsConnector::from(Arc::new(self.tls(key)?));
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
        soon("the connection", endpoint.connect_with_connector(connector)).await?.map_err(PluginError::Connection)
    }

    /// A connection of the host itself.
    ///
    /// # Errors
    ///
    /// As [`Plugin::channel`].
    pub async fn own_channel(&self) -> Result<Channel, PluginError> {
        self.channel(&self.key).await
    }

    /// The provider's calls.
    ///
    /// # Errors
    ///
    /// As [`Plugin::channel`].
    pub async fn provider(&self) -> Result<ProviderClient<Channel>, PluginError> {
        Ok(provider(self.own_channel().await?))
    }

    /// Asks for the end, as the host does.
    ///
    /// # Errors
    ///
    /// As [`Plugin::channel`], or the call is not answered.
    pub async fn shutdown(&self) -> Result<(), PluginError> {
        let broken = |status| PluginError::Call { call: "Shutdown", status: Box::new(status) };
        GrpcControllerClient::new(self.own_channel().await?).shutdown(Empty {}).await.map_err(broken)?;
        Ok(())
    }

    /// Waits for the end.
    ///
    /// # Errors
    ///
    /// It does not come within a minute.
    pub async fn ended(mut self) -> Result<Ended, PluginError> {
        let waiting = PluginError::process("wait for the provider's end");
        let status = soon("the provider's end", self.child.wait()).await?.map_err(waiting)?;
        let mut stdout = String::new();
        let reading = PluginError::process("read the provider's output");
        self.stdout.read_to_string(&mut stdout).await.map_err(reading)?;
        let reading = PluginError::process("read the provider's errors");
        let stderr = self.stderr.await.map_err(|error| reading(error.into()))?;
        Ok(Ended { status, stdout, stderr })
    }
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
///
/// # Errors
///
/// Nothing listens there.
pub async fn plain_channel(socket: &Path) -> Result<Channel, PluginError> {
    let socket = socket.to_owned();
    let connector = tower::service_fn(move |_| {
        let socket = socket.clone();
        async move { UnixStream::connect(socket).await.map(TokioIo::new) }
    });
    let endpoint = Endpoint::from_static("http://localhost");
    soon("the connection", endpoint.connect_with_connector(connector)).await?.map_err(PluginError::Connection)
}

/// The provider's calls, with the protocol's limits.
pub fn provider(channel: Channel) -> ProviderClient<Channel> {
    ProviderClient::new(channel).max_decoding_message_size(LARGEST_MESSAGE).max_encoding_message_size(LARGEST_MESSAGE)
}
