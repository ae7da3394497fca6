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

/// Largest file. The largest that AWS publishes has a tenth of it.
pub(super) const MAX_FILE: u64 = 2 * 1024 * 1024 * 1024;

/// Why a file could not be fetched.
pub(in crate::resources::nodeadm_artifacts) enum Failed {
    Stopped,
    File(PathBuf, std::io::Error),
    Server(Box<charts::Error>),
    Checksum(Sha256),
    /// It has more than [`MAX_FILE`] bytes.
    TooLarge,
}

/// How far a download has come.
#[derive(Default)]
struct Progress {
    furthest: u64,
    fruitless: u32,
}

impl Progress {
    /// The attempts without progress, after one that has come to a byte. A server that cannot resume starts over each
    /// time, which is no progress.
    fn after(&mut self, reached: u64) -> u32 {
        self.fruitless = if reached > self.furthest { 1 } else { self.fruitless + 1 };
        self.furthest = self.furthest.max(reached);
        self.fruitless
    }
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
    let mut progress = Progress::default();
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
        let (is_whole, reached) = receive(&mut reply, &part, there, MAX_FILE).await?;
        if is_whole && finish(&part, path, expected).await? {
            return Ok(());
        }
        let fruitless = progress.after(reached);
        if !client.rest(fruitless, ATTEMPTS, None).await {
            let error = charts::Error::Cut {
                url: url.to_string(),
                received: reached,
                expected: None,
                cause: "the connection ended".to_owned(),
                attempts: fruitless,
                source: "the connection ended".into(),
            };
            return Err(Failed::Server(Box::new(error)));
        }
    }
}

/// Writes what comes, up to `limit` bytes; whether that was all, and the size of the part then.
async fn receive(reply: &mut Reply, part: &Path, there: u64, limit: u64) -> Result<(bool, u64), Failed> {
    let failed = |error| Failed::File(part.to_owned(), error);
    let resumes = there > 0 && reply.status == 206;
    let mut options = tokio::fs::OpenOptions::new();
    options.create(true).write(true);
    if resumes {
        options.append(true)
    } else {
        options.truncate(true)
    };
    let mut file = options.open(part).await.map_err(failed)?;
    let mut reached = if resumes { there } else { 0 };
    let is_whole = loop {
        match reply.piece().await {
            Ok(Some(piece)) => {
                reached += piece.len() as u64;
                if reached > limit {
                    drop(file);
                    tokio::fs::remove_file(part).await.map_err(failed)?;
                    return Err(Failed::TooLarge);
                }
                file.write_all(&piece).await.map_err(failed)?;
            }
            Ok(None) => break true,
            Err(error) => {
                tracing::debug!(%error, "a download was cut");
                break false;
            }
        }
    };
    file.flush().await.map_err(failed)?;
    Ok((is_whole, reached))
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

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[test]
    fn starting_over_is_no_progress() {
        let mut progress = Progress::default();
        assert_eq!([10, 20, 20, 5, 20].map(|reached| progress.after(reached)), [1, 1, 2, 3, 4]);
        assert_eq!(progress.after(21), 1);
    }

    #[tokio::test]
    async fn a_file_without_an_end_does_not_fill_the_disk() {
        let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = server.local_addr().expect("an address");
        let serving = tokio::spawn(async move {
            let (mut stream, _) = server.accept().await.expect("a client");
            let _ = stream.read(&mut [0; 4096]).await;
            let head = "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n";
            let _ = stream.write_all(head.as_bytes()).await;
            while stream.write_all(&[b'a'; 4096]).await.is_ok() {}
        });
        let place = tempfile::tempdir().expect("a folder");
        let part = place.path().join("kubelet.part");
        let client = charts::Client::new(charts::Settings::default(), None);
        let url = Url::parse(&format!("http://{address}/kubelet")).expect("an address");
        let mut reply = client.open(&url, 0).await.expect("an answer");
        let received = receive(&mut reply, &part, 0, 10_000).await;
        assert!(matches!(received, Err(Failed::TooLarge)));
        assert!(!part.exists(), "what had arrived is deleted");
        drop(reply);
        serving.abort();
    }
}
