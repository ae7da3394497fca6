//! Versions and constraints with the rules of Masterminds' semver library, which are looser than those of semver.org.

mod constraint;

pub use constraint::Constraint;

use crate::go::{NumberError, parse_unsigned};
use std::cmp::Ordering;
use std::fmt;

/// A version. Minor and patch may have been missing; a leading `v` is kept in [`Version::original`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// First number.
    pub major: u64,
    /// Second number.
    pub minor: u64,
    /// Third number.
    pub patch: u64,
    /// What follows the first hyphen; empty for a release.
    pub prerelease: String,
    /// What follows the plus sign.
    pub metadata: String,
    /// The text that was parsed.
    pub original: String,
}

/// Longest text that is read.
const MAX_LENGTH: usize = 256;
const INVALID: &str = "invalid semantic version";

impl Version {
    /// Reads `1`, `1.2`, `v1.2.3-rc.1+build`.
    ///
    /// # Errors
    /// The library's message if the text is not a version.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_LENGTH {
            return Err(format!("version string is too long (max {MAX_LENGTH} bytes)"));
        }
        let rest = text.strip_prefix('v').unwrap_or(text);
        let (rest, metadata) = match rest.split_once('+') {
            Some((rest, metadata)) => (rest, Some(metadata)),
            None => (rest, None),
        };
        let (numbers, prerelease) = match rest.split_once('-') {
            Some((numbers, prerelease)) => (numbers, Some(prerelease)),
            None => (rest, None),
        };
        if [prerelease, metadata].iter().flatten().any(|part| !are_identifiers(part)) {
            return Err(INVALID.to_owned());
        }
        let mut segments = [0; 3];
        let mut parts = numbers.split('.');
        for (index, segment) in segments.iter_mut().enumerate() {
            let Some(part) = parts.next() else {
                if index == 0 {
                    return Err(INVALID.to_owned());
                }
                break;
            };
            if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(INVALID.to_owned());
            }
            *segment = parse_unsigned(part, 10).map_err(|error: NumberError| {
                format!("error parsing version segment: {}", error.message("ParseUint", part))
            })?;
        }
        if parts.next().is_some() {
            return Err(INVALID.to_owned());
        }
        let prerelease = prerelease.unwrap_or_default();
        if prerelease.split('.').any(|part| part.len() > 1 && part.starts_with('0') && is_number(part)) {
            return Err("version segment starts with 0".to_owned());
        }
        let [major, minor, patch] = segments;
        Ok(Self {
            major,
            minor,
            patch,
            prerelease: prerelease.to_owned(),
            metadata: metadata.unwrap_or_default().to_owned(),
            original: text.to_owned(),
        })
    }

    /// Precedence; metadata does not count.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Ordering {
        (self.major, self.minor, self.patch).cmp(&(other.major, other.minor, other.patch)).then_with(|| {
            match (self.prerelease.is_empty(), other.prerelease.is_empty()) {
                (true, true) => Ordering::Equal,
                (true, false) => Ordering::Greater,
                (false, true) => Ordering::Less,
                (false, false) => compare_prereleases(&self.prerelease, &other.prerelease),
            }
        })
    }

    /// This version with the `original` text that the library sets on a derived version.
    pub(crate) fn derived(mut self) -> Self {
        let prefix = if self.original.starts_with('v') { "v" } else { "" };
        self.original = format!("{prefix}{self}");
        self
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if !self.prerelease.is_empty() {
            write!(f, "-{}", self.prerelease)?;
        }
        if !self.metadata.is_empty() {
            write!(f, "+{}", self.metadata)?;
        }
        Ok(())
    }
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn are_identifiers(text: &str) -> bool {
    text.split('.')
        .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'))
}

pub(crate) fn compare_prereleases(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left.split('.'), right.split('.'));
    loop {
        match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (a, b) => {
                let order = compare_parts(a.unwrap_or_default(), b.unwrap_or_default());
                if order != Ordering::Equal {
                    return order;
                }
            }
        }
    }
}

fn compare_parts(left: &str, right: &str) -> Ordering {
    if left == right {
        return Ordering::Equal;
    }
    match (left.is_empty(), right.is_empty()) {
        (true, _) => return Ordering::Less,
        (_, true) => return Ordering::Greater,
        _ => {}
    }
    match (parse_unsigned(left, 10), parse_unsigned(right, 10)) {
        (Ok(a), Ok(b)) => a.cmp(&b).then(Ordering::Less),
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
        (Err(_), Err(_)) => left.cmp(right),
    }
}
