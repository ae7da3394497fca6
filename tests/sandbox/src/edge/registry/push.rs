//! What a registry of ECR answers to those who push: one PATCH or none, no mounts, and only into repositories that exist.

use serde_json::Value;

use super::{
    answer::{Asked, Told},
    digest,
};
use crate::{
    ecr::{Repository, Upload},
    random,
    world::Account,
};

/// What is pushed.
pub enum Push<'a> {
    Start { repository: &'a str },
    Part { repository: &'a str, id: &'a str },
    Finish { repository: &'a str, id: &'a str },
    Manifest { repository: &'a str, reference: &'a str },
}

impl<'a> Push<'a> {
    pub fn of(method: &str, path: &'a str) -> Option<Self> {
        let rest = path.strip_prefix("/v2/")?;
        if method == "POST" {
            return Some(Self::Start { repository: rest.strip_suffix("/blobs/uploads/")? });
        }
        let upload = rest.rsplit_once("/blobs/uploads/");
        match (method, upload, rest.rsplit_once("/manifests/")) {
            ("PATCH", Some((repository, id)), _) => Some(Self::Part { repository, id }),
            ("PUT", Some((repository, id)), _) => Some(Self::Finish { repository, id }),
            ("PUT", None, Some((repository, reference))) => Some(Self::Manifest { repository, reference }),
            _ => None,
        }
    }

    /// As counted and as named in faults.
    pub fn operation(&self) -> &'static str {
        match self {
            Self::Start { .. } => "StartUpload",
            Self::Part { .. } => "PatchBlob",
            Self::Finish { .. } => "PutBlob",
            Self::Manifest { .. } => "PutManifest",
        }
    }

    /// The repository, and the action that the caller needs on it.
    pub fn action(&self) -> (&'a str, &'static str) {
        match self {
            Self::Start { repository } => (repository, "ecr:InitiateLayerUpload"),
            Self::Part { repository, .. } => (repository, "ecr:UploadLayerPart"),
            Self::Finish { repository, .. } => (repository, "ecr:CompleteLayerUpload"),
            Self::Manifest { repository, .. } => (repository, "ecr:PutImage"),
        }
    }

    pub fn answer(
        &self,
        own: &mut Account,
        region: &str,
        asked: &Asked<'_>,
        parameter: &dyn Fn(&str) -> Option<String>,
    ) -> Told {
        let (id, (name, _)) = (own.id.clone(), self.action());
        let store = &mut own.region(region).ecr;
        let Some(repository) = store.repositories.get_mut(name) else {
            let message = format!("The repository with name '{name}' does not exist in the registry with id '{id}'");
            return Told::error(404, "NAME_UNKNOWN", message);
        };
        let unknown = || Told::error(404, "BLOB_UPLOAD_UNKNOWN", "The upload does not exist");
        match self {
            // Without the account's setting for it, what asks for a mount begins an upload.
            Self::Start { .. } => {
                let upload = random::uuid();
                let at = format!("/v2/{name}/blobs/uploads/{upload}");
                store.uploads.insert(upload, Upload::default());
                Told::new(202, "").with("Location", at).with("Range", "0-0")
            }
            Self::Part { id, .. } => {
                let Some(upload) = store.uploads.get_mut(*id) else { return unknown() };
                upload.parts += 1;
                // <https://github.com/aws/containers-roadmap/issues/2831>
                if upload.parts == 1 {
                    upload.bytes.extend_from_slice(asked.body);
                }
                let last = upload.bytes.len().saturating_sub(1);
                Told::new(201, "")
                    .with("Location", format!("/v2/{name}/blobs/uploads/{id}"))
                    .with("Range", format!("0-{last}"))
            }
            Self::Finish { id, .. } => {
                let Some(mut upload) = store.uploads.remove(*id) else { return unknown() };
                upload.bytes.extend_from_slice(asked.body);
                let found = digest(&upload.bytes);
                if parameter("digest").as_deref() != Some(&found) {
                    return Told::error(400, "DIGEST_INVALID", "Layer digest does not match");
                }
                repository.blobs.insert(found.clone(), upload.bytes);
                Told::new(201, "").with("Docker-Content-Digest", found)
            }
            Self::Manifest { reference, .. } => manifest(repository, name, reference, asked),
        }
    }
}

fn manifest(repository: &mut Repository, name: &str, reference: &str, asked: &Asked<'_>) -> Told {
    let Ok(manifest) = serde_json::from_slice::<Value>(asked.body) else {
        return Told::error(400, "MANIFEST_INVALID", "Invalid manifest");
    };
    if asked.head.header("content-type") != manifest["mediaType"].as_str() {
        return Told::error(400, "MANIFEST_INVALID", "The media type is another one");
    }
    let found = digest(asked.body);
    if reference.starts_with("sha256:") && reference != found {
        return Told::error(400, "DIGEST_INVALID", "Image digest does not match");
    }
    let digests = |list: &str| {
        let list = manifest[list].as_array().cloned().unwrap_or_default();
        list.into_iter().filter_map(|one| one["digest"].as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    let config = manifest["config"]["digest"].as_str().map(str::to_owned);
    let missing = digests("layers").into_iter().chain(config).find(|blob| !repository.blobs.contains_key(blob));
    let missing =
        missing.or_else(|| digests("manifests").into_iter().find(|one| !repository.manifests.contains_key(one)));
    if let Some(missing) = missing {
        let message = format!(
            "Layers with digests '{missing}' required for pushing image into repository with name '{name}' do not exist"
        );
        return Told::error(404, "BLOB_UNKNOWN", message);
    }
    if !reference.starts_with("sha256:") {
        match repository.tags.get(reference) {
            Some(there) if *there != found && repository.is_immutable => {
                let message = format!(
                    "The image tag '{reference}' already exists in the '{name}' repository and cannot be overwritten because the tag is immutable."
                );
                return Told::error(400, "TAG_INVALID", message);
            }
            _ => drop(repository.tags.insert(reference.to_owned(), found.clone())),
        }
    }
    repository.manifests.insert(found.clone(), asked.body.to_vec());
    Told::new(201, "").with("Docker-Content-Digest", found)
}
