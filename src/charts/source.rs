//! What is wanted: reading what users write for a chart or a manifest.

use std::fmt;
use std::path::PathBuf;

use names::Sha256;
use url::Url;

use super::error::{Error, Result};

/// A chart or a manifest: where it is, which version, and the checksum that it must have.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Source {
    location: Location,
    version: Option<String>,
    sha256: Option<Sha256>,
}

/// Where something is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Location {
    /// A folder or a file on this machine.
    Path(PathBuf),
    /// A chart of a repository that has an index.yaml.
    Repository {
        /// Address of the folder that holds index.yaml; ends in a slash.
        url: Url,
        /// Name of the chart.
        chart: String,
    },
    /// A chart in an OCI registry.
    Oci(OciReference),
    /// A file behind an address.
    Address(Url),
}

/// A reference to something in an OCI registry: `oci://HOST[:PORT]/PATH[:TAG][@sha256:DIGEST]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OciReference {
    /// Host, with the port if there is one.
    pub registry: String,
    /// Path of the repository.
    pub repository: String,
    /// Tag, as the registry spells it.
    pub tag: Option<String>,
    /// Digest of the manifest. Wins over the tag.
    pub digest: Option<Sha256>,
}

impl Source {
    /// A chart as users write it.
    ///
    /// With a `repository`, an `https://` address or an `oci://` reference, `chart` is a name in it. Without, `chart`
    /// is a folder, a .tgz file, the `https://` address of one, or an `oci://` reference. `version` is a version or a
    /// range of versions as Helm reads them; none means the newest release. For a path or an address it has no
    /// meaning, as in Helm.
    ///
    /// # Errors
    /// [`Error::NoSource`].
    pub fn chart(repository: Option<&str>, chart: &str, version: Option<&str>) -> Result<Self> {
        let refuse = |problem: &str| Err(no_source(chart, problem));
        let version = version.map(str::trim).filter(|version| !version.is_empty()).map(str::to_owned);
        let location = match repository.filter(|repository| !repository.is_empty()) {
            Some(_) if chart.contains("://") => {
                return refuse("with `repository`, `chart` is the name of a chart in it");
            }
            Some(_) if chart.trim_matches('/').is_empty() => return refuse("the name of the chart is missing"),
            Some(repository) if repository.starts_with("oci://") => {
                let whole = format!("{}/{}", repository.trim_end_matches('/'), chart.trim_matches('/'));
                Location::Oci(OciReference::parse(&whole)?)
            }
            Some(repository) => {
                let mut url = address(repository)?;
                if !url.path().ends_with('/') {
                    url.set_path(&format!("{}/", url.path()));
                }
                Location::Repository { url, chart: chart.to_owned() }
            }
            None if chart.is_empty() => return refuse("it is empty"),
            None if chart.starts_with("oci://") => Location::Oci(OciReference::parse(chart)?),
            None if chart.contains("://") => Location::Address(address(chart)?),
            None => Location::Path(PathBuf::from(chart)),
        };
        if let (Location::Oci(OciReference { tag: Some(tag), .. }), Some(version)) = (&location, &version) {
            let as_tag = version.replace('+', "_");
            if *tag != as_tag {
                return Err(no_source(chart, &format!("its tag is `{tag}`, while `version` is `{version}`")));
            }
        }
        Ok(Self { location, version, sha256: None })
    }

    /// A manifest as users write it: a file, or the `https://` address of one.
    ///
    /// # Errors
    /// [`Error::NoSource`].
    pub fn manifest(text: &str) -> Result<Self> {
        let location = match text {
            "" => return Err(no_source(text, "it is empty")),
            text if text.starts_with("oci://") => {
                return Err(no_source(text, "a manifest is a file or an `https://` address"));
            }
            text if text.contains("://") => Location::Address(address(text)?),
            text => Location::Path(PathBuf::from(text)),
        };
        Ok(Self { location, version: None, sha256: None })
    }

    /// The same, accepted only with this checksum of the archive or the file: 64 hexadecimal digits.
    ///
    /// # Errors
    /// [`Error::NoChecksum`].
    pub fn pinned(self, sha256: &str) -> Result<Self> {
        let sum = sha256.parse::<Sha256>().map_err(|_| Error::NoChecksum { text: sha256.to_owned() })?;
        Ok(Self { sha256: Some(sum), ..self })
    }

    /// Where it is.
    #[must_use]
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// The version or range that is wanted.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// The checksum that it must have.
    #[must_use]
    pub fn sha256(&self) -> Option<Sha256> {
        self.sha256
    }
}

/// For messages: nothing in it is secret.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.location {
            Location::Path(path) => write!(f, "{}", path.display()),
            Location::Repository { url, chart } => write!(f, "{}{chart}", shown(url)),
            Location::Oci(reference) => write!(f, "{reference}"),
            Location::Address(url) => f.write_str(&shown(url)),
        }
    }
}

impl OciReference {
    /// Reads a reference with `oci://` before it.
    ///
    /// # Errors
    /// [`Error::NoSource`].
    pub fn parse(text: &str) -> Result<Self> {
        let refuse = |problem: &str| Err(no_source(text, problem));
        let Some(rest) = text.strip_prefix("oci://") else {
            return refuse("a reference to a registry begins with `oci://`");
        };
        let (rest, digest) = match rest.split_once('@') {
            Some((rest, digest)) => match digest.parse::<Sha256>().ok().filter(|_| digest.starts_with("sha256:")) {
                Some(digest) => (rest, Some(digest)),
                None => return refuse("`@` must be followed by `sha256:` and 64 hexadecimal digits"),
            },
            None => (rest, None),
        };
        let Some((registry, path)) = rest.split_once('/') else {
            return refuse("the path of a repository is missing behind the host");
        };
        let (repository, tag) = match path.split_once(':') {
            Some((repository, tag)) => (repository, Some(tag)),
            None => (path, None),
        };
        let repository = repository.trim_end_matches('/');
        if url_of_host(registry).is_none() {
            return refuse("the host of the registry is not valid");
        }
        if !repository.split('/').all(is_component) {
            return refuse("the path of a repository holds lower case letters, digits and `.`, `_`, `-`, `/`");
        }
        // A plus sign is not allowed in a tag; Helm writes it as an underscore.
        let tag = tag.map(|tag| tag.replace('+', "_"));
        if tag.as_deref().is_some_and(|tag| !is_tag(tag)) {
            return refuse("the tag is not valid");
        }
        Ok(Self { registry: registry.to_owned(), repository: repository.to_owned(), tag, digest })
    }

    /// Registry and repository, without tag and digest.
    #[must_use]
    pub fn name(&self) -> String {
        format!("oci://{}/{}", self.registry, self.repository)
    }
}

impl fmt::Display for OciReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "oci://{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

/// A component of a repository's path, as the distribution specification has it.
fn is_component(part: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = part.as_bytes();
    bytes.first().copied().is_some_and(alphanumeric)
        && bytes.last().copied().is_some_and(alphanumeric)
        && bytes.iter().all(|byte| alphanumeric(*byte) || matches!(byte, b'.' | b'_' | b'-'))
}

/// A tag, as the distribution specification has it.
pub(super) fn is_tag(tag: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    tag.len() <= 128
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|byte| word(byte) || matches!(byte, b'.' | b'-'))
}

/// The address of a registry's host, if it is one: a name or an address, and a port.
pub(super) fn url_of_host(host: &str) -> Option<Url> {
    let url = Url::parse(&format!("https://{host}/")).ok()?;
    let bare = url.username().is_empty() && url.password().is_none() && url.path() == "/" && url.query().is_none();
    (bare && url.has_host() && !host.contains(['#', '?', '\\'])).then_some(url)
}

/// An address that can be fetched, without a password in it.
fn address(text: &str) -> Result<Url> {
    let url = Url::parse(text).map_err(|error| no_source(text, &format!("it is not an address: {error}")))?;
    if !matches!(url.scheme(), "https" | "http") {
        return Err(no_source(text, "an address begins with `https://`, `http://` or, for a chart, `oci://`"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(no_source(
            text,
            "it holds a user or a password, which would be stored in the state; they belong into the provider's \
             `registries`",
        ));
    }
    Ok(url)
}

fn no_source(text: &str, problem: &str) -> Error {
    // Text before an `@` in the host part may be a password, even if the rest is not an address.
    let shown = match text.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
            let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
            format!("{scheme}://{host}{}", path.split(['?', '#']).next().unwrap_or_default())
        }
        None => text.to_owned(),
    };
    Error::NoSource { text: shown, problem: problem.to_owned() }
}

/// An address without user, password, query and fragment.
pub(super) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // Both fail only for addresses without a host, which have neither.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUM: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn sources() {
        let repository = |url: &str, chart: &str| Location::Repository {
            url: Url::parse(url).expect("an address"),
            chart: chart.to_owned(),
        };
        let oci = |registry: &str, repository: &str, tag: Option<&str>| {
            Location::Oci(OciReference {
                registry: registry.to_owned(),
                repository: repository.to_owned(),
                tag: tag.map(str::to_owned),
                digest: None,
            })
        };
        for (from, chart, version, expected) in [
            (Some("https://helm.cilium.io"), "cilium", Some("1.17.1"), repository("https://helm.cilium.io/", "cilium")),
            (Some("https://h/charts"), "a", None, repository("https://h/charts/", "a")),
            (Some("oci://public.ecr.aws/eks/cilium"), "cilium", None, oci("public.ecr.aws", "eks/cilium/cilium", None)),
            (Some("oci://h:5000/"), "a", None, oci("h:5000", "a", None)),
            (None, "oci://h:5000/a/b:1.0.0+x", Some("1.0.0+x"), oci("h:5000", "a/b", Some("1.0.0_x"))),
            (Some(""), "./charts/a", None, Location::Path("./charts/a".into())),
            (None, "/a.tgz", None, Location::Path("/a.tgz".into())),
            (None, "https://h/a.tgz", None, Location::Address(Url::parse("https://h/a.tgz").expect("an address"))),
        ] {
            let source = Source::chart(from, chart, version).expect(chart);
            assert_eq!(*source.location(), expected);
            assert_eq!(source.version(), version);
        }
        let digested = OciReference::parse(&format!("oci://h/a:1@{SUM}")).expect("a reference");
        assert_eq!((digested.tag.as_deref(), digested.digest), (Some("1"), SUM.parse::<Sha256>().ok()));
        assert_eq!(digested.to_string(), format!("oci://h/a:1@{SUM}"));
        let manifest = Source::manifest("https://h/calico.yaml").and_then(|it| it.pinned(SUM)).expect("a manifest");
        assert_eq!(manifest.sha256(), SUM.parse::<Sha256>().ok());
    }

    #[test]
    fn what_is_no_source_is_refused() {
        for (from, chart, version, problem) in [
            (Some("https://h"), "https://h/a.tgz", None, "the name of a chart"),
            (Some("https://h"), "", None, "name of the chart is missing"),
            (Some("ftp://h"), "a", None, "begins with `https://`"),
            (Some("/srv/charts"), "a", None, "not an address"),
            (Some("https://me:hunter2@h/"), "a", None, "`registries`"),
            (None, "", None, "empty"),
            (None, "https://me:hunter2@h/a.tgz", None, "`registries`"),
            (None, "oci://h", None, "path of a repository is missing"),
            (None, "oci:///a", None, "host"),
            (None, "oci://me:hunter2@h/a", None, "`@` must be followed by"),
            (None, "oci://h/A", None, "lower case"),
            (None, "oci://h/a//b", None, "lower case"),
            (None, "oci://h/a:-", None, "tag"),
            (None, "oci://h/a@sha256:12", None, "64 hexadecimal digits"),
            (None, "oci://h/a:1.0.0", Some("1.0.1"), "`1.0.0`, while `version` is `1.0.1`"),
        ] {
            let error = Source::chart(from, chart, version).expect_err(chart).to_string();
            assert!(error.contains(problem), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        assert!(matches!(Source::manifest("oci://h/a"), Err(Error::NoSource { .. })));
        assert!(matches!(Source::manifest(""), Err(Error::NoSource { .. })));
        let pinned = Source::manifest("a.yaml").and_then(|source| source.pinned("12"));
        assert!(matches!(pinned, Err(Error::NoChecksum { text }) if text == "12"));
    }

    #[test]
    fn addresses_are_shown_without_secrets() {
        let url = Url::parse("https://me:hunter2@h/a.tgz?X-Amz-Signature=hunter2#hunter2").expect("an address");
        assert_eq!(shown(&url), "https://h/a.tgz");
    }
}
