//! The sandbox as a case uses it: one process for a test run, one account for a case.
//!
//! Speaks the control API of `tests/sandbox/README.md`, plain HTTP over loopback.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use crate::aws::{Signer, of_xml};
use crate::case::{Asked, Outside, Repeat};
use crate::helm::{self, HelmError};
use crate::host::HostFiles;
use crate::kubernetes::{Administrator, AdministratorError, EFFECT_PATIENCE};

/// How long to wait for an answer of the sandbox: far longer than any call takes, so that a case that hangs ends.
const PATIENCE: Duration = Duration::from_mins(5);

/// A running sandbox. It ends when this is dropped, and also when this process does.
#[derive(Debug)]
pub struct Sandbox {
    child: Child,
    control_url: String,
    endpoint: String,
}

/// An account of the sandbox, forgotten when this is dropped.
#[derive(Debug)]
pub struct Account<'a> {
    sandbox: &'a Sandbox,
    /// What the sandbox reports about the account: keys, region, what it holds.
    pub told: Json,
    id: String,
    cluster: Option<Cluster>,
    /// Another cluster, which the case has turned to.
    other: Mutex<Option<Cluster>>,
    host_files: HostFiles,
}

/// The account's cluster once it has a control plane.
#[derive(Debug)]
struct Cluster {
    /// Where the control API's calls about it are, below the account.
    path: String,
    administrator: Administrator,
    /// The administrator's kubeconfig.
    kubeconfig: PathBuf,
}

/// The sandbox did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// It does not start.
    #[error("could not start the sandbox {program}: {fault}; build it with `cargo build -p sandbox`")]
    Start {
        /// The program's path.
        program: String,
        /// Why.
        fault: String,
    },
    /// The connection broke.
    #[error("could not reach the sandbox for {call}")]
    Connection {
        /// Method and path.
        call: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The cluster's API server did not do what it was asked.
    #[error(transparent)]
    Administrator(#[from] AdministratorError),
    /// Helm's command line did not do what it was asked.
    #[error(transparent)]
    Helm(#[from] HelmError),
    /// A case asks the API server of a cluster that has none.
    #[error("the case's cluster has no control plane: write `requires control plane because …` at its beginning")]
    NoControlPlane,
    /// What a case waits for is no JSON.
    #[error("`{text}` is no JSON")]
    NotJson {
        /// The text.
        text: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A command on a host failed.
    #[error("`{command}` on the host ended with {answer}")]
    Command {
        /// The command.
        command: String,
        /// Status and outputs.
        answer: String,
    },
    /// The keys of a host could not be written.
    #[error("could not write the files of a host")]
    HostFiles(#[source] std::io::Error),
    /// What a case waits for does not happen.
    #[error("{path} still answers {answer} after {} s", EFFECT_PATIENCE.as_secs())]
    NotYet {
        /// The path that is asked.
        path: String,
        /// The last answer.
        answer: String,
    },
    /// It refused.
    #[error("the sandbox refused {call}: {status} {answer}")]
    Refused {
        /// Method and path.
        call: String,
        /// The HTTP status.
        status: u16,
        /// What it said.
        answer: String,
    },
}

impl Sandbox {
    /// Starts the program and waits until it serves. `control_plane` is the folder of a control plane's programs, `hosts`
    /// that of what hosts run on.
    ///
    /// # Errors
    ///
    /// The program is missing, or ends before it serves.
    pub fn start(program: &Path, control_plane: Option<&Path>, hosts: Option<&Path>) -> Result<Self, SandboxError> {
        let fault = |fault: String| SandboxError::Start { program: program.display().to_string(), fault };
        let mut command = Command::new(program);
        command.args(["--port", "0", "--die-with-parent"]);
        if let Some(folder) = control_plane {
            command.arg("--control-plane").arg(folder);
        }
        if let Some(folder) = hosts {
            command.arg("--hosts").arg(folder);
        }
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .map_err(|error| fault(error.to_string()))?;
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut line).map_err(|error| fault(error.to_string()))?;
        }
        let told: Json = serde_json::from_str(&line)
            .map_err(|error| fault(format!("its first line is no JSON ({error}): {line:?}")))?;
        let member = |name: &str| {
            told[name].as_str().map(str::to_owned).ok_or_else(|| fault(format!("its first line has no `{name}`")))
        };
        let (control_url, endpoint) = (member("control_url")?, member("endpoint")?);
        Ok(Self { child, control_url, endpoint })
    }

    /// Where AWS clients connect.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Opens an account of its own for a case.
    ///
    /// # Errors
    ///
    /// The sandbox refuses or is gone.
    pub fn account(&self) -> Result<Account<'_>, SandboxError> {
        let told = self.call("POST", "/accounts", Some(&json!({"seed": true})))?;
        let id = told["account_id"].as_str().unwrap_or_default().to_owned();
        Ok(Account {
            sandbox: self,
            told,
            id,
            cluster: None,
            other: Mutex::default(),
            host_files: HostFiles::default(),
        })
    }

    /// What the sandbox says about hosts: whether there can be any, or why not.
    ///
    /// # Errors
    ///
    /// The sandbox refuses or is gone.
    pub fn hosts(&self) -> Result<Json, SandboxError> {
        self.call("GET", "/hosts", None)
    }

    /// One call of the control API. An answer without a body is null.
    fn call(&self, method: &str, path: &str, body: Option<&Json>) -> Result<Json, SandboxError> {
        let body = body.map(ToString::to_string).unwrap_or_default();
        let headers = [("content-type", "application/json".to_owned())];
        let answer = exchange(&self.control_url, method, path, &headers, &body)?;
        if answer.trim().is_empty() {
            return Ok(Json::Null);
        }
        serde_json::from_str(&answer).map_err(|error| SandboxError::Refused {
            call: format!("{method} {path}"),
            status: 200,
            answer: format!("no JSON ({error}): {answer}"),
        })
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end and nothing to say.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Account<'_> {
    /// Where AWS clients connect.
    pub fn endpoint(&self) -> &str {
        self.sandbox.endpoint()
    }

    /// The account's number, which hosts carry in their names.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What clients of its hosts need as files.
    pub(crate) fn host_files(&self) -> &HostFiles {
        &self.host_files
    }

    /// Makes the API servers of the account report an address that hosts reach, too. What the sandbox says about hosts
    /// becomes `@{hosts}`.
    ///
    /// # Errors
    ///
    /// The sandbox refuses or is gone.
    pub fn reach_hosts(&mut self) -> Result<(), SandboxError> {
        self.ask("POST", "/settings", Some(&json!({"endpoint": "hosts"})))?;
        self.told["hosts"] = self.sandbox.hosts()?;
        Ok(())
    }

    /// Starts the control plane of the account's cluster.
    ///
    /// # Errors
    ///
    /// The sandbox refuses or is gone.
    pub fn start_control_plane(&mut self) -> Result<(), SandboxError> {
        let name = self.told["holds"]["cluster_names"][0].as_str().unwrap_or_default();
        self.ask("POST", &format!("/clusters/{name}/control-plane"), None)?;
        self.cluster = Some(self.administer(name)?);
        Ok(())
    }

    /// A cluster of the account that has a control plane.
    fn administer(&self, name: &str) -> Result<Cluster, SandboxError> {
        let path = format!("/clusters/{name}");
        let told = self.ask("GET", &format!("{path}/kubeconfig"), None)?;
        let administrator = Administrator::new(told["content"].as_str().unwrap_or_default())?;
        let kubeconfig = told["path"].as_str().unwrap_or_default().into();
        Ok(Cluster { path, administrator, kubeconfig })
    }

    /// Everything that the account's AWS calls could show, and what its cluster holds of the kinds that types of
    /// this provider change.
    ///
    /// # Errors
    ///
    /// The sandbox refuses or is gone.
    pub fn dump(&self) -> Result<Json, SandboxError> {
        let mut dump = self.ask("GET", "/dump", None)?;
        // A cluster that a case has deleted holds nothing.
        if let Some(cluster) = &self.cluster
            && self.ask("GET", &format!("{}/control-plane", cluster.path), None).is_ok()
        {
            dump["kubernetes"] = cluster.administrator.dump()?;
        }
        Ok(dump)
    }

    /// How many requests there were so far, by `service:Operation`.
    ///
    /// # Errors
    ///
    /// The sandbox refuses or is gone.
    pub fn counters(&self) -> Result<BTreeMap<String, u64>, SandboxError> {
        let answer = self.ask("GET", "/requests", None)?;
        let counters = answer["counters"].as_object().cloned().unwrap_or_default();
        let mut counters: BTreeMap<String, u64> =
            counters.into_iter().map(|(operation, count)| (operation, count.as_u64().unwrap_or(0))).collect();
        counters.insert("aws:*".to_owned(), counters.values().sum());
        let other = self.other.lock().unwrap_or_else(PoisonError::into_inner);
        for cluster in self.cluster.iter().chain(other.iter()) {
            // A cluster that a case has deleted has answered nothing any more.
            let Ok(asked) = self.ask("GET", &format!("{}/requests", cluster.path), None) else { continue };
            Self::count(&asked, &mut counters);
        }
        Ok(counters)
    }

    /// Adds an API server's requests.
    fn count(asked: &Json, counters: &mut BTreeMap<String, u64>) {
        for user in asked["users"].as_object().into_iter().flat_map(|users| users.values()) {
            for (request, count) in user["counters"].as_object().into_iter().flatten() {
                let count = count.as_u64().unwrap_or(0);
                let (verb, what) = request.split_once(' ').unwrap_or((request, ""));
                let what = what.strip_prefix('/').unwrap_or_else(|| what.split('.').next().unwrap_or(what));
                *counters.entry(format!("kubernetes:{verb}/{what}")).or_default() += count;
                *counters.entry("kubernetes:*".to_owned()).or_default() += count;
            }
        }
    }

    /// Makes a change behind Terraform's back; its answer may be named.
    ///
    /// # Errors
    ///
    /// The sandbox refuses or is gone.
    pub fn change(&self, change: &Outside) -> Result<Option<(String, Json)>, SandboxError> {
        let unnamed = |answer: Json| {
            drop(answer);
            None
        };
        match change {
            Outside::Clock(by) => {
                self.ask("POST", "/clock", Some(&json!({"advance_seconds": by.seconds()}))).map(unnamed)
            }
            Outside::Fault { kind, operation, repeat, skip, milliseconds } => {
                let (service, operation) = operation.split_once(':').unwrap_or((operation, "*"));
                let mut body = json!({"service": service, "operation": operation, "kind": kind});
                match repeat {
                    Repeat::Times(times) => body["times"] = (*times).into(),
                    Repeat::For(duration) => body["seconds"] = duration.seconds().into(),
                }
                if *skip > 0 {
                    body["skip"] = (*skip).into();
                }
                if let Some(milliseconds) = milliseconds {
                    body["milliseconds"] = (*milliseconds).into();
                }
                self.ask("POST", "/faults", Some(&body)).map(unnamed)
            }
            // It is not the account's, but Terraform's.
            Outside::State(_) => Ok(None),
            Outside::FaultsEnd => self.ask("DELETE", "/faults", None).map(unnamed),
            Outside::Delete { kind, name } => {
                self.ask("POST", "/delete", Some(&json!({"kind": kind, "name": name}))).map(unnamed)
            }
            Outside::Register { host, activation, ip_address } => {
                let body = json!({"activation_id": activation, "computer_name": host, "ip_address": ip_address});
                Ok(Some((host.clone(), self.ask("POST", "/instances", Some(&body))?)))
            }
            Outside::Call { method, path, body, name } => {
                let body = body.as_deref().map(|text| {
                    // The text is sent as it is when it is no JSON, and the sandbox says what is wrong with it.
                    serde_json::from_str(text).unwrap_or_else(|_| Json::String(text.to_owned()))
                });
                let answer = self.ask(method, path, body.as_ref())?;
                Ok(name.clone().map(|name| (name, answer)))
            }
            Outside::Aws { service, what, body, name } => {
                let answer = self.aws(service, what, body.as_deref())?;
                Ok(name.clone().map(|name| (name, answer)))
            }
            Outside::Kube { method, path, body, name } => {
                let answer = self.administered(|administrator| administrator.call(method, path, body.as_deref()))??;
                Ok(name.clone().map(|name| (name, answer)))
            }
            Outside::KubeCluster(name) => {
                let cluster = self.administer(name)?;
                *self.other.lock().unwrap_or_else(PoisonError::into_inner) = Some(cluster);
                Ok(None)
            }
            Outside::Helm { arguments, name } => {
                let cluster = self.cluster.as_ref().ok_or(SandboxError::NoControlPlane)?;
                let answer = helm::run(&cluster.kubeconfig, arguments)?;
                Ok(name.clone().map(|name| (name, answer)))
            }
            Outside::Until { of, path, wanted } => {
                let wanted = serde_json::from_str(wanted)
                    .map_err(|source| SandboxError::NotJson { text: wanted.clone(), source })?;
                let look = || match of {
                    Asked::Kube => Ok(self.administered(|administrator| administrator.call("GET", path, None))??),
                    Asked::Eks => match self.aws("eks", &format!("GET {path}"), None) {
                        Err(SandboxError::Refused { status: 404, .. }) => Ok(Json::Null),
                        other => other,
                    },
                };
                until(path, &wanted, look).map(|()| None)
            }
            Outside::Host(change) => self.host(change),
            Outside::KubeUntil { refused, method, path, body } => {
                self.administered(|administrator| administrator.until(*refused, method, path, body.as_deref()))??;
                Ok(None)
            }
        }
    }

    /// Does something as the administrator of the cluster that the case has turned to last.
    fn administered<T>(&self, act: impl FnOnce(&Administrator) -> T) -> Result<T, SandboxError> {
        let other = self.other.lock().unwrap_or_else(PoisonError::into_inner);
        let cluster = other.as_ref().or(self.cluster.as_ref()).ok_or(SandboxError::NoControlPlane)?;
        Ok(act(&cluster.administrator))
    }

    /// One call of AWS with the account's own keys.
    fn aws(&self, service: &str, what: &str, body: Option<&str>) -> Result<Json, SandboxError> {
        let told = |name: &str| self.told[name].as_str().unwrap_or_default();
        let (access_key, secret_key, region) = (told("access_key"), told("secret_key"), told("region"));
        let endpoint = self.sandbox.endpoint();
        let host = endpoint.strip_prefix("http://").unwrap_or(endpoint);
        let body = body
            .map_or(Json::Null, |text| serde_json::from_str(text).unwrap_or_else(|_| Json::String(text.to_owned())));
        let signed = Signer { access_key, secret_key, region }.sign(host, service, what, &body);
        let answer = exchange(endpoint, &signed.method, &signed.path, &signed.headers, &signed.body)?;
        Ok(serde_json::from_str(&answer).unwrap_or_else(|_| of_xml(&answer)))
    }

    /// One call of the control API about the account. An answer without a body is null.
    ///
    /// # Errors
    ///
    /// The sandbox refuses or is gone.
    pub fn ask(&self, method: &str, path: &str, body: Option<&Json>) -> Result<Json, SandboxError> {
        self.sandbox.call(method, &format!("/accounts/{}{path}", self.id), body)
    }
}

impl Drop for Account<'_> {
    fn drop(&mut self) {
        // The process ends soon after; an account that stays until then harms nobody.
        let _ = self.ask("DELETE", "", None);
    }
}

/// Looks until there is what is wanted.
fn until(path: &str, wanted: &Json, look: impl Fn() -> Result<Json, SandboxError>) -> Result<(), SandboxError> {
    let started = Instant::now();
    loop {
        let answer = look()?;
        if holds(&answer, wanted) {
            return Ok(());
        }
        if started.elapsed() >= EFFECT_PATIENCE {
            return Err(SandboxError::NotYet { path: path.to_owned(), answer: answer.to_string() });
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Whether an answer has all members that are wanted, at any depth; null is a member that is not there.
fn holds(found: &Json, wanted: &Json) -> bool {
    match wanted {
        Json::Object(members) => found.is_object() && members.iter().all(|(name, wanted)| holds(&found[name], wanted)),
        other => found == other,
    }
}

/// One exchange below `base`, which must succeed.
fn exchange(
    base: &str,
    method: &str,
    path: &str,
    headers: &[(&str, String)],
    body: &str,
) -> Result<String, SandboxError> {
    let url = format!("{base}{path}");
    let call = || format!("{method} {path}");
    let broken = |source| SandboxError::Connection { call: call(), source };
    let (authority, path) = url
        .strip_prefix("http://")
        .and_then(|rest| rest.split_once('/'))
        .ok_or_else(|| broken(std::io::Error::other(format!("`{url}` is no http address"))))?;
    let headers = headers.iter().fold(String::new(), |text, (name, value)| text + name + ": " + value + "\r\n");
    let mut stream = TcpStream::connect(authority).map_err(broken)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(broken)?;
    write!(
        stream,
        "{method} /{path} HTTP/1.1\r\nhost: {authority}\r\n{headers}\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
    .map_err(broken)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).map_err(broken)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    if !(200..300).contains(&status) {
        return Err(SandboxError::Refused { call: call(), status, answer: body.to_owned() });
    }
    Ok(body.to_owned())
}
