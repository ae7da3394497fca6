//! The words of a file: its path, its mode, its owner.

use framework::model::Text;

use crate::host::FoundFile;

/// Absolute path of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePath(String);

impl Text for FilePath {
    const NOUN: &'static str = "path";

    fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| Err(format!("`{}` {why}.", text.escape_debug()));
        if !text.starts_with('/') {
            return wrong("is not an absolute path");
        }
        if text.ends_with('/') {
            return wrong("is a folder, not a file");
        }
        if text.contains(['\0', '\n', '\r']) {
            return wrong("has a line break or a null character");
        }
        if text.split('/').any(|part| part == "." || part == "..") {
            return wrong("has the parts `.` or `..`");
        }
        Ok(Self(text.to_owned()))
    }

    fn text(&self) -> &str {
        &self.0
    }
}

/// Permissions in octal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileMode(String);

impl FileMode {
    /// Only the owner reads and writes.
    pub(super) fn private() -> Self {
        Self("0600".to_owned())
    }

    /// As found.
    pub(super) fn of(bits: u32) -> Self {
        Self(format!("{bits:04o}"))
    }

    pub(super) fn bits(&self) -> u32 {
        bits(&self.0).unwrap_or(0o600)
    }
}

fn bits(text: &str) -> Option<u32> {
    let plain = (3..=4).contains(&text.len()) && text.chars().all(|digit| ('0'..='7').contains(&digit));
    plain.then(|| u32::from_str_radix(text, 8).ok()).flatten()
}

impl Text for FileMode {
    const NOUN: &'static str = "mode";

    fn parse(text: &str) -> Result<Self, String> {
        match bits(text) {
            Some(_) => Ok(Self(text.to_owned())),
            None => {
                Err(format!("`{text}` is not a mode. It is three or four octal digits in quotes, such as \"0644\"."))
            }
        }
    }

    fn text(&self) -> &str {
        &self.0
    }

    fn same(one: &str, other: &str) -> bool {
        one == other || bits(one).is_some_and(|one| bits(other) == Some(one))
    }
}

/// Owner of a file: `USER`, `USER:GROUP`, or numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileOwner(String);

impl FileOwner {
    /// As found.
    pub(super) fn of(file: &FoundFile) -> Self {
        let name = |(name, number): &(String, u32)| {
            if name == "UNKNOWN" { number.to_string() } else { name.clone() }
        };
        Self(format!("{}:{}", name(&file.user), name(&file.group)))
    }

    /// Whether the file has this owner.
    pub(super) fn owns(&self, file: &FoundFile) -> bool {
        let is = |wanted: &str, (name, number): &(String, u32)| wanted == name || wanted == number.to_string();
        match self.0.split_once(':') {
            Some((user, group)) => is(user, &file.user) && is(group, &file.group),
            None => is(&self.0, &file.user),
        }
    }
}

impl Text for FileOwner {
    const NOUN: &'static str = "owner";

    fn parse(text: &str) -> Result<Self, String> {
        let is_name = |name: &str| {
            (1..=32).contains(&name.len())
                && !name.starts_with('-')
                && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-.@$".contains(letter))
        };
        let fits = match text.split_once(':') {
            Some((user, group)) => is_name(user) && is_name(group),
            None => is_name(text),
        };
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("`{text}` is not an owner. Write it as `USER` or `USER:GROUP`."))
        }
    }

    fn text(&self) -> &str {
        &self.0
    }
}

framework::text_field!(FilePath, FileMode, FileOwner);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_files() {
        for (path, fits) in [
            ("/etc/a", true),
            ("/a b/'c'", true),
            ("etc/a", false),
            ("/etc/", false),
            ("/a/../b", false),
            ("/a\nb", false),
        ] {
            assert_eq!(FilePath::parse(path).is_ok(), fits, "{path}");
        }
        for (mode, expected) in [
            ("0644", Some(0o644)),
            ("644", Some(0o644)),
            ("4755", Some(0o4755)),
            ("0o644", None),
            ("888", None),
            ("64", None),
        ] {
            assert_eq!(FileMode::parse(mode).ok().map(|mode| mode.bits()), expected, "{mode}");
        }
        assert!(FileMode::same("644", "0644") && !FileMode::same("644", "0640"));
        for (owner, fits) in
            [("root", true), ("root:adm", true), ("1000:1000", true), ("root:", false), (":adm", false), ("a b", false)]
        {
            assert_eq!(FileOwner::parse(owner).is_ok(), fits, "{owner}");
        }
    }

    #[test]
    fn owners_by_name_and_number() {
        let file = FoundFile {
            kind: "regular file".to_owned(),
            sha256: None,
            mode: 0o600,
            user: ("ubuntu".to_owned(), 1000),
            group: ("adm".to_owned(), 4),
            size: 0,
        };
        for (owner, owns) in
            [("ubuntu", true), ("1000:4", true), ("ubuntu:adm", true), ("root", false), ("ubuntu:root", false)]
        {
            assert_eq!(FileOwner(owner.to_owned()).owns(&file), owns, "{owner}");
        }
        assert_eq!(FileOwner::of(&file), FileOwner("ubuntu:adm".to_owned()));
    }
}
