//! The examples of a page: files that are also run and checked as they are.

use std::path::Path;

use super::DocsError;

/// The files of `folder` whose name begins with `stem`, is the stem or continues with `_` or `-`, and ends with
/// `extension`: their contents, in the order of their names.
pub(super) fn all(folder: &Path, stem: &str, extension: &str) -> Result<Vec<String>, DocsError> {
    let mut names = Vec::new();
    match folder.read_dir() {
        Ok(entries) => {
            for entry in entries {
                let entry = entry.map_err(|source| DocsError::Read { path: folder.to_owned(), source })?;
                let name = entry.file_name().to_string_lossy().into_owned();
                let rest = name.strip_prefix(stem).and_then(|rest| rest.strip_suffix(extension));
                if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['_', '-'])) {
                    names.push(name);
                }
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(source) => return Err(DocsError::Read { path: folder.to_owned(), source }),
    }
    // The plain one first: `resource.tf` before `resource_rotation.tf`.
    names.sort_by_key(|name| (name.len() != stem.len() + extension.len(), name.clone()));
    names.iter().filter_map(|name| one(&folder.join(name)).transpose()).collect()
}

/// The content of a file; `None` when there is none.
pub(super) fn one(file: &Path) -> Result<Option<String>, DocsError> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(Some(text.trim_end().to_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(DocsError::Read { path: file.to_owned(), source }),
    }
}

/// The file as a block of code.
pub(super) fn block(language: &str, code: &str) -> String {
    format!("```{language}\n{code}\n```")
}
