//! Chart repositories: an index.yaml and the archives that it names.
//!
//! The index names a checksum for each archive; Helm checks it only on request, this room always does.

use std::collections::BTreeMap;

use names::Sha256;
use serde::Deserialize;
use url::Url;

use super::error::{Error, Result};
use super::source::shown;
use super::version;

/// Largest index in bytes. The largest public ones are about 30 MB.
pub(super) const MAX_INDEX: u64 = 64 * 1024 * 1024;

/// The charts of a repository.
#[derive(Debug)]
pub(super) struct Index {
    /// Address of the folder of index.yaml.
    base: Url,
    charts: BTreeMap<String, Vec<Entry>>,
}

/// One version of a chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Release {
    pub(super) version: String,
    /// Address of the archive: `https://…`, `http://…` or `oci://…`.
    pub(super) address: String,
    pub(super) sha256: Option<Sha256>,
}

/// The part of index.yaml that is read: <https://helm.sh/docs/topics/chart_repository/>.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    api_version: Option<String>,
    #[serde(default)]
    entries: Option<BTreeMap<String, Option<Vec<Option<Entry>>>>>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    #[serde(default)]
    version: String,
    #[serde(default)]
    urls: Option<Vec<String>>,
    #[serde(default)]
    digest: Option<String>,
}

/// Where the index of a repository is. A query of the repository's address, such as a token, is kept.
pub(super) fn index_address(repository: &Url) -> Url {
    beside(repository, "index.yaml").unwrap_or_else(|| repository.clone())
}

/// An address relative to the repository, with the repository's query where it has none of its own.
fn beside(repository: &Url, path: &str) -> Option<Url> {
    let mut url = repository.join(path).ok()?;
    if url.query().is_none() && url.origin() == repository.origin() {
        url.set_query(repository.query());
    }
    Some(url)
}

impl Index {
    /// Reads an index.yaml, which may also be JSON.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub(super) fn read(repository: &Url, content: &[u8]) -> Result<Self> {
        let refuse = |problem: String| Error::Malformed {
            url: shown(&index_address(repository)),
            what: "index of a chart repository",
            problem,
        };
        let text = std::str::from_utf8(content).map_err(|_| refuse("it is not UTF-8 text".to_owned()))?;
        let document: Document = if text.trim_start().starts_with('{') {
            serde_json::from_str(text).map_err(|error| refuse(error.to_string()))?
        } else {
            // The default limits are for documents of people; an index is bounded by its size.
            let options = serde_saphyr::options! {
                budget: serde_saphyr::budget! {
                    max_events: usize::MAX,
                    max_nodes: usize::MAX,
                    max_total_scalar_bytes: usize::MAX,
                },
            };
            serde_saphyr::from_str_with_options(text, options).map_err(|error| refuse(one_line(&error.to_string())))?
        };
        if document.api_version.is_none_or(|version| version.is_empty()) {
            return Err(refuse("it has no `apiVersion`".to_owned()));
        }
        let entries = document.entries.unwrap_or_default();
        let charts = entries
            .into_iter()
            .map(|(name, entries)| (name, entries.unwrap_or_default().into_iter().flatten().collect()));
        Ok(Self { base: repository.clone(), charts: charts.collect() })
    }

    /// The version of a chart that is wanted.
    ///
    /// # Errors
    /// [`Error::NoSuchChart`], [`Error::NoSuchVersion`], [`Error::NoVersion`], and [`Error::Malformed`] for an entry
    /// without a usable address.
    pub(super) fn find(&self, chart: &str, wanted: Option<&str>) -> Result<Release> {
        let Some(entries) = self.charts.get(chart) else {
            return Err(Error::NoSuchChart {
                chart: chart.to_owned(),
                repository: shown(&self.base),
                nearest: version::nearest_names(chart, self.charts.keys().map(String::as_str)),
            });
        };
        let versions: Vec<&str> = entries.iter().map(|entry| entry.version.as_str()).collect();
        let chosen = version::choose(wanted, &versions)?;
        let Some(entry) = entries.iter().find(|entry| Some(entry.version.as_str()) == chosen) else {
            return Err(Error::NoSuchVersion {
                origin: format!("{}{chart}", shown(&self.base)),
                wanted: wanted.unwrap_or_default().to_owned(),
                nearest: version::nearest(wanted, &versions),
            });
        };
        let first = entry.urls.iter().flatten().next();
        let address = first.and_then(|url| match url {
            url if url.starts_with("oci://") => Some(url.clone()),
            url => beside(&self.base, url).filter(|url| matches!(url.scheme(), "https" | "http")).map(Into::into),
        });
        let address = address.ok_or_else(|| Error::Malformed {
            url: shown(&index_address(&self.base)),
            what: "index of a chart repository",
            problem: format!("`{chart}` {} has no usable address", entry.version),
        })?;
        let sha256 = entry.digest.as_deref().and_then(|digest| digest.parse().ok());
        if sha256.is_none() {
            tracing::debug!(chart, version = entry.version, "the index names no checksum");
        }
        Ok(Release { version: entry.version.clone(), address, sha256 })
    }
}

/// The first line of a message: what follows is an excerpt, which may be a whole page of HTML.
fn one_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUM: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn base() -> Url {
        Url::parse("https://h/charts/?key=word").expect("an address")
    }

    fn index() -> Index {
        let text = format!(
            r#"
apiVersion: v1
generated: "2026-11-21T00:00:00Z"
entries:
  net:
  - {{apiVersion: v2, name: net, version: 1.0.0, urls: [net-1.0.0.tgz], digest: {SUM}, created: 2026-11-21T00:00:00Z}}
  - {{version: 1.2.0, urls: ["https://other/net-1.2.0.tgz"], digest: "sha256:{SUM}"}}
  - version: 1.1.0
    urls: [/elsewhere/net.tgz?x=1]
  - version: 1.3.0
    urls: ["oci://registry/net:1.3.0"]
  - {{version: 0.9.0, urls: []}}
  - {{version: 0.8.0, urls: ["ftp://h/a.tgz"]}}
  -
  empty: []
  nothing:
"#
        );
        Index::read(&base(), text.as_bytes()).expect("an index")
    }

    #[test]
    fn a_release_is_found() {
        let sum = SUM.parse::<Sha256>().ok();
        for (wanted, version, address, sha256) in [
            (Some("1.0.0"), "1.0.0", "https://h/charts/net-1.0.0.tgz?key=word", sum),
            (Some("~1.2"), "1.2.0", "https://other/net-1.2.0.tgz", sum),
            (Some("1.1"), "1.1.0", "https://h/elsewhere/net.tgz?x=1", None),
            (None, "1.3.0", "oci://registry/net:1.3.0", None),
        ] {
            let expected = Release { version: version.to_owned(), address: address.to_owned(), sha256 };
            assert_eq!(index().find("net", wanted).expect("there"), expected, "{wanted:?}");
        }
        assert_eq!(index_address(&base()).as_str(), "https://h/charts/index.yaml?key=word");
    }

    #[test]
    fn what_is_not_there_is_said() {
        let error = index().find("not", None).expect_err("no chart");
        assert!(matches!(&error, Error::NoSuchChart { nearest, .. } if nearest[0] == "net"), "{error}");
        let error = index().find("net", Some("1.2.7")).expect_err("no version");
        assert!(matches!(&error, Error::NoSuchVersion { nearest, .. } if nearest[0] == "1.2.0"), "{error}");
        assert!(!error.to_string().contains("word"), "{error}");
        for (chart, wanted) in [("empty", None), ("nothing", Some("1.0.0"))] {
            let error = index().find(chart, wanted).expect_err("no version");
            assert!(matches!(&error, Error::NoSuchVersion { nearest, .. } if nearest.is_empty()), "{error}");
        }
        for wanted in ["0.9.0", "0.8.0"] {
            assert!(matches!(index().find("net", Some(wanted)), Err(Error::Malformed { .. })), "{wanted}");
        }
        assert!(matches!(index().find("net", Some("new")), Err(Error::NoVersion { .. })));
    }

    #[test]
    fn json_is_read_too() {
        let text = r#"{"apiVersion":"v1","entries":{"net":[{"version":"1.0.0","urls":["a.tgz"]}]}}"#;
        let index = Index::read(&base(), text.as_bytes()).expect("an index");
        assert_eq!(index.find("net", None).expect("there").version, "1.0.0");
    }

    #[test]
    fn other_documents_are_refused() {
        for text in [
            "",
            "<!doctype html>\n<html><body>Sign in</body></html>",
            "{}",
            "entries: {}",
            "apiVersion: v1\nentries: [1]",
            "apiVersion: v1\nentries: {a: {b: c}}",
            "\u{0}",
        ] {
            let read = Index::read(&base(), text.as_bytes());
            assert!(matches!(read, Err(Error::Malformed { .. })), "{text:?}: {read:?}");
        }
        assert!(matches!(Index::read(&base(), &[0xff, 0xfe]), Err(Error::Malformed { .. })));
    }
}
