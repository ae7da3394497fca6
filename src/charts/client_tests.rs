use futures::future::BoxFuture;
use secrecy::SecretString;
use tempfile::TempDir;

use super::*;
use crate::charts::error::Cause;
use crate::charts::registry::EcrRegistry;
use crate::charts::stage::{Authority, Reply, Server, hasty, proxy};

/// Base64 of `me:hunter2`.
const WORD: &str = "Basic bWU6aHVudGVyMg==";
const CHART: &[u8] = b"the bytes of a chart";

fn settings(cache: &TempDir) -> Settings {
    Settings { cache: Some(cache.path().join("charts")), ..Settings::default() }
}

fn client(settings: Settings) -> Client {
    Client::build(settings, None, &|_| None, hasty())
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// Settings that reach a registry of any name through `tunnel`; cache and certificates are in `folder`.
fn tunnelled(folder: &TempDir, tunnel: &Server, authority: &Authority) -> Settings {
    let bundle = folder.path().join("ca.pem");
    std::fs::write(&bundle, &authority.pem).expect("written");
    let https_proxy = Some(format!("http://127.0.0.1:{}", tunnel.port));
    Settings { https_proxy, ca_bundle: Some(bundle), ..settings(folder) }
}

fn login(host: &str) -> Login {
    Login::with_password(host, "me", "hunter2")
}

fn bytes(artifact: &Artifact) -> &[u8] {
    match &artifact.content {
        Content::Bytes(bytes) => bytes,
        Content::Folder(path) => panic!("a folder: {}", path.display()),
    }
}

fn repository(server: &Server, version: &str) -> Source {
    Source::chart(Some(&server.url("/charts")), "net", Some(version)).expect("a source")
}

fn index(digest: &str) -> String {
    format!(
        "apiVersion: v1\nentries:\n  net:\n  - {{version: 1.0.0, urls: [net-1.0.0.tgz], digest: \"{digest}\"}}\n  \
         - {{version: 0.9.0, urls: [net-0.9.0.tgz]}}\n"
    )
}

/// A repository with one archive.
async fn charts(digest: String) -> Server {
    Server::plain(move |seen| match seen.target() {
        "/charts/index.yaml" => Reply::new(200, index(&digest)),
        "/charts/net-1.0.0.tgz" | "/charts/net-0.9.0.tgz" => Reply::new(200, CHART),
        _ => Reply::new(404, ""),
    })
    .await
}

#[tokio::test]
async fn a_repository_is_asked_once_in_a_run_and_its_archive_once_for_all() {
    let cache = folder();
    let server = charts(Sha256::of(CHART).to_string()).await;
    let source = repository(&server, "^1");
    let first = client(settings(&cache));
    let (one, two) = tokio::join!(first.fetch(&source), first.fetch(&source));
    let artifact = one.expect("fetched");
    assert_eq!(artifact, two.expect("fetched"));
    assert_eq!(bytes(&artifact), CHART);
    assert_eq!(artifact.version.as_deref(), Some("1.0.0"));
    assert_eq!(artifact.origin, server.url("/charts/net-1.0.0.tgz"));
    assert_eq!(artifact.sha256, Some(Sha256::of(CHART)));
    assert_eq!(server.lines(), ["GET /charts/index.yaml", "GET /charts/net-1.0.0.tgz"]);

    // Another run: the index may have changed, the archive behind its checksum has not.
    let second = client(settings(&cache));
    assert_eq!(second.fetch(&source).await.expect("fetched"), artifact);
    assert_eq!(server.lines()[2..], ["GET /charts/index.yaml"]);
    // Another version, without a checksum in the index.
    assert_eq!(bytes(&second.fetch(&repository(&server, "0.9.0")).await.expect("fetched")), CHART);
    assert_eq!(server.lines()[3..], ["GET /charts/net-0.9.0.tgz"]);

    // With a pin, nothing has to be asked.
    let pinned = source.pinned(&Sha256::of(CHART).hex()).expect("a pin");
    let third = client(settings(&cache));
    assert_eq!(bytes(&third.fetch(&pinned).await.expect("fetched")), CHART);
    assert_eq!(third.cached(Sha256::of(CHART)).await.as_deref(), Some(CHART));
    assert_eq!(server.lines().len(), 4);
}

#[tokio::test]
async fn a_damaged_cache_is_repaired() {
    let cache = folder();
    let server = charts(Sha256::of(CHART).hex()).await;
    let source = repository(&server, "1.0.0");
    client(settings(&cache)).fetch(&source).await.expect("fetched");
    let kept = cache.path().join("charts").join(Sha256::of(CHART).hex());
    std::fs::write(&kept, "evil").expect("written");
    let again = client(settings(&cache)).fetch(&source).await.expect("fetched");
    assert_eq!(bytes(&again), CHART);
    assert_eq!(std::fs::read(&kept).expect("kept"), CHART);
}

#[tokio::test]
async fn a_wrong_checksum_is_reported_with_both_and_nothing_is_kept() {
    let (right, wrong) = (Sha256::of(CHART), Sha256::of(b"something else"));
    let cache = folder();
    let server = charts(wrong.to_string()).await;
    let source = repository(&server, "1.0.0");
    let error = client(settings(&cache)).fetch(&source).await.expect_err("another checksum than the index has");
    assert!(
        matches!(&error, Error::Checksum { expected, found, by: Checked::Index, .. } if (*expected, *found) == (wrong, right)),
        "{error:?}"
    );
    for sum in [right, wrong] {
        assert!(error.to_string().contains(&sum.hex()), "{error}");
        assert_eq!(client(settings(&cache)).cached(sum).await, None);
    }

    // A pin that the index contradicts costs no download.
    let server = charts(right.to_string()).await;
    let source = repository(&server, "1.0.0").pinned(&wrong.hex()).expect("a pin");
    let error = client(settings(&cache)).fetch(&source).await.expect_err("not what was pinned");
    assert!(matches!(&error, Error::Checksum { by: Checked::Pin, .. }), "{error:?}");
    assert_eq!(server.lines(), ["GET /charts/index.yaml"]);

    // For a plain address only the pin can show it.
    let source = Source::manifest(&server.url("/charts/net-1.0.0.tgz")).and_then(|it| it.pinned(&wrong.hex()));
    let error = client(settings(&cache)).fetch(&source.expect("a source")).await.expect_err("not what was pinned");
    assert!(matches!(&error, Error::Checksum { by: Checked::Pin, .. }), "{error:?}");
    // An error is not remembered as an answer.
    let error = client(settings(&cache)).fetch(&repository(&server, "2.0.0")).await.expect_err("no such version");
    assert!(matches!(&error, Error::NoSuchVersion { nearest, .. } if nearest[..] == ["1.0.0", "0.9.0"]), "{error:?}");
}

#[tokio::test]
async fn a_repository_gets_the_password_of_its_host() {
    let server = Server::plain(|seen| match (seen.header("authorization"), seen.target()) {
        (WORD, "/charts/index.yaml") => Reply::new(200, index("")),
        (WORD, _) => Reply::new(200, CHART),
        _ => Reply::new(401, "").with("www-authenticate", "Basic realm=\"charts\""),
    })
    .await;
    let (cache, source) = (folder(), repository(&server, "1.0.0"));
    let host = format!("127.0.0.1:{}", server.port);
    let known = client(Settings { logins: vec![login("other"), login(&host)], ..settings(&cache) });
    assert_eq!(bytes(&known.fetch(&source).await.expect("fetched")), CHART);

    let unknown = client(settings(&cache)).fetch(&source).await.expect_err("refused");
    assert!(
        matches!(&unknown, Error::Refused { status: 401, tried: Tried::Nothing { host: named }, .. } if *named == host),
        "{unknown:?}"
    );
    let wrong = Login::with_password(&host, "me", "swordfish");
    let refused =
        client(Settings { logins: vec![wrong], ..settings(&cache) }).fetch(&source).await.expect_err("refused");
    assert!(matches!(&refused, Error::Refused { tried: Tried::Configured { username, .. }, .. } if username == "me"));
    for error in [unknown, refused] {
        let text = format!("{error} {error:?}");
        assert!(!text.contains("swordfish") && !text.contains("hunter2"), "{text}");
        assert!(text.contains("registries"), "{text}");
    }
}

#[tokio::test]
async fn other_answers_are_reported_with_address_and_status() {
    let server = Server::plain(|_| Reply::new(404, "<html>")).await;
    let cache = folder();
    let error = client(settings(&cache)).fetch(&repository(&server, "1.0.0")).await.expect_err("nothing there");
    let url = server.url("/charts/index.yaml");
    assert!(matches!(&error, Error::NotFound { url: named, status: 404, .. } if *named == url), "{error:?}");
    let server = Server::plain(|_| Reply::new(200, "<html><body>Sign in</body></html>")).await;
    let error = client(settings(&cache)).fetch(&repository(&server, "1.0.0")).await.expect_err("a page");
    assert!(matches!(&error, Error::Malformed { .. }), "{error:?}");
    let server = Server::plain(|_| Reply::new(418, "")).await;
    let error = client(settings(&cache)).fetch(&repository(&server, "1.0.0")).await.expect_err("a teapot");
    assert!(matches!(&error, Error::Status { status: 418, .. }), "{error:?}");
}

#[tokio::test]
async fn paths_are_read_each_time() {
    let (cache, place) = (folder(), folder());
    let file = place.path().join("net.tgz");
    let at = |path: &Path| Source::chart(None, &path.to_string_lossy(), None).expect("a source");
    let client = client(settings(&cache));
    for content in ["one", "two"] {
        std::fs::write(&file, content).expect("written");
        let artifact = client.fetch(&at(&file)).await.expect("read");
        assert_eq!(bytes(&artifact), content.as_bytes());
        assert_eq!(artifact.sha256, Some(Sha256::of(content.as_bytes())));
        assert_eq!(artifact.origin, file.to_string_lossy());
    }
    let artifact = client.fetch(&at(place.path())).await.expect("a folder");
    assert_eq!(artifact.content, Content::Folder(place.path().to_owned()));

    let pin = Sha256::of(b"one").hex();
    let error = client.fetch(&at(&file).pinned(&pin).expect("a pin")).await.expect_err("it holds two");
    assert!(matches!(error, Error::Checksum { by: Checked::Pin, .. }), "{error:?}");
    let error = client.fetch(&at(place.path()).pinned(&pin).expect("a pin")).await.expect_err("a folder");
    assert!(matches!(error, Error::FolderPinned { .. }), "{error:?}");
    let error = client.fetch(&at(&place.path().join("none"))).await.expect_err("nothing there");
    assert!(matches!(&error, Error::Read { path, .. } if path.ends_with("none")), "{error:?}");
}

/// An OCI manifest of a chart with this archive.
fn manifest(archive: &[u8]) -> String {
    serde_json::json!({
        "schemaVersion": 2,
        "config": {"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": Sha256::of(b"{}").to_string(), "size": 2},
        "layers": [
            {"mediaType": "application/vnd.cncf.helm.chart.provenance.v1.prov", "digest": Sha256::of(b"p").to_string(), "size": 1},
            {"mediaType": "application/vnd.cncf.helm.chart.content.v1.tar+gzip", "digest": Sha256::of(archive).to_string(), "size": archive.len()},
        ],
    })
    .to_string()
}

/// A registry without authentication, whose blobs lie elsewhere.
async fn registry() -> (Server, Server) {
    let storage = Server::plain(|seen| {
        if seen.number == 0 {
            Reply::new(200, CHART).cut(5)
        } else {
            match seen.header("range") {
                "bytes=5-" => Reply::new(206, &CHART[5..]).with("content-range", "bytes 5-19/20"),
                _ => Reply::new(200, CHART),
            }
        }
    })
    .await;
    let blob = storage.url("/bucket/chart?X-Amz-Signature=hunter2");
    let server = Server::plain(move |seen| match seen.target() {
        "/v2/a/net/tags/list?n=1000" => Reply::new(200, r#"{"name":"a/net","tags":["latest","0.9.0"]}"#)
            .with("link", "</v2/a/net/tags/list?last=0.9.0&n=1000>; rel=\"next\""),
        "/v2/a/net/tags/list?last=0.9.0&n=1000" => Reply::new(200, r#"{"tags":["1.0.0_eks.1","1.1.0-rc.1","2.0.0"]}"#),
        "/v2/a/net/manifests/1.0.0_eks.1" => Reply::new(200, manifest(CHART)),
        "/v2/a/net/manifests/2.0.0" => Reply::new(
            200,
            r#"{"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"","size":1},"layers":[]}"#,
        ),
        "/v2/a/net/manifests/3.0.0" => Reply::new(200, r#"{"manifests":[]}"#),
        "/v2/a/net/manifests/4.0.0" => Reply::new(200, "<html>"),
        "/v2/a/net/manifests/5.0.0" => Reply::new(200, manifest(b"what the registry has lost")),
        "/v2/a/net/manifests/6.0.0" => Reply::new(200, manifest(&[0; 30])),
        target if target == format!("/v2/a/net/manifests/{}", Sha256::of(manifest(CHART).as_bytes())) => {
            Reply::new(200, manifest(CHART))
        }
        target if target.starts_with("/v2/a/net/manifests/sha256:") => Reply::new(200, manifest(b"another")),
        target if target == format!("/v2/a/net/blobs/{}", Sha256::of(CHART)) => Reply::redirect(blob.clone()),
        target if target == format!("/v2/a/net/blobs/{}", Sha256::of(&[0; 30])) => Reply::new(200, CHART),
        _ => Reply::new(404, r#"{"errors":[{"code":"NAME_UNKNOWN","message":"not known here"}]}"#),
    })
    .await;
    (server, storage)
}

fn oci(server: &Server, chart: &str, version: Option<&str>) -> Source {
    Source::chart(Some(&format!("oci://127.0.0.1:{}/a", server.port)), chart, version).expect("a source")
}

#[tokio::test]
async fn a_chart_comes_from_a_registry() {
    let (server, storage) = registry().await;
    let name = format!("oci://127.0.0.1:{}/a/net", server.port);
    for (wanted, version) in [("1.0.0+eks.1", "1.0.0+eks.1"), ("<2", "1.0.0+eks.1"), ("1.0.x", "1.0.0+eks.1")] {
        let cache = folder();
        let artifact = client(settings(&cache)).fetch(&oci(&server, "net", Some(wanted))).await.expect("fetched");
        assert_eq!(bytes(&artifact), CHART, "{wanted}");
        assert_eq!(artifact.version.as_deref(), Some(version), "{wanted}");
        assert_eq!(artifact.sha256, Some(Sha256::of(CHART)));
        assert_eq!(artifact.origin, format!("{name}:1.0.0_eks.1"));
    }
    // The first download was cut after five bytes and went on there: the digest names the content.
    assert_eq!(storage.seen()[1].header("range"), "bytes=5-");

    let digest = Sha256::of(manifest(CHART).as_bytes());
    let cache = folder();
    let source = Source::chart(None, &format!("{name}@{digest}"), None).expect("a source");
    let artifact = client(settings(&cache)).fetch(&source).await.expect("fetched");
    assert_eq!((bytes(&artifact), artifact.version.as_deref()), (CHART, None));
    // The archive is in the cache now; the manifest identifies it.
    let before = storage.lines().len();
    client(settings(&cache)).fetch(&oci(&server, "net", Some("1.0.0+eks.1"))).await.expect("fetched");
    assert_eq!(storage.lines().len(), before);
}

#[tokio::test]
async fn what_a_registry_does_not_have_is_reported() {
    let (server, _storage) = registry().await;
    let cache = folder();
    let fetch = async |source: Source| client(settings(&cache)).fetch(&source).await.expect_err("refused");
    let error = fetch(oci(&server, "net", Some("1.0.1"))).await;
    assert!(
        matches!(&error, Error::NoSuchVersion { wanted, nearest, .. } if wanted == "1.0.1" && nearest[0] == "1.0.0+eks.1"),
        "{error:?}"
    );
    let error = fetch(oci(&server, "net", Some("> 3"))).await;
    assert!(matches!(&error, Error::NoSuchVersion { nearest, .. } if nearest.len() == 4), "{error:?}");
    let error = fetch(oci(&server, "net", Some("new"))).await;
    assert!(matches!(&error, Error::NoVersion { .. }), "{error:?}");
    for wanted in [None, Some("1.0.0")] {
        let error = fetch(oci(&server, "other", wanted)).await;
        assert!(matches!(&error, Error::NotFound { detail, .. } if detail == "not known here"), "{error:?}");
    }
    for (version, found) in [("2.0.0", "image.config"), ("3.0.0", "several platforms")] {
        let error = fetch(oci(&server, "net", Some(version))).await;
        assert!(matches!(&error, Error::NoChart { found: said, .. } if said.contains(found)), "{error:?}");
    }
    let error = fetch(oci(&server, "net", Some("4.0.0"))).await;
    assert!(matches!(&error, Error::Malformed { .. }), "{error:?}");
    let error = fetch(oci(&server, "net", Some("5.0.0"))).await;
    assert!(matches!(&error, Error::NotFound { .. }), "{error:?}");
    let error = fetch(oci(&server, "net", Some("6.0.0"))).await;
    assert!(matches!(&error, Error::Checksum { by: Checked::Registry, .. }), "{error:?}");
    let reference = format!("oci://127.0.0.1:{}/a/net@{}", server.port, Sha256::of(b"nothing"));
    let error = fetch(Source::chart(None, &reference, None).expect("a source")).await;
    assert!(matches!(&error, Error::Checksum { by: Checked::Registry, .. }), "{error:?}");
    // A pin that the manifest contradicts.
    let pinned = oci(&server, "net", Some("1.0.0+eks.1")).pinned(&Sha256::of(b"other").hex()).expect("a pin");
    let error = fetch(pinned).await;
    assert!(matches!(&error, Error::Checksum { by: Checked::Pin, .. }), "{error:?}");
}

#[tokio::test]
async fn an_index_may_lead_to_a_registry() {
    let (registry, _storage) = registry().await;
    let address = format!("oci://127.0.0.1:{}/a/net:1.0.0_eks.1", registry.port);
    let server = Server::plain(move |_| {
        Reply::new(
            200,
            format!("apiVersion: v1\nentries:\n  net:\n  - {{version: 1.0.0+eks.1, urls: [\"{address}\"]}}\n"),
        )
    })
    .await;
    let cache = folder();
    let artifact = client(settings(&cache)).fetch(&repository(&server, "^1")).await.expect("fetched");
    assert_eq!((bytes(&artifact), artifact.version.as_deref()), (CHART, Some("1.0.0+eks.1")));
}

/// A registry that wants a token of a token server.
async fn guarded(answer: impl Fn(&str) -> Reply + Send + Sync + 'static) -> (Server, Server) {
    let tokens = Server::plain(move |seen| answer(seen.header("authorization"))).await;
    let realm = tokens.url("/token");
    let server = Server::plain(move |seen| match (seen.header("authorization"), seen.target()) {
        ("Bearer good", "/v2/a/net/manifests/1.0.0") => Reply::new(200, manifest(CHART)),
        ("Bearer good", _) => Reply::new(200, CHART),
        ("Bearer denied", _) => Reply::new(403, r#"{"errors":[{"code":"DENIED"}]}"#),
        _ => Reply::new(401, "").with(
            "www-authenticate",
            format!("Bearer realm=\"{realm}\",service=\"the registry\",scope=\"repository:a/net:pull\""),
        ),
    })
    .await;
    (server, tokens)
}

#[tokio::test]
async fn a_token_is_asked_for_once() {
    for name in ["token", "access_token"] {
        let (server, tokens) = guarded(move |_| Reply::new(200, format!("{{\"{name}\":\"good\"}}"))).await;
        let cache = folder();
        let artifact = client(settings(&cache)).fetch(&oci(&server, "net", Some("1.0.0"))).await.expect("fetched");
        assert_eq!(bytes(&artifact), CHART);
        assert_eq!(tokens.lines(), ["GET /token?service=the+registry&scope=repository%3Aa%2Fnet%3Apull"]);
        assert_eq!(tokens.seen()[0].header("authorization"), "");
        assert_eq!(server.lines().len(), 3);
    }
}

#[tokio::test]
async fn a_token_server_gets_the_password() {
    let answer = |word: &str| match word {
        WORD => Reply::new(200, r#"{"token":"good"}"#),
        "" => Reply::new(200, r#"{"token":"denied"}"#),
        _ => Reply::new(401, r#"{"errors":[{"code":"UNAUTHORIZED","message":"wrong password"}]}"#),
    };
    let (server, _tokens) = guarded(answer).await;
    let (cache, source) = (folder(), oci(&server, "net", Some("1.0.0")));
    let host = format!("127.0.0.1:{}", server.port);
    let known = client(Settings { logins: vec![login(&host)], ..settings(&cache) });
    assert_eq!(bytes(&known.fetch(&source).await.expect("fetched")), CHART);

    let cache = folder();
    let error = client(settings(&cache)).fetch(&source).await.expect_err("denied");
    assert!(
        matches!(&error, Error::Refused { status: 403, tried: Tried::Nothing { .. }, detail, .. } if detail == "DENIED"),
        "{error:?}"
    );
    let wrong = Login::with_password(&host, "me", "swordfish");
    let error = client(Settings { logins: vec![wrong], ..settings(&cache) }).fetch(&source).await.expect_err("refused");
    assert!(
        matches!(&error, Error::Refused { status: 401, tried: Tried::Configured { .. }, detail, .. } if detail == "wrong password"),
        "{error:?}"
    );
    assert!(!format!("{error} {error:?}").contains("swordfish"));
}

#[tokio::test]
async fn a_registry_may_redirect_to_one_that_wants_a_token() {
    for is_known in [false, true] {
        let (target, tokens) = guarded(|_| Reply::new(200, r#"{"token":"good"}"#)).await;
        let to = target.url("");
        let server = Server::plain(move |seen| Reply::redirect(format!("{to}{}", seen.target()))).await;
        // The first registry's password is for nobody else.
        let mut logins = vec![Login::with_password(format!("127.0.0.1:{}", server.port), "me", "swordfish")];
        if is_known {
            logins.push(login(&format!("127.0.0.1:{}", target.port)));
        }
        let cache = folder();
        let known = client(Settings { logins, ..settings(&cache) });
        let artifact = known.fetch(&oci(&server, "net", Some("1.0.0"))).await.expect("fetched");
        assert_eq!(bytes(&artifact), CHART);
        assert_eq!(tokens.seen()[0].header("authorization"), if is_known { WORD } else { "" });
        assert!(target.seen().iter().all(|seen| ["", "Bearer good"].contains(&seen.header("authorization"))));
    }
}

#[tokio::test]
async fn token_servers_that_make_no_sense() {
    for answer in ["", "{}", r#"{"token":""}"#, "<html>"] {
        let (server, _tokens) = guarded(move |_| Reply::new(200, answer)).await;
        let cache = folder();
        let error = client(settings(&cache)).fetch(&oci(&server, "net", Some("1.0.0"))).await.expect_err("no token");
        assert!(matches!(&error, Error::Malformed { what: "answer of a token server", .. }), "{answer}: {error:?}");
    }
    for challenge in ["", "Bearer", "Bearer realm=\"nowhere\"", "Negotiate"] {
        let server = Server::plain(move |_| Reply::new(401, "").with("www-authenticate", challenge)).await;
        let cache = folder();
        let error = client(settings(&cache)).fetch(&oci(&server, "net", Some("1.0.0"))).await.expect_err("no way in");
        assert!(
            matches!(&error, Error::Malformed { .. } | Error::Refused { status: 401, .. }),
            "{challenge}: {error:?}"
        );
        assert_eq!(server.lines().len(), 1, "{challenge}");
    }
}

/// Gives a password for the registry of one account.
struct Aws;

impl EcrLogin for Aws {
    fn authorization_token<'a>(&'a self, registry: &'a EcrRegistry) -> BoxFuture<'a, Result<SecretString, Cause>> {
        Box::pin(async move {
            match (registry.account.as_str(), registry.region.as_str()) {
                // Base64 of `AWS:hunter2`.
                ("123456789012", "us-west-2") => Ok("QVdTOmh1bnRlcjI=".to_owned().into()),
                _ => Err("ecr:GetAuthorizationToken is not allowed".into()),
            }
        })
    }
}

#[tokio::test]
async fn ecr_gets_the_password_from_aws() {
    const HOST: &str = "123456789012.dkr.ecr.us-west-2.amazonaws.com";
    let authority = Authority::new();
    let server = Server::tls(authority.server(HOST), |seen| match (seen.header("authorization"), seen.target()) {
        ("Basic QVdTOmh1bnRlcjI=", "/v2/a/net/manifests/1.0.0") => Reply::new(200, manifest(CHART)),
        ("Basic QVdTOmh1bnRlcjI=", _) => Reply::new(200, CHART),
        _ => Reply::new(401, "").with("www-authenticate", format!("Basic realm=\"https://{HOST}/\",service=\"ecr\"")),
    })
    .await;
    let tunnel = proxy(server.port, "").await;
    let (cache, other) = (folder(), folder());
    let settings = |folder: &TempDir| tunnelled(folder, &tunnel, &authority);
    let source = |host: &str| Source::chart(Some(&format!("oci://{host}/a")), "net", Some("1.0.0")).expect("a source");
    let client = |settings| Client::build(settings, Some(Arc::new(Aws)), &|_| None, hasty());
    let artifact = client(settings(&cache)).fetch(&source(HOST)).await.expect("fetched");
    assert_eq!(bytes(&artifact), CHART);
    // The user's own login wins.
    let own = Settings { logins: vec![login(HOST)], ..settings(&other) };
    let error = client(own).fetch(&source(HOST)).await.expect_err("refused");
    assert!(matches!(&error, Error::Refused { tried: Tried::Configured { .. }, .. }), "{error:?}");
}

#[tokio::test]
async fn the_reason_for_a_missing_aws_password_is_reported() {
    const HOST: &str = "210987654321.dkr.ecr.us-west-2.amazonaws.com";
    let authority = Authority::new();
    let server =
        Server::tls(authority.server(HOST), |_| Reply::new(401, "").with("www-authenticate", "Basic realm=\"a\""))
            .await;
    let tunnel = proxy(server.port, "").await;
    let cache = folder();
    let settings = tunnelled(&cache, &tunnel, &authority);
    let source = Source::chart(None, &format!("oci://{HOST}/a/net:1.0.0"), None).expect("a source");
    let client = |ecr: Option<Arc<dyn EcrLogin>>| Client::build(settings.clone(), ecr, &|_| None, hasty());
    let error = client(Some(Arc::new(Aws))).fetch(&source).await.expect_err("no password");
    assert!(
        matches!(&error, Error::EcrLogin { registry, source } if registry == HOST && source.to_string().contains("not allowed")),
        "{error:?}"
    );
    let error = client(None).fetch(&source).await.expect_err("no password");
    assert!(matches!(&error, Error::Refused { tried: Tried::Nothing { .. }, .. }), "{error:?}");
}

/// Gives passwords that are good for a while: one after the other.
struct Renewing(std::sync::atomic::AtomicU32);

impl EcrLogin for Renewing {
    fn authorization_token<'a>(&'a self, _: &'a EcrRegistry) -> BoxFuture<'a, Result<SecretString, Cause>> {
        let number = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Box::pin(async move { Ok(format!("password-{number}").into()) })
    }
}

#[tokio::test]
async fn an_expired_password_of_ecr_is_not_sent_again() {
    const HOST: &str = "123456789012.dkr.ecr.us-west-2.amazonaws.com";
    let authority = Authority::new();
    // Each password opens one request; then ECR says that it has expired, which is not a challenge.
    let server = Server::tls(authority.server(HOST), |seen| match (seen.header("authorization"), seen.number) {
        ("", _) => Reply::new(401, "").with("www-authenticate", "Basic realm=\"a\""),
        ("Basic password-0", 1) => Reply::new(200, manifest(CHART)),
        ("Basic password-1", 2) => Reply::new(200, CHART),
        _ => Reply::new(403, r#"{"errors":[{"code":"DENIED","message":"Your authorization token has expired."}]}"#),
    })
    .await;
    let tunnel = proxy(server.port, "").await;
    let cache = folder();
    let settings = tunnelled(&cache, &tunnel, &authority);
    let client = Client::build(settings, Some(Arc::new(Renewing(0.into()))), &|_| None, hasty());
    let source = Source::chart(None, &format!("oci://{HOST}/a/net:1.0.0"), None).expect("a source");
    assert_eq!(bytes(&client.fetch(&source).await.expect("fetched")), CHART);
}

#[tokio::test]
async fn a_stop_ends_a_download_that_is_retried() {
    let (cache, cancel) = (folder(), CancellationToken::new());
    let stop = cancel.clone();
    let server = Server::plain(move |_| {
        stop.cancel();
        Reply::new(503, "")
    })
    .await;
    let hour = std::time::Duration::from_hours(1);
    let patient = Waiting { pace: crate::net::pace::Pace { first: hour, longest: hour }, patience: 9 * hour };
    let client = Client::build(settings(&cache), None, &|_| None, patient).with_cancel(cancel);
    let source = repository(&server, "1.0.0");
    let ended = tokio::time::timeout(std::time::Duration::from_mins(1), client.fetch(&source)).await;
    let error = ended.expect("it ends").expect_err("it was stopped");
    assert!(matches!(error, Error::Stopped { .. }), "{error:?}");
    assert_eq!(server.lines(), ["GET /charts/index.yaml"]);
}
