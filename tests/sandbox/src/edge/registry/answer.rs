//! What a registry of ECR answers: <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md> for those
//! who pull and push, with ECR's way of authentication, its sentences, and its storage elsewhere. What is pushed is in
//! `push`.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use super::{Head, push::Push};
use crate::{
    ecr,
    fault::{self, Fault, Kind},
    identity::Principal,
    moment::Moment,
    random,
    world::{Account, Answered, World},
};

/// Most tags in one page. Source: ECR's own.
const PAGE: usize = 1000;
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

pub struct Asked<'a> {
    pub head: &'a Head,
    pub body: &'a [u8],
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Close,
    /// In the middle of the body.
    Cut,
    /// Without an answer.
    Reset,
}

pub struct Told {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    pub end: End,
    /// Milliseconds before it is sent.
    pub wait: u64,
}

impl Told {
    pub(super) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into(), end: End::Close, wait: 0 }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// An error of a registry.
    pub(super) fn error(status: u16, code: &str, message: impl Into<String>) -> Self {
        let body = json!({"errors": [{"code": code, "message": message.into()}]});
        Self::new(status, body.to_string()).with("Content-Type", "application/json; charset=utf-8")
    }
}

/// What is wanted.
enum Wanted<'a> {
    /// Whether it is a registry, and whether the password is right.
    Base,
    Manifest {
        repository: &'a str,
        reference: &'a str,
    },
    Blob {
        repository: &'a str,
        digest: &'a str,
    },
    Tags {
        repository: &'a str,
    },
    Push(Push<'a>),
    /// Of the storage, by the address's signature.
    Layer {
        signature: String,
    },
    Unknown,
}

impl<'a> Wanted<'a> {
    fn of(method: &str, path: &'a str) -> Self {
        if let Some(push) = Push::of(method, path) {
            return Self::Push(push);
        }
        let Some(rest) = path.strip_prefix("/v2/") else { return Self::Unknown };
        if rest.is_empty() {
            return Self::Base;
        }
        if let Some(repository) = rest.strip_suffix("/tags/list") {
            return Self::Tags { repository };
        }
        match (rest.rsplit_once("/manifests/"), rest.rsplit_once("/blobs/")) {
            (Some((repository, reference)), _) => Self::Manifest { repository, reference },
            (_, Some((repository, digest))) => Self::Blob { repository, digest },
            _ => Self::Unknown,
        }
    }

    /// As counted and as named in faults.
    fn operation(&self) -> &'static str {
        match self {
            Self::Base => "Base",
            Self::Manifest { .. } => "GetManifest",
            Self::Blob { .. } => "GetBlob",
            Self::Tags { .. } => "ListTags",
            Self::Push(push) => push.operation(),
            Self::Layer { .. } => "GetLayer",
            Self::Unknown => "unreadable",
        }
    }

    /// The repository, and the action that the caller needs on it.
    fn action(&self) -> Option<(&'a str, &'static str)> {
        match self {
            Self::Manifest { repository, .. } => Some((repository, "ecr:BatchGetImage")),
            Self::Blob { repository, .. } => Some((repository, "ecr:GetDownloadUrlForLayer")),
            Self::Tags { repository } => Some((repository, "ecr:ListImages")),
            Self::Push(push) => Some(push.action()),
            Self::Base | Self::Layer { .. } | Self::Unknown => None,
        }
    }
}

/// Answers a request to the registry of an account in a region.
pub fn answer(world: &mut World, account: &str, region: &str, asked: &Asked<'_>) -> Told {
    let head = asked.head;
    let now = Moment::now();
    let (path, query) = head.target.split_once('?').unwrap_or((&head.target, ""));
    let parameter = |wanted: &str| {
        form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
    };
    let is_storage = head.header("host") == Some(&ecr::storage_host(region));
    let wanted = if is_storage {
        Wanted::Layer { signature: parameter("X-Amz-Signature").unwrap_or_default() }
    } else {
        Wanted::of(&head.method, path)
    };
    let caller = if is_storage { Ok(None) } else { caller(world, region, head).map(Some) };
    let Some(own) = world.accounts.get_mut(account) else { return Told::new(404, "") };
    let struck = match &caller {
        Ok(_) => fault::strike(&mut own.faults, "registry", wanted.operation(), now),
        Err(_) => None,
    };
    let principal = match &caller {
        Ok(Some((principal, _))) => principal.arn.clone(),
        _ => String::new(),
    };
    let told = match (&struck, caller) {
        (Some(Fault { kind: Kind::Throttling, retry_after_seconds, .. }), _) => {
            retry_after(Told::error(429, "TOOMANYREQUESTS", "Rate exceeded"), *retry_after_seconds)
        }
        (Some(Fault { kind: Kind::Http500, .. }), _) => Told::error(500, "UNKNOWN", "Internal error"),
        (Some(Fault { kind: Kind::Http503, retry_after_seconds, .. }), _) => {
            retry_after(Told::new(503, "Service Unavailable"), *retry_after_seconds)
        }
        (_, Err(told)) => told,
        (_, Ok(_)) if !matches!(wanted, Wanted::Push(_)) && !matches!(head.method.as_str(), "GET" | "HEAD") => {
            Told::error(405, "UNSUPPORTED", "The operation is unsupported.")
        }
        (_, Ok(None)) => layer(own, region, head, &wanted),
        (_, Ok(Some((principal, home)))) => {
            permit(own, region, &wanted, &principal, &home).unwrap_or_else(|| match &wanted {
                Wanted::Push(push) => push.answer(own, region, asked, &parameter),
                _ => hold(own, region, head, &wanted, &parameter),
            })
        }
    };
    own.requests.add(Answered {
        time: now.iso_millis(),
        service: "registry".to_owned(),
        operation: wanted.operation().to_owned(),
        region: region.to_owned(),
        principal,
        status: told.status,
        error: None,
        request_id: random::uuid(),
        user_agent: String::new(),
        fault: struck.as_ref().map(|fault| fault.kind.name().to_owned()),
    });
    match struck {
        Some(Fault { kind: Kind::Reset | Kind::DropAfterWork, .. }) => Told { end: End::Reset, ..told },
        Some(Fault { kind: Kind::Cut, .. }) => Told { end: End::Cut, ..told },
        Some(Fault { kind: Kind::Slow, milliseconds, .. }) => Told { wait: milliseconds, ..told },
        _ => told,
    }
}

fn retry_after(told: Told, seconds: Option<u64>) -> Told {
    match seconds {
        Some(seconds) => told.with("Retry-After", seconds.to_string()),
        None => told,
    }
}

/// Whose password it is, with the account of that principal.
fn caller(world: &World, region: &str, head: &Head) -> Result<(Principal, String), Told> {
    let challenge = || {
        let realm = head.header("host").unwrap_or_default();
        let told = Told::new(401, "Not Authorized\n").with("Docker-Distribution-Api-Version", "registry/2.0");
        told.with("Www-Authenticate", format!("Basic realm=\"https://{realm}/\",service=\"ecr.amazonaws.com\""))
    };
    let given = head.header("authorization").and_then(|value| value.strip_prefix("Basic "));
    let given = given.and_then(|text| STANDARD.decode(text).ok()).and_then(|bytes| String::from_utf8(bytes).ok());
    let password = given.as_deref().and_then(|text| text.strip_prefix("AWS:")).ok_or_else(challenge)?;
    let known = world.accounts.values().find_map(|account| {
        let login = account.regions.get(region)?.ecr.logins.get(password)?;
        Some((account, login))
    });
    let (account, login) = known.ok_or_else(challenge)?;
    if login.is_over(account.advanced) {
        let message = "Your authorization token has expired. Reauthenticate and try again.";
        return Err(Told::error(403, "DENIED", message));
    }
    Ok((login.principal.clone(), account.id.clone()))
}

/// Refuses a caller who may not do this.
fn permit(own: &mut Account, region: &str, wanted: &Wanted<'_>, principal: &Principal, home: &str) -> Option<Told> {
    let (name, action) = wanted.action()?;
    let resource = format!("arn:aws:ecr:{region}:{}:repository/{name}", own.id);
    let denied = |message: String| Some(Told::error(403, "DENIED", message));
    if let Err(why) = principal.may(action) {
        return denied(principal.refusal(action, Some(&resource), why));
    }
    let is_guest = home != own.id;
    let repository = own.region(region).ecr.repositories.get(name);
    if is_guest && repository.is_none_or(|repository| !repository.readers.contains(home)) {
        return denied(format!(
            "User: {} is not authorized to perform: {action} on resource: {resource} because no resource-based policy allows the {action} action",
            principal.arn
        ));
    }
    None
}

/// What the registry holds.
fn hold(
    own: &mut Account,
    region: &str,
    head: &Head,
    wanted: &Wanted<'_>,
    parameter: &dyn Fn(&str) -> Option<String>,
) -> Told {
    let id = own.id.clone();
    let store = &mut own.region(region).ecr;
    let Some((name, _)) = wanted.action() else {
        return match wanted {
            Wanted::Base => Told::new(200, "{}").with("Docker-Distribution-Api-Version", "registry/2.0"),
            _ => Told::error(404, "NOT_FOUND", "Not found"),
        };
    };
    let Some(repository) = store.repositories.get(name) else {
        let message = format!("The repository with name '{name}' does not exist in the registry with id '{id}'");
        return Told::error(404, "NAME_UNKNOWN", message);
    };
    match wanted {
        Wanted::Manifest { reference, .. } => {
            let digest = repository.tags.get(*reference).map_or(*reference, String::as_str);
            match repository.manifests.get(digest) {
                Some(manifest) => Told::new(200, manifest.clone())
                    .with("Content-Type", media_type(manifest))
                    .with("Docker-Content-Digest", digest),
                None => Told::error(404, "MANIFEST_UNKNOWN", "Requested image not found"),
            }
        }
        Wanted::Blob { digest, .. } => {
            if !repository.blobs.contains_key(*digest) {
                return Told::error(404, "BLOB_UNKNOWN", "The specified layer does not exist");
            }
            if head.method == "HEAD" {
                let size = repository.blobs.get(*digest).map_or(0, Vec::len);
                return Told::new(200, "").with("Content-Length", size.to_string());
            }
            let signature = random::hex(64);
            store.links.insert(signature.clone(), (name.to_owned(), (*digest).to_owned()));
            let address = format!(
                "https://{}/{id}/{}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=3600&X-Amz-Signature={signature}",
                ecr::storage_host(region),
                digest.trim_start_matches("sha256:")
            );
            Told::new(307, "").with("Location", address)
        }
        Wanted::Tags { .. } => {
            let size = parameter("n").and_then(|text| text.parse().ok()).unwrap_or(PAGE).clamp(1, PAGE);
            let last = parameter("last").unwrap_or_default();
            let mut rest = repository.tags.keys().filter(|tag| **tag > last);
            let page: Vec<&String> = rest.by_ref().take(size).collect();
            let next = page.last().filter(|_| rest.next().is_some());
            let link = next.map(|last| format!("</v2/{name}/tags/list?last={last}&n={size}>; rel=\"next\""));
            let told = Told::new(200, json!({"name": name, "tags": page}).to_string());
            let told = told.with("Content-Type", "application/json");
            link.into_iter().fold(told, |told, link| told.with("Link", link))
        }
        Wanted::Base | Wanted::Push(_) | Wanted::Layer { .. } | Wanted::Unknown => {
            Told::error(404, "NOT_FOUND", "Not found")
        }
    }
}

/// What a manifest says of itself.
fn media_type(manifest: &[u8]) -> String {
    let manifest: serde_json::Value = serde_json::from_slice(manifest).unwrap_or_default();
    manifest["mediaType"].as_str().unwrap_or(MANIFEST).to_owned()
}

/// What the storage holds. Whoever has the address needs no other proof, and must not bring one.
fn layer(own: &mut Account, region: &str, head: &Head, wanted: &Wanted<'_>) -> Told {
    let error = |status: u16, code: &str, message: &str| {
        let body = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
        Told::new(status, body).with("Content-Type", "application/xml")
    };
    if head.header("authorization").is_some() {
        return error(400, "InvalidArgument", "Only one auth mechanism allowed");
    }
    let Wanted::Layer { signature } = wanted else { return error(404, "NoSuchKey", "The key does not exist") };
    let store = &own.region(region).ecr;
    let found = store
        .links
        .get(signature)
        .and_then(|(repository, digest)| Some((store.repositories.get(repository)?.blobs.get(digest)?, digest)));
    let Some((blob, digest)) = found else { return error(403, "AccessDenied", "Access Denied") };
    let start = head.header("range").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
    let told = match start {
        Some(start) if start < blob.len() => Told::new(206, &blob[start..])
            .with("Content-Range", format!("bytes {start}-{}/{}", blob.len() - 1, blob.len())),
        Some(_) => return error(416, "InvalidRange", "The requested range is not satisfiable"),
        None => Told::new(200, blob.clone()),
    };
    told.with("Accept-Ranges", "bytes").with("ETag", format!("\"{}\"", &digest[7..39]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ecr::Login, identity::Permissions};

    const OWN: &str = "111122223333";
    const OTHER: &str = "444455556666";

    fn principal(account: &str, deny: &[&str]) -> Principal {
        let deny = deny.iter().map(|action| (*action).to_owned()).collect();
        Principal {
            arn: format!("arn:aws:iam::{account}:user/u"),
            user_id: "AIDA".to_owned(),
            role_arn: None,
            permissions: vec![Permissions { allow: vec!["*".to_owned()], deny }],
        }
    }

    /// A world in which the password of each caller is his name.
    fn world() -> World {
        let mut world = World::new("us-west-2");
        for (account, callers) in [(OWN, &["me", "denied"][..]), (OTHER, &["guest"])] {
            let mut made = Account::new(account);
            for name in callers {
                let deny: &[&str] = if *name == "denied" { &["ecr:BatchGetImage"] } else { &[] };
                let login = Login { principal: principal(account, deny), born: made.birth() };
                made.region("us-west-2").ecr.logins.insert((*name).to_owned(), login);
            }
            world.accounts.insert(account.to_owned(), made);
        }
        let own = world.accounts.get_mut(OWN).unwrap().region("us-west-2");
        for (name, readers) in [("net", &[][..]), ("shared", &[OTHER])] {
            let mut repository = ecr::Repository::default();
            repository.tags.insert("1".to_owned(), "sha256:m".to_owned());
            repository.tags.insert("2".to_owned(), "sha256:m".to_owned());
            repository.manifests.insert("sha256:m".to_owned(), b"manifest".to_vec());
            repository.blobs.insert(format!("sha256:{}", "0".repeat(64)), b"blob".to_vec());
            repository.readers = readers.iter().map(|id| (*id).to_owned()).collect();
            own.ecr.repositories.insert(name.to_owned(), repository);
        }
        world
    }

    fn ask(world: &mut World, host: &str, target: &str, password: Option<&str>, range: &str) -> Told {
        let secret = password.map(|password| STANDARD.encode(format!("AWS:{password}")));
        let authorization = secret.map_or(String::new(), |secret| format!("Authorization: Basic {secret}\r\n"));
        let text = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n{authorization}{range}\r\n");
        let head = Head::parse(&text).unwrap();
        answer(world, OWN, "us-west-2", &Asked { head: &head, body: b"" })
    }

    #[test]
    fn who_may_pull() {
        let mut world = world();
        let host = ecr::host(OWN, "us-west-2");
        let manifest = "/v2/net/manifests/1";
        for (target, password, status, words) in [
            ("/v2/", Some("me"), 200, ""),
            (manifest, None, 401, "Not Authorized"),
            (manifest, Some("nobody"), 401, "Not Authorized"),
            (manifest, Some("me"), 200, "manifest"),
            ("/v2/net/manifests/sha256:m", Some("me"), 200, "manifest"),
            ("/v2/net/manifests/3", Some("me"), 404, "MANIFEST_UNKNOWN"),
            ("/v2/none/manifests/1", Some("me"), 404, "does not exist in the registry with id '111122223333'"),
            (
                manifest,
                Some("denied"),
                403,
                "ecr:BatchGetImage on resource: arn:aws:ecr:us-west-2:111122223333:repository/net with an explicit deny",
            ),
            ("/v2/net/tags/list?n=1", Some("denied"), 200, r#"{"name":"net","tags":["1"]}"#),
            (manifest, Some("guest"), 403, "no resource-based policy allows the ecr:BatchGetImage action"),
            ("/v2/shared/manifests/1", Some("guest"), 200, "manifest"),
        ] {
            let told = ask(&mut world, &host, target, password, "");
            let body = String::from_utf8(told.body).unwrap();
            assert_eq!(told.status, status, "{target} {password:?}: {body}");
            assert!(body.contains(words), "{target} {password:?}: {body}");
        }
        // After twelve hours of the account's clock.
        world.accounts.get_mut(OWN).unwrap().advanced += 12 * 3600 * 1000;
        let told = ask(&mut world, &host, manifest, Some("me"), "");
        assert_eq!(told.status, 403);
        assert!(String::from_utf8(told.body).unwrap().contains("has expired"));
    }

    #[test]
    fn blobs_lie_in_a_storage_that_wants_its_own_signature_alone() {
        let mut world = world();
        let host = ecr::host(OWN, "us-west-2");
        let digest = format!("sha256:{}", "0".repeat(64));
        let told = ask(&mut world, &host, &format!("/v2/net/blobs/{digest}"), Some("me"), "");
        let location = told.headers.iter().find(|(name, _)| *name == "Location").unwrap().1.clone();
        let storage = ecr::storage_host("us-west-2");
        let target = location.strip_prefix(&format!("https://{storage}")).unwrap().to_owned();
        for (target, password, range, status, body) in [
            (target.as_str(), None, "", 200, "blob"),
            (&target, None, "Range: bytes=1-\r\n", 206, "lob"),
            (&target, None, "Range: bytes=4-\r\n", 416, ""),
            (&target, Some("me"), "", 400, ""),
            ("/x?X-Amz-Signature=0", None, "", 403, ""),
        ] {
            let told = ask(&mut world, &storage, target, password, range);
            assert_eq!(told.status, status, "{target} {password:?} {range}");
            assert!(body.is_empty() || told.body == body.as_bytes(), "{target} {password:?} {range}");
        }
    }
}
