//! What a registry of images holds, and how it is set.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::random;

const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Body of `POST …/registries`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a member of the body, and any of them may be set")]
pub struct Settings {
    /// User and password that every request needs.
    pub user: Option<String>,
    pub password: Option<String>,
    /// Refuses every change with 405, as a registry that only mirrors others does.
    pub read_only: bool,
    /// Refuses changes of this user with 403.
    pub denied: bool,
    /// Refuses bodies of blobs with more bytes with 416, as GHCR does.
    pub largest_body: Option<u64>,
    /// Mounts nothing: such a request begins an upload, as in ECR without blob mounting.
    pub mounts_nothing: bool,
    /// Number of blobs of which the body is discarded although the answer is 201.
    pub discards: u32,
    /// Bytes of blobs in all; beyond them the answer is 507.
    pub capacity: Option<u64>,
    /// Refuses to change a tag, as an immutable repository of ECR does.
    pub immutable_tags: bool,
    /// Deletes nothing.
    pub keeps_everything: bool,
}

/// Body of `POST …/registries/ID/images`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    repository: String,
    tag: String,
    /// `linux/amd64` and so on: an index. Without, one image.
    #[serde(default)]
    platforms: Vec<String>,
    /// An attestation for each platform.
    #[serde(default)]
    attestations: bool,
    /// Bytes of each of the two layers; the first is the same for all images of a size.
    #[serde(default = "small")]
    layer_bytes: usize,
    /// Stores other bytes than the digest of a layer says.
    #[serde(default)]
    damaged: bool,
}

fn small() -> usize {
    2000
}

/// Body of `POST …/registries/ID/tags`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tag {
    repository: String,
    #[serde(rename = "tag")]
    name: String,
    /// Digest of a manifest of the repository. Without, the tag is deleted.
    to: Option<String>,
}

#[derive(Default)]
pub struct Repository {
    /// Digests by tag.
    pub tags: BTreeMap<String, String>,
    /// Media type and bytes by digest.
    pub manifests: BTreeMap<String, (String, Vec<u8>)>,
    pub blobs: BTreeMap<String, Vec<u8>>,
}

/// An upload that is not finished.
pub struct Upload {
    pub repository: String,
    pub bytes: Vec<u8>,
}

pub struct Store {
    pub settings: Settings,
    pub repositories: BTreeMap<String, Repository>,
    pub uploads: HashMap<String, Upload>,
}

impl Store {
    pub fn new(settings: Settings) -> Self {
        Self { settings, repositories: BTreeMap::new(), uploads: HashMap::new() }
    }

    /// Bytes of all blobs.
    pub fn size(&self) -> u64 {
        self.repositories.values().flat_map(|it| it.blobs.values()).map(|blob| blob.len() as u64).sum()
    }

    pub fn describe(&self) -> Value {
        let one = |it: &Repository| {
            json!({
                "tags": it.tags,
                "manifests": it.manifests.keys().collect::<Vec<_>>(),
                "blobs": it.blobs.keys().collect::<Vec<_>>(),
            })
        };
        self.repositories.iter().map(|(name, it)| (name.clone(), one(it))).collect()
    }

    pub fn tag(&mut self, tag: Tag) -> Result<(), String> {
        let Some(repository) = self.repositories.get_mut(&tag.repository) else {
            return Err(format!("there is no repository `{}`", tag.repository));
        };
        match tag.to {
            None => drop(repository.tags.remove(&tag.name)),
            Some(digest) if repository.manifests.contains_key(&digest) => {
                repository.tags.insert(tag.name, digest);
            }
            Some(digest) => return Err(format!("there is no manifest {digest}")),
        }
        Ok(())
    }

    /// Puts an image into a repository, and returns its digest.
    pub fn push(&mut self, wanted: &Wanted) -> Value {
        let repository = self.repositories.entry(wanted.repository.clone()).or_default();
        let mut parts = Vec::new();
        let platforms = wanted.platforms.iter().map(|it| Some(it.as_str()));
        let platforms: Vec<Option<&str>> = if wanted.platforms.is_empty() { vec![None] } else { platforms.collect() };
        for platform in platforms {
            let name = platform.unwrap_or("linux/amd64");
            let (digest, size) = repository.image(name, wanted.layer_bytes, wanted.damaged);
            let mut words = name.split('/');
            let os = json!({"os": words.next(), "architecture": words.next()});
            parts.push((digest.clone(), json!({"mediaType": IMAGE, "digest": digest, "size": size, "platform": os})));
            if wanted.attestations {
                let (proof, size) = repository.image("unknown/unknown", 200, false);
                let entry = json!({
                    "mediaType": IMAGE, "digest": proof, "size": size,
                    "platform": {"os": "unknown", "architecture": "unknown"},
                    "annotations": {
                        "vnd.docker.reference.digest": digest, "vnd.docker.reference.type": "attestation-manifest",
                    },
                });
                parts.push((proof, entry));
            }
        }
        let images: Vec<String> = parts.iter().map(|(digest, _)| digest.clone()).collect();
        let digest = if wanted.platforms.is_empty() {
            images[0].clone()
        } else {
            let entries: Vec<&Value> = parts.iter().map(|(_, entry)| entry).collect();
            // Blanks that no writer of JSON would leave: whoever writes a manifest anew changes its digest.
            let text = format!(
                "{{ \"schemaVersion\": 2,\n  \"mediaType\": \"{INDEX}\",\n  \"manifests\": {} }}\n",
                json!(entries)
            );
            repository.keep(INDEX, text.into_bytes())
        };
        repository.tags.insert(wanted.tag.clone(), digest.clone());
        json!({"digest": digest, "images": images})
    }
}

impl Repository {
    fn keep(&mut self, media_type: &str, bytes: Vec<u8>) -> String {
        let digest = digest(&bytes);
        self.manifests.insert(digest.clone(), (media_type.to_owned(), bytes));
        digest
    }

    /// An image of two layers: one that all of this size share, and one of its own.
    fn image(&mut self, platform: &str, layer_bytes: usize, damaged: bool) -> (String, usize) {
        let base: Vec<u8> = (0..251_u8).cycle().take(layer_bytes).collect();
        let own = random::hex(32).into_bytes().into_iter().cycle().take(layer_bytes).collect::<Vec<u8>>();
        let config = json!({"platform": platform, "created_by": random::uuid()}).to_string().into_bytes();
        let mut layers = Vec::new();
        for (bytes, is_own) in [(base, false), (own, true)] {
            let name = digest(&bytes);
            layers.push(json!({
                "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": name, "size": bytes.len(),
            }));
            let bytes = if damaged && is_own { bytes.iter().map(|byte| !byte).collect() } else { bytes };
            self.blobs.insert(name, bytes);
        }
        let about = digest(&config);
        let manifest = json!({
            "schemaVersion": 2, "mediaType": IMAGE,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": about, "size": config.len()},
            "layers": layers,
        });
        self.blobs.insert(about, config);
        let bytes = manifest.to_string().into_bytes();
        let size = bytes.len();
        (self.keep(IMAGE, bytes), size)
    }
}

/// `sha256:…`
pub fn digest(content: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(content)))
}
