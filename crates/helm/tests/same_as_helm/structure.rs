//! Whole charts: dependencies, values, globals, hooks, order, metadata, schemas.
//!
//! Each `*.case` file holds a chart in sections `-- PATH --`, further `-- values --` and `-- options --`, and what
//! `helm template` printed: `-- output --` or `-- error --`.

use helm::{Capabilities, Chart, KubeVersion, RenderOptions, Values};
use libtest_mimic::{Failed, Trial};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Names and files of the cases.
pub fn cases() -> Vec<(String, PathBuf)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/structure");
    let mut cases: Vec<_> = fs::read_dir(folder)
        .expect("the folder of cases")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "case"))
        .collect();
    cases.sort();
    let name = |path: &Path| path.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    cases.into_iter().map(|path| (name(&path), path)).collect()
}

pub fn trials() -> Vec<Trial> {
    let trial = |(name, path): (String, PathBuf)| Trial::test(format!("structure::{name}"), move || run(&path));
    cases().into_iter().map(trial).collect()
}

/// A case's sections, and its chart in the folder `chart` of a temporary one.
pub fn unpack(case: &Path) -> Result<(TempDir, BTreeMap<String, String>), Failed> {
    let sections = sections(&fs::read_to_string(case)?);
    let folder = TempDir::new()?;
    for (path, text) in &sections {
        if matches!(path.as_str(), "values" | "options" | "output" | "error") {
            continue;
        }
        let path = folder.path().join("chart").join(path);
        fs::create_dir_all(path.parent().expect("a file in the chart"))?;
        fs::write(path, text)?;
    }
    Ok((folder, sections))
}

fn sections(text: &str) -> BTreeMap<String, String> {
    let mut sections = BTreeMap::new();
    let mut current = String::new();
    for line in text.split_inclusive('\n') {
        let head = line.trim_end_matches('\n').strip_prefix("-- ").and_then(|rest| rest.strip_suffix(" --"));
        match head {
            Some(name) => {
                current = name.to_owned();
                sections.insert(current.clone(), String::new());
            }
            None => sections.entry(current.clone()).or_default().push_str(line),
        }
    }
    sections
}

fn run(case: &Path) -> Result<(), Failed> {
    let (folder, sections) = unpack(case)?;
    let found = render(&folder.path().join("chart"), &sections);
    match (sections.get("output"), sections.get("error"), found) {
        (Some(expected), None, Ok(found)) if *expected == found => Ok(()),
        (None, Some(expected), Err(found)) if sorted(expected) == sorted(&found) => Ok(()),
        (expected, error, found) => {
            Err(format!("Helm: {}\nours: {found:?}", expected.or(error).map_or("", |text| text)).into())
        }
    }
}

/// Findings come in any order in Helm.
fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.trim().lines().collect();
    lines.sort_unstable();
    lines
}

fn render(folder: &Path, sections: &BTreeMap<String, String>) -> Result<String, String> {
    let options = sections.get("options").map_or("", String::as_str);
    let option = |name: &str| {
        let mut words = options.split_whitespace();
        words.find(|word| *word == name).and_then(|_| words.next())
    };
    let text = |error: helm::Error| error.to_string();
    let mut capabilities = Capabilities::default();
    if let Some(version) = option("--kube-version") {
        capabilities.kube_version = KubeVersion::parse(version).map_err(text)?;
    }
    let more = option("--api-versions").unwrap_or_default();
    capabilities.api_versions.extend(more.split(',').map(str::to_owned));
    let values = sections.get("values").map_or("{}", String::as_str);
    let chart = Chart::load(folder).map_err(text)?;
    let rendered = helm::render(
        &chart,
        Values::from_yaml(values).map_err(text)?,
        RenderOptions {
            name: "rel",
            namespace: "ns",
            is_upgrade: options.contains("--is-upgrade"),
            capabilities: Some(&capabilities),
            ..RenderOptions::default()
        },
    )
    .map_err(text)?;
    let mut output = format!("{}\n", rendered.manifest_text().trim());
    for hook in &rendered.hooks {
        output.push_str(&format!("---\n# Source: {}\n{}\n", hook.path, hook.manifest));
    }
    Ok(output)
}
