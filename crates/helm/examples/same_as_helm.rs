//! Compares every chart in some folders with Helm: what the templates print, byte for byte, and what is refused and why.
//!
//! ```text
//! make same-as-helm CHARTS=FOLDER        or        cargo run -p helm --example same_as_helm -- FOLDER…
//! ```
//!
//! A chart is a folder with a Chart.yaml, wherever in the folders it is, or a .tgz file. Each is rendered with its
//! defaults, as an upgrade, with every switch turned, and with every values file next to it: `values-*.yaml` in the chart,
//! `ci/*.yaml`, and `values*` next to an archive. Helm renders twice: lines that differ between the two are random, and
//! are not compared. Helm is the library that the tests use (`EKSHYBRID_HELM_PYTHON`).

#[path = "../tests/same_as_helm/oracle.rs"]
#[allow(dead_code, reason = "only the tests use all of it")]
mod oracle;

use oracle::{Answer, Oracle, ours_loaded};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::thread;

/// How many differences are shown in full.
const SHOWN: usize = 10;
/// How many lines around a difference are shown.
const AROUND: usize = 2;
/// Deepest folder that is looked into.
const DEPTH: usize = 12;

fn main() -> ExitCode {
    let folders: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if oracle::python().is_none() {
        eprintln!("Helm is missing: set EKSHYBRID_HELM_PYTHON to a Python with helm-python-sdk.");
        return ExitCode::FAILURE;
    }
    let mut charts = Vec::new();
    for folder in &folders {
        find(folder, DEPTH, &mut charts);
    }
    if charts.is_empty() {
        eprintln!("No chart found in {folders:?}.");
        return ExitCode::FAILURE;
    }
    charts.sort();
    let queue = Mutex::new(charts.iter().cloned().collect::<VecDeque<PathBuf>>());
    let report = Mutex::new(Report { charts: charts.len(), ..Report::default() });
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|threads| {
        for _ in 0..workers {
            threads.spawn(|| {
                let mut oracle = Oracle::borrow();
                loop {
                    let Some(chart) = queue.lock().expect("no worker panics").pop_front() else { break };
                    for (case, outcome) in compare_chart(&chart, &mut oracle) {
                        report.lock().expect("no worker panics").add(format!("{}: {case}", chart.display()), outcome);
                    }
                }
            });
        }
    });
    oracle::stop_all();
    let report = report.into_inner().expect("no worker panics");
    report.print();
    if report.differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Charts in a folder; those inside charts belong to them.
fn find(path: &Path, depth: usize, charts: &mut Vec<PathBuf>) {
    let is_archive = path.extension().is_some_and(|extension| extension == "tgz");
    if is_archive || path.join("Chart.yaml").is_file() {
        charts.push(path.to_owned());
    } else if depth > 0 {
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| entry.file_name() != ".git" && !entry.path().is_symlink()) {
            find(&entry.path(), depth - 1, charts);
        }
    }
}

/// Result of one comparison.
enum Outcome {
    Equal,
    /// But for lines that differ in each run of Helm.
    EqualButRandom,
    RefusedAlike,
    /// Helm would fetch a schema.
    SchemaElsewhere,
    /// Helm ended without an answer.
    HelmCrashed,
    Differs(String),
}

fn compare_chart(path: &Path, oracle: &mut Oracle) -> Vec<(String, Outcome)> {
    let loaded = catch_unwind(|| helm::Chart::load(path).map_err(|error| error.to_string().trim().to_owned()));
    let loaded = match loaded {
        Ok(loaded) => loaded,
        Err(_) => return vec![("loading".to_owned(), Outcome::Differs("this engine panicked".to_owned()))],
    };
    let mut cases = vec![("defaults".to_owned(), json!({}), false)];
    if let Ok(chart) = &loaded {
        cases.push(("upgrade".to_owned(), json!({}), true));
        let turned = turned(&Value::from(&helm::Data::Map(chart.values.clone())));
        cases.extend(turned.map(|values| ("every switch turned".to_owned(), values, false)));
        for file in values_files(path) {
            let read = fs::read_to_string(&file).ok().and_then(|text| helm::Values::from_yaml(&text).ok());
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            cases.extend(read.map(|values| (name, Value::from(&helm::Data::Map(values.as_map().clone())), false)));
        }
    }
    cases
        .into_iter()
        .map(|(name, values, upgrade)| {
            let outcome = compare(path, loaded.as_ref(), &values, upgrade, oracle);
            (name, outcome)
        })
        .collect()
}

fn values_files(chart: &Path) -> Vec<PathBuf> {
    let in_folder = |folder: &Path, keep: &dyn Fn(&str) -> bool| -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect();
        files.retain(|path| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            [".yaml", ".yml", ".json"].iter().any(|end| name.ends_with(end)) && keep(name)
        });
        files.sort();
        files
    };
    let is_values = |name: &str| {
        name.starts_with("values")
            && !name.starts_with("values.schema")
            && !matches!(name, "values.yaml" | "values.yml")
    };
    if chart.is_file() {
        return chart.parent().map(|folder| in_folder(folder, &is_values)).unwrap_or_default();
    }
    let mut files = in_folder(chart, &is_values);
    files.extend(in_folder(&chart.join("ci"), &|_| true));
    files
}

/// Every true and false of the defaults, the other way round; none where there is none.
fn turned(defaults: &Value) -> Option<Value> {
    match defaults {
        Value::Bool(on) => Some(json!(!on)),
        Value::Object(map) => {
            let turned: Map<String, Value> =
                map.iter().filter_map(|(key, value)| Some((key.clone(), turned(value)?))).collect();
            (!turned.is_empty()).then_some(Value::Object(turned))
        }
        _ => None,
    }
}

fn compare(
    path: &Path,
    chart: Result<&helm::Chart, &String>,
    values: &Value,
    upgrade: bool,
    oracle: &mut Oracle,
) -> Outcome {
    const RELEASE: (&str, &str) = ("rel", "ns");
    let mut theirs = || oracle.try_render(path, values, RELEASE.0, RELEASE.1, upgrade);
    let Some(first) = theirs() else { return Outcome::HelmCrashed };
    let ours = match chart {
        Err(error) => Err(error.clone()),
        Ok(chart) => {
            let render = || ours_loaded(chart, values, RELEASE.0, RELEASE.1, upgrade);
            match catch_unwind(render) {
                Ok(answer) => answer,
                Err(_) => return Outcome::Differs("this engine panicked".to_owned()),
            }
        }
    };
    let (expected, found) = match (&first, &ours) {
        (Ok(expected), Ok(found)) => (expected, found),
        (Err(expected), Err(found)) if sorted(expected) == sorted(found) => return Outcome::RefusedAlike,
        (_, Err(found)) if found.contains("schemas are not fetched from elsewhere") => return Outcome::SchemaElsewhere,
        (expected, found) => {
            return Outcome::Differs(format!("  Helm: {}\n  ours: {}", shown(expected), shown(found)));
        }
    };
    if expected == found {
        return Outcome::Equal;
    }
    let Some(Ok(second)) = theirs() else { return Outcome::HelmCrashed };
    match difference(expected, &second, found) {
        None => Outcome::EqualButRandom,
        Some(difference) => Outcome::Differs(difference),
    }
}

fn shown(answer: &Answer) -> String {
    match answer {
        Ok(files) => format!("renders {} files", files.len()),
        Err(error) => format!("refuses: {error}"),
    }
}

/// Findings of a schema come in any order in Helm.
fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.trim().lines().collect();
    lines.sort_unstable();
    lines
}

type Files = BTreeMap<String, String>;

/// The first difference that is not random.
fn difference(expected: &Files, again: &Files, found: &Files) -> Option<String> {
    if !expected.keys().eq(found.keys()) {
        let only = |left: &Files, right: &Files| left.keys().find(|path| !right.contains_key(*path)).cloned();
        return Some(format!(
            "  other files: only from Helm {:?}, only from this engine {:?}",
            only(expected, found),
            only(found, expected)
        ));
    }
    expected.iter().find_map(|(path, text)| {
        let (found, again) = (&found[path], again.get(path).map_or("", String::as_str));
        if text == found {
            return None;
        }
        let (theirs, again): (Vec<&str>, Vec<&str>) = (text.split('\n').collect(), again.split('\n').collect());
        let ours: Vec<&str> = found.split('\n').collect();
        let line = (0..theirs.len().max(ours.len())).find(|line| {
            let is_random = theirs.len() == again.len() && theirs.get(*line) != again.get(*line);
            theirs.get(*line) != ours.get(*line) && !is_random
        })?;
        let shown = |lines: &[&str]| -> String {
            let from = line.saturating_sub(AROUND).min(lines.len());
            let to = (line + AROUND + 1).min(lines.len());
            lines[from..to].iter().map(|line| format!("      {line}\n")).collect()
        };
        Some(format!("  {path}, line {}\n    Helm:\n{}    ours:\n{}", line + 1, shown(&theirs), shown(&ours)))
    })
}

#[derive(Default)]
struct Report {
    charts: usize,
    renders: usize,
    equal: usize,
    random: usize,
    refused: usize,
    elsewhere: Vec<String>,
    crashed: Vec<String>,
    differences: Vec<(String, String)>,
}

impl Report {
    fn add(&mut self, case: String, outcome: Outcome) {
        self.renders += 1;
        match outcome {
            Outcome::Equal => self.equal += 1,
            Outcome::EqualButRandom => self.random += 1,
            Outcome::RefusedAlike => self.refused += 1,
            Outcome::SchemaElsewhere => self.elsewhere.push(case),
            Outcome::HelmCrashed => self.crashed.push(case),
            Outcome::Differs(difference) => self.differences.push((case, difference)),
        }
    }

    fn print(&self) {
        for (case, difference) in self.differences.iter().take(SHOWN) {
            println!("{case}\n{}\n", difference.trim_end());
        }
        let rest: Vec<&str> = self.differences.iter().skip(SHOWN).map(|(case, _)| case.as_str()).collect();
        if !rest.is_empty() {
            println!("These differ too:\n  {}\n", rest.join("\n  "));
        }
        println!("{:>6} charts", self.charts);
        println!("{:>6} renders", self.renders);
        println!("{:>6} equal, byte for byte", self.equal);
        println!("{:>6} equal but for lines that differ in each run of Helm", self.random);
        println!("{:>6} refused by both, with the same text", self.refused);
        println!("{:>6} with a schema elsewhere, which this engine does not fetch", self.elsewhere.len());
        println!("{:>6} in which Helm itself ended", self.crashed.len());
        println!("{:>6} differ", self.differences.len());
    }
}
