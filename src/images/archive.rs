//! Images in files: OCI layouts, as folders or packed by tar, and what `docker save` writes.
//!
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md>. Older archives of Docker hold a
//! `manifest.json` and unpacked layers; their manifests are written here. An archive is never unpacked: what is needed
//! of it is read where it lies.

use std::collections::HashMap;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use names::Sha256;
use serde::Deserialize;
use serde_json::Value;
use tokio::io::AsyncSeekExt as _;

use super::error::{Error, Result};
use super::manifest::{Descriptor, Manifest, descriptor, written};
use super::repository::MAX_MANIFEST;
use super::stream::Reader;

/// Largest configuration and list of images.
const MAX_DOCUMENT: u64 = 8 * 1024 * 1024;
/// What containerd and Docker write the whole name of an image into.
const WHOLE_NAME: &str = "io.containerd.image.name";
/// What the specification has for a name. Some tools write a tag alone.
const NAME: &str = "org.opencontainers.image.ref.name";

/// A file or a folder that holds images.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    /// Where each file is in an archive; `None` for a folder.
    files: Option<HashMap<String, (u64, u64)>>,
    /// Blobs that lie under other names than their digest's.
    blobs: HashMap<Sha256, String>,
    entries: Vec<Entry>,
}

/// One image of an archive.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Name, as the archive has it: `docker.io/library/nginx:1.27`.
    pub name: String,
    root: Root,
}

#[derive(Debug, Clone)]
enum Root {
    /// It lies in the archive.
    Stored(Descriptor),
    /// It was written here.
    Written(Manifest),
}

impl Entry {
    /// Digest of the manifest.
    #[must_use]
    pub fn digest(&self) -> Sha256 {
        match &self.root {
            Root::Stored(descriptor) => descriptor.digest,
            Root::Written(manifest) => manifest.digest,
        }
    }
}

#[derive(Deserialize)]
struct Index {
    manifests: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

#[derive(Deserialize)]
struct Configuration {
    rootfs: RootFs,
}

#[derive(Deserialize)]
struct RootFs {
    diff_ids: Vec<String>,
}

impl Archive {
    /// Looks into a file or a folder. Blocks.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::NoArchive`].
    pub fn open(path: &Path) -> Result<Self> {
        let failed = |source| Error::Read { path: path.to_owned(), source };
        let refuse = |problem: String| Error::NoArchive { path: path.to_owned(), problem };
        let about = std::fs::metadata(path).map_err(failed)?;
        if !about.is_dir() && !about.is_file() {
            // Opening a pipe would wait for a writer, which no stop ends.
            return Err(refuse("it is neither a file nor a folder".to_owned()));
        }
        let files = if about.is_dir() { None } else { Some(list(path)?) };
        let mut archive = Self { path: path.to_owned(), files, blobs: HashMap::new(), entries: Vec::new() };
        archive.entries = if let Some(index) = archive.document("index.json")? {
            Self::layout(&index).map_err(refuse)?
        } else if let Some(manifest) = archive.document("manifest.json")? {
            let saved: Vec<Saved> = serde_json::from_slice(&manifest)
                .map_err(|error| refuse(format!("its `manifest.json` cannot be read: {error}")))?;
            let mut entries = Vec::new();
            for one in saved {
                entries.extend(archive.saved(&one)?);
            }
            entries
        } else {
            let problem = "it has neither an `index.json` (OCI layout) nor a `manifest.json` (`docker save`)";
            return Err(refuse(problem.to_owned()));
        };
        if archive.entries.is_empty() {
            return Err(refuse("its list of images is empty".to_owned()));
        }
        Ok(archive)
    }

    /// The file or folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its images.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn layout(index: &[u8]) -> std::result::Result<Vec<Entry>, String> {
        let index: Index =
            serde_json::from_slice(index).map_err(|error| format!("its `index.json` cannot be read: {error}"))?;
        let mut entries = Vec::new();
        for raw in index.manifests {
            let note = |name: &str| raw.get("annotations").and_then(|all| all.get(name)).and_then(Value::as_str);
            // A bare tag says nothing about the repository.
            let name = note(WHOLE_NAME).or_else(|| note(NAME).filter(|name| name.contains(['/', ':'])));
            let name = name.map(str::to_owned);
            let part = descriptor(raw).map_err(|problem| format!("its `index.json` cannot be read: {problem}"))?;
            let name = name.ok_or_else(|| {
                format!(
                    "its `index.json` does not name the image {}: save it with its whole name, for example with \
                     `docker save REPOSITORY:TAG` or `skopeo copy … oci-archive:FILE:REPOSITORY:TAG`",
                    part.digest
                )
            })?;
            entries.push(Entry { name, root: Root::Stored(part) });
        }
        Ok(entries)
    }

    fn saved(&mut self, saved: &Saved) -> Result<Vec<Entry>> {
        let refuse = |problem: String| Error::NoArchive { path: self.path.clone(), problem };
        let lacking = |name: &str| refuse(format!("`{name}`, which its `manifest.json` names, is missing"));
        let config = self.document(&saved.config)?.ok_or_else(|| lacking(&saved.config))?;
        let layers: Configuration = serde_json::from_slice(&config)
            .map_err(|error| refuse(format!("`{}` is not the configuration of an image: {error}", saved.config)))?;
        let sums: Vec<Sha256> = layers.rootfs.diff_ids.iter().filter_map(|sum| sum.parse().ok()).collect();
        if sums.len() != saved.layers.len() {
            return Err(refuse(format!("`{}` does not name the checksum of each layer", saved.config)));
        }
        let mut parts = Vec::new();
        let mut blobs = vec![(Sha256::of(&config), saved.config.clone())];
        for (sum, name) in sums.iter().zip(&saved.layers) {
            let size = self.size(name)?.ok_or_else(|| lacking(name))?;
            parts.push((*sum, size));
            blobs.push((*sum, name.clone()));
        }
        let manifest = written((Sha256::of(&config), config.len() as u64), &parts);
        let Some(names) = saved.repo_tags.as_ref().filter(|names| !names.is_empty()) else {
            let problem =
                format!("the image of `{}` has no name: save it with `docker save REPOSITORY:TAG`", saved.config);
            return Err(refuse(problem));
        };
        let entries =
            names.iter().map(|name| Entry { name: name.clone(), root: Root::Written(manifest.clone()) }).collect();
        self.blobs.extend(blobs);
        Ok(entries)
    }

    pub(super) async fn root(&self, entry: &Entry) -> Result<Manifest> {
        match &entry.root {
            Root::Written(manifest) => Ok(manifest.clone()),
            Root::Stored(part) => self.manifest(part).await,
        }
    }

    pub(super) async fn manifest(&self, part: &Descriptor) -> Result<Manifest> {
        if part.size > MAX_MANIFEST {
            let problem = format!("its manifest {} has more than {MAX_MANIFEST} bytes", part.digest);
            return Err(Error::NoArchive { path: self.path.clone(), problem });
        }
        let mut reader = self.blob(part).await?;
        let mut bytes = Vec::new();
        while let Some(piece) = reader.piece().await? {
            bytes.extend_from_slice(&piece);
        }
        Ok(Manifest::new(bytes, part.media_type.clone()))
    }

    pub(super) async fn blob(&self, part: &Descriptor) -> Result<Reader> {
        let name =
            self.blobs.get(&part.digest).cloned().unwrap_or_else(|| format!("blobs/sha256/{}", part.digest.hex()));
        let (path, start) = match &self.files {
            None => (self.path.join(&name), 0),
            Some(files) => {
                let (start, size) = files.get(&name).copied().ok_or_else(|| self.lacks(part.digest))?;
                if size != part.size {
                    let origin = format!("{} in {}", part.digest, self.path.display());
                    return Err(Error::Size { origin, expected: part.size, found: size });
                }
                (self.path.clone(), start)
            }
        };
        let opened = async {
            let mut file = tokio::fs::File::open(&path).await?;
            file.seek(SeekFrom::Start(start)).await?;
            Ok::<_, std::io::Error>(file)
        };
        match opened.await {
            Ok(file) => Ok(Reader::file(path, file, part.digest, part.size)),
            Err(error) if self.files.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
                Err(self.lacks(part.digest))
            }
            Err(source) => Err(Error::Read { path, source }),
        }
    }

    fn lacks(&self, digest: Sha256) -> Error {
        // `docker save` and `ctr image export` leave out what was never pulled.
        let problem = format!(
            "{digest} is missing; an archive with all platforms of an image is written by `skopeo copy --all`, \
             or set `platforms` to those that it holds"
        );
        Error::NoArchive { path: self.path.clone(), problem }
    }

    fn size(&self, name: &str) -> Result<Option<u64>> {
        match &self.files {
            Some(files) => Ok(files.get(name).map(|(_, size)| *size)),
            None if !is_inside(name) => {
                let problem = format!("it names `{name}`, which is not in the folder");
                Err(Error::NoArchive { path: self.path.clone(), problem })
            }
            None => match std::fs::metadata(self.path.join(name)) {
                Ok(about) if about.is_file() => Ok(Some(about.len())),
                Ok(_) => {
                    let problem = format!("its `{name}` is not a file");
                    Err(Error::NoArchive { path: self.path.clone(), problem })
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                Err(source) => Err(Error::Read { path: self.path.join(name), source }),
            },
        }
    }

    /// A small file, as a whole.
    fn document(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let Some(size) = self.size(name)? else { return Ok(None) };
        if size > MAX_DOCUMENT {
            let problem = format!("its `{name}` has more than {MAX_DOCUMENT} bytes");
            return Err(Error::NoArchive { path: self.path.clone(), problem });
        }
        let (path, start) = match &self.files {
            None => (self.path.join(name), 0),
            Some(files) => (self.path.clone(), files.get(name).map_or(0, |(start, _)| *start)),
        };
        let read = || {
            let mut file = std::fs::File::open(&path)?;
            file.seek(SeekFrom::Start(start))?;
            let mut bytes = Vec::new();
            file.take(size).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        read().map(Some).map_err(|source| Error::Read { path: path.clone(), source })
    }
}

/// Whether a name that an archive holds leads to somewhere in its folder.
fn is_inside(name: &str) -> bool {
    let parts = || Path::new(name).components();
    parts().next().is_some() && parts().all(|part| matches!(part, Component::Normal(_)))
}

/// Where each file of an archive is. Links are followed to what they name: `docker save` stores equal layers once.
fn list(path: &Path) -> Result<HashMap<String, (u64, u64)>> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let refuse = |problem: &str| Error::NoArchive { path: path.to_owned(), problem: problem.to_owned() };
    let mut file = std::fs::File::open(path).map_err(failed)?;
    let mut magic = [0; 4];
    let read = file.read(&mut magic).map_err(failed)?;
    if magic[..read].starts_with(&[0x1f, 0x8b]) || magic == [0x28, 0xb5, 0x2f, 0xfd] {
        return Err(refuse("it is compressed; unpack it first, with `gunzip` or `unzstd`"));
    }
    file.rewind().map_err(failed)?;
    let mut archive = tar::Archive::new(file);
    let unreadable = |_| refuse("it is not a tar archive");
    let (mut files, mut links) = (HashMap::new(), Vec::new());
    for entry in archive.entries_with_seek().map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.path().map_err(unreadable)?.to_string_lossy().trim_start_matches("./").to_owned();
        let kind = entry.header().entry_type();
        if kind.is_file() {
            files.insert(name, (entry.raw_file_position(), entry.size()));
        } else if kind.is_symlink() || kind.is_hard_link() {
            let to = entry.link_name().map_err(unreadable)?.unwrap_or_default().to_string_lossy().into_owned();
            links.push((name, to, kind.is_hard_link()));
        }
    }
    for (name, to, is_hard) in links {
        let target = if is_hard { to } else { joined(&name, &to) };
        if let Some(place) = files.get(&target).copied() {
            files.insert(name, place);
        }
    }
    Ok(files)
}

/// The path that a link at `name` means.
fn joined(name: &str, to: &str) -> String {
    let mut parts: Vec<&str> = name.split('/').collect();
    parts.pop();
    for part in to.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What opening a folder with this list of images says.
    fn problem(folder: &Path, config: &str, layer: &str) -> String {
        let list = serde_json::json!([{"Config": config, "RepoTags": ["a:v1"], "Layers": [layer]}]);
        std::fs::write(folder.join("manifest.json"), list.to_string()).expect("written");
        crate::net::causes::chain(&Archive::open(folder).expect_err("it cannot be used"))
    }

    #[test]
    fn names_never_lead_out_of_the_folder() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = place.path().join("archive");
        std::fs::create_dir_all(folder.join("layers")).expect("created");
        let sum = Sha256::of(b"secret");
        let config = serde_json::json!({"rootfs": {"diff_ids": [sum.to_string()]}}).to_string();
        let outside = place.path().join("outside.json");
        for path in [&outside, &folder.join("config.json")] {
            std::fs::write(path, &config).expect("written");
        }
        std::fs::write(place.path().join("secret"), "secret").expect("written");
        let absolute = outside.display().to_string();
        for (config, layer, named) in [
            ("../outside.json", "layer.tar", "`../outside.json`, which is not in the folder"),
            (absolute.as_str(), "layer.tar", "which is not in the folder"),
            ("config.json", "../secret", "`../secret`, which is not in the folder"),
            ("config.json", "layers/../../secret", "which is not in the folder"),
            ("config.json", "", "which is not in the folder"),
            ("config.json", "layers", "its `layers` is not a file"),
        ] {
            let problem = problem(&folder, config, layer);
            assert!(problem.contains(named), "{config} {layer}: {problem}");
        }
    }

    #[test]
    fn only_files_and_folders_are_opened() {
        let error = Archive::open(Path::new("/dev/null")).expect_err("it is a device");
        assert!(crate::net::causes::chain(&error).contains("neither a file nor a folder"), "{error}");
    }
}
