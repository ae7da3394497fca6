//! The test environment: one sandbox with a real control plane, Helm's command line, and small charts.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use ekshybrid::kube::release::{Options, Releases};
use ekshybrid::kube::{Client, Credentials, Resource, Server, Target};
use harness::strict::nothing_done;
use helm::{Chart, File};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

/// Far longer than any operation takes, for machines under load.
pub const PATIENCE: Duration = Duration::from_mins(2);

/// A control plane shared by all tests; each has its own namespace.
struct Plane {
    kubeconfig: PathBuf,
    _folder: TempDir,
    _sandbox: Child,
}

/// A test's access to the cluster.
pub struct Ground {
    pub client: Client,
    pub releases: Releases,
    kubeconfig: PathBuf,
}

/// The environment, or `None` with a message if the control plane's programs are not built.
pub async fn ground() -> Option<Ground> {
    static PLANE: OnceLock<Option<Plane>> = OnceLock::new();
    let plane = tokio::task::spawn_blocking(|| PLANE.get_or_init(start)).await.unwrap().as_ref();
    let Some(plane) = plane else {
        nothing_done("the control plane's programs are not built; `make control-plane` builds them");
        return None;
    };
    let target = Target {
        cluster: "workshop".to_owned(),
        server: Server::Kubeconfig {
            path: plane.kubeconfig.clone(),
            context: None,
            url: None,
            authority: None,
            insecure: false,
        },
        credentials: Credentials::Kubeconfig,
        tls_server_name: None,
        proxy: None,
        tunnel: None,
    };
    let client = Client::new(&target).await.unwrap();
    let releases = Releases::new(&client).with_lease(Duration::from_secs(12));
    Some(Ground { client, releases, kubeconfig: plane.kubeconfig.clone() })
}

fn start() -> Option<Plane> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let programs = harness::suite::control_plane(root)?;
    let folder = TempDir::new().unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    let mut sandbox = Command::new(harness::suite::built("sandbox", "sandbox").unwrap())
        .args(["--die-with-parent", "--control-plane"])
        .arg(programs)
        .arg("--kubeconfig")
        .arg(&kubeconfig)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(sandbox.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let started: Json =
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("the sandbox's line: {error}: {line}"));
    let (control, account) = (started["control_url"].as_str().unwrap(), started["account_id"].as_str().unwrap());
    let nodes = json!({ "kind": "hybrid", "names": ["host-1"], "ready": "at_once" }).to_string();
    let (host, path) = control.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let length = nodes.len();
    write!(
        stream,
        "POST /{path}/accounts/{account}/clusters/workshop/nodes HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\
         content-length: {length}\r\n\r\n{nodes}"
    )
    .unwrap();
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).unwrap();
    assert!(answer.contains(" 201 "), "{answer}");
    Some(Plane { kubeconfig, _folder: folder, _sandbox: sandbox })
}

impl Ground {
    pub async fn get(&self, resource: &Resource, namespace: &str, name: &str) -> Option<Json> {
        self.client.get(resource, Some(namespace), name).await.unwrap()
    }

    /// The value of `v` in a ConfigMap.
    pub async fn value(&self, namespace: &str, name: &str) -> Option<String> {
        let found = self.get(&Resource::CONFIG_MAP, namespace, name).await?;
        Some(found["data"]["v"].as_str().unwrap_or_default().to_owned())
    }

    pub async fn namespace(&self, name: &str) {
        let body = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
        self.client.create(&Resource::NAMESPACE, None, &body).await.unwrap();
    }

    /// The statuses of a release's revisions, oldest first.
    pub async fn statuses(&self, namespace: &str, name: &str) -> Vec<&'static str> {
        let history = self.releases.history(namespace, name).await.unwrap();
        history.iter().map(|entry| entry.status.name()).collect()
    }

    /// Helm's command line, or `None` with a message if it is not built.
    pub fn helm(&self, namespace: &str) -> Option<CommandLine> {
        let Some(program) = std::env::var_os("EKSHYBRID_HELM") else {
            nothing_done("Helm's command line is not built here (`make helm`)");
            return None;
        };
        let (kubeconfig, namespace) = (self.kubeconfig.clone(), namespace.to_owned());
        Some(CommandLine { program: program.into(), kubeconfig, namespace, home: TempDir::new().unwrap() })
    }
}

/// Helm's command line in one namespace.
pub struct CommandLine {
    program: PathBuf,
    kubeconfig: PathBuf,
    namespace: String,
    home: TempDir,
}

impl CommandLine {
    pub fn try_run(&self, arguments: &[&str]) -> Result<String, String> {
        let output = Command::new(&self.program)
            .args(arguments)
            .args(["--namespace", &self.namespace])
            .env("KUBECONFIG", &self.kubeconfig)
            .env("HELM_CACHE_HOME", self.home.path())
            .env("HELM_CONFIG_HOME", self.home.path())
            .env("HELM_DATA_HOME", self.home.path())
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    pub fn run(&self, arguments: &[&str]) -> String {
        self.try_run(arguments).unwrap_or_else(|error| panic!("helm {arguments:?}: {error}"))
    }

    pub fn json(&self, arguments: &[&str]) -> Json {
        serde_json::from_str(&self.run(&[arguments, &["--output", "json"]].concat())).unwrap()
    }
}

/// A chart with these templates.
pub fn chart(version: &str, files: &[(&str, &str)]) -> Chart {
    let head = ("Chart.yaml", format!("apiVersion: v2\nname: c\nversion: {version}\nappVersion: 'a{version}'\n"));
    let file = |(name, text): (&str, String)| File { name: name.to_owned(), data: text.into_bytes() };
    let files = files.iter().map(|(name, text)| file((name, (*text).to_owned())));
    Chart::from_files(std::iter::once(file(head)).chain(files).collect()).unwrap()
}

/// The same as a directory.
pub fn folder(version: &str, files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    let head = format!("apiVersion: v2\nname: c\nversion: {version}\nappVersion: 'a{version}'\n");
    std::fs::write(folder.path().join("Chart.yaml"), head).unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

/// A ConfigMap template that contains `v`.
pub fn config_map(name: &str, value: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{v: {value:?}}}\n")
}

/// A custom resource definition in the group `release.example`; `more` is added to its schema.
pub fn definition(plural: &str, kind: &str, more: &str) -> String {
    format!(
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {{name: {plural}.release.example}}\n\
         spec:\n  group: release.example\n  scope: Namespaced\n  names: {{kind: {kind}, plural: {plural}}}\n  versions:\n  \
         - name: v1\n    served: true\n    storage: true\n    schema: {{openAPIV3Schema: {{type: object, x-kubernetes-preserve-unknown-fields: true{more}}}}}\n"
    )
}

pub fn options(namespace: &str) -> Options {
    Options { create_namespace: true, timeout: PATIENCE, ..Options::new(namespace, "rel") }
}

/// Polls until there is a result.
pub async fn eventually<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    let begun = std::time::Instant::now();
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(begun.elapsed() < PATIENCE, "{what} was not seen");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Discards progress.
pub fn quiet(_: &str) {}
