//! Where the host connects to: a Unix socket in a private folder, or a loopback port on Windows.
//!
//! Connections are taken in tasks of their own: one that says nothing, or nonsense, holds up no other.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::Connected;

use super::handshake::Address;

/// A peer that has not finished the TLS handshake by then is cut off.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);

/// The ports of a host that names none, as go-plugin has them.
const DEFAULT_PORTS: (u16, u16) = (10_000, 25_000);

/// No place to listen at was found.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The folder for the socket could not be created.
    #[error("the folder `{folder}` for the provider's socket could not be created")]
    Folder {
        /// The folder.
        folder: String,
        /// The system's answer.
        source: io::Error,
    },
    /// The socket could not be created.
    #[error("the provider's socket `{path}` could not be created")]
    Socket {
        /// The socket's path.
        path: String,
        /// The system's answer.
        source: io::Error,
    },
    /// Every port is taken.
    #[error("no port from {first} to {last} on 127.0.0.1 is free for the provider")]
    Ports {
        /// `PLUGIN_MIN_PORT`.
        first: u16,
        /// `PLUGIN_MAX_PORT`.
        last: u16,
    },
}

/// A place that a host can connect to.
pub struct Listener {
    /// What is announced to the host.
    pub address: Address,
    kind: Kind,
    place: Place,
}

enum Kind {
    #[cfg(unix)]
    Unix(tokio::net::UnixListener),
    Tcp(TcpListener),
}

/// What is left in the file system; it is removed when this is dropped.
#[derive(Default)]
pub struct Place {
    #[cfg(unix)]
    _socket: Option<unix::Socket>,
}

impl Listener {
    /// Listens as the system and the environment, read through `variable`, ask for. Call it inside of a
    /// runtime.
    pub fn bind(variable: impl Fn(&str) -> Option<String>) -> Result<Self, BindError> {
        #[cfg(unix)]
        {
            let given = |name| variable(name).filter(|value| !value.is_empty());
            unix::bind(given("PLUGIN_UNIX_SOCKET_DIR"), given("PLUGIN_UNIX_SOCKET_GROUP").as_deref())
        }
        #[cfg(not(unix))]
        {
            Self::tcp(variable)
        }
    }

    /// Listens at the first free port of those that the host allows.
    #[cfg_attr(unix, allow(dead_code, reason = "only Windows has no Unix sockets; the tests run it everywhere"))]
    fn tcp(variable: impl Fn(&str) -> Option<String>) -> Result<Self, BindError> {
        let port = |name: &str| variable(name).and_then(|value| value.parse::<u16>().ok());
        let (first, last) = match (port("PLUGIN_MIN_PORT"), port("PLUGIN_MAX_PORT")) {
            (Some(first), Some(last)) if first <= last => (first, last),
            _ => DEFAULT_PORTS,
        };
        for port in first..=last {
            let bound = std::net::TcpListener::bind(("127.0.0.1", port)).and_then(|listener| {
                listener.set_nonblocking(true)?;
                TcpListener::from_std(listener)
            });
            if let Ok(listener) = bound {
                let address = Address { network: "tcp", address: format!("127.0.0.1:{port}") };
                return Ok(Self { address, kind: Kind::Tcp(listener), place: Place::default() });
            }
        }
        Err(BindError::Ports { first, last })
    }

    /// The connections that got through; with `tls` only those of the host itself. No more are accepted once the stream
    /// is dropped. `open` counts them.
    pub fn connections(
        self,
        tls: Option<Arc<ServerConfig>>,
        open: &watch::Sender<usize>,
    ) -> (ReceiverStream<io::Result<Connection>>, Place) {
        let Self { kind, place, .. } = self;
        let (ready, connections) = mpsc::channel(16);
        let counter = open.clone();
        tokio::spawn(async move {
            loop {
                let accepted = tokio::select! {
                    accepted = kind.accept() => accepted,
                    () = ready.closed() => return,
                };
                match accepted {
                    Ok(raw) => drop(tokio::spawn(greet(raw, tls.clone(), counter.clone(), ready.clone()))),
                    // Out of file descriptors, mostly: it passes when others are closed.
                    Err(error) => {
                        tracing::warn!(%error, "Could not take a connection");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                }
            }
        });
        (ReceiverStream::new(connections), place)
    }
}

impl Kind {
    async fn accept(&self) -> io::Result<Raw> {
        match self {
            #[cfg(unix)]
            Self::Unix(listener) => listener.accept().await.map(|(stream, _)| Raw::Unix(stream)),
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Raw::Tcp(stream))
            }
        }
    }
}

async fn greet(
    raw: Raw,
    tls: Option<Arc<ServerConfig>>,
    counter: watch::Sender<usize>,
    ready: mpsc::Sender<io::Result<Connection>>,
) {
    let stream = match tls {
        None => Stream::Plain(raw),
        Some(config) => match tokio::time::timeout(HANDSHAKE_TIME, TlsAcceptor::from(config).accept(raw)).await {
            Ok(Ok(stream)) => Stream::Tls(Box::new(stream)),
            Ok(Err(error)) => return tracing::warn!(%error, "Turned a connection away"),
            Err(_) => return tracing::warn!("Turned a connection away that said nothing"),
        },
    };
    // Without the service nobody needs the connection.
    let _ =
        ready.send(Ok(Connection { stream, id: ConnectionId::default(), _counted: Counted::one_of(counter) })).await;
}

/// A stream of the system.
#[derive(Debug)]
pub enum Raw {
    /// A Unix socket's.
    #[cfg(unix)]
    Unix(tokio::net::UnixStream),
    /// A port's.
    Tcp(TcpStream),
}

/// A stream that may call the service.
#[derive(Debug)]
enum Stream {
    /// Without proof, for debugging only.
    Plain(Raw),
    /// Of the host itself.
    Tls(Box<tokio_rustls::server::TlsStream<Raw>>),
}

/// A connection that may call the service.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    id: ConnectionId,
    _counted: Counted,
}

/// Tells a connection from all others as long as it is open. Every request that comes through it has a copy.
#[derive(Clone, Debug, Default)]
pub struct ConnectionId(pub Arc<()>);

impl Connected for Connection {
    type ConnectInfo = ConnectionId;

    fn connect_info(&self) -> ConnectionId {
        self.id.clone()
    }
}

/// One in a count, for as long as it lives.
#[derive(Debug)]
struct Counted(watch::Sender<usize>);

impl Counted {
    fn one_of(counter: watch::Sender<usize>) -> Self {
        counter.send_modify(|count| *count += 1);
        Self(counter)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

/// Passes all four methods of reading and writing on to whichever stream it is.
macro_rules! passes_on {
    ($type:ty { $($(#[$attribute:meta])* $variant:pat => $stream:expr),+ $(,)? }) => {
        impl AsyncRead for $type {
            fn poll_read(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
                buffer: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                match self.get_mut() { $($(#[$attribute])* $variant => Pin::new($stream).poll_read(context, buffer)),+ }
            }
        }

        impl AsyncWrite for $type {
            fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
                match self.get_mut() { $($(#[$attribute])* $variant => Pin::new($stream).poll_write(context, bytes)),+ }
            }

            fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
                match self.get_mut() { $($(#[$attribute])* $variant => Pin::new($stream).poll_flush(context)),+ }
            }

            fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
                match self.get_mut() { $($(#[$attribute])* $variant => Pin::new($stream).poll_shutdown(context)),+ }
            }
        }
    };
}

passes_on!(Raw {
    #[cfg(unix)]
    Self::Unix(stream) => stream,
    Self::Tcp(stream) => stream,
});

passes_on!(Stream {
    Self::Plain(stream) => stream,
    Self::Tls(stream) => stream.as_mut(),
});

passes_on!(Connection {
    Self { stream, .. } => stream,
});

#[cfg(unix)]
mod unix {
    //! Unix sockets and their folders.

    use std::fs::{self, DirBuilder};
    use std::io;
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    use std::path::{Path, PathBuf};

    use super::{Address, BindError, Kind, Listener, Place};

    /// The system's limit for a socket's path is 104 bytes on macOS and 108 on Linux, with a zero at the end.
    const LONGEST_PATH: usize = 103;

    /// Removes the socket, and the folder if it was created for it.
    pub struct Socket {
        path: PathBuf,
        folder: Option<PathBuf>,
    }

    impl Drop for Socket {
        fn drop(&mut self) {
            // It may have been removed already; nobody is left to report to.
            let _ = fs::remove_file(&self.path);
            if let Some(folder) = &self.folder {
                let _ = fs::remove_dir(folder);
            }
        }
    }

    /// Listens in `given`, or in a new folder that only this user can enter. A host that runs as another user names the
    /// group that both have in common, and a folder that the group can enter.
    pub fn bind(given: Option<String>, group: Option<&str>) -> Result<Listener, BindError> {
        let (path, folder) = if let Some(given) = given {
            (Path::new(&given).join(format!("plugin-{}", unique())), None)
        } else {
            let folder = private_folder()?;
            (folder.join("plugin"), Some(folder))
        };
        let socket = Socket { path, folder };
        let failed = |source| BindError::Socket { path: socket.path.display().to_string(), source };
        let listener = tokio::net::UnixListener::bind(&socket.path).map_err(failed)?;
        if let Some(group) = group {
            share(&socket.path, group).map_err(failed)?;
        }
        let address = Address { network: "unix", address: socket.path.display().to_string() };
        Ok(Listener { address, kind: Kind::Unix(listener), place: Place { _socket: Some(socket) } })
    }

    /// Lets a group connect. Source: go-plugin, server.go, `setGroupWritable`.
    fn share(socket: &Path, group: &str) -> io::Result<()> {
        let unknown = || io::Error::new(io::ErrorKind::NotFound, format!("there is no group `{group}`"));
        let id = match group.parse() {
            Ok(id) => id,
            Err(_) => number_of(group, &fs::read_to_string("/etc/group")?).ok_or_else(unknown)?,
        };
        std::os::unix::fs::chown(socket, None, Some(id))?;
        fs::set_permissions(socket, fs::Permissions::from_mode(0o660))
    }

    /// The number of a group by its name, from lines of the form `name:password:number:members`.
    pub(super) fn number_of(group: &str, groups: &str) -> Option<u32> {
        groups.lines().find_map(|line| {
            let mut parts = line.split(':');
            (parts.next() == Some(group)).then(|| parts.nth(1)?.parse().ok())?
        })
    }

    fn private_folder() -> Result<PathBuf, BindError> {
        let name = format!("tf-provider-{}", unique());
        let mut folder = std::env::temp_dir().join(&name);
        // A long TMPDIR is common on macOS and in build systems; no socket fits there.
        if folder.as_os_str().len() + "/plugin".len() > LONGEST_PATH {
            folder = Path::new("/tmp").join(&name);
        }
        match DirBuilder::new().mode(0o700).create(&folder) {
            Ok(()) => Ok(folder),
            Err(source) => Err(BindError::Folder { folder: folder.display().to_string(), source }),
        }
    }

    /// A name that no other process has and that nobody can guess.
    fn unique() -> String {
        let mut random = [0; 8];
        // Should the system have no randomness, the process's number still distinguishes processes, and TLS fails next.
        let _ = rustls::crypto::ring::default_provider().secure_random.fill(&mut random);
        format!("{}-{:016x}", std::process::id(), u64::from_be_bytes(random))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio_stream::StreamExt;

    fn tcp(first: &str, last: &str) -> Result<Listener, BindError> {
        let set = [("PLUGIN_MIN_PORT", first.to_owned()), ("PLUGIN_MAX_PORT", last.to_owned())];
        Listener::tcp(|name| set.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone()))
    }

    #[tokio::test]
    async fn a_port_is_taken_from_those_allowed() {
        let taken = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = taken.local_addr().expect("an address").port().to_string();
        assert!(matches!(tcp(&port, &port), Err(BindError::Ports { .. })));

        let listener = tcp("20000", "21000").expect("one of a thousand is free");
        let address = listener.address.clone();
        assert_eq!(address.network, "tcp");
        let (host, port) = address.address.split_once(':').expect("a port");
        assert_eq!(host, "127.0.0.1");
        assert!((20_000..=21_000).contains(&port.parse::<u16>().expect("a number")));

        let open = watch::Sender::new(0);
        let (mut connections, _place) = listener.connections(None, &open);
        let mut client = TcpStream::connect(&address.address).await.expect("a connection");
        client.write_all(b"hello").await.expect("written");
        let mut server = connections.next().await.expect("a connection").expect("no fault");
        let mut read = [0; 5];
        server.read_exact(&mut read).await.expect("read");
        assert_eq!(&read, b"hello");
        assert_eq!(*open.borrow(), 1);
        drop(server);
        assert_eq!(*open.borrow(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn groups_have_numbers() {
        let groups = "root:x:0:\nstaff-old:x:49:\nstaff:x:50:ann,bob\nbroken\n";
        for (group, number) in [("root", Some(0)), ("staff", Some(50)), ("broken", None), ("ann", None)] {
            assert_eq!(unix::number_of(group, groups), number, "{group}");
        }
    }

    #[tokio::test]
    async fn ports_that_make_no_sense_are_those_of_go_plugin() {
        for (first, last) in [("", ""), ("20", "10"), ("x", "y")] {
            let address = tcp(first, last).expect("a port").address.address;
            let port: u16 = address.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
            assert!((DEFAULT_PORTS.0..=DEFAULT_PORTS.1).contains(&port), "{address}");
        }
    }
}
