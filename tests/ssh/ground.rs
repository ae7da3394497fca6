//! A sandbox with hosts, shared by the tests, and what a test needs of one host.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Program, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use ekshybrid::host::ssh::{Connection, HostKey, Login, Ssh, SshHost, Trust};
use ekshybrid::host::{self, Command, Host as _};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// Far longer than anything takes, for machines under load.
pub const PATIENCE: Duration = Duration::from_mins(2);

/// Says why a test does nothing; the suite reads the line. Output of the print macros would be discarded.
fn nothing_done(reason: &str) {
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    std::io::stderr().write_all(format!("nothing done: {test}: {reason}\n").as_bytes()).expect("stderr");
}

/// The newest folder of what hosts run on.
fn programs() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let cache = std::env::var_os("EKSHYBRID_CACHE").map_or_else(|| root.join(".cache"), PathBuf::from);
    let tools = std::fs::read_dir(cache.join("tools")).into_iter().flatten().flatten().map(|entry| entry.path());
    let found = tools.filter(|path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with("hosts-") && path.join("rootfs").is_dir()
    });
    found.max_by_key(|folder| folder.metadata().and_then(|metadata| metadata.modified()).ok())
}

/// A running sandbox. It ends with this process.
pub struct Sandbox {
    _child: Child,
    port: u16,
    account: String,
}

impl Sandbox {
    fn start(hosts: &Path) -> Self {
        let program = harness::suite::built("sandbox", "sandbox").expect("the sandbox is built");
        let mut child = Program::new(program)
            .args(["--port", "0", "--die-with-parent", "--hosts"])
            .arg(hosts)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the sandbox starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut line).expect("its first line");
        let line: Value = serde_json::from_str(&line).expect("JSON");
        let port = text(&line["endpoint"]).rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
        Self { _child: child, port, account: text(&line["account_id"]) }
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("the sandbox listens");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let length = body.len();
        write!(
            stream,
            "{method} /_sandbox/{path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .expect("it is sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        assert!(head.contains(" 20"), "{method} {path}: {answer}");
        serde_json::from_str(body).unwrap_or_default()
    }
}

/// The sandbox; if hosts are not possible, or not tested in this run, the test reports that and ends.
pub fn sandbox() -> Option<&'static Sandbox> {
    static SANDBOX: OnceLock<Sandbox> = OnceLock::new();
    if let Some(reason) = std::env::var("EKSHYBRID_NO_HOSTS").ok().filter(|reason| !reason.is_empty()) {
        nothing_done(&format!("{reason} (known: the machine cannot)"));
        return None;
    }
    let Some(hosts) = programs() else {
        let strict = std::env::var_os("EKSHYBRID_STRICT").is_some_and(|value| value == "1");
        assert!(!strict, "left out, which a strict run does not allow: `make hosts` unpacks what hosts run on");
        nothing_done("there is nothing that hosts could run on; `make hosts` unpacks it, as root on Linux");
        return None;
    };
    let sandbox = SANDBOX.get_or_init(|| Sandbox::start(&hosts));
    let told = sandbox.call("GET", "hosts", &Value::Null);
    if told["available"] == true {
        return Some(sandbox);
    }
    nothing_done(&format!("hosts: {} (known: the machine cannot)", told["why"]));
    None
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text, not {value}")).to_owned()
}

/// A host. It ends when this is dropped.
pub struct Machine {
    sandbox: &'static Sandbox,
    pub name: String,
    pub told: Value,
    pub folder: tempfile::TempDir,
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.sandbox.call("DELETE", &self.path(), &Value::Null);
    }
}

impl Machine {
    /// Creates a host; `more` are members of the control API's call.
    pub fn start(name: &str, more: &Value) -> Option<Self> {
        let sandbox = sandbox()?;
        let mut wanted = json!({"name": name});
        wanted.as_object_mut()?.extend(more.as_object()?.clone());
        let told = sandbox.call("POST", &format!("accounts/{}/hosts", sandbox.account), &wanted);
        let folder = tempfile::tempdir().expect("a folder");
        Some(Self { sandbox, name: name.to_owned(), told, folder })
    }

    fn path(&self) -> String {
        format!("accounts/{}/hosts/{}", self.sandbox.account, self.name)
    }

    pub fn address(&self) -> String {
        text(&self.told["address"])
    }

    pub fn change(&self, wanted: &Value) {
        self.sandbox.call("POST", &self.path(), wanted);
    }

    /// Runs a command as root, without SSH, and returns whether it succeeded and what it printed.
    pub fn run(&self, command: &str) -> (bool, String) {
        let done = self.sandbox.call("POST", &format!("{}/run", self.path()), &json!({"command": command}));
        (done["status"] == 0, text(&done["stdout"]).trim().to_owned())
    }

    /// Waits until a command succeeds on the host.
    pub fn wait_for(&self, command: &str) {
        let begun = Instant::now();
        while !self.run(command).0 {
            assert!(begun.elapsed() < PATIENCE, "`{command}` never succeeds on {}", self.name);
        }
    }

    /// A new known_hosts file with this text.
    pub fn known_hosts(&self, text: &str) -> Trust {
        let files = std::fs::read_dir(self.folder.path()).expect("a folder").count();
        let path = self.folder.path().join(format!("known_hosts-{files}"));
        std::fs::write(&path, text).expect("it is written");
        Trust::KnownHosts(vec![path])
    }

    /// The host's keys of one type, such as `ssh-rsa`, as `TYPE BASE64`.
    pub fn host_key(&self, kind: &str) -> String {
        let keys = self.told["host_keys"].as_array().expect("a list").iter().map(text);
        let found = keys.into_iter().find(|key| key.starts_with(kind)).expect("a key of this type");
        found.split(' ').take(2).collect::<Vec<_>>().join(" ")
    }

    pub fn login(&self, key: &str) -> Login {
        let private = text(&self.told["private_keys"][key]).into();
        let passphrase = (key == "encrypted").then(|| text(&self.told["passphrase"]).into());
        Login::default().key(&private, passphrase.as_ref()).expect("a key")
    }

    /// The usual user, with the ed25519 key and the right host keys.
    pub fn connection(&self) -> Connection {
        let trust = self.known_hosts(&text(&self.told["known_hosts"]));
        Connection::new(&self.address(), &text(&self.told["user"]), self.login("ed25519"), trust)
    }
}

pub async fn connect(connection: &Connection) -> host::Result<SshHost> {
    connect_until(connection, &CancellationToken::new()).await
}

pub async fn connect_until(connection: &Connection, cancel: &CancellationToken) -> host::Result<SshHost> {
    tokio::time::timeout(PATIENCE, Ssh::default().connect(connection, cancel)).await.expect("an answer in time")
}

/// Standard output of a script that must succeed.
pub async fn printed(host: &SshHost, script: &str) -> String {
    let host: &dyn host::Host = host;
    host.succeed(&Command::script("test", script)).await.unwrap_or_else(|error| panic!("{error}")).stdout
}

/// The kind of the error that connecting must end with.
pub async fn refusal(connection: &Connection) -> host::Kind {
    match connect(connection).await {
        Ok(host) => panic!("{} lets us in", host.place()),
        Err(error) => {
            assert_eq!(*error.place(), connection.place(), "{error}");
            error.kind().clone()
        }
    }
}

/// Keys that no host has.
pub fn foreign_key(kind: &str, folder: &Path) -> (String, String) {
    let path = folder.join(format!("foreign-{kind}"));
    let made = Program::new("ssh-keygen").args(["-q", "-t", kind, "-N", "", "-f"]).arg(&path).status();
    assert!(made.expect("ssh-keygen runs").success());
    let read = |path: &Path| std::fs::read_to_string(path).expect("it exists");
    let public = read(&path.with_extension("pub"));
    (read(&path), public.split(' ').take(2).collect::<Vec<_>>().join(" "))
}

pub fn host_keys(text: &str) -> Trust {
    Trust::Keys(HostKey::parse(text).expect("keys"))
}
