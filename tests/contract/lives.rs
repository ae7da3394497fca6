//! That every registered type is lived through somewhere. An acceptance case that runs in-process has each answer of
//! each call held against Terraform's rules; so a type that no such case makes, reads and removes would be held to them
//! in its plans only.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use framework::server::Server;
use harness::case::{Case, LayerKind, StepKind};
use hcl::Body;

use crate::bare;

fn case_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of the work tree") {
        let path = entry.expect("an entry of the work tree").path();
        if path.is_dir() {
            case_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "case") {
            found.push(path);
        }
    }
}

/// A text without places, which are filled in when a case runs.
fn without_places(text: &str) -> String {
    let mut parts = text.split("@{");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |whole, part| whole + "place" + part.split_once('}').map_or("", |(_, rest)| rest))
}

/// What the cases that run in-process use in steps that go through: `resource TYPE`, `data TYPE`, and so on.
fn lived() -> BTreeSet<String> {
    let folder = Path::new("tests/acceptance");
    let mut files = Vec::new();
    case_files(folder, &mut files);
    let mut lived = BTreeSet::new();
    for file in files {
        let case = Case::load(folder, &file).expect("a case that can be read");
        if case.needs.layer == Some(LayerKind::Terraform) {
            continue;
        }
        let mut configuration = None;
        for step in &case.steps {
            if step.kind != StepKind::Query && step.configuration.is_some() {
                configuration = step.configuration.as_deref();
            }
            let (text, keyword) = match &step.kind {
                StepKind::Apply => (configuration, None),
                StepKind::Query => (step.configuration.as_deref(), Some("list")),
                StepKind::Invoke { .. } => (configuration, Some("action")),
                _ => continue,
            };
            let text = without_places(text.unwrap_or_default());
            let body: Body = hcl::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            for block in body.blocks() {
                let kind = block.identifier.as_str();
                let counts =
                    keyword.map_or(["resource", "data", "ephemeral"].contains(&kind), |keyword| keyword == kind);
                if let (true, Some(label)) = (counts, block.labels.first()) {
                    lived.insert(format!("{kind} {}", label.as_str()));
                }
            }
        }
    }
    lived
}

#[test]
fn every_type_is_lived_through_in_process() {
    let (server, lived) = (bare(), lived());
    let schema = server.schema();
    let all = [
        ("resource", schema.resources.keys().collect::<Vec<_>>()),
        ("data", schema.data_sources.keys().collect()),
        ("ephemeral", schema.ephemeral_resources.keys().collect()),
        ("action", schema.actions.keys().collect()),
        ("list", schema.list_resources.keys().collect()),
    ];
    let missing: Vec<String> = all
        .iter()
        .flat_map(|(kind, names)| names.iter().map(move |name| format!("{kind} {name}")))
        .filter(|one| !lived.contains(one))
        .collect();
    assert_eq!(missing, Vec::<String>::new(), "no acceptance case that runs in-process applies these");
}
