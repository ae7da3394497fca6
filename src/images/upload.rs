//! Uploads of blobs.
//!
//! A blob goes in one request (POST, then one PUT): ECR answers 201 to a second PATCH and discards its body
//! (<https://github.com/aws/containers-roadmap/issues/2831>). A registry that refuses so much at once with 413 or 416,
//! as GHCR does beyond 4 MiB, gets it in parts, each of which must be acknowledged.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use http::Method;
use http::header::{CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE};
use url::Url;

use super::error::{Error, Result};
use super::manifest::Descriptor;
use super::repository::{Repository, Scope};
use super::source::Source;
use super::stream::{Reader, checked, taken};
use crate::charts::{self, EcrRegistry, Reply, Sending, To, Unsent};

/// Size of the parts, for registries that need parts. Each upload holds one of them.
const PART: usize = 1024 * 1024;
/// Attempts to upload one blob.
const ATTEMPTS: u32 = 5;
const KIND: &str = "application/octet-stream";

/// Registries that have refused whole blobs.
#[derive(Debug, Default)]
pub(super) struct InParts(Mutex<HashSet<String>>);

impl InParts {
    fn has(&self, registry: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(registry)
    }

    fn add(&self, registry: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(registry.to_owned());
    }
}

/// How one attempt ended.
enum Attempt {
    /// The registry says that it has the blob.
    Stored,
    /// It was mounted from another repository: nothing was sent.
    Mounted,
    /// Another attempt may succeed.
    Again(Error),
    /// The same, after an answer that may say when.
    Busy(Reply),
    /// The registry wants parts.
    Parts,
}

/// Brings a blob into a repository that does not have it. `from` is another repository of the registry that does.
/// Returns the number of bytes that were sent.
pub(super) async fn upload(
    target: &Repository,
    source: &Source,
    blob: &Descriptor,
    from: Option<&str>,
    in_parts: &InParts,
) -> Result<u64> {
    let part = blob.digest.to_string();
    let mut from = from;
    let mut attempts = 0;
    loop {
        attempts += 1;
        let is_again = match attempt(target, source, blob, from.take(), in_parts).await? {
            Attempt::Mounted => return Ok(0),
            // Some registries report what they did not keep.
            Attempt::Stored => match target.blob_size(blob.digest).await? {
                Some(size) if size == blob.size || size == u64::MAX => return Ok(blob.size),
                _ => {
                    let blob = format!("{}/{}@{}", target.registry, target.name, blob.digest);
                    Attempt::Again(Error::Discarded { blob })
                }
            },
            Attempt::Parts => {
                in_parts.add(&target.registry);
                attempts -= 1;
                continue;
            }
            other => other,
        };
        match is_again {
            Attempt::Busy(reply) => {
                if !target.client.rest(attempts, ATTEMPTS, Some(&reply)).await {
                    return Err(target.refusal("write", &part, reply).await);
                }
            }
            Attempt::Again(error) => {
                if !target.client.rest(attempts, ATTEMPTS, None).await {
                    return Err(error);
                }
                tracing::debug!(blob = part, attempts, %error, "uploading again");
            }
            Attempt::Stored | Attempt::Mounted | Attempt::Parts => {}
        }
    }
}

async fn attempt(
    target: &Repository,
    source: &Source,
    blob: &Descriptor,
    from: Option<&str>,
    in_parts: &InParts,
) -> Result<Attempt> {
    let part = blob.digest.to_string();
    let failed = |error| target.failed("write", &part, error);
    let path = match from {
        Some(from) => format!("blobs/uploads/?mount={}&from={}", blob.digest, from.replace('/', "%2F")),
        None => "blobs/uploads/".to_owned(),
    };
    let scope = from.map_or(Scope::Push, Scope::Mount);
    let begun = match target.ask(scope, &Method::POST, To::Path(&path), &[]).await {
        // The caller may push here, and not pull there.
        Err(charts::Error::Refused { .. }) if from.is_some() => {
            return Box::pin(attempt(target, source, blob, None, in_parts)).await;
        }
        begun => begun.map_err(failed)?,
    };
    let upload = match begun.status {
        201 if from.is_some() => return Ok(Attempt::Mounted),
        // Also the answer of a registry that does not mount.
        202 => location(&begun, target, &part)?,
        _ if from.is_some() => return Box::pin(attempt(target, source, blob, None, in_parts)).await,
        _ => return Err(target.refusal("write", &part, begun).await),
    };
    let reader = source.blob(blob, &target.client).await?;
    if in_parts.has(&target.registry) {
        return parts(target, reader, upload, blob, &part).await;
    }
    let (sending, slot) = checked(reader);
    let whole = with_digest(&upload, blob);
    let sent = target.send(Scope::Push, &Method::PUT, To::Address(&whole), &[(CONTENT_TYPE, KIND)], sending).await;
    // What was wrong with the content is the reason for whatever happened to the request.
    if let Some(error) = taken(&slot) {
        return Err(error);
    }
    match sent {
        Ok(reply) => match reply.status {
            200..=202 => Ok(Attempt::Stored),
            413 | 416 if EcrRegistry::parse(&target.registry).is_none() => Ok(Attempt::Parts),
            _ => after(target, reply, &part).await,
        },
        Err(unsent) => again(target, unsent, &part),
    }
}

/// Uploads in parts, and checks what the registry acknowledges.
async fn parts(
    target: &Repository,
    mut reader: Reader,
    mut upload: Url,
    blob: &Descriptor,
    part: &str,
) -> Result<Attempt> {
    let mut done = 0;
    let mut buffer = BytesMut::with_capacity(PART);
    let mut rest = Bytes::new();
    loop {
        while buffer.len() < PART {
            if rest.is_empty() {
                match reader.piece().await? {
                    Some(piece) => rest = piece,
                    None => break,
                }
            }
            buffer.extend_from_slice(&rest.split_to(rest.len().min(PART - buffer.len())));
        }
        if buffer.is_empty() {
            break;
        }
        let piece = buffer.split().freeze();
        let last = done + piece.len() as u64 - 1;
        let range = format!("{done}-{last}");
        let headers = [(CONTENT_TYPE, KIND), (CONTENT_RANGE, range.as_str())];
        let sending = Sending::of(piece);
        match target.send(Scope::Push, &Method::PATCH, To::Address(&upload), &headers, sending).await {
            Ok(reply) if matches!(reply.status, 200..=204) => {
                let kept = reply.header(&RANGE).and_then(|text| text.trim_start_matches("bytes=").split_once('-'));
                let kept = kept.and_then(|(_, last)| last.parse::<u64>().ok());
                if kept.is_some_and(|kept| kept != last) {
                    let blob = format!("{}/{}@{}", target.registry, target.name, blob.digest);
                    return Ok(Attempt::Again(Error::Discarded { blob }));
                }
                upload = location(&reply, target, part)?;
                done = last + 1;
            }
            Ok(reply) => return after(target, reply, part).await,
            Err(unsent) => return again(target, unsent, part),
        }
    }
    let whole = with_digest(&upload, blob);
    let reply = target.ask(Scope::Push, &Method::PUT, To::Address(&whole), &[(CONTENT_TYPE, KIND)]).await;
    let reply = reply.map_err(|error| target.failed("write", part, error))?;
    match reply.status {
        200..=202 => Ok(Attempt::Stored),
        _ => after(target, reply, part).await,
    }
}

/// What an unexpected answer to an upload means.
async fn after(target: &Repository, reply: Reply, part: &str) -> Result<Attempt> {
    // An upload that the registry no longer knows is begun anew.
    if charts::passes(reply.status) {
        return Ok(Attempt::Busy(reply));
    }
    let is_lost = matches!(reply.status, 404 | 416);
    let refused = target.refusal("write", part, reply).await;
    if is_lost { Ok(Attempt::Again(refused)) } else { Err(refused) }
}

fn again(target: &Repository, unsent: Unsent, part: &str) -> Result<Attempt> {
    let error = target.failed("write", part, unsent.error);
    if unsent.may_pass { Ok(Attempt::Again(error)) } else { Err(error) }
}

fn with_digest(upload: &Url, blob: &Descriptor) -> Url {
    let mut url = upload.clone();
    url.query_pairs_mut().append_pair("digest", &blob.digest.to_string());
    url
}

/// Where an upload continues.
fn location(reply: &Reply, target: &Repository, part: &str) -> Result<Url> {
    onward(&reply.url, reply.header(&LOCATION).unwrap_or_default()).map_err(|problem| {
        let mut at = reply.url.clone();
        at.set_query(None);
        let error = charts::Error::Malformed {
            url: at.to_string(),
            what: "answer to the start of an upload",
            problem: problem.to_owned(),
        };
        target.failed("write", part, error)
    })
}

/// The address that a header names. What begins encrypted continues so: such addresses are keys to the upload.
fn onward(from: &Url, text: &str) -> std::result::Result<Url, &'static str> {
    let to = from.join(text).ok().filter(|_| !text.is_empty()).ok_or("it does not name where to continue")?;
    match (from.scheme(), to.scheme()) {
        ("https", "http") => Err("the upload would continue over a connection that is not encrypted"),
        (_, "http" | "https") => Ok(to),
        _ => Err("it does not name where to continue"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_continues_where_the_registry_says_and_encrypted() {
        let begun =
            |scheme: &str| Url::parse(&format!("{scheme}://r.example/v2/a/blobs/uploads/")).expect("an address");
        for (scheme, location, expected) in [
            ("https", "/v2/a/blobs/uploads/1?s=2", Ok("https://r.example/v2/a/blobs/uploads/1?s=2")),
            ("https", "https://storage.example/1", Ok("https://storage.example/1")),
            ("http", "http://r.example/1", Ok("http://r.example/1")),
            ("https", "http://r.example/1", Err("not encrypted")),
            ("https", "file:///etc/passwd", Err("does not name where to continue")),
            ("https", "", Err("does not name where to continue")),
        ] {
            match (onward(&begun(scheme), location), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found.as_str(), expected),
                (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
                (found, _) => panic!("{scheme} {location}: {found:?}"),
            }
        }
    }
}
