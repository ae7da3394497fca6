//! nodeadm's manifest: which files a version of Kubernetes consists of. Source: aws/eks-hybrid,
//! internal/aws/manifest.go.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use url::Url;

use crate::charts::images::{parse, print};

/// What is wanted.
pub(super) struct Wanted<'a> {
    /// `1.34` or `1.34.3`.
    pub(super) version: &'a str,
    pub(super) architectures: BTreeSet<String>,
    /// Where hosts will find the files, without a slash at the end.
    pub(super) base: String,
}

/// What is to be downloaded, and the manifest that will name it.
#[derive(Debug)]
pub(super) struct Manifest {
    /// With its patch.
    pub(super) version: String,
    pub(super) files: Vec<File>,
    pub(super) text: String,
}

/// One file.
#[derive(Debug)]
pub(super) struct File {
    /// Path below the folder.
    pub(super) name: String,
    pub(super) url: String,
    pub(super) checksum_name: String,
    pub(super) checksum_url: String,
}

impl Manifest {
    /// Reads a manifest; the error is what is wrong with it.
    pub(super) fn read(text: &str, wanted: &Wanted<'_>) -> Result<Self, String> {
        let mut documents = parse(text).map_err(|error| error.to_string())?;
        let mut document = if documents.is_empty() { Value::Null } else { documents.swap_remove(0) };
        let releases = list(&document, "supported_eks_releases");
        let patches: Vec<(Value, Value)> = releases
            .iter()
            .flat_map(|release| list(release, "patch_releases").into_iter().map(|patch| (release.clone(), patch)))
            .collect();
        let versions: Vec<String> = patches.iter().map(|(_, patch)| string(patch, "version")).collect();
        let prefix = format!("{}.", wanted.version);
        let at = (0..versions.len())
            .filter(|at| versions[*at] == wanted.version || versions[*at].starts_with(&prefix))
            .max_by_key(|at| numbers(&versions[*at]));
        let Some(at) = at else {
            let there = if versions.is_empty() { "no version".to_owned() } else { versions.join(", ") };
            return Err(format!("it has no version {}; it has {there}", wanted.version));
        };
        let version = versions[at].clone();
        let (mut release, mut patch) = patches[at].clone();
        let mut files = Vec::new();
        let artifacts = kept(&patch, wanted, &mut files)?;
        if files.is_empty() {
            return Err(format!("it has no files of version {version} for the wanted architectures"));
        }
        patch["artifacts"] = artifacts;
        release["latest_patch_version"] = patch["patch_version"].clone();
        release["patch_releases"] = json!([patch]);
        document["supported_eks_releases"] = json!([release]);
        let mut helpers = Vec::new();
        for mut release in list(&document, "iam_roles_anywhere_releases") {
            release["artifacts"] = kept(&release, wanted, &mut files)?;
            helpers.push(release);
        }
        document["iam_roles_anywhere_releases"] = helpers.into();
        let text = print(&[document]).map_err(|error| error.to_string())?;
        Ok(Self { version, files, text })
    }
}

/// The artifacts for the wanted architectures, under their new addresses.
fn kept(release: &Value, wanted: &Wanted<'_>, files: &mut Vec<File>) -> Result<Value, String> {
    let mut all = Vec::new();
    for mut artifact in list(release, "artifacts") {
        if string(&artifact, "os") != "linux" || !wanted.architectures.contains(&string(&artifact, "arch")) {
            continue;
        }
        let (url, checksum_url) = (string(&artifact, "uri"), string(&artifact, "checksum_uri"));
        let file = File { name: path(&url)?, checksum_name: path(&checksum_url)?, url, checksum_url };
        artifact["uri"] = format!("{}/{}", wanted.base, file.name).into();
        artifact["checksum_uri"] = format!("{}/{}", wanted.base, file.checksum_name).into();
        // Nothing states the checksum of the compressed form, and hosts do as well with the file itself.
        if let Some(artifact) = artifact.as_object_mut() {
            artifact.remove("gzip_uri");
        }
        all.push(artifact);
        if !files.iter().any(|other: &File| other.name == file.name) {
            files.push(file);
        }
    }
    Ok(all.into())
}

/// The path of an address, which becomes a path below the folder and never leads out of it.
fn path(url: &str) -> Result<String, String> {
    let parsed = Url::parse(url).map_err(|error| format!("`{url}` is not an address: {error}"))?;
    let path = parsed.path().trim_start_matches('/').to_owned();
    let is_plain = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains(['\\', '%', ':']);
    if path.split('/').all(is_plain) { Ok(path) } else { Err(format!("`{url}` has no usable path")) }
}

fn list(value: &Value, name: &str) -> Vec<Value> {
    value.get(name).and_then(Value::as_array).cloned().unwrap_or_default()
}

fn string(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn numbers(version: &str) -> Vec<u32> {
    version.split('.').map(|part| part.parse().unwrap_or_default()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
supported_eks_releases:
- major_minor_version: "1.34"
  latest_patch_version: "10"
  patch_releases:
  - version: "1.34.9"
    patch_version: "9"
    artifacts: []
  - version: "1.34.10"
    patch_version: "10"
    release_date: "2026-10-01"
    artifacts:
    - {name: kubelet, arch: amd64, os: linux, uri: "https://a.example/1.34.10/amd64/kubelet", checksum_uri: "https://a.example/1.34.10/amd64/kubelet.sha256", gzip_uri: "https://a.example/1.34.10/amd64/kubelet.gz"}
    - {name: kubelet, arch: arm64, os: linux, uri: "https://a.example/1.34.10/arm64/kubelet", checksum_uri: "https://a.example/1.34.10/arm64/kubelet.sha256"}
iam_roles_anywhere_releases:
- version: "1.4.0"
  artifacts:
  - {name: aws_signing_helper, arch: amd64, os: linux, uri: "https://a.example/helper", checksum_uri: "https://a.example/helper.sha256"}
region_config:
  us-west-2: {ecr_account_id: "602401143452"}
"#;

    fn wanted(version: &str) -> Wanted<'_> {
        Wanted { version, architectures: ["amd64".to_owned()].into(), base: "https://files.example/n".to_owned() }
    }

    #[test]
    fn the_latest_patch_and_its_files() {
        let manifest = Manifest::read(TEXT, &wanted("1.34")).expect("a manifest");
        assert_eq!(manifest.version, "1.34.10");
        let names: Vec<&str> = manifest.files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["1.34.10/amd64/kubelet", "helper"]);
        assert_eq!(manifest.files[1].checksum_url, "https://a.example/helper.sha256");
        let written = &parse(&manifest.text).expect("YAML")[0];
        let release = &written["supported_eks_releases"][0];
        assert_eq!(release["major_minor_version"], "1.34");
        assert_eq!(release["latest_patch_version"], "10");
        assert_eq!(
            release["patch_releases"],
            json!([{
                "version": "1.34.10", "patch_version": "10", "release_date": "2026-10-01",
                "artifacts": [{
                    "name": "kubelet", "arch": "amd64", "os": "linux",
                    "uri": "https://files.example/n/1.34.10/amd64/kubelet",
                    "checksum_uri": "https://files.example/n/1.34.10/amd64/kubelet.sha256",
                }],
            }])
        );
        assert_eq!(written["region_config"]["us-west-2"]["ecr_account_id"], "602401143452");
    }

    #[test]
    fn what_cannot_be_used() {
        for (text, version, problem) in [
            (TEXT, "1.35", "it has no version 1.35; it has 1.34.9, 1.34.10"),
            (TEXT, "1.34.9", "no files of version 1.34.9"),
            ("", "1.34", "it has no version"),
            ("a: [", "1.34", "YAML"),
        ] {
            let error = Manifest::read(text, &wanted(version)).expect_err(text);
            assert!(error.contains(problem), "{error}");
        }
        for url in ["https://a.example/", "https://a.example/a%2e/b", "kubelet", "https://a.example/a//b"] {
            assert!(path(url).is_err(), "{url}");
        }
    }
}
