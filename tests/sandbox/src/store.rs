//! The world behind a lock, and its file.

use std::{
    io::Write,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use crate::world::World;

/// The one world of a process.
pub struct Shared {
    world: Mutex<World>,
    file: Option<PathBuf>,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read the state file {path}")]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the state file {path} is not one of this program")]
    Parse {
        path: PathBuf,
        #[source]
        source: serde_json::Error,
    },
    #[error("cannot write the state file {path}")]
    Write {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

impl Shared {
    pub fn new(world: World, file: Option<PathBuf>) -> Self {
        Self { world: Mutex::new(world), file }
    }

    /// Runs `work` alone on the world, which it only reads.
    pub fn look<T>(&self, work: impl FnOnce(&World) -> T) -> T {
        work(&self.world.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Runs `work` alone on the world; afterwards the state file, if there is one, is up to date.
    pub fn change<T>(&self, work: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        let result = work(&mut world);
        if let Some(file) = &self.file
            && let Err(error) = save(file, &world)
        {
            eprintln!("sandbox: {error}: {}", source_of(&error));
        }
        result
    }
}

fn source_of(error: &Error) -> String {
    std::error::Error::source(error).map(ToString::to_string).unwrap_or_default()
}

/// Reads a world; `None` when there is no file yet.
pub fn load(path: &Path) -> Result<Option<World>, Error> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(Error::Read { path: path.to_owned(), source });
        }
    };
    serde_json::from_slice(&text).map(Some).map_err(|source| Error::Parse { path: path.to_owned(), source })
}

/// Writes beside the file and renames, so that a reader never sees half of it. Only the owner may read it: it
/// holds keys and activation codes.
fn save(path: &Path, world: &World) -> Result<(), Error> {
    let failed = |source| Error::Write { path: path.to_owned(), source };
    let text = serde_json::to_vec(world).map_err(|error| failed(error.into()))?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside).map_err(failed)?;
    file.write_all(&text).map_err(failed)?;
    std::fs::rename(&beside, path).map_err(failed)
}
