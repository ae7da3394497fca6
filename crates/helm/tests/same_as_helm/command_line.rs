//! `examples/render` against `helm template`: standard output, standard error, and the exit status.
//!
//! `EKSHYBRID_HELM` names Helm's program (`make helm`). That is Helm v4.3.1, a newer one than the library that this crate
//! is compared with byte for byte: it leaves blank lines before separators to the documents, lists findings of schemas in
//! any order, words one of them in another way, and knows a newer Kubernetes.

use crate::published::{charts, mask, sets};
use crate::structure::{cases, unpack};
use libtest_mimic::{Failed, Trial};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Cases whose outcome depends on Helm's version, or, for `schema_bad`, on the order of a Go map.
const NOT_COMPARED: &[&str] = &["kubeVersion_bad", "schema_obj", "schema_bad", "schema_pattern_key"];

/// Makes this test program behave as the example: cargo may have left an old one next to it.
pub const AS_EXAMPLE: &str = "HELM_TEST_AS_EXAMPLE";

pub fn trials() -> Vec<Trial> {
    let (Some(helm), Ok(example)) = (std::env::var_os("EKSHYBRID_HELM"), std::env::current_exe()) else {
        eprintln!("left out: comparison with Helm's command line, because it is not built here (`make helm`)");
        return Vec::new();
    };
    let programs = Programs { helm, example };
    let mut trials = Vec::new();
    for (name, path) in cases().into_iter().filter(|(name, _)| !NOT_COMPARED.contains(&name.as_str())) {
        let programs = programs.clone();
        trials.push(Trial::test(format!("command_line::{name}"), move || {
            let (folder, sections) = unpack(&path)?;
            let mut arguments: Vec<OsString> = Vec::new();
            if let Some(values) = sections.get("values") {
                let path = folder.path().join("values of the user.yaml");
                std::fs::write(&path, values)?;
                arguments.extend([OsString::from("--values"), path.into()]);
            }
            let options = sections.get("options").map_or("", String::as_str);
            arguments.extend(options.split_whitespace().map(OsString::from));
            programs.compare(&folder.path().join("chart"), &arguments)
        }));
    }
    // One chart is enough here: the others go the same way, and are compared through the library.
    if let Some(chart) = charts().into_iter().next_back() {
        trials.push(Trial::test("command_line::published", move || {
            let folder = TempDir::new()?;
            let loaded = helm::Chart::load(&chart)?;
            for (name, values) in sets(loaded.name())? {
                let path = folder.path().join("values.json");
                std::fs::write(&path, values.to_string())?;
                let arguments = [OsString::from("--values"), path.into()];
                programs
                    .compare(&chart, &arguments)
                    .map_err(|error| format!("{name}: {}", error.message().unwrap_or("")))?;
            }
            Ok(())
        }));
    }
    trials
}

#[derive(Clone)]
struct Programs {
    helm: OsString,
    example: PathBuf,
}

impl Programs {
    fn compare(&self, chart: &Path, arguments: &[OsString]) -> Result<(), Failed> {
        let rest = [OsStr::new("--namespace"), OsStr::new("ns")];
        let theirs = output(Command::new(&self.helm).args(["template", "rel"]).arg(chart).args(rest).args(arguments))?;
        let ours = output(
            Command::new(&self.example)
                .env(AS_EXAMPLE, "1")
                .arg(chart)
                .args(["--name", "rel"])
                .args(rest)
                .args(arguments),
        )?;
        if theirs == ours { Ok(()) } else { Err(format!("Helm: {theirs:#?}\nours: {ours:#?}").into()) }
    }
}

/// What a program did: whether it succeeded, its output and its errors without blank lines.
#[derive(Debug, PartialEq)]
struct Told {
    success: bool,
    output: Vec<String>,
    errors: Vec<String>,
}

fn output(command: &mut Command) -> Result<Told, Failed> {
    let home = TempDir::new()?;
    for variable in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
        command.env(variable, home.path());
    }
    let output = command.env_remove("KUBECONFIG").output()?;
    let lines = |bytes: &[u8]| -> Vec<String> {
        let text = mask(&String::from_utf8_lossy(bytes));
        text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect()
    };
    // Helm also logs warnings there, which this crate has no place for.
    let mut errors = lines(&output.stderr);
    errors.retain(|line| !line.starts_with("level="));
    errors.sort_unstable();
    Ok(Told { success: output.status.success(), output: lines(&output.stdout), errors })
}
