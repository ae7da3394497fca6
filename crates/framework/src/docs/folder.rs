//! Pages and the folder that they are kept in.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

use super::{DocsError, Page};

/// The folders that hold generated pages only. `guides` is not among them.
const GENERATED: [&str; 6] =
    ["actions", "data-sources", "ephemeral-resources", "functions", "list-resources", "resources"];

/// How a kept page differs from what the declarations say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// It is not there.
    Missing(String),
    /// It exists, and nothing declares it.
    Left(String),
    /// It says something else: from this line on.
    Stale {
        /// The page.
        path: String,
        /// The first line that differs, counted from one.
        line: usize,
        /// The line as it is kept.
        kept: String,
        /// The line as it would be.
        made: String,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(path) => write!(f, "{path}: missing"),
            Self::Left(path) => write!(f, "{path}: nothing declares it any longer"),
            Self::Stale { path, line, kept, made } => write!(f, "{path}:{line}: stale\n  - {kept}\n  + {made}"),
        }
    }
}

/// How the kept pages differ from `pages`, in the order of their paths; empty when they are up to date.
///
/// # Errors
/// When the folder cannot be read.
pub fn compare(pages: &[Page], folder: &Path) -> Result<Vec<Difference>, DocsError> {
    let mut kept = kept(folder)?;
    let mut differences: Vec<Difference> = pages
        .iter()
        .filter_map(|page| match kept.remove(&page.path) {
            None => Some(Difference::Missing(page.path.clone())),
            Some(text) if text == page.text => None,
            Some(text) => Some(stale(page, &text)),
        })
        .collect();
    differences.extend(kept.into_keys().map(Difference::Left));
    Ok(differences)
}

fn stale(page: &Page, text: &str) -> Difference {
    let (mut kept, mut made) = (text.lines(), page.text.lines());
    let mut line = 1;
    loop {
        match (kept.next(), made.next()) {
            (Some(one), Some(other)) if one == other => line += 1,
            (one, other) => {
                let text = |line: Option<&str>| line.unwrap_or("(the end)").to_owned();
                return Difference::Stale { path: page.path.clone(), line, kept: text(one), made: text(other) };
            }
        }
    }
}

/// Writes what differs and removes what nothing declares; what was changed.
///
/// # Errors
/// When the folder cannot be read or written.
pub fn write(pages: &[Page], folder: &Path) -> Result<Vec<Difference>, DocsError> {
    let differences = compare(pages, folder)?;
    for difference in &differences {
        let (Difference::Missing(path) | Difference::Left(path) | Difference::Stale { path, .. }) = difference;
        let file = folder.join(path);
        let failed = |source| DocsError::Write { path: file.clone(), source };
        match pages.iter().find(|page| page.path == *path) {
            Some(page) => {
                if let Some(parent) = file.parent() {
                    fs::create_dir_all(parent).map_err(failed)?;
                }
                fs::write(&file, &page.text).map_err(failed)?;
            }
            None => fs::remove_file(&file).map_err(failed)?,
        }
    }
    Ok(differences)
}

/// The generated pages that are in the folder, by path.
fn kept(folder: &Path) -> Result<BTreeMap<String, String>, DocsError> {
    let mut pages = BTreeMap::new();
    let mut add = |path: String| {
        let file = folder.join(&path);
        match fs::read_to_string(&file) {
            Ok(text) => {
                pages.insert(path, text);
                Ok(())
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(DocsError::Read { path: file, source }),
        }
    };
    add("index.md".to_owned())?;
    for name in GENERATED {
        let inner = folder.join(name);
        let entries = match inner.read_dir() {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(source) => return Err(DocsError::Read { path: inner, source }),
        };
        for entry in entries {
            let entry = entry.map_err(|source| DocsError::Read { path: inner.clone(), source })?;
            add(format!("{name}/{}", entry.file_name().to_string_lossy()))?;
        }
    }
    Ok(pages)
}
