//! Version constraints: `>=1.2.3, <2`, `^1.2 || ~3.1`, `1.2 - 1.4`, `1.x`.

use super::{Version, compare_prereleases};
use crate::go::quote;
use regex::Regex;
use std::cmp::Ordering;
use std::sync::LazyLock;

/// A constraint: groups of which one must hold, each of terms that all must hold.
#[derive(Debug, Clone)]
pub struct Constraint {
    groups: Vec<Group>,
}

#[derive(Debug, Clone)]
struct Group {
    terms: Vec<Term>,
    /// A term names a prerelease, so prereleases are looked at.
    with_prereleases: bool,
}

#[derive(Debug, Clone)]
struct Term {
    operator: String,
    version: Version,
    /// Some number was left out or is `x`.
    dirty: bool,
    minor_dirty: bool,
    patch_dirty: bool,
}

const MAX_LENGTH: usize = 512;
const MAX_GROUPS: usize = 32;

const OPERATORS: &str = r"=||!=|>|<|>=|=>|<=|=<|~|~>|\^";
const VERSION: &str = r"v?([0-9|xX*]+)(\.[0-9|xX*]+)?(\.[0-9|xX*]+)?(-([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?(\+([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?";

struct Patterns {
    one: Regex,
    range: Regex,
    find: Regex,
    valid: Regex,
}

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| {
    let new = |pattern: String| Regex::new(&pattern).expect("the patterns are constant and valid");
    Patterns {
        one: new(format!(r"^\s*({OPERATORS})\s*({VERSION})\s*$")),
        range: new(format!(r"\s*({VERSION})\s+-\s+({VERSION})\s*")),
        find: new(format!(r"({OPERATORS})\s*({VERSION})")),
        valid: new(format!(r"^(\s*({OPERATORS})\s*({VERSION})\s*)((?:\s+|,\s*)({OPERATORS})\s*({VERSION})\s*)*$")),
    }
});

impl Constraint {
    /// Reads a constraint.
    ///
    /// # Errors
    /// The library's message if the text is not a constraint.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_LENGTH {
            return Err(format!("constraint string is too long (max {MAX_LENGTH} bytes)"));
        }
        let text = rewrite_ranges(text);
        let parts: Vec<&str> = text.split("||").collect();
        if parts.len() > MAX_GROUPS {
            return Err(format!("too many constraint groups (max {MAX_GROUPS})"));
        }
        let groups: Result<Vec<Group>, String> = parts.into_iter().map(Group::parse).collect();
        Ok(Self { groups: groups? })
    }

    /// Whether `version` satisfies this constraint.
    #[must_use]
    pub fn allows(&self, version: &Version) -> bool {
        self.groups.iter().any(|group| group.terms.iter().all(|term| term.allows(version, group.with_prereleases)))
    }
}

/// `1.2 - 1.4` becomes `>= 1.2, <= 1.4`.
fn rewrite_ranges(text: &str) -> String {
    let mut rewritten = text.to_owned();
    for captures in PATTERNS.range.captures_iter(text) {
        let (whole, low, high) = (&captures[0], &captures[1], &captures[11]);
        rewritten = rewritten.replacen(whole, &format!(">= {low}, <= {high} "), 1);
    }
    rewritten
}

impl Group {
    fn parse(text: &str) -> Result<Self, String> {
        if !PATTERNS.valid.is_match(text) {
            return Err(format!("improper constraint: {}", quote(text)));
        }
        let terms: Result<Vec<Term>, String> =
            PATTERNS.find.find_iter(text).map(|term| Term::parse(term.as_str())).collect();
        let terms = terms?;
        let with_prereleases = terms.iter().any(|term| !term.version.prerelease.is_empty());
        Ok(Self { terms, with_prereleases })
    }
}

fn is_wild(part: &str) -> bool {
    matches!(part, "x" | "X" | "*")
}

impl Term {
    fn parse(text: &str) -> Result<Self, String> {
        let Some(captures) = PATTERNS.one.captures(text) else {
            return Err(format!("improper constraint: {}", quote(text)));
        };
        let part = |index: usize| captures.get(index).map_or("", |part| part.as_str());
        let missing = |index: usize| {
            let number = part(index).trim_start_matches('.');
            number.is_empty() || is_wild(number)
        };
        let prerelease = part(6);
        let (text, minor_dirty, patch_dirty) = if missing(3) {
            (format!("0.0.0{prerelease}"), false, false)
        } else if missing(4) {
            (format!("{}.0.0{prerelease}", part(3)), true, false)
        } else if missing(5) {
            (format!("{}{}.0{prerelease}", part(3), part(4)), false, true)
        } else {
            (part(2).to_owned(), false, false)
        };
        let dirty = missing(3) || minor_dirty || patch_dirty;
        let version = Version::parse(&text).map_err(|_| "constraint parser error".to_owned())?;
        Ok(Self { operator: part(1).to_owned(), version, dirty, minor_dirty, patch_dirty })
    }

    fn allows(&self, version: &Version, with_prereleases: bool) -> bool {
        if !version.prerelease.is_empty() && !with_prereleases {
            return false;
        }
        let wanted = &self.version;
        let order = version.compare(wanted);
        match self.operator.as_str() {
            "" | "=" if !self.dirty => order == Ordering::Equal,
            "" | "=" | "~" | "~>" => self.allows_tilde(version, order),
            "!=" => self.differs(version, order),
            ">" if !self.dirty => order == Ordering::Greater,
            ">" => {
                if version.major != wanted.major {
                    version.major > wanted.major
                } else if self.minor_dirty {
                    false
                } else if self.patch_dirty {
                    version.minor > wanted.minor
                } else {
                    order == Ordering::Greater
                }
            }
            "<" => order == Ordering::Less,
            ">=" | "=>" => order != Ordering::Less,
            "<=" | "=<" if !self.dirty => order != Ordering::Greater,
            "<=" | "=<" => {
                !(version.major > wanted.major
                    || (version.major == wanted.major && version.minor > wanted.minor && !self.minor_dirty))
            }
            _ => self.allows_caret(version, order),
        }
    }

    fn differs(&self, version: &Version, order: Ordering) -> bool {
        let wanted = &self.version;
        if self.dirty {
            if wanted.major != version.major {
                return true;
            }
            if wanted.minor != version.minor && !self.minor_dirty {
                return true;
            }
            if self.minor_dirty {
                return false;
            }
            if wanted.patch != version.patch && !self.patch_dirty {
                return true;
            }
            if self.patch_dirty {
                let some_prerelease = !version.prerelease.is_empty() || !wanted.prerelease.is_empty();
                return some_prerelease
                    && compare_prereleases(&version.prerelease, &wanted.prerelease) != Ordering::Equal;
            }
        }
        order != Ordering::Equal
    }

    fn allows_tilde(&self, version: &Version, order: Ordering) -> bool {
        let wanted = &self.version;
        if order == Ordering::Less {
            return false;
        }
        let is_zero = (wanted.major, wanted.minor, wanted.patch) == (0, 0, 0);
        if is_zero && !self.minor_dirty && !self.patch_dirty {
            return true;
        }
        version.major == wanted.major && (version.minor == wanted.minor || self.minor_dirty)
    }

    fn allows_caret(&self, version: &Version, order: Ordering) -> bool {
        let wanted = &self.version;
        if order == Ordering::Less {
            return false;
        }
        if wanted.major > 0 || self.minor_dirty {
            return version.major == wanted.major;
        }
        if version.major > 0 {
            return false;
        }
        if wanted.minor > 0 || self.patch_dirty {
            return version.minor == wanted.minor;
        }
        version.minor == 0 && version.patch == wanted.patch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constraints_follow_the_library() {
        let table = [
            (">=1.2.3", "1.2.3", true),
            (">=1.2.3", "v1.3", true),
            (">1.2", "1.2.9", false),
            (">1.2", "1.3.0", true),
            ("<=1.2", "1.2.9", true),
            ("~1.2.3", "1.2.9", true),
            ("~1.2.3", "1.3.0", false),
            ("^1.2.3", "1.9.0", true),
            ("^0.2.3", "0.3.0", false),
            ("^0.0.3", "0.0.4", false),
            ("1.x", "1.7.2", true),
            ("*", "0.0.1", true),
            ("*", "1.0.0-rc.1", false),
            (">=1.0.0-0", "1.0.0-rc.1", true),
            ("1.2 - 1.4.5", "1.4.6", false),
            ("1.2 - 1.4.5", "1.3.0", true),
            (">=1, <2 || >3", "3.5.0", false),
            (">=1, <2 || >3", "4.0.0", true),
            ("!=1.2.x", "1.2.4", false),
            ("!=1.2.x", "1.3.0", true),
            (">=1.21-0", "1.33.4-gke.1", true),
        ];
        for (constraint, version, expected) in table {
            let allowed = Constraint::parse(constraint).unwrap().allows(&Version::parse(version).unwrap());
            assert_eq!(allowed, expected, "{constraint} {version}");
        }
    }

    #[test]
    fn malformed_texts_are_refused() {
        assert_eq!(Constraint::parse("foo").unwrap_err(), "improper constraint: \"foo\"");
        for version in ["", "a", "1.2.3.4", "1.2.3-", "1..2", "1.2.3+", "1.2.3-01"] {
            assert!(Version::parse(version).is_err(), "{version}");
        }
    }
}
