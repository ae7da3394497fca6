//! A file that exists on a host: what it is, reading it, removing it.

use base64::Engine as _;
use secrecy::SecretString;

use super::error::{Error, Kind, Result};
use super::{Attempt, Command, Host, quote};

/// The largest file that is read.
const LARGEST: u64 = 512 << 10;

/// A file on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundFile {
    /// Its kind as `stat` names it, such as `regular file` and `symbolic link`.
    pub kind: String,
    /// SHA-256 of the content in hexadecimal digits; `None` if it is no regular file.
    pub sha256: Option<String>,
    /// Permissions, such as `0o644`.
    pub mode: u32,
    /// Name and number of its user. One without a name is `UNKNOWN`.
    pub user: (String, u32),
    /// Name and number of its group.
    pub group: (String, u32),
    /// Bytes.
    pub size: u64,
}

/// What became of a removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// The file is removed.
    Done,
    /// There was none.
    Absent,
    /// It has another content, and was kept.
    Changed,
}

impl dyn Host + '_ {
    /// Looks at a file; `None` if it does not exist.
    ///
    /// # Errors
    /// [`Kind::Failed`] if the user may not look there, and the errors of [`Host::run`].
    pub async fn look_at(&self, path: &str, as_root: bool) -> Result<Option<FoundFile>> {
        let command = privileged(Command::script(&format!("look at {path}"), &look(path)), as_root);
        let printed = self.succeed(&command).await?.stdout;
        FoundFile::read(&printed).map_err(|()| {
            let kind = Kind::Failed { exit: super::Exit::Status(0), stderr: format!("unexpected output: {printed}") };
            Error::new(kind, Attempt::Run(command.label().to_owned()), self.place().clone())
        })
    }

    /// Reads a regular file of up to 512 KiB; `None` if it is larger.
    ///
    /// # Errors
    /// [`Kind::Failed`] if it cannot be read, and the errors of [`Host::run`].
    pub async fn read_file(&self, path: &str, as_root: bool) -> Result<Option<SecretBytes>> {
        let script = format!("[ \"$(wc -c <{0})\" -gt {LARGEST} ] || base64 <{0}", quote(path));
        let command = privileged(Command::script(&format!("read {path}"), &script), as_root);
        let printed = self.succeed(&command).await?.stdout;
        let compact: String = printed.split_whitespace().collect();
        let content = base64::engine::general_purpose::STANDARD.decode(compact).ok();
        Ok(content.filter(|content| !content.is_empty()).map(SecretBytes))
    }

    /// Removes a file if its content has this checksum.
    ///
    /// # Errors
    /// [`Kind::Failed`] if it cannot be removed, and the errors of [`Host::run`].
    pub async fn remove_file(&self, path: &str, sha256: &str, as_root: bool) -> Result<Removal> {
        let command = privileged(Command::script(&format!("remove {path}"), &remove(path, sha256)), as_root);
        Ok(match self.succeed(&command).await?.stdout.trim() {
            "absent" => Removal::Absent,
            "removed" => Removal::Done,
            _ => Removal::Changed,
        })
    }
}

/// The content of a file, which may be a secret.
pub struct SecretBytes(Vec<u8>);

impl SecretBytes {
    /// As text, if it is text.
    #[must_use]
    pub fn text(self) -> Option<SecretString> {
        String::from_utf8(self.0).ok().map(SecretString::from)
    }
}

impl std::fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[sensitive]")
    }
}

fn privileged(command: Command, as_root: bool) -> Command {
    if as_root { command.as_root() } else { command }
}

/// A file that the user may not see is not absent: only `stat` tells them apart.
fn look(path: &str) -> String {
    format!(
        "target={}
if ! found=$(stat -c 'kind=%F
mode=%a
user=%U
uid=%u
group=%G
gid=%g
size=%s' -- \"$target\" 2>&1); then
  case $found in
    *'No such file or directory'* | *'Not a directory'*) echo kind=absent; exit 0 ;;
  esac
  printf '%s\\n' \"$found\" >&2
  exit 1
fi
printf '%s\\n' \"$found\"
if [ -f \"$target\" ] && [ ! -L \"$target\" ]; then
  sum=$(sha256sum <\"$target\") || exit
  echo \"sha256=${{sum%% *}}\"
fi",
        quote(path)
    )
}

fn remove(path: &str, sha256: &str) -> String {
    format!(
        "target={}
if [ ! -e \"$target\" ] && [ ! -L \"$target\" ]; then echo absent; exit 0; fi
if [ ! -f \"$target\" ] || [ -L \"$target\" ]; then echo changed; exit 0; fi
sum=$(sha256sum <\"$target\") || exit
if [ \"${{sum%% *}}\" != {} ]; then echo changed; exit 0; fi
rm -f -- \"$target\" || exit
echo removed",
        quote(path),
        quote(sha256)
    )
}

impl FoundFile {
    fn read(printed: &str) -> std::result::Result<Option<Self>, ()> {
        let value = |name: &str| {
            printed
                .lines()
                .filter_map(|line| line.split_once('='))
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value)
        };
        let number = |name: &str| value(name)?.parse::<u32>().ok();
        let kind = value("kind").ok_or(())?;
        if kind == "absent" {
            return Ok(None);
        }
        let file = || {
            Some(Self {
                kind: kind.to_owned(),
                sha256: value("sha256").map(str::to_owned),
                mode: u32::from_str_radix(value("mode")?, 8).ok()?,
                user: (value("user")?.to_owned(), number("uid")?),
                group: (value("group")?.to_owned(), number("gid")?),
                size: value("size")?.parse().ok()?,
            })
        };
        file().map(Some).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::process::Command as Program;

    use super::*;

    /// A real shell is the judge.
    fn run(script: &str) -> String {
        let output = Program::new("sh").env("LC_ALL", "C").args(["-c", script]).output().expect("sh runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    #[test]
    fn a_file_is_seen_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("it's");
        let name = path.display().to_string();
        let seen = |name: &str| FoundFile::read(&run(&look(name))).expect("it can be read");
        assert_eq!(seen(&name), None);
        assert_eq!(seen(&format!("{name}/below")), None);
        std::fs::write(&path, "abc").expect("it is written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).expect("it has a mode");
        let found = seen(&name).expect("it exists");
        assert_eq!((found.kind.as_str(), found.mode, found.size), ("regular file", 0o640, 3));
        // Source: FIPS 180-2, appendix B.1.
        let sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(found.sha256.as_deref(), Some(sum));
        let link = folder.path().join("link");
        symlink(&path, &link).expect("a link");
        let linked = seen(&link.display().to_string()).expect("it exists");
        assert_eq!((linked.kind.as_str(), linked.sha256), ("symbolic link", None));
        assert_eq!(run(&remove(&link.display().to_string(), sum)), "changed\n");
        assert_eq!(run(&remove(&name, "other")), "changed\n");
        assert!(path.exists());
        assert_eq!(run(&remove(&name, sum)), "removed\n");
        assert_eq!(run(&remove(&name, sum)), "absent\n");
    }
}
