//! A sandbox with a control plane, for the tests: the control API over plain HTTP, and kubectl.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::token::{Key, Request, Token, presign};

/// Far longer than any operation takes, for machines under load.
const PATIENCE: Duration = Duration::from_mins(2);

/// The real programs; if they are missing, a test reports that and ends.
pub fn programs() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let cache = std::env::var_os("EKSHYBRID_CACHE").map_or_else(|| root.join(".cache"), PathBuf::from);
    let tools = std::fs::read_dir(cache.join("tools")).into_iter().flatten().flatten();
    let whole = tools.map(|entry| entry.path()).filter(|path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        // The scheduler is built last.
        name.starts_with("controlplane-") && path.join("kube-scheduler").is_file()
    });
    // Those of an earlier version may still exist.
    let found = whole.max_by_key(|folder| folder.metadata().and_then(|metadata| metadata.modified()).ok());
    if found.is_none() {
        nothing_done("the control plane's programs are not built; `make control-plane` builds them");
    }
    found
}

/// The newest directory of host programs.
pub fn hosts() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let cache = std::env::var_os("EKSHYBRID_CACHE").map_or_else(|| root.join(".cache"), PathBuf::from);
    let tools = std::fs::read_dir(cache.join("tools")).into_iter().flatten().flatten().map(|entry| entry.path());
    let made = tools.filter(|path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with("hosts-") && path.join("rootfs").is_dir()
    });
    made.max_by_key(|folder| folder.metadata().and_then(|metadata| metadata.modified()).ok())
}

/// The kubectl on PATH; if there is none, a test reports that and ends.
pub fn has_kubectl() -> bool {
    let there = Command::new("kubectl").args(["version", "--client"]).output().is_ok_and(|run| run.status.success());
    if !there {
        nothing_done("there is no kubectl on PATH");
    }
    there
}

/// Reports why a test does nothing, in a run that may skip tests: the suite reads the line and does not count the
/// test as passed. Does not use the print macros: their output is discarded for a passing test.
pub fn nothing_done(reason: &str) {
    let strict = std::env::var_os("EKSHYBRID_STRICT").is_some_and(|value| value == "1");
    assert!(!strict, "left out, which a strict run does not allow: {reason}");
    say_nothing_done(reason);
}

/// The same if another run tests it: a strict run recognizes it.
pub fn not_here(reason: &str) {
    say_nothing_done(&format!("{reason} (known: not part of a whole run)"));
}

/// The same if the machine itself is the reason, which no run can change: a strict run recognizes it.
pub fn cannot_be(reason: &str) {
    say_nothing_done(&format!("{reason} (known: the machine cannot)"));
}

fn say_nothing_done(reason: &str) {
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    std::io::stderr().write_all(format!("nothing done: {test}: {reason}\n").as_bytes()).unwrap();
}

/// A running sandbox. It ends with this process at the latest.
pub struct Sandbox {
    pub child: Child,
    pub line: Value,
    port: u16,
}

/// The sandbox shared by the tests.
pub fn shared(programs: &Path) -> &'static Sandbox {
    static SANDBOX: OnceLock<Sandbox> = OnceLock::new();
    SANDBOX.get_or_init(|| match hosts() {
        Some(folder) => Sandbox::start(programs, &["--hosts", &folder.display().to_string()]),
        None => Sandbox::start(programs, &[]),
    })
}

impl Sandbox {
    pub fn start(programs: &Path, more: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sandbox"))
            .args(["--die-with-parent", "--control-plane"])
            .arg(programs)
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let line: Value = serde_json::from_str(&line).unwrap();
        let port = line["endpoint"].as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap();
        Self { child, line, port }
    }

    /// Ends it regularly.
    pub fn end(&self) {
        Command::new("kill").args(["-s", "TERM", &self.child.id().to_string()]).status().unwrap();
    }

    /// One JSON exchange.
    pub fn exchange(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, Value) {
        let (status, body) = self.exchange_text(method, path, headers, body);
        (status, serde_json::from_str(&body).unwrap())
    }

    /// One plain HTTP exchange.
    fn exchange_text(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let headers: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let headers = headers.concat();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    /// A call of the control API, with its status.
    pub fn control(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.exchange(method, &format!("/_sandbox/{path}"), &[("host", "localhost")], &body)
    }

    /// A call of the control API that must succeed.
    pub fn done(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = self.control(method, path, body);
        assert!(status < 300, "{method} {path}: {status} {answer}");
        answer
    }

    pub fn account(&self) -> Account<'_> {
        Account::told(self, &self.done("POST", "accounts", &Value::Null))
    }
}

pub struct Account<'a> {
    pub sandbox: &'a Sandbox,
    pub id: String,
    pub key: Key,
    pub told: Value,
}

impl<'a> Account<'a> {
    fn told(sandbox: &'a Sandbox, told: &Value) -> Self {
        Self { sandbox, id: text(&told["account_id"]), key: key(told), told: told.clone() }
    }

    /// A user or, with `seconds`, a session of a role.
    pub fn principal(&self, name: &str, seconds: Option<i64>) -> Key {
        let wanted = json!({"name": name, "expires_in_seconds": seconds});
        key(&self.sandbox.done("POST", &format!("accounts/{}/principals", self.id), &wanted))
    }

    /// A call of EKS, signed with the account's key. The path may contain query parameters.
    pub fn eks(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (path, parameters) = path.split_once('?').unwrap_or((path, ""));
        let parameters: Vec<(&str, &str)> =
            parameters.split('&').filter_map(|parameter| parameter.split_once('=')).collect();
        let query = presign(&Request {
            key: &self.key,
            method,
            service: "eks",
            host: "sandbox",
            path,
            parameters: &parameters,
            header: None,
            body: &body,
            expires: 60,
            age: 0,
        });
        let (status, answer) = self.sandbox.exchange(method, &format!("{path}?{query}"), &[("host", "sandbox")], &body);
        assert!(status < 300, "{method} {path}: {status} {answer}");
        answer
    }

    /// A call of Systems Manager, signed with the account's key, that must succeed.
    pub fn ssm(&self, operation: &str, body: &Value) -> Value {
        let body = body.to_string();
        let query = presign(&Request {
            key: &self.key,
            method: "POST",
            service: "ssm",
            host: "sandbox",
            path: "/",
            parameters: &[],
            header: None,
            body: &body,
            expires: 60,
            age: 0,
        });
        let target = format!("AmazonSSM.{operation}");
        let headers =
            [("host", "sandbox"), ("x-amz-target", target.as_str()), ("content-type", "application/x-amz-json-1.1")];
        let (status, answer) = self.sandbox.exchange("POST", &format!("/?{query}"), &headers, &body);
        assert!(status < 300, "{operation}: {status} {answer}");
        answer
    }

    /// A call of EC2, signed with the account's key, that must succeed.
    pub fn ec2(&self, parameters: &[(&str, &str)]) {
        let parameters = [parameters, &[("Version", "2016-11-15")]].concat();
        let query = presign(&Request {
            key: &self.key,
            method: "GET",
            service: "ec2",
            host: "sandbox",
            path: "/",
            parameters: &parameters,
            header: None,
            body: "",
            expires: 60,
            age: 0,
        });
        let (status, answer) = self.sandbox.exchange_text("GET", &format!("/?{query}"), &[("host", "sandbox")], "");
        assert!(status < 300, "{status} {answer}");
    }

    /// The account's cluster, with its control plane started.
    pub fn cluster(&'a self, name: &'a str) -> Cluster<'a> {
        let told =
            self.sandbox.done("POST", &format!("accounts/{}/clusters/{name}/control-plane", self.id), &Value::Null);
        Cluster { account: self, name, endpoint: text(&told["endpoint"]), kubeconfig: text(&told["kubeconfig"]) }
    }
}

pub struct Cluster<'a> {
    pub account: &'a Account<'a>,
    pub name: &'a str,
    pub endpoint: String,
    /// Path of the administrator's kubeconfig.
    pub kubeconfig: String,
}

impl Cluster<'_> {
    fn path(&self, rest: &str) -> String {
        format!("accounts/{}/clusters/{}/{rest}", self.account.id, self.name)
    }

    pub fn done(&self, method: &str, rest: &str, body: &Value) -> Value {
        self.account.sandbox.done(method, &self.path(rest), body)
    }

    /// The webhook's response to the API server: the status of a TokenReview.
    pub fn review(&self, token: &str) -> Value {
        let path = format!("token-reviews/{}/us-west-2/{}", self.account.id, self.name);
        let asked = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}});
        self.account.sandbox.done("POST", &path, &asked)["status"].clone()
    }

    /// The user name of a new token, or why it is rejected.
    pub fn username(&self, key: &Key) -> String {
        let status = self.review(&Token::usual(key, self.name).text());
        text(if status["authenticated"] == true { &status["user"]["username"] } else { &status["error"] })
    }

    /// kubectl as the administrator. The error is its stderr.
    pub fn kubectl(&self, arguments: &[&str], input: &str) -> Result<String, String> {
        kubectl(&[&["--kubeconfig", &self.kubeconfig], arguments].concat(), input)
    }

    pub fn json(&self, arguments: &[&str]) -> Value {
        let text = self.kubectl(&[arguments, &["--output", "json"]].concat(), "").unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// kubectl with a token, using endpoint and CA from EKS.
    pub fn kubectl_with(&self, token: &str, arguments: &[&str]) -> Result<String, String> {
        use base64::{Engine, engine::general_purpose::STANDARD};
        let told = self.account.eks("GET", &format!("/clusters/{}", self.name), &Value::Null);
        let folder = Path::new(&self.kubeconfig).parent().unwrap();
        let authority = folder.join("told.crt");
        std::fs::write(&authority, STANDARD.decode(text(&told["cluster"]["certificateAuthority"]["data"])).unwrap())
            .unwrap();
        let endpoint = text(&told["cluster"]["endpoint"]);
        let authority = authority.display().to_string();
        let connection =
            ["--kubeconfig=/dev/null", "--server", &endpoint, "--certificate-authority", &authority, "--token", token];
        kubectl(&[&connection[..], arguments].concat(), "")
    }

    /// The status of a node's Ready condition.
    pub fn ready(&self, node: &str) -> String {
        let node = self.json(&["get", "node", node]);
        let conditions = node["status"]["conditions"].as_array().unwrap();
        text(&conditions.iter().find(|condition| condition["type"] == "Ready").unwrap()["status"])
    }
}

fn kubectl(arguments: &[&str], input: &str) -> Result<String, String> {
    let mut child = Command::new("kubectl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let run = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    if run.status.success() { Ok(text(run.stdout)) } else { Err(text(run.stderr)) }
}

/// Polls until there is a result.
pub fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "{what} did not happen");
        std::thread::park_timeout(Duration::from_millis(100));
    }
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a text")).to_owned()
}

fn key(told: &Value) -> Key {
    Key {
        id: text(&told["access_key"]),
        secret: text(&told["secret_key"]),
        session: told["session_token"].as_str().map(ToOwned::to_owned),
    }
}
