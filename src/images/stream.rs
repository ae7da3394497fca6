//! Blobs in pieces: read, checked while they pass, and sent. None is ever held as a whole.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::stream;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use names::Sha256;
use ring::digest::{Context, SHA256};
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use super::error::{Error, Result};
use super::repository::Repository;
use crate::charts::{Body, Reply, Sending};

/// Size of the pieces in which files are read.
const PIECE: usize = 128 * 1024;
/// Attempts to resume a download without a byte in between.
const ATTEMPTS: u32 = 5;

/// A blob on its way, checked at its end.
pub(super) struct Reader {
    from: Supply,
    /// For messages.
    origin: String,
    digest: Sha256,
    size: u64,
    read: u64,
    sum: Context,
}

enum Supply {
    Registry { repository: Repository, reply: Box<Reply>, fruitless: u32 },
    File { path: PathBuf, file: File },
}

impl Reader {
    pub(super) async fn registry(repository: Repository, digest: Sha256, size: u64) -> Result<Self> {
        let reply = Box::new(repository.blob(digest, 0).await?);
        let origin = format!("{}/{}@{digest}", repository.registry, repository.name);
        let from = Supply::Registry { repository, reply, fruitless: 0 };
        Ok(Self { from, origin, digest, size, read: 0, sum: Context::new(&SHA256) })
    }

    /// A part of a file, which is open at the part's first byte.
    pub(super) fn file(path: PathBuf, file: File, digest: Sha256, size: u64) -> Self {
        let origin = format!("{digest} in {}", path.display());
        Self { from: Supply::File { path, file }, origin, digest, size, read: 0, sum: Context::new(&SHA256) }
    }

    /// The next piece; `None` at the end, when the whole was as it should be.
    pub(super) async fn piece(&mut self) -> Result<Option<Bytes>> {
        if self.read == self.size {
            let mut sum = [0; 32];
            sum.copy_from_slice(self.sum.clone().finish().as_ref());
            let found = Sha256::from(sum);
            if found != self.digest {
                let (origin, expected) = (self.origin.clone(), self.digest);
                return Err(Error::Checksum { origin, expected, found });
            }
            return Ok(None);
        }
        let piece = self.raw().await?;
        self.read += piece.len() as u64;
        if self.read > self.size {
            return Err(Error::Size { origin: self.origin.clone(), expected: self.size, found: self.read });
        }
        self.sum.update(&piece);
        Ok(Some(piece))
    }

    async fn raw(&mut self) -> Result<Bytes> {
        let left = self.size - self.read;
        match &mut self.from {
            Supply::File { path, file } => {
                let wanted = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
                let mut piece = vec![0; wanted];
                let read = file.read(&mut piece).await;
                let read = read.and_then(|read| match read {
                    0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
                    read => Ok(read),
                });
                piece.truncate(read.map_err(|source| Error::Read { path: path.clone(), source })?);
                Ok(piece.into())
            }
            Supply::Registry { repository, reply, fruitless } => loop {
                let broken = match reply.piece().await {
                    Ok(Some(piece)) if piece.is_empty() => continue,
                    Ok(Some(piece)) => {
                        *fruitless = 0;
                        return Ok(piece);
                    }
                    Ok(None) => std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into(),
                    Err(broken) => broken,
                };
                *fruitless += 1;
                tracing::debug!(origin = self.origin, read = self.read, cause = %broken, "resuming a download");
                if !repository.client.rest(*fruitless, ATTEMPTS, None).await {
                    let url = self.origin.clone();
                    let cause = crate::net::causes::innermost(broken.as_ref());
                    let (received, expected, attempts) = (self.read, Some(self.size), *fruitless);
                    let error = crate::charts::Error::Cut { url, received, expected, cause, attempts, source: broken };
                    return Err(repository.failed("read", &self.digest.to_string(), error));
                }
                **reply = resumed(repository, self.digest, self.read).await?;
            },
        }
    }
}

/// A blob from some byte on, whether or not the registry knows ranges.
async fn resumed(repository: &Repository, digest: Sha256, from: u64) -> Result<Reply> {
    let mut reply = repository.blob(digest, from).await?;
    if from == 0 || reply.status == 206 {
        return Ok(reply);
    }
    let mut skipped = 0;
    while skipped < from {
        // A piece that reaches beyond what is known would be lost; the next attempt then asks for less.
        match reply.piece().await {
            Ok(Some(piece)) if skipped + piece.len() as u64 <= from => skipped += piece.len() as u64,
            Ok(Some(piece)) => {
                reply.put_back(piece.slice(usize::try_from(from - skipped).unwrap_or_default()..));
                return Ok(reply);
            }
            Ok(None) | Err(_) => return Ok(reply),
        }
    }
    Ok(reply)
}

/// What ended a body before its end: the request itself then says only that it was ended.
pub(super) type Slot = Arc<Mutex<Option<Error>>>;

/// Takes what ended a body.
pub(super) fn taken(slot: &Slot) -> Option<Error> {
    slot.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// A blob as the body of a request. Its last piece leaves only after the whole was found to be right: no registry ever
/// receives all bytes of a blob that is damaged.
pub(super) fn checked(reader: Reader) -> (Sending, Slot) {
    let (sent, slot) = (Arc::new(AtomicU64::new(0)), Slot::default());
    let (size, counter, errors) = (reader.size, Arc::clone(&sent), Arc::clone(&slot));
    let pieces = stream::unfold(Some((reader, None)), move |state| {
        let (counter, errors) = (Arc::clone(&counter), Arc::clone(&errors));
        async move {
            let (mut reader, mut held): (Reader, Option<Bytes>) = state?;
            loop {
                match (reader.piece().await, held.take()) {
                    (Ok(Some(piece)), None) => held = Some(piece),
                    (Ok(next), Some(ready)) => {
                        counter.fetch_add(ready.len() as u64, Ordering::Relaxed);
                        let state = next.map(|next| (reader, Some(next)));
                        return Some((Ok(Frame::data(ready)), state));
                    }
                    (Ok(None), None) => return None,
                    (Err(error), _) => {
                        let text = error.to_string();
                        *errors.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                        return Some((Err(text.into()), None));
                    }
                }
            }
        }
    });
    let body: Body = StreamBody::new(pieces).boxed_unsync();
    (Sending { body, size, sent }, slot)
}
