//! One template a line: every function and construct, wrong uses included.
//!
//! `NAME.tpl` holds the templates, `NAME.golden` Helm's output for each line: `["ok", TEXT]` or
//! `["error", TEXT]`. `UPDATE_GOLDEN=1` writes them anew from a running Helm.

use crate::oracle::{Answer, Oracle, ours};
use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const HELPERS: &str = r#"{{ define "helper" }}[{{ . }}]{{ end }}
{{ define "boom" }}{{ .Values.missing.x }}{{ end }}
{{ define "boom2" }}
  {{ include "boom" . }}{{ end }}
{{ define "requires" }}{{ required "from inside" nil }}{{ end }}
{{ define "loop" }}{{ include "loop" . }}{{ end }}
{{ define "multi" }}a: 1
b: 2{{ end }}
"#;
const CHART: &str = "apiVersion: v2\nname: c\nversion: 1.0.0\nappVersion: 2.10\nmaintainers: [{name: M, email: m@x}]\n";
const TEMPLATE: &str = "templates/t.yaml";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snippets")
}

/// A chart in a folder of its own whose one template changes.
pub struct Bench {
    folder: TempDir,
}

impl Bench {
    pub fn new() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let bench = Self { folder };
        let values = fs::read_to_string(self::folder().join("values.yaml")).expect("the values");
        for (path, data) in [
            ("Chart.yaml", CHART.as_bytes()),
            ("values.yaml", values.as_bytes()),
            ("templates/_helpers.tpl", HELPERS.as_bytes()),
            ("data/a.txt", b"one\ntwo\n"),
            ("data/b.txt", b"three"),
            ("data/bin", &[0, 255, 128, 65]),
        ] {
            bench.write(path, data);
        }
        bench
    }

    fn write(&self, path: &str, data: &[u8]) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a file in the chart")).expect("a folder");
        fs::write(path, data).expect("a file");
    }

    pub fn ours(&self, template: &str, values: &Value) -> Answer {
        self.write(TEMPLATE, template.as_bytes());
        ours(self.folder.path(), values, "rel", "ns", false)
    }

    pub fn theirs(&self, oracle: &mut Oracle, template: &str, values: &Value) -> Answer {
        self.write(TEMPLATE, template.as_bytes());
        oracle.render(self.folder.path(), values, "rel", "ns", false)
    }
}

/// The output of the one template, in the form of the golden files.
pub fn outcome(answer: Answer) -> Value {
    match answer {
        Ok(files) => json!(["ok", files.get(&format!("c/{TEMPLATE}"))]),
        Err(error) => json!(["error", error.trim()]),
    }
}

fn inputs() -> Vec<(String, Vec<String>)> {
    let mut inputs: Vec<(String, Vec<String>)> = fs::read_dir(folder())
        .expect("the folder of snippets")
        .filter_map(|entry| {
            let path = entry.expect("an entry").path();
            let name = path.file_name()?.to_str()?.strip_suffix(".tpl")?.to_owned();
            let text = fs::read_to_string(&path).expect("a file of snippets");
            Some((name, text.lines().map(str::to_owned).collect()))
        })
        .collect();
    inputs.sort();
    inputs
}

fn compare(differences: &mut Vec<String>, line: usize, template: &str, expected: &Value, found: &Value) {
    if expected != found {
        differences.push(format!("line {line}: {template}\n  Helm: {expected}\n  ours: {found}"));
    }
}

fn verdict(differences: Vec<String>) -> Result<(), Failed> {
    if differences.is_empty() { Ok(()) } else { Err(differences.join("\n").into()) }
}

/// Helm's recorded output for each line.
fn golden(name: &str) -> Vec<Value> {
    let golden = fs::read_to_string(folder().join(format!("{name}.golden"))).expect("the golden file");
    golden.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

/// Against Helm's recorded output.
pub fn trials() -> Vec<Trial> {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        update();
    }
    inputs()
        .into_iter()
        .map(|(name, lines)| {
            Trial::test(format!("snippets::{name}"), move || {
                let golden = golden(&name);
                assert_eq!(golden.len(), lines.len(), "one golden line for each snippet; run with UPDATE_GOLDEN=1");
                let bench = Bench::new();
                let mut differences = Vec::new();
                for (index, (template, expected)) in lines.iter().zip(&golden).enumerate() {
                    let found = outcome(bench.ours(template, &json!({})));
                    compare(&mut differences, index + 1, template, expected, &found);
                }
                verdict(differences)
            })
        })
        .collect()
}

fn update() {
    let (bench, mut oracle) = (Bench::new(), Oracle::borrow());
    for (name, lines) in inputs() {
        let golden: String = lines
            .iter()
            .map(|template| format!("{}\n", outcome(bench.theirs(&mut oracle, template, &json!({})))))
            .collect();
        fs::write(folder().join(format!("{name}.golden")), golden).expect("the golden file");
    }
}

/// The running Helm against the golden files, which must still match its output.
pub fn live_trials() -> Vec<Trial> {
    inputs()
        .into_iter()
        .map(|(name, lines)| {
            Trial::test(format!("snippets::live::{name}"), move || {
                let golden = golden(&name);
                let (bench, mut oracle) = (Bench::new(), Oracle::borrow());
                let mut differences = Vec::new();
                for (index, (template, kept)) in lines.iter().zip(&golden).enumerate() {
                    let given = outcome(bench.theirs(&mut oracle, template, &json!({})));
                    if *kept != given {
                        differences.push(format!("line {}: {template}\n  kept: {kept}\n  Helm: {given}", index + 1));
                    }
                }
                verdict(differences)
            })
        })
        .collect()
}
