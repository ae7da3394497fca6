//! One repository of a registry: its manifests and blobs.

use http::Method;
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, RANGE};
use names::Sha256;

use super::error::{Error, Result, Side};
use super::manifest::{ACCEPTED, Manifest};
use super::reference::Reference;
use crate::charts::{self, Ask, Reply, To};

/// Largest manifest in bytes, the distribution specification's own advice.
pub(super) const MAX_MANIFEST: u64 = 4 * 1024 * 1024;
/// Digest of a manifest in an answer.
const DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// A repository, and what is needed to talk about it.
#[derive(Debug, Clone)]
pub(super) struct Repository {
    pub(super) client: charts::Client,
    pub(super) registry: String,
    pub(super) name: String,
    pub(super) side: Side,
}

/// What a token must allow.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scope<'a> {
    Pull,
    Push,
    Delete,
    /// To push, and to mount what another repository holds.
    Mount(&'a str),
}

impl Repository {
    pub(super) fn of(client: &charts::Client, reference: &Reference, side: Side) -> Self {
        Self { client: client.clone(), registry: reference.registry.clone(), name: reference.repository.clone(), side }
    }

    fn scopes(&self, scope: Scope<'_>) -> String {
        let name = &self.name;
        match scope {
            Scope::Pull => format!("repository:{name}:pull"),
            Scope::Push => format!("repository:{name}:pull,push"),
            Scope::Delete => format!("repository:{name}:pull,push,delete"),
            Scope::Mount(from) => format!("repository:{name}:pull,push repository:{from}:pull"),
        }
    }

    /// What reading needs here: a destination is pushed to in any case, and one token is enough.
    fn reading(&self) -> Scope<'static> {
        if self.side == Side::Source { Scope::Pull } else { Scope::Push }
    }

    /// The error for something that the registry did not do.
    pub(super) fn failed(&self, what: &'static str, part: &str, source: charts::Error) -> Error {
        let separator = if part.contains(':') && part.starts_with("sha") { '@' } else { ':' };
        let image = format!("{}/{}{separator}{part}", self.registry, self.name);
        match source {
            charts::Error::Stopped { .. } => Error::Stopped { image },
            source => Error::Registry { side: self.side, what, image, source: Box::new(source) },
        }
    }

    /// Sends a request without a body.
    pub(super) async fn ask(
        &self,
        scope: Scope<'_>,
        method: &Method,
        to: To<'_>,
        headers: &[(HeaderName, &str)],
    ) -> charts::Result<Reply> {
        let scopes = self.scopes(scope);
        let ask = Ask { registry: &self.registry, repository: &self.name, scopes: &scopes, method, to, headers };
        self.client.ask(&ask).await
    }

    /// Sends a request with a body, once.
    pub(super) async fn send(
        &self,
        scope: Scope<'_>,
        method: &Method,
        to: To<'_>,
        headers: &[(HeaderName, &str)],
        sending: charts::Sending,
    ) -> Result<Reply, charts::Unsent> {
        let scopes = self.scopes(scope);
        let ask = Ask { registry: &self.registry, repository: &self.name, scopes: &scopes, method, to, headers };
        self.client.send(&ask, sending).await
    }

    /// The error for an unexpected answer.
    pub(super) async fn refusal(&self, what: &'static str, part: &str, reply: Reply) -> Error {
        let refusal = self.client.refusal(&self.registry, reply).await;
        self.failed(what, part, refusal)
    }

    /// Digest of a manifest, by one HEAD; `None` if the registry does not have it.
    pub(super) async fn digest(&self, name: &str) -> Result<Option<Sha256>> {
        let path = format!("manifests/{name}");
        let accept = [(ACCEPT, ACCEPTED)];
        let reply = self.ask(self.reading(), &Method::HEAD, To::Path(&path), &accept).await;
        let reply = reply.map_err(|error| self.failed("read", name, error))?;
        match reply.status {
            200 => {}
            404 => return Ok(None),
            _ => return Err(self.refusal("read", name, reply).await),
        }
        if let Some(digest) = reply.header(&DIGEST).and_then(|text| text.parse().ok()) {
            return Ok(Some(digest));
        }
        // The header is optional.
        Ok(self.manifest(name).await?.map(|manifest| manifest.digest))
    }

    /// A manifest by its digest or tag. One that is named by its digest has it.
    pub(super) async fn manifest(&self, name: &str) -> Result<Option<Manifest>> {
        let path = format!("manifests/{name}");
        let accept = [(ACCEPT, ACCEPTED)];
        let mut attempts = 0;
        let answer = loop {
            attempts += 1;
            let reply = self.ask(self.reading(), &Method::GET, To::Path(&path), &accept).await;
            let reply = reply.map_err(|error| self.failed("read", name, error))?;
            match reply.status {
                200 => {}
                404 => return Ok(None),
                _ => return Err(self.refusal("read", name, reply).await),
            }
            match reply.whole(MAX_MANIFEST).await {
                Ok(answer) => break answer,
                Err(charts::Error::Cut { .. }) if self.client.rest(attempts, 5, None).await => {}
                Err(error) => return Err(self.failed("read", name, error)),
            }
        };
        let media_type = answer.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default().trim().to_owned();
        let manifest = Manifest::new(answer.body, media_type);
        match name.parse::<Sha256>() {
            Ok(expected) if name.starts_with("sha256:") && expected != manifest.digest => Err(Error::Checksum {
                origin: format!("{}/{}@{name}", self.registry, self.name),
                expected,
                found: manifest.digest,
            }),
            _ => Ok(Some(manifest)),
        }
    }

    /// Stores a manifest under a tag or its digest.
    pub(super) async fn store(&self, name: &str, manifest: &Manifest) -> Result<()> {
        let path = format!("manifests/{name}");
        let mut attempts = 0;
        loop {
            attempts += 1;
            let headers = [(CONTENT_TYPE, manifest.media_type.as_str())];
            let sending = charts::Sending::of(manifest.bytes.clone());
            let sent = self.send(Scope::Push, &Method::PUT, To::Path(&path), &headers, sending).await;
            match sent {
                Ok(reply) if matches!(reply.status, 200..=202) => {
                    let stored = reply.header(&DIGEST).and_then(|text| text.parse::<Sha256>().ok());
                    return match stored {
                        Some(found) if found != manifest.digest => Err(Error::Checksum {
                            origin: format!("{}/{}", self.registry, self.name),
                            expected: manifest.digest,
                            found,
                        }),
                        _ => Ok(()),
                    };
                }
                Ok(reply) if charts::passes(reply.status) && self.client.rest(attempts, 5, Some(&reply)).await => {}
                Ok(reply) => {
                    // Registries that keep tags from changing refuse one that holds the same image, too.
                    let refused = self.refusal("write", name, reply).await;
                    return match self.digest(name).await {
                        Ok(Some(digest)) if digest == manifest.digest => Ok(()),
                        _ => Err(refused),
                    };
                }
                Err(unsent) if unsent.may_pass && self.client.rest(attempts, 5, None).await => {}
                Err(unsent) => return Err(self.failed("write", name, unsent.error)),
            }
        }
    }

    /// Size of a blob; `None` if the repository does not have it.
    pub(super) async fn blob_size(&self, digest: Sha256) -> Result<Option<u64>> {
        let (path, part) = (format!("blobs/{digest}"), digest.to_string());
        let reply = self.ask(self.reading(), &Method::HEAD, To::Path(&path), &[]).await;
        let reply = reply.map_err(|error| self.failed("read", &part, error))?;
        match reply.status {
            200 => {
                let size = reply.header(&CONTENT_LENGTH).and_then(|text| text.parse().ok());
                // The header may be missing where something in between compresses.
                Ok(Some(size.unwrap_or(u64::MAX)))
            }
            404 => Ok(None),
            _ => Err(self.refusal("read", &part, reply).await),
        }
    }

    /// A blob from some byte on. A registry that does not know ranges answers with the whole, and status 200.
    pub(super) async fn blob(&self, digest: Sha256, from: u64) -> Result<Reply> {
        let (path, part) = (format!("blobs/{digest}"), digest.to_string());
        let range = format!("bytes={from}-");
        let headers = [(RANGE, range.as_str())];
        let headers = if from > 0 { &headers[..] } else { &[] };
        let reply = self.ask(Scope::Pull, &Method::GET, To::Path(&path), headers).await;
        let reply = reply.map_err(|error| self.failed("read", &part, error))?;
        match reply.status {
            200 | 206 => Ok(reply),
            _ => Err(self.refusal("read", &part, reply).await),
        }
    }

    /// Deletes a manifest by its tag or digest. `false`: the registry does not delete such a thing. One that does not
    /// exist is deleted.
    pub(super) async fn delete(&self, name: &str) -> Result<bool> {
        let path = format!("manifests/{name}");
        let reply = self.ask(Scope::Delete, &Method::DELETE, To::Path(&path), &[]).await;
        let reply = reply.map_err(|error| self.failed("delete", name, error))?;
        match reply.status {
            200 | 202 | 204 | 404 => Ok(true),
            400 | 405 => Ok(false),
            _ => Err(self.refusal("delete", name, reply).await),
        }
    }
}
