//! The hosts of a case: machines of the sandbox that are reached over SSH.
//!
//! A case names a host as it likes. The sandbox's names are unique across accounts, so the host's own name has the
//! account's number behind it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::case::{HostChange, OnHost};
use crate::kubernetes::EFFECT_PATIENCE;
use crate::sandbox::{Account, SandboxError};

/// What a client needs of an account's hosts as files, removed with the account.
#[derive(Debug, Default)]
pub(crate) struct HostFiles(OnceLock<TempDir>);

/// The newest folder of what hosts run on, in the project's cache (EKSHYBRID_CACHE, else `.cache`).
pub fn hosts(project: &Path) -> Option<PathBuf> {
    let cache = std::env::var_os("EKSHYBRID_CACHE").map_or_else(|| project.join(".cache"), PathBuf::from);
    let folders = std::fs::read_dir(cache.join("tools")).ok()?.flatten().map(|entry| entry.path());
    let made = folders.filter(|folder| folder.join("rootfs/usr/sbin/sshd").is_file());
    made.max_by_key(|folder| folder.metadata().and_then(|metadata| metadata.modified()).ok())
}

impl Account<'_> {
    /// Does something to a host of the case; what it answers may be named.
    ///
    /// # Errors
    ///
    /// The sandbox refuses or is gone, or the host does not do what it is asked.
    pub(crate) fn host(&self, change: &OnHost) -> Result<Option<(String, Json)>, SandboxError> {
        let name = format!("{}-{}", change.host, self.id());
        let path = format!("/hosts/{name}");
        let set = |body: Json| self.ask("POST", &path, Some(&body)).map(|_| None);
        match &change.what {
            HostChange::Start(wanted) => {
                let mut wanted: Json = serde_json::from_str(wanted)
                    .map_err(|source| SandboxError::NotJson { text: wanted.clone(), source })?;
                wanted["name"] = name.into();
                let mut told = self.ask("POST", "/hosts", Some(&wanted))?;
                let folder = self.host_files().put(&change.host, &told).map_err(SandboxError::HostFiles)?;
                told["files"] = folder.display().to_string().into();
                Ok(Some((change.host.clone(), told)))
            }
            HostChange::Run { command, name: Some(name) } => Ok(Some((name.clone(), self.run(&path, command)?))),
            HostChange::Run { command, name: None } => {
                let answer = self.run(&path, command)?;
                if answer["status"] == 0 { Ok(None) } else { Err(failed(command, &answer)) }
            }
            HostChange::Until(command) => {
                let started = Instant::now();
                loop {
                    let answer = self.run(&path, command)?;
                    if answer["status"] == 0 {
                        return Ok(None);
                    }
                    if started.elapsed() >= EFFECT_PATIENCE {
                        return Err(failed(command, &answer));
                    }
                    std::thread::sleep(Duration::from_millis(100));
                }
            }
            HostChange::Network(on) => set(json!({"network": on})),
            HostChange::Sshd(on) => set(json!({"sshd": on})),
            HostChange::Cut => set(json!({"cut": true})),
            HostChange::Gone => self.ask("DELETE", &path, None).map(|_| None),
        }
    }

    fn run(&self, path: &str, command: &str) -> Result<Json, SandboxError> {
        let mut answer = self.ask("POST", &format!("{path}/run"), Some(&json!({"command": command})))?;
        // As a shell does when it takes what a command printed.
        for output in ["stdout", "stderr"] {
            answer[output] = answer[output].as_str().unwrap_or_default().trim_end_matches('\n').into();
        }
        Ok(answer)
    }
}

fn failed(command: &str, answer: &Json) -> SandboxError {
    SandboxError::Command { command: command.to_owned(), answer: answer.to_string() }
}

impl HostFiles {
    /// Writes a host's keys, certificates and host keys as OpenSSH would have them, and gives their folder.
    fn put(&self, host: &str, told: &Json) -> std::io::Result<PathBuf> {
        if self.0.get().is_none() {
            // Of two at the same time the second is removed again.
            let _ = self.0.set(TempDir::with_prefix("hosts-")?);
        }
        let folder = self.0.get().map_or(Path::new(""), TempDir::path).join(host);
        std::fs::create_dir_all(&folder)?;
        let write = |name: &str, text: &Json| {
            let file = folder.join(name);
            std::fs::write(&file, text.as_str().unwrap_or_default())?;
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600))
        };
        for (name, key) in told["private_keys"].as_object().into_iter().flatten() {
            write(name, key)?;
        }
        for (name, certificate) in told["certificates"].as_object().into_iter().flatten() {
            write(&format!("{name}-cert.pub"), certificate)?;
        }
        write("known_hosts", &told["known_hosts"])?;
        Ok(folder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_finds_files_with_the_modes_that_it_insists_on() {
        let files = HostFiles::default();
        let told = json!({
            "private_keys": {"ed25519": "key\n"}, "certificates": {"ed25519": "certificate\n"}, "known_hosts": "h k\n",
        });
        let folder = files.put("a", &told).unwrap();
        for (name, text) in [("ed25519", "key\n"), ("ed25519-cert.pub", "certificate\n"), ("known_hosts", "h k\n")] {
            let file = folder.join(name);
            assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{name}");
        }
        assert_ne!(files.put("b", &told).unwrap(), folder);
        drop(files);
        assert!(!folder.exists());
    }
}
