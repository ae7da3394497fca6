//! Fetched content by checksum, shared by all runs of one user.
//!
//! A file's name is the checksum of its content, so nothing is ever changed or out of date. It is written beside its
//! place and renamed, so that no reader in any process sees half of it, and it is read only when its content has the
//! checksum that was asked for. A cache that cannot be used costs a download, never an error.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use names::Sha256;

/// Age of a file that a process left half written.
const STALE: Duration = Duration::from_hours(24);

/// A folder of contents.
#[derive(Debug, Clone)]
pub(super) struct Cache {
    /// `None`: nothing is kept.
    folder: Option<PathBuf>,
}

impl Cache {
    /// Opens nothing.
    pub(super) fn new(folder: Option<PathBuf>) -> Self {
        Self { folder }
    }

    /// The user's own: `$XDG_CACHE_HOME/ekshybrid/charts`, or the system's equal of it.
    pub(super) fn of_user(variable: impl Fn(&str) -> Option<PathBuf>) -> Self {
        let absolute = |name: &str| variable(name).filter(|path| path.is_absolute());
        let system = if cfg!(windows) {
            absolute("LOCALAPPDATA")
        } else if cfg!(target_os = "macos") {
            absolute("HOME").map(|home| home.join("Library/Caches"))
        } else {
            absolute("HOME").map(|home| home.join(".cache"))
        };
        Self::new(absolute("XDG_CACHE_HOME").or(system).map(|folder| folder.join("ekshybrid").join("charts")))
    }

    /// The content with this checksum, of at most `limit` bytes.
    pub(super) async fn read(&self, sum: Sha256, limit: u64) -> Option<Vec<u8>> {
        let path = self.folder.as_deref()?.join(sum.hex());
        tokio::task::spawn_blocking(move || read(&path, sum, limit)).await.ok().flatten()
    }

    /// Keeps a content.
    pub(super) async fn write(&self, sum: Sha256, content: std::sync::Arc<[u8]>) {
        let Some(folder) = self.folder.clone() else { return };
        let written = tokio::task::spawn_blocking(move || {
            write(&folder, sum, &content)
                .map_err(|error| tracing::debug!(folder = %folder.display(), %error, "a download could not be kept"))
        });
        // A task that was cancelled at the end of the process.
        let _ = written.await;
    }
}

fn read(path: &Path, sum: Sha256, limit: u64) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    fs::File::open(path).ok()?.take(limit + 1).read_to_end(&mut content).ok()?;
    if Sha256::of(&content) == sum {
        tracing::debug!(path = %path.display(), "taken from the cache");
        return Some(content);
    }
    tracing::warn!(path = %path.display(), "a file of the cache is damaged and is fetched again");
    // Another process may have repaired it in the meantime; then it is fetched once more, which does no harm.
    let _ = fs::remove_file(path);
    None
}

fn write(folder: &Path, sum: Sha256, content: &[u8]) -> io::Result<()> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let path = folder.join(sum.hex());
    if path.exists() {
        return Ok(());
    }
    // Charts of a private registry are nobody else's business.
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    remove_stale(folder);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let fresh = folder.join(format!("{}.{}-{number}.new", sum.hex(), std::process::id()));
    let done = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&fresh)
        .and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&fresh, &path));
    if done.is_err() {
        let _ = fs::remove_file(&fresh);
    }
    done
}

/// Removes what processes that were killed left half written.
fn remove_stale(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let old = entry.metadata().and_then(|it| it.modified()).ok().and_then(|it| it.elapsed().ok());
        if entry.path().extension().is_some_and(|it| it == "new") && old.is_some_and(|age| age > STALE) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn cache() -> (tempfile::TempDir, Cache) {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = Cache::new(Some(folder.path().join("charts")));
        (folder, cache)
    }

    fn files(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder.join("charts")).expect("a folder").flatten();
        names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    #[tokio::test]
    async fn what_was_kept_is_found_by_its_checksum_alone() {
        let (folder, cache) = cache();
        let sum = Sha256::of(b"chart");
        assert_eq!(cache.read(sum, 100).await, None);
        cache.write(sum, Arc::from(&b"chart"[..])).await;
        assert_eq!(cache.read(sum, 100).await.as_deref(), Some(&b"chart"[..]));
        assert_eq!(cache.read(Sha256::of(b"other"), 100).await, None);
        assert_eq!(files(folder.path()), [sum.hex()]);
    }

    #[tokio::test]
    async fn a_damaged_file_is_not_used_and_makes_way() {
        let (folder, cache) = cache();
        let sum = Sha256::of(b"chart");
        cache.write(sum, Arc::from(&b"chart"[..])).await;
        fs::write(folder.path().join("charts").join(sum.hex()), "evil").expect("written");
        assert_eq!(cache.read(sum, 100).await, None);
        assert_eq!(files(folder.path()), Vec::<String>::new());
        cache.write(sum, Arc::from(&b"chart"[..])).await;
        assert_eq!(cache.read(sum, 100).await.as_deref(), Some(&b"chart"[..]));
    }

    #[tokio::test]
    async fn many_writers_of_one_content_do_not_meet() {
        let (folder, cache) = cache();
        let content: Arc<[u8]> = vec![7; 1 << 20].into();
        let sum = Sha256::of(&content);
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..16 {
            let (cache, content) = (cache.clone(), Arc::clone(&content));
            tasks.spawn(async move {
                cache.write(sum, Arc::clone(&content)).await;
                // Whoever has written can read, whatever the others are doing.
                cache.read(sum, 1 << 21).await.is_some_and(|read| read[..] == content[..])
            });
        }
        assert_eq!(tasks.join_all().await, [true; 16]);
        assert_eq!(files(folder.path()), [sum.hex()]);
    }

    #[tokio::test]
    async fn a_cache_that_cannot_be_written_is_no_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        fs::write(&file, "").expect("written");
        for cache in [Cache::new(Some(file.join("charts"))), Cache::new(None)] {
            let sum = Sha256::of(b"chart");
            cache.write(sum, Arc::from(&b"chart"[..])).await;
            assert_eq!(cache.read(sum, 100).await, None);
        }
    }

    #[cfg(all(unix, not(target_os = "macos")))]
    #[test]
    fn the_users_own_folder() {
        for (xdg, home, expected) in [
            (Some("/x"), Some("/home/me"), Some("/x/ekshybrid/charts")),
            (None, Some("/home/me"), Some("/home/me/.cache/ekshybrid/charts")),
            // The XDG specification: a relative path is to be ignored.
            (Some("x"), Some("/home/me"), Some("/home/me/.cache/ekshybrid/charts")),
            (None, None, None),
        ] {
            let cache = Cache::of_user(|name| match name {
                "XDG_CACHE_HOME" => xdg.map(PathBuf::from),
                "HOME" => home.map(PathBuf::from),
                _ => None,
            });
            assert_eq!(cache.folder, expected.map(PathBuf::from), "{xdg:?} {home:?}");
        }
    }
}
