//! Which of many versions is wanted, as Helm decides it, and which ones are near when there is none.

use helm::{Constraint, Version};

use super::error::{Error, Result};

/// How many near versions a message names.
const NEAREST: usize = 5;

/// The wanted one of some versions: the exact text if it exists, else the highest that the range allows.
///
/// No version means the highest release, without prereleases. Texts that are not versions are skipped.
///
/// # Errors
/// [`Error::NoVersion`] where `wanted` cannot be read. `Ok(None)` where nothing fits.
pub(super) fn choose<'a>(wanted: Option<&str>, available: &[&'a str]) -> Result<Option<&'a str>> {
    let constraint = constraint(wanted.unwrap_or("*"))?;
    if let Some(exact) = available.iter().find(|version| Some(**version) == wanted) {
        return Ok(Some(exact));
    }
    Ok(descending(available).into_iter().find(|(version, _)| constraint.allows(version)).map(|(_, text)| text))
}

/// Whether a text is one version, and no range.
pub(super) fn is_exact(text: &str) -> bool {
    Version::parse(text).is_ok()
}

/// Reads a range.
pub(super) fn constraint(text: &str) -> Result<Constraint> {
    Constraint::parse(text).map_err(|problem| Error::NoVersion { version: text.to_owned(), problem })
}

/// The versions nearest to the wanted one, nearest first; for a range, the newest.
pub(super) fn nearest(wanted: Option<&str>, available: &[&str]) -> Vec<String> {
    let mut versions = descending(available);
    // The first version that a range names is what its author had in mind.
    let aim = wanted.map(|text| text.trim_start_matches(|it: char| !it.is_ascii_digit()));
    let aim = aim.and_then(|text| text.split([' ', ',', '|']).next()).and_then(|text| Version::parse(text).ok());
    if let Some(aim) = aim {
        // Stable: at the same distance the newer one stays first.
        versions.sort_by_key(|(version, _)| {
            (
                version.major.abs_diff(aim.major),
                version.minor.abs_diff(aim.minor),
                version.patch.abs_diff(aim.patch),
                version.prerelease != aim.prerelease,
            )
        });
    }
    versions.into_iter().take(NEAREST).map(|(_, text)| text.to_owned()).collect()
}

/// The names most like the wanted one.
pub(super) fn nearest_names<'a>(wanted: &str, known: impl Iterator<Item = &'a str>) -> Vec<String> {
    names::nearest(wanted, known, NEAREST).into_iter().map(str::to_owned).collect()
}

fn descending<'a>(available: &[&'a str]) -> Vec<(Version, &'a str)> {
    let mut versions: Vec<_> =
        available.iter().filter_map(|text| Version::parse(text).ok().map(|version| (version, *text))).collect();
    versions.sort_by(|(left, _), (right, _)| right.compare(left));
    versions
}

#[cfg(test)]
mod tests {
    use super::*;

    const AVAILABLE: &[&str] =
        &["1.17.1", "1.19.0-rc.1", "1.18.6", "1.17.10", "v1.16.2", "latest", "1.18.3-0", "1.17.9+eks.2"];

    #[test]
    fn the_wanted_version() {
        for (wanted, expected) in [
            (None, Some("1.18.6")),
            (Some("1.17.1"), Some("1.17.1")),
            (Some("1.17"), Some("1.17.10")),
            (Some("~1.17.0"), Some("1.17.10")),
            (Some("^1.17.0"), Some("1.18.6")),
            (Some(">= 1.16, < 1.17"), Some("v1.16.2")),
            (Some("1.16.2"), Some("v1.16.2")),
            (Some(">1.18.0-0"), Some("1.19.0-rc.1")),
            (Some("1.18.3-0"), Some("1.18.3-0")),
            (Some("1.17.9"), Some("1.17.9+eks.2")),
            (Some("1.20.0"), None),
            (Some(">= 2"), None),
        ] {
            assert_eq!(choose(wanted, AVAILABLE).expect("readable"), expected, "{wanted:?}");
        }
        let error = choose(Some("newest"), AVAILABLE).expect_err("no range");
        assert!(matches!(error, Error::NoVersion { version, .. } if version == "newest"));
    }

    #[test]
    fn near_versions() {
        assert_eq!(nearest(Some("1.17.2"), AVAILABLE), ["1.17.1", "1.17.9+eks.2", "1.17.10", "v1.16.2", "1.18.3-0"]);
        assert_eq!(nearest(Some("~> 1.16.9 || 3"), AVAILABLE)[0], "v1.16.2");
        assert_eq!(nearest(Some("1.18.3"), AVAILABLE)[0], "1.18.3-0");
        for newest in [Some("*"), None] {
            assert_eq!(nearest(newest, AVAILABLE)[..2], ["1.19.0-rc.1", "1.18.6"]);
        }
        assert_eq!(nearest(Some("1.0.0"), &["latest"]), Vec::<String>::new());
    }

    #[test]
    fn near_names() {
        let names = ["cilium", "tetragon", "cilium-preflight"];
        assert_eq!(nearest_names("celium", names.into_iter())[0], "cilium");
    }
}
