//! Downloads the files, and deletes them if that is wanted.
//!
//! Steps: 1. the manifest, 2. each file after its checksum, 3. the manifest of this folder, which names only what is
//! there. A failure leaves whole files, and the parts of others; the next apply continues from them.

pub(super) mod files;
mod manifest;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path as FilePath, PathBuf};
use std::time::Duration;

use framework::diagnostic::{Diagnostic, Result, sentence};
use framework::model::Text as _;
use framework::path::Path;
use framework::resource::State;
use names::Sha256;
use url::Url;

use self::files::{checksum, fetch, written};
use self::manifest::{Manifest, Wanted};
use super::{Args, NodeadmArtifacts, Outputs, unusable};
use crate::charts::{self, Content, Source};
use crate::net::causes::chain;
use crate::session::Context;

const TIMEOUT: Duration = Duration::from_hours(1);
const SUMMARY: &str = "Could not download nodeadm's artifacts";
const UNDELETED: &str = "Could not delete the files";

pub(super) async fn download(args: &Args, before: Option<&Outputs>, cx: &Context) -> Result<Outputs> {
    let deadline = tokio::time::Instant::from_std(cx.deadline(TIMEOUT));
    let mut done = BTreeMap::new();
    let outcome = tokio::select! {
        outcome = all(args, &mut done, cx) => outcome,
        () = tokio::time::sleep_until(deadline) => {
            let cause = format!("Not all files were downloaded within {} s.", cx.timeout(TIMEOUT).as_secs());
            Err(Diagnostic::error(SUMMARY, cause).remedy("Apply again to continue.").into())
        }
    };
    let error = match outcome {
        Ok(outputs) => {
            // Files of another version stay where hosts may still read them, unless they are to be deleted.
            if let Some(before) = before.filter(|_| args.delete_on_destroy) {
                let old = before.files.keys().filter(|name| !outputs.files.contains_key(*name));
                remove(FilePath::new(&args.destination), old.cloned().collect()).await?;
            }
            return Ok(outputs);
        }
        Err(error) => error,
    };
    // What is whole belongs to this resource, although the manifest does not name it yet.
    let mut files = before.map(|before| before.files.clone()).unwrap_or_default();
    files.extend(done);
    let kept = before.cloned().unwrap_or(Outputs {
        version: String::new(),
        manifest_url: String::new(),
        files: BTreeMap::new(),
        pending_files: BTreeSet::new(),
    });
    let count = files.len();
    cx.save(&Outputs { files, ..kept });
    Err(error.left(format!("{count} files are in `{}`, and recorded in the state.", args.destination)))
}

async fn all(args: &Args, done: &mut BTreeMap<String, String>, cx: &Context) -> Result<Outputs> {
    let client = cx.clients()?.charts()?;
    let source = args.source.text();
    let text = small(source, client).await?;
    let wanted = Wanted {
        version: args.kubernetes_version.text(),
        architectures: args.architectures.iter().map(|it| it.text().to_owned()).collect(),
        base: args.base_url.text().trim_end_matches('/').to_owned(),
    };
    let manifest = Manifest::read(&text, &wanted).map_err(|problem| {
        Diagnostic::error(SUMMARY, format!("{} cannot be used: {}", code(source), sentence(&problem)))
            .remedy("Set `kubernetes_version` to one that the manifest has, or `source` to another manifest.")
            .at(Path::attribute(Args::NAMES.kubernetes_version))
    })?;
    let folder = PathBuf::from(&args.destination);
    let all = manifest.files.len();
    for (at, file) in manifest.files.iter().enumerate() {
        let sums = small(&file.checksum_url, client).await?;
        let expected = listed(&sums).ok_or_else(|| {
            let cause = format!("{} does not hold a SHA-256 checksum.", code(&file.checksum_url));
            Diagnostic::error(SUMMARY, cause).at(Path::attribute(Args::NAMES.source))
        })?;
        let sum = one(&folder, &file.name, &file.url, expected, client, cx).await?;
        done.insert(file.name.clone(), sum.hex());
        let sum = write(&folder, &file.checksum_name, sums.as_bytes()).await?;
        done.insert(file.checksum_name.clone(), sum.hex());
        cx.progress(format!("{}: there ({} of {all})", file.name, at + 1)).await;
    }
    let name = format!("manifest-{}.yaml", manifest.version);
    let sum = write(&folder, &name, manifest.text.as_bytes()).await?;
    done.insert(name.clone(), sum.hex());
    Ok(Outputs {
        version: manifest.version,
        manifest_url: format!("{}/{name}", wanted.base),
        files: done.clone(),
        pending_files: BTreeSet::new(),
    })
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

/// A small text at an address.
async fn small(url: &str, client: &charts::Client) -> Result<String> {
    let failed = |error: &charts::Error| {
        Diagnostic::error(SUMMARY, sentence(&chain(error)))
            .remedy(
                "Check that this machine can reach the address, through `https_proxy` of the provider's configuration if \
                 a proxy is needed. Apply again to continue.",
            )
            .at(Path::attribute(Args::NAMES.source))
    };
    let source = Source::manifest(url).map_err(|error| failed(&error))?;
    let content = client.fetch(&source).await.map_err(|error| failed(&error))?.content;
    match content {
        Content::Bytes(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Content::Folder(_) => Ok(String::new()),
    }
}

/// The checksum in a file such as `HEX  kubelet`.
fn listed(text: &str) -> Option<Sha256> {
    text.split_whitespace().next()?.trim_start_matches('\\').parse().ok()
}

/// Brings one file into the folder, if it is not there.
async fn one(
    folder: &FilePath,
    name: &str,
    url: &str,
    expected: Sha256,
    client: &charts::Client,
    cx: &Context,
) -> Result<Sha256> {
    let path = folder.join(name);
    let there = {
        let path = path.clone();
        tokio::task::spawn_blocking(move || checksum(&path)).await
    };
    let there = there.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    if there.map_err(|error| unusable(SUMMARY, &path, &error))? == Some(expected) {
        return Ok(expected);
    }
    let url = Url::parse(url).map_err(|error| {
        Diagnostic::error(SUMMARY, format!("The manifest names `{url}`, which is not an address: {error}."))
            .at(Path::attribute(Args::NAMES.source))
    })?;
    let fetched = tokio::select! {
        () = cx.cancel().cancelled() => Err(files::Failed::Stopped),
        fetched = fetch(client, &url, &path, expected) => fetched,
    };
    fetched.map_err(|failed| match failed {
        files::Failed::Stopped => {
            Diagnostic::error(SUMMARY, format!("Stopped while downloading `{url}`.")).remedy("Apply again to continue.")
        }
        files::Failed::File(path, error) => unusable(SUMMARY, &path, &error),
        files::Failed::Server(error) => Diagnostic::error(SUMMARY, sentence(&chain(&*error)))
            .remedy("Apply again to continue: what has arrived of the file is kept.")
            .at(Path::attribute(Args::NAMES.source)),
        files::Failed::TooLarge => Diagnostic::error(
            SUMMARY,
            format!("`{url}` has more than {} bytes, which no file of nodeadm's has.", files::MAX_FILE),
        )
        .remedy("What had arrived was deleted. Check `source`, and what is between here and the server.")
        .at(Path::attribute(Args::NAMES.source)),
        files::Failed::Checksum(found) => Diagnostic::error(
            SUMMARY,
            format!("The checksum of `{url}` is {found}, but the one published next to it is {expected}."),
        )
        .remedy("The file was deleted. Apply again; if it happens again, find out who changes the file on the way.")
        .at(Path::attribute(Args::NAMES.source)),
    })?;
    Ok(expected)
}

/// Writes a small file.
async fn write(folder: &FilePath, name: &str, content: &[u8]) -> Result<Sha256> {
    let path = folder.join(name);
    written(&path, content).await.map_err(|error| unusable(SUMMARY, &path, &error))?;
    Ok(Sha256::of(content))
}

pub(super) async fn delete(state: &State<NodeadmArtifacts>) -> Result<()> {
    if !state.args.delete_on_destroy {
        return Ok(());
    }
    remove(FilePath::new(&state.args.destination), state.outputs.files.keys().cloned().collect()).await
}

/// The other manifests of the folder. Several versions may share it, and some files are the same for all of them.
async fn others(folder: &FilePath, names: &[String]) -> std::result::Result<Vec<String>, (PathBuf, std::io::Error)> {
    let failed = |error| (folder.to_owned(), error);
    let mut entries = match tokio::fs::read_dir(folder).await {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut texts = Vec::new();
    while let Some(entry) = entries.next_entry().await.map_err(failed)? {
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_yaml = entry.path().extension().is_some_and(|extension| extension == "yaml");
        if is_yaml && name.starts_with("manifest-") && !names.contains(&name) {
            // One that cannot be read may name any file.
            texts.push(tokio::fs::read_to_string(entry.path()).await.map_err(|error| (entry.path(), error))?);
        }
    }
    Ok(texts)
}

/// Whether a manifest names a file.
fn is_named(name: &str, manifests: &[String]) -> bool {
    let end = format!("/{name}");
    manifests.iter().any(|text| text.contains(&end))
}

/// Deletes files that this resource has written, and the folders that are empty then. What another manifest of the
/// folder names is kept.
async fn remove(folder: &FilePath, names: Vec<String>) -> Result<()> {
    let others = others(folder, &names).await.map_err(|(path, error)| unusable(UNDELETED, &path, &error))?;
    for name in names {
        if is_named(&name, &others) {
            continue;
        }
        let path = folder.join(name);
        match tokio::fs::remove_file(&path).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(unusable(UNDELETED, &path, &error).into());
            }
            _ => {}
        }
        let mut parent = path.parent();
        while let Some(inside) = parent.filter(|parent| parent.starts_with(folder) && *parent != folder) {
            // A folder that holds something is kept.
            if tokio::fs::remove_dir(inside).await.is_err() {
                break;
            }
            parent = inside.parent();
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_another_version_needs_is_kept() {
        let place = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            let path = place.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("created");
            std::fs::write(path, text).expect("written");
        };
        write(
            "manifest-1.34.3.yaml",
            "uri: https://files.example/n/1.34.3/kubelet\nuri: https://files.example/n/helper",
        );
        write(
            "manifest-1.35.0.yaml",
            "uri: https://files.example/n/1.35.0/kubelet\nuri: https://files.example/n/helper",
        );
        for name in ["1.34.3/kubelet", "1.35.0/kubelet", "helper"] {
            write(name, "content");
        }
        let names =
            |version: &str| vec![format!("{version}/kubelet"), "helper".to_owned(), format!("manifest-{version}.yaml")];
        let is_there = |name: &str| place.path().join(name).exists();
        remove(place.path(), names("1.34.3")).await.expect("deleted");
        assert!(!is_there("1.34.3") && !is_there("manifest-1.34.3.yaml"), "its own files are deleted");
        assert!(is_there("helper") && is_there("1.35.0/kubelet"), "those of the other version are there");
        remove(place.path(), names("1.35.0")).await.expect("deleted");
        assert!(!is_there("helper"), "the last version takes what it shared");
        remove(&place.path().join("none"), names("1.35.0")).await.expect("nothing to delete");
    }
}
