//! Helm itself, behind a Python process that answers one request a line.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Result of a render: the files by path, or the error's text.
pub type Answer = Result<BTreeMap<String, String>, String>;

/// The Python that has helm-python-sdk.
pub fn python() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.cache/python/bin/python");
    let python = std::env::var_os("EKSHYBRID_HELM_PYTHON").map_or(beside, PathBuf::from);
    let works = Command::new(&python)
        .args(["-c", "import helm_python"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    works.then_some(python)
}

/// A running Helm, lent from a pool: starting one costs more than most cases do.
pub struct Oracle(Option<Server>);

struct Server {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

static IDLE: Mutex<Vec<Server>> = Mutex::new(Vec::new());

fn idle() -> MutexGuard<'static, Vec<Server>> {
    IDLE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends every process. The pool is a static, which Rust never drops.
pub fn stop_all() {
    for mut server in idle().drain(..) {
        server.stop();
    }
}

impl Server {
    fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle.py");
        let mut process = Command::new(python().expect("called only where there is one"))
            .arg(script)
            // Helm fetches schemas that a schema refers to; nothing is fetched here.
            .envs(["HTTP_PROXY", "HTTPS_PROXY"].map(|variable| (variable, "http://127.0.0.1:9")))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Helm warns about values here.
            .stderr(Stdio::null())
            .spawn()
            .expect("the oracle starts");
        let input = process.stdin.take().expect("piped");
        let output = BufReader::new(process.stdout.take().expect("piped"));
        Self { process, input, output }
    }

    fn stop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Oracle {
    /// One that nobody uses, or a new one: each thread of the tests has its own.
    pub fn borrow() -> Self {
        let free = idle().pop();
        Self(Some(free.unwrap_or_else(Server::start)))
    }

    pub fn render(&mut self, chart: &Path, values: &Value, name: &str, namespace: &str, upgrade: bool) -> Answer {
        self.try_render(chart, values, name, namespace, upgrade).expect("the oracle answers")
    }

    /// The same; `None` where Helm itself ended without an answer. The next request gets a new one.
    pub fn try_render(
        &mut self,
        chart: &Path,
        values: &Value,
        name: &str,
        namespace: &str,
        upgrade: bool,
    ) -> Option<Answer> {
        let request =
            json!({"chart": chart, "values": values, "name": name, "namespace": namespace, "upgrade": upgrade});
        let server = self.0.get_or_insert_with(Server::start);
        let mut line = String::new();
        let answered = writeln!(server.input, "{request}").and_then(|()| server.output.read_line(&mut line));
        if answered.is_err() || line.is_empty() {
            server.stop();
            self.0 = None;
            return None;
        }
        let answer: Value = serde_json::from_str(&line).expect("the oracle answers in JSON");
        Some(match answer.get("error") {
            Some(error) => Err(error.as_str().unwrap_or_default().trim().to_owned()),
            None => Ok(serde_json::from_value(answer["files"].clone()).expect("a map of texts")),
        })
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        let Some(mut server) = self.0.take() else { return };
        // After a failure in the middle of a request the answer of the next one would be this one's.
        if std::thread::panicking() { server.stop() } else { idle().push(server) }
    }
}

/// This engine's answer to the same request.
pub fn ours(chart: &Path, values: &Value, name: &str, namespace: &str, upgrade: bool) -> Answer {
    let text = |error: helm::Error| error.to_string().trim().to_owned();
    ours_loaded(&helm::Chart::load(chart).map_err(text)?, values, name, namespace, upgrade)
}

/// The same with a loaded chart.
pub fn ours_loaded(chart: &helm::Chart, values: &Value, name: &str, namespace: &str, upgrade: bool) -> Answer {
    let text = |error: helm::Error| error.to_string().trim().to_owned();
    // Not by way of YAML text, which refuses some characters that JSON and Helm let through.
    let values = helm::Values::from(helm::Data::from(values.clone()).as_map().cloned().unwrap_or_default());
    let options = helm::RenderOptions { name, namespace, is_upgrade: upgrade, ..helm::RenderOptions::default() };
    helm::render_templates(chart, values, options).map_err(text)
}
