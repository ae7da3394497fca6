//! The client: one for each run, shared by all that fetch.

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use names::Sha256;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::cache::Cache;
use super::error::{Checked, Error, Result, Tried};
use super::http::connect::{Trusted, Wiring};
use super::http::{Http, Request, Waiting};
use super::registry::exchange::{Ask, Exchange, Reply, Sending, Unsent, retry_after};
use super::registry::{EcrLogin, Login, Logins, Registries, Repository};
use super::repository::{Index, MAX_INDEX, index_address};
use super::source::{Location, OciReference, Source, shown};
use crate::net::proxy::{Arguments, Proxies};

/// Largest archive or manifest in bytes: Helm's limit for an unpacked chart.
pub const MAX_CONTENT: u64 = 100 * 1024 * 1024;

/// How to reach servers. `None` and empty mean "not set".
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Proxy for `http` addresses, and for `https` ones when no proxy is named for those. Default: `HTTP_PROXY`.
    pub http_proxy: Option<String>,
    /// Proxy for `https` addresses. An empty text means "none". Default: `HTTPS_PROXY`.
    pub https_proxy: Option<String>,
    /// Hosts that are reached directly, separated by commas. Default: `NO_PROXY`.
    pub no_proxy: Option<String>,
    /// File of PEM certificates that are trusted in addition to the system's. Default: `AWS_CA_BUNDLE`.
    pub ca_bundle: Option<PathBuf>,
    /// Credentials by host.
    pub logins: Vec<Login>,
    /// Certificate authorities in PEM format, each for one host alone.
    pub authorities: HashMap<String, String>,
    /// Folder of the cache. Default: `$XDG_CACHE_HOME/ekshybrid/charts`, or the system's equal of it.
    pub cache: Option<PathBuf>,
}

/// Something that was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// What it is.
    pub content: Content,
    /// Its origin, for messages: nothing in it is secret.
    pub origin: String,
    /// The version that was found, where the source has versions. A pinned content from the cache has none.
    pub version: Option<String>,
    /// Checksum of the content; a folder has none.
    pub sha256: Option<Sha256>,
}

/// A chart or a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// The folder of a chart on this machine.
    Folder(PathBuf),
    /// The bytes of an archive or of a manifest.
    Bytes(Arc<[u8]>),
}

/// Fetches charts and manifests. Clones share cache, answers and credentials.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
    cancel: CancellationToken,
}

struct Inner {
    http: Http,
    /// For requests of any kind to registries.
    wiring: Wiring,
    cache: Cache,
    logins: Logins,
    registries: Registries,
    indexes: Memo<Url, Arc<Index>>,
    artifacts: Memo<Source, Artifact>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl Client {
    /// Reads nothing and opens nothing.
    #[must_use]
    pub fn new(settings: Settings, ecr: Option<Arc<dyn EcrLogin>>) -> Self {
        Self::build(settings, ecr, &|name| std::env::var(name).ok(), Waiting::default())
    }

    pub(super) fn build(
        settings: Settings,
        ecr: Option<Arc<dyn EcrLogin>>,
        variable: &dyn Fn(&str) -> Option<String>,
        waiting: Waiting,
    ) -> Self {
        let cache = match settings.cache.clone() {
            Some(folder) => Cache::new(Some(folder)),
            None => Cache::of_user(|name| variable(name).map(PathBuf::from)),
        };
        let given = Arguments {
            http: settings.http_proxy.as_deref(),
            https: settings.https_proxy.as_deref(),
            direct: settings.no_proxy.as_deref(),
        };
        let proxies = Proxies::new(given, variable);
        let bundle = settings.ca_bundle.clone().or_else(|| variable("AWS_CA_BUNDLE").map(PathBuf::from));
        let bundle = bundle.filter(|path| !path.as_os_str().is_empty());
        // Hosts in addresses have lowercase letters; the one registry whose name is not its host is Docker Hub.
        let host = |host: &String| match host.trim_end_matches('/').to_ascii_lowercase().as_str() {
            "docker.io" | "index.docker.io" => "registry-1.docker.io".to_owned(),
            other => other.to_owned(),
        };
        let hosts = settings.authorities.iter().map(|(name, pem)| (host(name), pem.clone())).collect();
        let trusted = Trusted { bundle, hosts };
        let inner = Inner {
            wiring: Wiring::keeping(proxies.clone(), trusted.clone()),
            http: Http::new(proxies, trusted, waiting),
            cache,
            logins: Logins { configured: settings.logins, ecr },
            registries: Registries::default(),
            indexes: Memo::default(),
            artifacts: Memo::default(),
        };
        Self { inner: Arc::new(inner), cancel: CancellationToken::new() }
    }

    /// The same client, whose downloads end when `cancel` fires.
    #[must_use]
    pub fn with_cancel(&self, cancel: CancellationToken) -> Self {
        Self { inner: Arc::clone(&self.inner), cancel }
    }

    /// Fetches a source. The same run fetches it once and returns the same result again; a path is read
    /// each time.
    ///
    /// # Errors
    /// [`Error`], among them [`Error::Stopped`]; content with another checksum than the expected one is never returned.
    pub async fn fetch(&self, source: &Source) -> Result<Artifact> {
        if let Location::Path(path) = source.location() {
            let (path, pin, origin) = (path.clone(), source.sha256(), source.to_string());
            let read = tokio::task::spawn_blocking(move || local(&path, pin, origin)).await;
            return read.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        }
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(Error::Stopped { origin: source.to_string() }),
            fetched = self.inner.artifacts.once(source, self.inner.remote(source)) => fetched,
        }
    }

    /// Sends a request without a body to a registry, and repeats it where another attempt may change the answer.
    ///
    /// # Errors
    /// No response, or one that another attempt may change and did not; every other status is a response.
    pub async fn ask(&self, ask: &Ask<'_>) -> Result<Reply> {
        let exchange = self.inner.exchange();
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(Error::Stopped { origin: ask.registry.to_owned() }),
            reply = exchange.ask(ask) => reply,
        }
    }

    /// Sends a request with a body, once.
    ///
    /// # Errors
    /// No response.
    pub async fn send(&self, ask: &Ask<'_>, sending: Sending) -> Result<Reply, Unsent> {
        let exchange = self.inner.exchange();
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => {
                Err(Unsent { error: Error::Stopped { origin: ask.registry.to_owned() }, may_pass: false })
            }
            reply = exchange.once(ask, Some(sending)) => reply,
        }
    }

    /// What an address holds, from some byte on, to be read in pieces. A server that does not know ranges answers with
    /// the whole, and status 200.
    ///
    /// # Errors
    /// No response, or another status than 200 and 206.
    pub async fn open(&self, url: &Url, from: u64) -> Result<Reply> {
        let range = format!("bytes={from}-");
        let headers = [(http::header::RANGE, range.as_str())];
        let headers = if from > 0 { &headers[..] } else { &[] };
        let exchange = self.inner.exchange();
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(Error::Stopped { origin: shown(url) }),
            reply = exchange.open(url, headers) => reply,
        }
    }

    /// The error for an unexpected response, with the credentials that the registry received.
    pub async fn refusal(&self, registry: &str, reply: Reply) -> Error {
        self.inner.exchange().refusal(registry, reply).await
    }

    /// Waits before another attempt. `false`: there is to be none, because there were `allowed`, or because the server
    /// asks for more patience than there is.
    pub async fn rest(&self, attempts: u32, allowed: u32, reply: Option<&Reply>) -> bool {
        let asked = reply.and_then(retry_after);
        match self.inner.exchange().pause(attempts, allowed, asked) {
            None => false,
            Some(wait) => tokio::select! {
                () = self.cancel.cancelled() => false,
                () = tokio::time::sleep(wait) => true,
            },
        }
    }

    /// A content by its checksum, if some run has fetched it before. Opens no connection.
    pub async fn cached(&self, sha256: Sha256) -> Option<Arc<[u8]>> {
        self.inner.cache.read(sha256, MAX_CONTENT).await.map(Arc::from)
    }
}

impl Inner {
    fn exchange(&self) -> Exchange<'_> {
        Exchange { http: &self.http, wiring: &self.wiring, logins: &self.logins, registries: &self.registries }
    }

    async fn remote(&self, source: &Source) -> Result<Artifact> {
        let origin = source.to_string();
        if let Some(pin) = source.sha256()
            && let Some(content) = self.cache.read(pin, MAX_CONTENT).await
        {
            let content = Content::Bytes(content.into());
            return Ok(Artifact { content, origin, version: None, sha256: Some(pin) });
        }
        match source.location() {
            Location::Path(_) => unreachable!("`fetch` reads paths itself"),
            Location::Address(url) => self.address(url, source.sha256(), None, None).await,
            Location::Oci(reference) => self.registry(reference, source, None).await,
            Location::Repository { url, chart } => {
                let index = self.index(url).await?;
                let release = index.find(chart, source.version())?;
                tracing::debug!(chart, version = release.version, "chosen from the repository's index");
                let version = Some(release.version);
                if release.address.starts_with("oci://") {
                    let artifact =
                        self.registry(&OciReference::parse(&release.address)?, source, release.sha256).await?;
                    return Ok(Artifact { version, ..artifact });
                }
                let url = Url::parse(&release.address).map_err(|error| Error::Malformed {
                    url: shown(&index_address(url)),
                    what: "index of a chart repository",
                    problem: error.to_string(),
                })?;
                let artifact = self.address(&url, source.sha256(), release.sha256, version).await?;
                Ok(artifact)
            }
        }
    }

    async fn index(&self, repository: &Url) -> Result<Arc<Index>> {
        let read = async {
            let answer = self.get(&index_address(repository), MAX_INDEX).await?;
            let repository = repository.clone();
            let read = tokio::task::spawn_blocking(move || Index::read(&repository, &answer).map(Arc::new)).await;
            read.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
        };
        self.indexes.once(repository, read).await
    }

    /// What an address holds, with the credentials for its host.
    async fn get(&self, url: &Url, limit: u64) -> Result<Vec<u8>> {
        let login = self.logins.of_address(url);
        let authorization = login.map(|login| login.authorization(url));
        let request = Request { url, accept: "", authorization: authorization.as_ref(), limit, immutable: false };
        let answer = self.http.get(&request).await?;
        if answer.status == 200 {
            return Ok(answer.body);
        }
        // ECR's password is for its registries alone.
        let host = super::registry::host(url);
        Err(answer.refusal(match self.logins.tried(&host) {
            Tried::Ecr { .. } => Tried::Nothing { host },
            tried => tried,
        }))
    }

    async fn address(
        &self,
        url: &Url,
        pin: Option<Sha256>,
        indexed: Option<Sha256>,
        version: Option<String>,
    ) -> Result<Artifact> {
        let origin = shown(url);
        agree(&origin, pin, indexed)?;
        if let Some(sum) = indexed
            && let Some(content) = self.cache.read(sum, MAX_CONTENT).await
        {
            return Ok(Artifact { content: Content::Bytes(content.into()), origin, version, sha256: Some(sum) });
        }
        let content = self.get(url, MAX_CONTENT).await?;
        let promised = [(pin, Checked::Pin), (indexed, Checked::Index)];
        self.keep(content, origin, version, promised).await
    }

    async fn registry(&self, reference: &OciReference, source: &Source, indexed: Option<Sha256>) -> Result<Artifact> {
        let repository = Repository { http: &self.http, logins: &self.logins, registries: &self.registries, reference };
        // A version from an index is already part of its reference.
        let wanted = matches!(source.location(), Location::Oci(_)).then(|| source.version()).flatten();
        let chart = repository.chart(wanted).await?;
        let origin = match &chart.version {
            Some(version) if reference.tag.is_none() => format!("{}:{}", reference.name(), version.replace('+', "_")),
            _ => reference.to_string(),
        };
        agree(&origin, source.sha256(), Some(chart.sha256))?;
        let version = chart.version.clone();
        if let Some(content) = self.cache.read(chart.sha256, MAX_CONTENT).await {
            let content = Content::Bytes(content.into());
            return Ok(Artifact { content, origin, version, sha256: Some(chart.sha256) });
        }
        if chart.size > MAX_CONTENT {
            return Err(Error::TooLarge { url: origin, limit: MAX_CONTENT });
        }
        let content = repository.archive(&chart).await?;
        // An index's checksum of something in a registry is held against the archive too, if it is one.
        let promised = [(Some(chart.sha256), Checked::Registry), (indexed, Checked::Index)];
        self.keep(content, origin, version, promised).await
    }

    /// Checks a content against all that was promised, and keeps it.
    async fn keep(
        &self,
        content: Vec<u8>,
        origin: String,
        version: Option<String>,
        promised: [(Option<Sha256>, Checked); 2],
    ) -> Result<Artifact> {
        let found = Sha256::of(&content);
        for (expected, by) in promised {
            if let Some(expected) = expected.filter(|expected| *expected != found) {
                return Err(Error::Checksum { origin, expected, found, by });
            }
        }
        let content: Arc<[u8]> = content.into();
        self.cache.write(found, Arc::clone(&content)).await;
        Ok(Artifact { content: Content::Bytes(content), origin, version, sha256: Some(found) })
    }
}

/// Whether pin and source promise the same, before anything is downloaded.
fn agree(origin: &str, pin: Option<Sha256>, promised: Option<Sha256>) -> Result<()> {
    match (pin, promised) {
        (Some(expected), Some(found)) if expected != found => {
            Err(Error::Checksum { origin: origin.to_owned(), expected, found, by: Checked::Pin })
        }
        _ => Ok(()),
    }
}

/// What a path holds.
fn local(path: &Path, pin: Option<Sha256>, origin: String) -> Result<Artifact> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    if std::fs::metadata(path).map_err(failed)?.is_dir() {
        if pin.is_some() {
            return Err(Error::FolderPinned { path: path.to_owned() });
        }
        return Ok(Artifact { content: Content::Folder(path.to_owned()), origin, version: None, sha256: None });
    }
    let mut content = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(MAX_CONTENT + 1).read_to_end(&mut content).map_err(failed)?;
    if content.len() as u64 > MAX_CONTENT {
        return Err(Error::TooLarge { url: origin, limit: MAX_CONTENT });
    }
    let found = Sha256::of(&content);
    if let Some(expected) = pin.filter(|pin| *pin != found) {
        return Err(Error::Checksum { origin, expected, found, by: Checked::Pin });
    }
    Ok(Artifact { content: Content::Bytes(content.into()), origin, version: None, sha256: Some(found) })
}

/// Answers of this run by question. Whoever asks while the answer is on its way waits for it; an error is forgotten.
struct Memo<Question, Answer>(Mutex<HashMap<Question, Arc<OnceCell<Answer>>>>);

impl<Question, Answer> Default for Memo<Question, Answer> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<Question: Clone + Eq + std::hash::Hash, Answer: Clone> Memo<Question, Answer> {
    async fn once(&self, question: &Question, answer: impl Future<Output = Result<Answer>>) -> Result<Answer> {
        let cell = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(all.entry(question.clone()).or_default())
        };
        cell.get_or_try_init(|| answer).await.cloned()
    }
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "exchange_tests.rs"]
mod exchange_tests;
