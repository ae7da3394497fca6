//! What a registry of images answers.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{
    Head,
    store::{Store, Upload, digest},
};
use crate::random;

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Close,
    /// Without an answer.
    Reset,
}

pub struct Told {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Told {
    fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// An error of a registry.
    fn error(status: u16, code: &str, message: impl Into<String>) -> Self {
        let body = json!({"errors": [{"code": code, "message": message.into()}]});
        Self::new(status, body.to_string()).with("Content-Type", "application/json; charset=utf-8")
    }
}

/// A fault.
pub fn busy(status: u16, code: &str, retry_after: Option<u64>) -> Told {
    let told = Told::error(status, code, "try again");
    match retry_after {
        Some(seconds) => told.with("Retry-After", seconds.to_string()),
        None => told,
    }
}

/// What is wanted.
enum Wanted<'a> {
    Base,
    Manifest { repository: &'a str, reference: &'a str },
    Blob { repository: &'a str, digest: &'a str },
    Start { repository: &'a str },
    Upload { repository: &'a str, id: &'a str },
    Tags { repository: &'a str },
    Unknown,
}

impl<'a> Wanted<'a> {
    fn of(path: &'a str) -> Self {
        let Some(rest) = path.strip_prefix("/v2/") else { return Self::Unknown };
        if rest.is_empty() {
            return Self::Base;
        }
        if let Some(repository) = rest.strip_suffix("/tags/list") {
            return Self::Tags { repository };
        }
        if let Some(repository) = rest.strip_suffix("/blobs/uploads/") {
            return Self::Start { repository };
        }
        if let Some((repository, id)) = rest.rsplit_once("/blobs/uploads/") {
            return Self::Upload { repository, id };
        }
        match (rest.rsplit_once("/manifests/"), rest.rsplit_once("/blobs/")) {
            (Some((repository, reference)), _) => Self::Manifest { repository, reference },
            (_, Some((repository, digest))) => Self::Blob { repository, digest },
            _ => Self::Unknown,
        }
    }
}

/// As counted and as named in faults.
pub fn operation(head: &Head) -> &'static str {
    let path = head.target.split('?').next().unwrap_or_default();
    match (Wanted::of(path), head.method.as_str()) {
        (Wanted::Base, _) => "Base",
        (Wanted::Manifest { .. }, "HEAD") => "HeadManifest",
        (Wanted::Manifest { .. }, "PUT") => "PutManifest",
        (Wanted::Manifest { .. }, "DELETE") => "DeleteManifest",
        (Wanted::Manifest { .. }, _) => "GetManifest",
        (Wanted::Blob { .. }, "HEAD") => "HeadBlob",
        (Wanted::Blob { .. }, _) => "GetBlob",
        (Wanted::Start { .. }, _) => "StartUpload",
        (Wanted::Upload { .. }, "PATCH") => "PatchBlob",
        (Wanted::Upload { .. }, _) => "PutBlob",
        (Wanted::Tags { .. }, _) => "ListTags",
        (Wanted::Unknown, _) => "unreadable",
    }
}

/// Answers one request.
pub fn answer(store: &mut Store, head: &Head, body: Vec<u8>) -> Told {
    let (path, query) = head.target.split_once('?').unwrap_or((&head.target, ""));
    let parameter = |wanted: &str| {
        form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
    };
    if let (Some(user), Some(password)) = (&store.settings.user, &store.settings.password) {
        let expected = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        if head.header("authorization") != Some(&expected) {
            return Told::error(401, "UNAUTHORIZED", "authentication required")
                .with("Www-Authenticate", "Basic realm=\"images\"");
        }
    }
    let is_change = !matches!(head.method.as_str(), "GET" | "HEAD");
    if is_change && store.settings.denied {
        return Told::error(403, "DENIED", "requested access to the resource is denied");
    }
    if is_change && store.settings.read_only {
        return Told::error(405, "UNSUPPORTED", "The operation is unsupported.");
    }
    match (Wanted::of(path), head.method.as_str()) {
        (Wanted::Base, "GET") => Told::new(200, "{}").with("Docker-Distribution-Api-Version", "registry/2.0"),
        (Wanted::Manifest { repository, reference }, "GET" | "HEAD") => manifest(store, head, repository, reference),
        (Wanted::Manifest { repository, reference }, "PUT") => put(store, head, repository, reference, body),
        (Wanted::Manifest { repository, reference }, "DELETE") => delete(store, repository, reference),
        (Wanted::Blob { repository, digest }, "GET" | "HEAD") => blob(store, head, repository, digest),
        (Wanted::Start { repository }, "POST") => {
            let mount = (parameter("mount"), parameter("from"));
            start(store, repository, mount)
        }
        (Wanted::Upload { repository, id }, "PATCH") => patch(store, head, repository, id, &body),
        (Wanted::Upload { repository, id }, "PUT") => {
            finish(store, head, (repository, id), parameter("digest").as_deref(), body)
        }
        (Wanted::Tags { repository }, "GET") => match store.repositories.get(repository) {
            Some(found) => {
                let tags: Vec<&String> = found.tags.keys().collect();
                Told::new(200, json!({"name": repository, "tags": tags}).to_string())
            }
            None => Told::error(404, "NAME_UNKNOWN", "repository name not known to registry"),
        },
        (Wanted::Unknown, _) => Told::error(404, "NOT_FOUND", "page not found"),
        _ => Told::error(405, "UNSUPPORTED", "The operation is unsupported."),
    }
}

fn manifest(store: &Store, head: &Head, repository: &str, reference: &str) -> Told {
    let unknown = || Told::error(404, "MANIFEST_UNKNOWN", "manifest unknown");
    let Some(found) = store.repositories.get(repository) else { return unknown() };
    let digest = found.tags.get(reference).map_or(reference, String::as_str);
    let Some((media_type, bytes)) = found.manifests.get(digest) else { return unknown() };
    // What a client does not name, it does not get.
    if !head.header("accept").is_some_and(|accept| accept.contains("*/*") || accept.contains(media_type.as_str())) {
        return unknown();
    }
    Told::new(200, bytes.clone()).with("Content-Type", media_type).with("Docker-Content-Digest", digest)
}

fn put(store: &mut Store, head: &Head, repository: &str, reference: &str, body: Vec<u8>) -> Told {
    let invalid = |why: &str| Told::error(400, "MANIFEST_INVALID", format!("manifest invalid: {why}"));
    let name = digest(&body);
    if reference.starts_with("sha256:") && reference != name {
        return Told::error(400, "DIGEST_INVALID", "provided digest did not match uploaded content");
    }
    let Ok(manifest) = serde_json::from_slice::<Value>(&body) else { return invalid("not JSON") };
    let media_type = head.header("content-type").unwrap_or_default();
    if manifest["mediaType"].as_str().is_some_and(|own| own != media_type) {
        return invalid("the media type is another one");
    }
    let immutable = store.settings.immutable_tags;
    let found = store.repositories.entry(repository.to_owned()).or_default();
    let digests = |name: &str| {
        let list = manifest[name].as_array().cloned().unwrap_or_default();
        list.into_iter().filter_map(|one| one["digest"].as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    let config = manifest["config"]["digest"].as_str().map(str::to_owned);
    if let Some(missing) = digests("layers").into_iter().chain(config).find(|it| !found.blobs.contains_key(it)) {
        return Told::error(400, "MANIFEST_BLOB_UNKNOWN", format!("blob unknown to registry: {missing}"));
    }
    if let Some(missing) = digests("manifests").into_iter().find(|it| !found.manifests.contains_key(it)) {
        return Told::error(400, "MANIFEST_BLOB_UNKNOWN", format!("manifest unknown to registry: {missing}"));
    }
    if !reference.starts_with("sha256:") {
        if immutable && found.tags.contains_key(reference) {
            let message = format!(
                "The image tag '{reference}' already exists and cannot be overwritten because the tag is immutable."
            );
            return Told::error(400, "TAG_INVALID", message);
        }
        found.tags.insert(reference.to_owned(), name.clone());
    }
    found.manifests.insert(name.clone(), (media_type.to_owned(), body));
    Told::new(201, "").with("Docker-Content-Digest", name)
}

fn delete(store: &mut Store, repository: &str, reference: &str) -> Told {
    if store.settings.keeps_everything {
        return Told::error(405, "UNSUPPORTED", "The operation is unsupported.");
    }
    let Some(found) = store.repositories.get_mut(repository) else {
        return Told::error(404, "NAME_UNKNOWN", "repository name not known to registry");
    };
    let was = if reference.starts_with("sha256:") {
        found.tags.retain(|_, digest| digest != reference);
        found.manifests.remove(reference).is_some()
    } else {
        found.tags.remove(reference).is_some()
    };
    if was { Told::new(202, "") } else { Told::error(404, "MANIFEST_UNKNOWN", "manifest unknown") }
}

fn blob(store: &Store, head: &Head, repository: &str, digest: &str) -> Told {
    let Some(blob) = store.repositories.get(repository).and_then(|it| it.blobs.get(digest)) else {
        return Told::error(404, "BLOB_UNKNOWN", "blob unknown to registry");
    };
    let start = head.header("range").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
    let told = match start {
        Some(start) if start < blob.len() => Told::new(206, &blob[start..])
            .with("Content-Range", format!("bytes {start}-{}/{}", blob.len() - 1, blob.len())),
        Some(_) => return Told::error(416, "RANGE_INVALID", "invalid content range"),
        None => Told::new(200, blob.clone()),
    };
    told.with("Content-Type", "application/octet-stream").with("Docker-Content-Digest", digest)
}

fn start(store: &mut Store, repository: &str, mount: (Option<String>, Option<String>)) -> Told {
    if let (Some(digest), Some(from)) = mount
        && !store.settings.mounts_nothing
        && let Some(blob) = store.repositories.get(&from).and_then(|it| it.blobs.get(&digest)).cloned()
    {
        store.repositories.entry(repository.to_owned()).or_default().blobs.insert(digest.clone(), blob);
        return Told::new(201, "").with("Location", format!("/v2/{repository}/blobs/{digest}"));
    }
    let id = random::uuid();
    store.uploads.insert(id.clone(), Upload { repository: repository.to_owned(), bytes: Vec::new() });
    // Relative, and with a query of its own, as both occur.
    Told::new(202, "")
        .with("Location", format!("/v2/{repository}/blobs/uploads/{id}?_state=begun"))
        .with("Range", "0-0")
}

fn too_large(store: &Store, body: &[u8]) -> bool {
    store.settings.largest_body.is_some_and(|largest| body.len() as u64 > largest)
}

fn patch(store: &mut Store, head: &Head, repository: &str, id: &str, body: &[u8]) -> Told {
    if too_large(store, body) {
        return Told::error(416, "BLOB_UPLOAD_INVALID", "blob upload invalid");
    }
    let Some(upload) = store.uploads.get_mut(id).filter(|upload| upload.repository == repository) else {
        return Told::error(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry");
    };
    let start = head.header("content-range").and_then(|range| range.split('-').next()?.parse::<usize>().ok());
    if start.is_some_and(|start| start != upload.bytes.len()) {
        return Told::error(416, "BLOB_UPLOAD_INVALID", "blob upload invalid");
    }
    upload.bytes.extend_from_slice(body);
    let last = upload.bytes.len().saturating_sub(1);
    Told::new(202, "")
        .with("Location", format!("/v2/{repository}/blobs/uploads/{id}?_state={last}"))
        .with("Range", format!("0-{last}"))
}

fn finish(store: &mut Store, head: &Head, (repository, id): (&str, &str), wanted: Option<&str>, body: Vec<u8>) -> Told {
    if head.header("content-length").is_none() {
        return Told::error(411, "SIZE_INVALID", "length required");
    }
    if too_large(store, &body) {
        return Told::error(416, "BLOB_UPLOAD_INVALID", "blob upload invalid");
    }
    let Some(mut upload) = store.uploads.remove(id).filter(|upload| upload.repository == repository) else {
        return Told::error(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry");
    };
    upload.bytes.extend(body);
    let found = digest(&upload.bytes);
    if wanted != Some(&found) {
        return Told::error(400, "DIGEST_INVALID", "provided digest did not match uploaded content");
    }
    if store.settings.capacity.is_some_and(|capacity| store.size() + upload.bytes.len() as u64 > capacity) {
        return Told::error(507, "UNKNOWN", "no space left on device");
    }
    let told = Told::new(201, "").with("Location", format!("/v2/{repository}/blobs/{found}"));
    let told = told.with("Docker-Content-Digest", found.clone());
    if store.settings.discards > 0 {
        store.settings.discards -= 1;
        return told;
    }
    store.repositories.entry(repository.to_owned()).or_default().blobs.insert(found, upload.bytes);
    told
}
