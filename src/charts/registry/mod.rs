//! The parts of OCI registries that fetching a chart needs:
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md>, with the token authentication of
//! <https://distribution.github.io/distribution/spec/auth/token/>.

mod challenge;
mod ecr;
pub(super) mod exchange;
mod login;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use http::header::{LINK, WWW_AUTHENTICATE};
use names::Sha256;
use serde::Deserialize;
use url::Url;

pub use self::ecr::{EcrLogin, EcrRegistry};
use self::login::Shown;
pub use self::login::{Login, Proof};
pub(super) use self::login::{Logins, host};
use super::error::{Checked, Error, Result, Tried};
use super::http::{Answer, Authorization, Http, Request, is_on_this_machine};
use super::source::{OciReference, is_tag, shown, url_of_host};
use super::version;

/// Largest manifest in bytes, the specification's own advice.
const MAX_MANIFEST: u64 = 4 * 1024 * 1024;
/// Largest answer of a token server or page of tags.
const MAX_DOCUMENT: u64 = 8 * 1024 * 1024;
/// Most pages of tags that are read.
const MAX_PAGES: usize = 100;

const MANIFESTS: &str = "application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json";
/// What Helm calls the parts of a chart; the second is that of its experimental days.
const CHART_LAYERS: &[&str] = &["application/vnd.cncf.helm.chart.content.v1.tar+gzip", "application/tar+gzip"];

/// The chart that a reference means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chart {
    /// As the tag has it, with a plus sign again; `None` for a bare digest.
    pub(super) version: Option<String>,
    /// Checksum of the archive.
    pub(super) sha256: Sha256,
    /// Size of the archive in bytes.
    pub(super) size: u64,
}

/// What is known of the registries of this run.
#[derive(Default)]
pub(super) struct Registries {
    /// What requests of any kind need to know.
    exchange: exchange::Known,
    /// The header that a repository accepts.
    authorizations: Mutex<HashMap<(String, String), Authorization>>,
    /// Address of each registry's root.
    roots: Mutex<HashMap<String, Url>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    #[serde(default)]
    media_type: Option<String>,
    #[serde(default)]
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
    #[serde(default)]
    manifests: Option<Vec<serde_json::Value>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: String,
    size: u64,
}

#[derive(Deserialize)]
struct Tags {
    #[serde(default)]
    tags: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    access_token: Option<String>,
}

/// One repository, and all that is needed to read it.
pub(super) struct Repository<'a> {
    pub(super) http: &'a Http,
    pub(super) logins: &'a Logins,
    pub(super) registries: &'a Registries,
    pub(super) reference: &'a OciReference,
}

impl Repository<'_> {
    /// The chart that is meant by the reference and the wanted version, which has the last word.
    pub(super) async fn chart(&self, wanted: Option<&str>) -> Result<Chart> {
        let tag = self.tag(wanted).await?;
        let name = match (&self.reference.digest, &tag) {
            (Some(digest), _) => digest.to_string(),
            (None, Some(tag)) => tag.clone(),
            (None, None) => unreachable!("without a digest, `tag` brings a tag or an error"),
        };
        let answer = self.get(&format!("manifests/{name}"), MANIFESTS, MAX_MANIFEST, false).await?;
        if answer.status == 404 && self.reference.digest.is_none() {
            let version = tag.unwrap_or_default().replace('_', "+");
            return Err(match self.tags().await {
                Ok(tags) => self.no_such_version(Some(&version), &tags),
                // The repository does not exist.
                Err(error @ Error::NotFound { .. }) => error,
                // What is near is a courtesy; a registry that does not list its tags is not worth another error.
                Err(_) => self.no_such_version(Some(&version), &[]),
            });
        }
        let answer = self.success(answer)?;
        if let Some(expected) = self.reference.digest {
            check(&self.reference.to_string(), &answer.body, expected)?;
        }
        let (sha256, size) = self.layer(&answer)?;
        Ok(Chart { version: tag.map(|tag| tag.replace('_', "+")), sha256, size })
    }

    /// The archive of a chart, not checked.
    pub(super) async fn archive(&self, chart: &Chart) -> Result<Vec<u8>> {
        let answer = self.get(&format!("blobs/{}", chart.sha256), "", chart.size, true).await?;
        Ok(self.success(answer)?.body)
    }

    /// The tag of the wanted version. `None` where only a digest is known.
    async fn tag(&self, wanted: Option<&str>) -> Result<Option<String>> {
        let reference = self.reference;
        if reference.tag.is_some() || (reference.digest.is_some() && wanted.is_none()) {
            return Ok(reference.tag.clone());
        }
        if let Some(version) = wanted.filter(|text| version::is_exact(text)) {
            return Ok(Some(version.replace('+', "_")));
        }
        if let Some(range) = wanted {
            // Before anything is asked for.
            version::constraint(range)?;
        }
        let versions = self.tags().await?;
        let texts: Vec<&str> = versions.iter().map(String::as_str).collect();
        match version::choose(wanted, &texts)? {
            Some(version) => Ok(Some(version.replace('+', "_"))),
            None => Err(self.no_such_version(wanted, &versions)),
        }
    }

    fn no_such_version(&self, wanted: Option<&str>, versions: &[String]) -> Error {
        let texts: Vec<&str> = versions.iter().map(String::as_str).collect();
        Error::NoSuchVersion {
            origin: self.reference.name(),
            wanted: wanted.unwrap_or_default().to_owned(),
            nearest: version::nearest(wanted, &texts),
        }
    }

    /// All tags as versions, with plus signs.
    async fn tags(&self) -> Result<Vec<String>> {
        let mut versions = Vec::new();
        let mut path = "tags/list?n=1000".to_owned();
        for _ in 0..MAX_PAGES {
            let answer = self.success(self.get(&path, "application/json", MAX_DOCUMENT, false).await?)?;
            let page: Tags = serde_json::from_slice(&answer.body)
                .map_err(|error| malformed(&answer, "list of a registry's tags", error.to_string()))?;
            versions.extend(
                page.tags.unwrap_or_default().into_iter().filter(|it| is_tag(it)).map(|it| it.replace('_', "+")),
            );
            // `<…?n=1000&last=…>; rel="next"`; only its query is taken, so that it leads nowhere else.
            let next = answer.header(&LINK).and_then(|link| link.split_once('<')?.1.split_once('>'));
            let next = next.filter(|(_, kind)| kind.contains("next")).and_then(|(next, _)| answer.url.join(next).ok());
            match next.as_ref().and_then(Url::query) {
                Some(query) => path = format!("tags/list?{query}"),
                None => return Ok(versions),
            }
        }
        Ok(versions)
    }

    /// Checksum and size of the archive in a manifest.
    fn layer(&self, answer: &Answer) -> Result<(Sha256, u64)> {
        let wrong = |problem: String| malformed(answer, "manifest of a registry", problem);
        let manifest: Manifest = serde_json::from_slice(&answer.body).map_err(|error| wrong(error.to_string()))?;
        let Some(layer) = manifest.layers.iter().find(|layer| CHART_LAYERS.contains(&layer.media_type.as_str())) else {
            let found = match (&manifest.manifests, &manifest.config) {
                (Some(_), _) => "an index of images for several platforms".to_owned(),
                (None, Some(config)) => format!("something of type `{}`", config.media_type),
                (None, None) => format!("something of type `{}`", manifest.media_type.unwrap_or_default()),
            };
            return Err(Error::NoChart { reference: self.reference.to_string(), found });
        };
        let sum = layer.digest.parse::<Sha256>().ok().filter(|_| layer.digest.starts_with("sha256:"));
        let sum = sum.ok_or_else(|| wrong(format!("`{}` is not a SHA-256 digest", layer.digest)))?;
        Ok((sum, layer.size))
    }

    /// One GET below the repository. A 401 is answered with credentials, once.
    async fn get(&self, path: &str, accept: &str, limit: u64, immutable: bool) -> Result<Answer> {
        let root = self.root().await?;
        let path = format!("v2/{}/{path}", self.reference.repository);
        let url = root
            .join(&path)
            .map_err(|error| Error::NoSource { text: self.reference.to_string(), problem: error.to_string() })?;
        let key = (self.reference.registry.clone(), self.reference.repository.clone());
        let known = self.registries.authorizations.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        let known = match known {
            // Such a password expires, and ECR then refuses with 403; its source knows when.
            Some(_) if self.logins.of_aws(&key.0) => {
                self.logins.of_registry(&key.0).await?.map(|login| login.authorization(&url))
            }
            known => known,
        };
        let request = Request { url: &url, accept, authorization: known.as_ref(), limit, immutable };
        let answer = self.http.get(&request).await?;
        if answer.status != 401 {
            return Ok(answer);
        }
        let authorization = self.authorize(&answer, answer.url.origin() == url.origin(), None).await?;
        let answer = self.http.get(&Request { authorization: Some(&authorization), ..request }).await?;
        if answer.status != 401 {
            let mut all = self.registries.authorizations.lock().unwrap_or_else(PoisonError::into_inner);
            all.insert(key, authorization);
        }
        Ok(answer)
    }

    fn success(&self, answer: Answer) -> Result<Answer> {
        if answer.status == 200 { Ok(answer) } else { Err(answer.refusal(self.logins.tried(&self.reference.registry))) }
    }

    /// Answers a challenge: of the registry, or of the one that it redirects to. The latter gets what the user configured
    /// for its own host, and nothing that belongs to the former. `scopes` are those that the caller needs; without
    /// them, those that the challenge names.
    async fn authorize(&self, answer: &Answer, is_own: bool, scopes: Option<&str>) -> Result<Authorization> {
        let url = &answer.url;
        let registry = if is_own { self.reference.registry.clone() } else { host(url) };
        let headers = answer.headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        let challenges: Vec<_> = headers.flat_map(challenge::parse).collect();
        let offered = |scheme: &str| challenges.iter().find(|challenge| challenge.scheme == scheme);
        let refused = |tried| Err(answer.refusal(tried));
        // A token is for the host itself, whatever it asks for.
        if let Some(token) = self.logins.token(&registry) {
            return Ok(token.authorization(url));
        }
        if let Some(bearer) = offered("bearer") {
            let login = self.login(url, is_own).await?;
            let realm = bearer.parameters.get("realm").map(String::as_str).unwrap_or_default();
            let mut realm = Url::parse(realm)
                .map_err(|error| malformed(answer, "challenge with a usable realm", error.to_string()))?;
            let pull = format!("repository:{}:pull", self.reference.repository);
            let scope = scopes.unwrap_or_else(|| bearer.parameters.get("scope").unwrap_or(&pull));
            {
                let mut query = realm.query_pairs_mut();
                if let Some(service) = bearer.parameters.get("service") {
                    query.append_pair("service", service);
                }
                for scope in scope.split(' ') {
                    query.append_pair("scope", scope);
                }
            }
            let basic = login.map(|login| login.authorization(&realm));
            return self.token(url, &realm, basic.as_ref()).await;
        }
        if offered("basic").is_some() {
            return match self.login(url, is_own).await? {
                Some(login) => Ok(login.authorization(url)),
                None => refused(Tried::Nothing { host: registry.clone() }),
            };
        }
        refused(Tried::Nothing { host: registry.clone() })
    }

    async fn login(&self, url: &Url, is_own: bool) -> Result<Option<Shown>> {
        if is_own { self.logins.of_registry(&self.reference.registry).await } else { Ok(self.logins.of_address(url)) }
    }

    /// Asks a token server.
    async fn token(&self, url: &Url, realm: &Url, basic: Option<&Authorization>) -> Result<Authorization> {
        let request = Request {
            url: realm,
            accept: "application/json",
            authorization: basic,
            limit: MAX_DOCUMENT,
            immutable: false,
        };
        let answer = self.success(self.http.get(&request).await?)?;
        let wrong = |problem: String| malformed(&answer, "answer of a token server", problem);
        let token: Token = serde_json::from_slice(&answer.body).map_err(|error| wrong(error.to_string()))?;
        let token = token.token.or(token.access_token).filter(|token| !token.is_empty());
        let token = token.ok_or_else(|| wrong("it holds no token".to_owned()))?;
        Ok(Authorization::new(url, "the registry's token", format!("Bearer {token}").into()))
    }

    /// Address of the registry's root. A registry on this machine may speak plain HTTP, as for Docker and Helm.
    async fn root(&self) -> Result<Url> {
        let registry = &self.reference.registry;
        let known = self.registries.roots.lock().unwrap_or_else(PoisonError::into_inner).get(registry).cloned();
        if let Some(root) = known {
            return Ok(root);
        }
        // The one registry whose name is not its host.
        let host = if registry == "docker.io" { "registry-1.docker.io" } else { registry.as_str() };
        let mut root = url_of_host(host).ok_or_else(|| Error::NoSource {
            text: self.reference.to_string(),
            problem: "the host of the registry is not valid".to_owned(),
        })?;
        if is_on_this_machine(&root) && self.http.is_plain(&root).await? {
            // Between two web schemes this cannot fail.
            let _ = root.set_scheme("http");
        }
        let mut roots = self.registries.roots.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(roots.entry(registry.clone()).or_insert(root).clone())
    }
}

/// Compares content with the digest from the registry.
fn check(origin: &str, content: &[u8], expected: Sha256) -> Result<()> {
    let found = Sha256::of(content);
    if found == expected {
        return Ok(());
    }
    Err(Error::Checksum { origin: origin.to_owned(), expected, found, by: Checked::Registry })
}

fn malformed(answer: &Answer, what: &'static str, problem: String) -> Error {
    Error::Malformed { url: shown(&answer.url), what, problem }
}
