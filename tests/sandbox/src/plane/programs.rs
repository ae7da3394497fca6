//! The programs of a control plane, as `tests/tools/tools.py controlplane` builds them.

use std::path::{Path, PathBuf};

pub const ETCD: &str = "etcd";
pub const API_SERVER: &str = "kube-apiserver";
pub const CONTROLLER_MANAGER: &str = "kube-controller-manager";
pub const SCHEDULER: &str = "kube-scheduler";
pub const KWOK: &str = "kwok";

/// A directory that contains all of them.
#[derive(Clone, Debug)]
pub struct Programs(PathBuf);

#[derive(Debug, thiserror::Error)]
#[error("{folder} lacks {missing}; `make control-plane` builds the programs and prints their folder")]
pub struct Incomplete {
    folder: PathBuf,
    missing: String,
}

impl Programs {
    pub fn in_folder(folder: &Path) -> Result<Self, Incomplete> {
        let all = [ETCD, API_SERVER, CONTROLLER_MANAGER, SCHEDULER, KWOK];
        let missing: Vec<&str> = all.into_iter().filter(|name| !folder.join(name).is_file()).collect();
        if missing.is_empty() {
            Ok(Self(folder.to_owned()))
        } else {
            Err(Incomplete { folder: folder.to_owned(), missing: missing.join(", ") })
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_them_is_refused_by_name() {
        let error = Programs::in_folder(Path::new("/nonexistent")).unwrap_err().to_string();
        assert!(error.starts_with("/nonexistent lacks etcd, kube-apiserver, kube-controller-manager"), "{error}");
    }
}
