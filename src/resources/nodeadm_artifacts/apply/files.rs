//! Files on this machine: their checksums, and downloads that resume.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use names::Sha256;
use ring::digest::{Context, SHA256};
use tokio::io::AsyncWriteExt as _;
use url::Url;

use crate::charts::{self, Reply};

/// Attempts to resume without a byte in between.
const ATTEMPTS: u32 = 5;

/// Why a file could not be fetched.
pub(in crate::resources::nodeadm_artifacts) enum Failed {
    Stopped,
    File(PathBuf, std::io::Error),
    Server(Box<charts::Error>),
    Checksum(Sha256),
}

/// Checksum of a file; `None` if it does not exist. Blocks.
pub(in crate::resources::nodeadm_artifacts) fn checksum(path: &Path) -> std::io::Result<Option<Sha256>> {
    let mut file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let (mut sum, mut buffer) = (Context::new(&SHA256), vec![0; 128 * 1024]);
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => sum.update(&buffer[..read]),
        }
    }
    let mut bytes = [0; 32];
    bytes.copy_from_slice(sum.finish().as_ref());
    Ok(Some(Sha256::from(bytes)))
}

/// Downloads a file beside its place, and puts it there when its checksum is right. What has arrived before is kept.
pub(super) async fn fetch(client: &charts::Client, url: &Url, path: &Path, expected: Sha256) -> Result<(), Failed> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let failed = |error| Failed::File(part.clone(), error);
    if let Some(folder) = path.parent() {
        tokio::fs::create_dir_all(folder).await.map_err(failed)?;
    }
    let mut fruitless = 0;
    loop {
        let there = match tokio::fs::metadata(&part).await {
            Ok(about) => about.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
            Err(error) => return Err(failed(error)),
        };
        let mut reply = match client.open(url, there).await {
            Ok(reply) => reply,
            // The part is longer than the file, or as long.
            Err(charts::Error::Status { status: 416, .. }) if there > 0 => {
                if finish(&part, path, expected).await? {
                    return Ok(());
                }
                continue;
            }
            Err(error) => return Err(Failed::Server(Box::new(error))),
        };
        let (is_whole, moved) = receive(&mut reply, &part, there).await.map_err(failed)?;
        if is_whole && finish(&part, path, expected).await? {
            return Ok(());
        }
        fruitless = if moved { 1 } else { fruitless + 1 };
        if !client.rest(fruitless, ATTEMPTS, None).await {
            let error = charts::Error::Cut {
                url: url.to_string(),
                received: there,
                expected: None,
                cause: "the connection ended".to_owned(),
                attempts: fruitless,
                source: "the connection ended".into(),
            };
            return Err(Failed::Server(Box::new(error)));
        }
    }
}

/// Writes what comes; whether that was all, and whether anything came.
async fn receive(reply: &mut Reply, part: &Path, there: u64) -> std::io::Result<(bool, bool)> {
    let resumes = there > 0 && reply.status == 206;
    let mut options = tokio::fs::OpenOptions::new();
    options.create(true).write(true);
    if resumes {
        options.append(true)
    } else {
        options.truncate(true)
    };
    let mut file = options.open(part).await?;
    let mut moved = false;
    let is_whole = loop {
        match reply.piece().await {
            Ok(Some(piece)) => {
                moved = true;
                file.write_all(&piece).await?;
            }
            Ok(None) => break true,
            Err(error) => {
                tracing::debug!(%error, "a download was cut");
                break false;
            }
        }
    };
    file.flush().await?;
    Ok((is_whole, moved))
}

/// Puts a part in its place if it is the file; deletes it otherwise.
async fn finish(part: &Path, path: &Path, expected: Sha256) -> Result<bool, Failed> {
    let failed = |error| Failed::File(part.to_owned(), error);
    let looked = {
        let part = part.to_owned();
        tokio::task::spawn_blocking(move || checksum(&part)).await
    };
    let found = looked.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())).map_err(failed)?;
    if found == Some(expected) {
        tokio::fs::rename(part, path).await.map_err(failed)?;
        return Ok(true);
    }
    tokio::fs::remove_file(part).await.map_err(failed)?;
    match found {
        Some(found) => Err(Failed::Checksum(found)),
        None => Ok(false),
    }
}

/// Writes a small file as a whole: a reader sees the old one or the new one.
pub(super) async fn written(path: &Path, content: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        tokio::fs::create_dir_all(folder).await?;
    }
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".part");
    let fresh = PathBuf::from(fresh);
    tokio::fs::write(&fresh, content).await?;
    tokio::fs::rename(&fresh, path).await
}
