//! Reads the files: which of them are as they were written.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use framework::diagnostic::Result;
use framework::model::Text as _;
use framework::resource::State;

use super::apply::files::checksum;
use super::{Address, Architecture, Args, Identity, NodeadmArtifacts, Outputs, Version, published, unusable};
use crate::charts::images::parse;

pub(super) async fn read(
    identity: &Identity,
    prior: Option<&State<NodeadmArtifacts>>,
) -> Result<Option<State<NodeadmArtifacts>>> {
    let Some(prior) = prior else {
        let identity = identity.clone();
        let read = tokio::task::spawn_blocking(move || imported(&identity)).await;
        return Ok(read.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())));
    };
    let folder = PathBuf::from(&prior.args.destination);
    let files = prior.outputs.files.clone();
    // Files of a hundred megabytes, read by a thread that may block.
    let looked = tokio::task::spawn_blocking(move || {
        let mut pending = BTreeSet::new();
        for (name, sum) in files {
            let path = folder.join(&name);
            match checksum(&path) {
                Ok(found) if found.is_some_and(|found| found.hex() == sum) => {}
                Ok(_) => drop(pending.insert(name)),
                Err(error) => return Err(unusable("Could not read the files", &path, &error).into()),
            }
        }
        Ok::<_, framework::diagnostic::Diagnostics>(pending)
    });
    let pending_files = looked.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))?;
    let outputs = Outputs { pending_files, ..prior.outputs.clone() };
    Ok(Some(State { args: prior.args.clone(), outputs }))
}

/// What the newest manifest of the folder names; `None` if there is none.
fn imported(identity: &Identity) -> Option<State<NodeadmArtifacts>> {
    let folder = Path::new(&identity.destination);
    let names = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let version = |name: &str| {
        let version = name.strip_prefix("manifest-")?.strip_suffix(".yaml")?;
        version.split('.').map(|part| part.parse::<u32>().ok()).collect::<Option<Vec<_>>>()
    };
    let manifest = names.filter(|name| version(name).is_some()).max_by_key(|name| version(name))?;
    let document = parse(&std::fs::read_to_string(folder.join(&manifest)).ok()?).ok()?.into_iter().next()?;
    let patch = &document["supported_eks_releases"][0]["patch_releases"][0];
    let helpers = document["iam_roles_anywhere_releases"].as_array().into_iter().flatten();
    let artifacts = std::iter::once(patch).chain(helpers).filter_map(|it| it["artifacts"].as_array()).flatten();
    let (mut files, mut base, mut architectures) = (BTreeMap::new(), None, BTreeSet::new());
    let mut keep = |name: &str| {
        let sum = checksum(&folder.join(name)).ok().flatten();
        sum.map(|sum| files.insert(name.to_owned(), sum.hex())).is_some()
    };
    for artifact in artifacts {
        if let Some(architecture) = artifact["arch"].as_str().and_then(|it| Architecture::parse(it).ok()) {
            architectures.insert(architecture);
        }
        for uri in ["uri", "checksum_uri"].iter().filter_map(|name| artifact[*name].as_str()) {
            // Which part of the address is the folder's is what the folder shows.
            let parts = uri.match_indices('/').map(|(at, _)| (&uri[..at], &uri[at + 1..]));
            if let Some((before, _)) = parts.filter(|(_, name)| !name.is_empty()).find(|(_, name)| keep(name)) {
                base = Some(before.to_owned());
            }
        }
    }
    keep(&manifest);
    let (version, base_url) = (patch["version"].as_str()?.to_owned(), Address::parse(&base?).ok()?);
    let args = Args {
        kubernetes_version: Version::parse(&version).ok()?,
        destination: identity.destination.clone(),
        base_url,
        architectures,
        source: published(),
        delete_on_destroy: false,
        timeouts: None,
    };
    let manifest_url = format!("{}/{manifest}", args.base_url.text());
    Some(State { args, outputs: Outputs { version, manifest_url, files, pending_files: BTreeSet::new() } })
}

#[cfg(test)]
mod tests {
    use names::Sha256;

    use super::*;

    #[tokio::test]
    async fn files_that_were_changed_or_deleted_are_pending() {
        let folder = tempfile::tempdir().expect("a folder");
        let names = ["same", "changed", "deleted", "folder/deleted"];
        for name in ["same", "changed"] {
            std::fs::write(folder.path().join(name), "content").expect("written");
        }
        std::fs::write(folder.path().join("changed"), "other content").expect("written");
        let sum = Sha256::of(b"content").hex();
        let prior = State::<NodeadmArtifacts> {
            args: Args {
                kubernetes_version: Version::parse("1.34").expect("a version"),
                destination: folder.path().display().to_string(),
                base_url: Address::parse("https://files.example.com").expect("an address"),
                architectures: BTreeSet::new(),
                source: published(),
                delete_on_destroy: false,
                timeouts: None,
            },
            outputs: Outputs {
                version: "1.34.3".to_owned(),
                manifest_url: String::new(),
                files: names.map(|name| (name.to_owned(), sum.clone())).into(),
                pending_files: BTreeSet::new(),
            },
        };
        let identity = Identity { destination: prior.args.destination.clone() };
        let state = read(&identity, Some(&prior)).await.expect("read").expect("it is there");
        assert_eq!(state.outputs.pending_files, ["changed", "deleted", "folder/deleted"].map(str::to_owned).into());
        let nothing = read(&identity, None).await.expect("read");
        assert!(nothing.is_none(), "without a manifest there is nothing to import");
    }
}
