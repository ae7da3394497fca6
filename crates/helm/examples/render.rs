//! Prints what `helm template` prints for a chart, errors and exit status included.
//!
//! ```text
//! cargo run -p helm --example render -- CHART [--values FILE]… [--set-json PATH=JSON]… [--name NAME]
//!     [--namespace NAMESPACE] [--kube-version VERSION] [--api-versions A,B]… [--is-upgrade] [--include-crds] [--json]
//! ```
//!
//! `--json` prints the templates' output by path as one JSON object instead.

use helm::{
    Capabilities, Chart, Error, KubeVersion, Release, RenderOptions, Rendered, Values, render, render_templates,
};
use std::error::Error as _;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::ExitCode;

#[derive(Default)]
struct Arguments {
    chart: String,
    values: Vec<String>,
    set_json: Vec<String>,
    name: Option<String>,
    namespace: Option<String>,
    kube_version: Option<String>,
    api_versions: Vec<String>,
    is_upgrade: bool,
    include_crds: bool,
    json: bool,
}

/// The tests run this too, as a module.
pub fn main() -> ExitCode {
    let arguments = match Arguments::read(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(message) => {
            eprintln!("Error: {message}");
            return ExitCode::FAILURE;
        }
    };
    match run(&arguments) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprint!("Error: {error}");
            let mut source = error.source();
            while let Some(cause) = source {
                eprint!(": {cause}");
                source = cause.source();
            }
            // Helm prints this after it has started a release.
            eprintln!(
                "{}",
                if matches!(error, Error::Manifest { .. } | Error::Template(_) | Error::KubeVersion(_)) {
                    "\n\nUse --debug flag to render out invalid YAML"
                } else {
                    ""
                }
            );
            ExitCode::FAILURE
        }
    }
}

impl Arguments {
    fn read(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut arguments = Self::default();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("`{word}` needs a value"));
            match word.as_str() {
                "--values" | "-f" => arguments.values.push(value()?),
                "--set-json" => arguments.set_json.push(value()?),
                "--name" => arguments.name = Some(value()?),
                "--namespace" | "-n" => arguments.namespace = Some(value()?),
                "--kube-version" => arguments.kube_version = Some(value()?),
                "--api-versions" | "-a" => arguments.api_versions.extend(value()?.split(',').map(str::to_owned)),
                "--is-upgrade" => arguments.is_upgrade = true,
                "--include-crds" => arguments.include_crds = true,
                "--json" => arguments.json = true,
                flag if flag.starts_with('-') => return Err(format!("unknown flag: {flag}")),
                _ if arguments.chart.is_empty() => arguments.chart = word,
                extra => return Err(format!("unexpected argument `{extra}`")),
            }
        }
        if arguments.chart.is_empty() {
            return Err("the chart is missing".to_owned());
        }
        Ok(arguments)
    }
}

fn run(arguments: &Arguments) -> Result<String, Error> {
    if !Path::new(&arguments.chart).exists() {
        return Err(Error::Chart(format!("path {:?} not found", arguments.chart)));
    }
    let mut values = Values::new();
    for path in &arguments.values {
        let text = fs::read_to_string(path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => Error::Values(format!("open {path}: no such file or directory")),
            _ => Error::Read { path: path.into(), source: error },
        })?;
        let read =
            Values::from_yaml(&text).map_err(|error| Error::Values(format!("failed to parse {path}: {error}")))?;
        values.merge(read);
    }
    for assignments in &arguments.set_json {
        values.set_json(assignments)?;
    }
    let chart = Chart::load(&arguments.chart)?;
    chart.check_installable()?;
    let name = arguments.name.as_deref().unwrap_or("release-name");
    Release::check_name(name).map_err(|error| Error::Values(format!("release name check failed: {error}")))?;
    let mut capabilities = Capabilities::default();
    if let Some(version) = arguments.kube_version.as_ref().filter(|version| !version.is_empty()) {
        capabilities.kube_version = KubeVersion::parse(version)
            .map_err(|error| Error::Values(format!("invalid kube version '{version}': {error}")))?;
    }
    capabilities.api_versions.extend(arguments.api_versions.iter().cloned());
    let options = RenderOptions {
        name,
        namespace: arguments.namespace.as_deref().unwrap_or("default"),
        is_upgrade: arguments.is_upgrade,
        capabilities: Some(&capabilities),
        ..RenderOptions::default()
    };
    if arguments.json {
        let files = render_templates(&chart, values, options)?;
        return Ok(serde_json::to_string(&files).unwrap_or_default());
    }
    Ok(text(&render(&chart, values, options)?, arguments.include_crds))
}

fn text(rendered: &Rendered, include_crds: bool) -> String {
    let mut manifests = String::new();
    if include_crds {
        for crd in &rendered.crds {
            manifests.push_str(&format!("---\n# Source: {}\n{}\n", crd.path, crd.content));
        }
    }
    manifests.push_str(&rendered.manifest_text());
    let mut text = format!("{}\n", manifests.trim());
    for hook in &rendered.hooks {
        text.push_str(&format!("---\n# Source: {}\n{}\n", hook.path, hook.manifest));
    }
    text
}
