//! A file to write on a host.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use super::quote;

/// A file to write on a host. Its content is never printed.
#[derive(Clone)]
pub struct File {
    path: String,
    content: SecretString,
    mode: u32,
    owner: Option<String>,
    is_root: bool,
    makes_folders: bool,
    is_public: bool,
}

impl File {
    /// A file that only its owner, the user who logged in, can read (mode 0600). `path` is absolute.
    #[must_use]
    pub fn new(path: &str, content: SecretString) -> Self {
        Self {
            path: path.to_owned(),
            content,
            mode: 0o600,
            owner: None,
            is_root: false,
            makes_folders: false,
            is_public: false,
        }
    }

    /// Sets the mode, such as `0o644`. The file never has a wider one, not even while it is written.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    /// Sets the owner, as `chown` takes it: `root:root`. Requires root.
    #[must_use]
    pub fn owner(mut self, owner: &str) -> Self {
        self.owner = Some(owner.to_owned());
        self
    }

    /// Writes it as root.
    #[must_use]
    pub fn as_root(mut self) -> Self {
        self.is_root = true;
        self
    }

    /// Creates missing parent folders, with mode 0755.
    #[must_use]
    pub fn with_folders(mut self) -> Self {
        self.makes_folders = true;
        self
    }

    /// Declares that the content is no secret. Run Command, whose commands AWS stores, writes no other files.
    #[must_use]
    pub fn public(mut self) -> Self {
        self.is_public = true;
        self
    }

    /// The path on the host.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn content(&self) -> &SecretString {
        &self.content
    }

    pub(super) fn is_public(&self) -> bool {
        self.is_public
    }

    pub(super) fn needs_root(&self) -> bool {
        self.is_root
    }

    /// Reads the content from standard input into a file beside the target, and renames that. A broken connection
    /// looks like the end of the input, so the size is compared first.
    pub(super) fn script(&self) -> String {
        let folders =
            if self.makes_folders { "[ -d \"$folder\" ] || (umask 022; mkdir -p -- \"$folder\")\n" } else { "" };
        let owner = self.owner.as_deref().map(|owner| format!("chown -- {} \"$new\"\n", quote(owner)));
        format!(
            "set -eu
umask 077
target={path}
folder=$(dirname -- \"$target\")
{folders}if [ -d \"$target\" ]; then echo 'it is a folder' >&2; exit 1; fi
new=$(mktemp \"$folder/.ekshybrid.XXXXXXXX\")
trap 'rm -f -- \"$new\"' EXIT
trap 'exit 1' HUP INT TERM PIPE
cat >\"$new\"
if [ \"$(wc -c <\"$new\")\" -ne {size} ]; then echo 'only a part of the content arrived' >&2; exit 1; fi
{owner}chmod {mode:04o} \"$new\"
mv -f -- \"$new\" \"$target\"
trap - EXIT",
            path = quote(&self.path),
            size = self.content.expose_secret().len(),
            owner = owner.unwrap_or_default(),
            mode = self.mode,
        )
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File").field("path", &self.path).field("mode", &self.mode).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::process::{Command, Stdio};

    use super::*;

    /// Runs the script in a real shell with `sent` as the content that arrives.
    fn write(file: &File, sent: &str) -> (bool, String) {
        let mut child = Command::new("sh")
            .args(["-c", &file.script()])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("sh runs");
        // The script may end before it has read everything.
        let _ = child.stdin.take().expect("it is piped").write_all(sent.as_bytes());
        let output = child.wait_with_output().expect("it ends");
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    fn entries(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).expect("it is a folder");
        entries.map(|entry| entry.expect("it can be read").file_name().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn written_with_its_mode() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a 'new' folder/config.yaml");
        let file = File::new(&path.display().to_string(), "content\n".into()).mode(0o640).with_folders();
        assert_eq!(write(&file, "content\n"), (true, String::new()));
        assert_eq!(std::fs::read_to_string(&path).expect("it exists"), "content\n");
        assert_eq!(std::fs::metadata(&path).expect("it exists").permissions().mode() & 0o7777, 0o640);
    }

    #[test]
    fn a_part_of_the_content_changes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("config.yaml");
        std::fs::write(&path, "before").expect("it is written");
        let (succeeded, stderr) = write(&File::new(&path.display().to_string(), "content".into()), "cont");
        assert!(!succeeded);
        assert!(stderr.contains("only a part"), "{stderr}");
        assert_eq!(std::fs::read_to_string(&path).expect("it exists"), "before");
        assert_eq!(entries(folder.path()), ["config.yaml"], "nothing is left behind");
    }

    #[test]
    fn a_folder_is_not_written_into() {
        let folder = tempfile::tempdir().expect("a folder");
        let (succeeded, stderr) = write(&File::new(&folder.path().display().to_string(), "x".into()), "x");
        assert!(!succeeded);
        assert!(stderr.contains("it is a folder"), "{stderr}");
        assert!(entries(folder.path()).is_empty());
    }
}
