//! Where an image comes from.

use std::sync::Arc;

use names::Sha256;

use super::archive::{Archive, Entry};
use super::error::{Error, Result, Side};
use super::manifest::{Descriptor, Manifest};
use super::reference::Reference;
use super::repository::Repository;
use super::stream::Reader;
use crate::charts;

/// Where an image comes from.
#[derive(Debug, Clone)]
pub enum Source {
    /// A registry.
    Registry(Reference),
    /// A file or a folder.
    Archive(Arc<Archive>, Entry),
}

impl Source {
    fn repository(reference: &Reference, client: &charts::Client) -> Repository {
        Repository::of(client, reference, Side::Source)
    }

    /// For messages.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Registry(reference) => reference.to_string(),
            Self::Archive(archive, entry) => format!("{} in {}", entry.name, archive.path().display()),
        }
    }

    /// Digest of what is to be copied, as cheaply as it can be had.
    pub(super) async fn digest(&self, client: &charts::Client) -> Result<Sha256> {
        match self {
            Self::Registry(Reference { digest: Some(digest), .. }) => Ok(*digest),
            Self::Registry(reference) => {
                let found = Self::repository(reference, client).digest(&reference.manifest()).await?;
                found.ok_or_else(|| missing(reference))
            }
            Self::Archive(_, entry) => Ok(entry.digest()),
        }
    }

    /// The manifest or index that a name refers to.
    pub(super) async fn root(&self, client: &charts::Client) -> Result<Manifest> {
        match self {
            Self::Registry(reference) => {
                let found = Self::repository(reference, client).manifest(&reference.manifest()).await?;
                found.ok_or_else(|| missing(reference))
            }
            Self::Archive(archive, entry) => archive.root(entry).await,
        }
    }

    /// A manifest of an index.
    pub(super) async fn manifest(&self, part: &Descriptor, client: &charts::Client) -> Result<Manifest> {
        match self {
            Self::Registry(reference) => {
                let found = Self::repository(reference, client).manifest(&part.digest.to_string()).await?;
                let found = found.ok_or_else(|| missing(&reference.at(part.digest)))?;
                let media_type = if part.media_type.is_empty() { found.media_type } else { part.media_type.clone() };
                Ok(Manifest { media_type, ..found })
            }
            Self::Archive(archive, _) => archive.manifest(part).await,
        }
    }

    /// A blob, from its first byte.
    pub(super) async fn blob(&self, part: &Descriptor, client: &charts::Client) -> Result<Reader> {
        match self {
            Self::Registry(reference) => {
                Reader::registry(Self::repository(reference, client), part.digest, part.size).await
            }
            Self::Archive(archive, _) => archive.blob(part).await,
        }
    }

    /// Registry and repository from which a blob may be mounted.
    pub(super) fn place(&self) -> Option<(&str, &str)> {
        match self {
            Self::Registry(reference) => Some((&reference.registry, &reference.repository)),
            Self::Archive(..) => None,
        }
    }
}

fn missing(reference: &Reference) -> Error {
    let url = reference.to_string();
    let source = charts::Error::NotFound { url: url.clone(), status: 404, detail: String::new() };
    Error::Registry { side: Side::Source, what: "read", image: url, source: Box::new(source) }
}
