//! A real registry, Debian's docker-registry: with a password file, and with tokens of a token server.
//!
//! Charts are created and pushed here, fetched by the client, and loaded as charts.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ekshybrid::charts::{Artifact, Checked, Client, Content, Error, Login, Settings, Source, Tried};
use names::Sha256;
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use tempfile::TempDir;

/// bcrypt of `hunter2` at its lowest cost.
pub const PASSWORDS: &str = "me:$2b$04$abcdefghijklmnopqrstuuV3duMsC0HpUex6N9qapiuOHHWkwRXVm\n";
/// Base64 of `me:hunter2`.
pub const WORD: &str = "Basic bWU6aHVudGVyMg==";

/// The program, if it is installed.
pub fn program() -> Option<PathBuf> {
    let cache = std::env::var_os("EKSHYBRID_CACHE")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache"), PathBuf::from);
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::var_os("EKSHYBRID_DOCKER_REGISTRY")
        .map(PathBuf::from)
        .into_iter()
        .chain(std::env::split_paths(&paths).map(|folder| folder.join("docker-registry")))
        .chain([cache.join("tools/docker-registry/docker-registry")])
        .find(|path| path.is_file());
    if found.is_none() {
        harness::strict::nothing_done(
            "docker-registry is missing; `python3 tests/tools/tools.py docker-registry` fetches it on Debian",
        );
    }
    found
}

/// A running registry with a folder of its own.
pub struct Registry {
    process: Child,
    pub address: String,
    folder: TempDir,
}

impl Drop for Registry {
    fn drop(&mut self) {
        // It may have ended by itself; the test's verdict does not depend on it.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Registry {
    pub fn start(program: &Path, folder: TempDir, auth: &str) -> Self {
        let data = folder.path().join("data");
        let configuration = format!(
            "version: 0.1\nlog: {{accesslog: {{disabled: true}}}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n\
             http: {{addr: \"127.0.0.1:0\"}}\nauth:\n{auth}",
            data.display()
        );
        let file = folder.path().join("config.yml");
        fs::write(&file, configuration).expect("written");
        let mut process = Command::new(program)
            .arg("serve")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the registry starts");
        let mut log = BufReader::new(process.stderr.take().expect("it is a pipe"));
        let (mut said, mut line) = (String::new(), String::new());
        let address = loop {
            line.clear();
            assert_ne!(log.read_line(&mut line).expect("a line"), 0, "the registry ended:\n{said}");
            said.push_str(&line);
            if let Some((_, rest)) = line.split_once("listening on ") {
                break rest.split(['"', ' ', '\n']).next().expect("a first part").to_owned();
            }
        };
        // Its pipe must not fill up.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Self { process, address, folder }
    }

    /// One request; the answer's status, headers and body as text.
    pub fn ask(&self, method: &str, target: &str, authorization: &str, kind: &str, body: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).expect("connected");
        let head = format!(
            "{method} {target} HTTP/1.1\r\nhost: {}\r\nauthorization: {authorization}\r\ncontent-type: {kind}\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n",
            self.address,
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body].concat()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        (status, answer)
    }

    pub fn push_blob(&self, repository: &str, authorization: &str, content: &[u8]) -> Sha256 {
        let (status, answer) = self.ask("POST", &format!("/v2/{repository}/blobs/uploads/"), authorization, "", &[]);
        assert_eq!(status, 202, "{answer}");
        let place = answer.lines().find_map(|line| line.strip_prefix("Location: ")).expect("a location");
        let place = place.split_once(&self.address).map_or(place, |(_, rest)| rest);
        let sum = Sha256::of(content);
        let target = format!("{place}{}digest={sum}", if place.contains('?') { '&' } else { '?' });
        let (status, answer) = self.ask("PUT", &target, authorization, "application/octet-stream", content);
        assert_eq!(status, 201, "{answer}");
        sum
    }

    /// Pushes a chart as `helm push` does, and returns the digest of its manifest.
    fn push(&self, repository: &str, version: &str, authorization: &str) -> Sha256 {
        let archive = archive(version);
        let config = format!(r#"{{"name":"net","version":"{version}","apiVersion":"v2"}}"#);
        let layer = self.push_blob(repository, authorization, &archive);
        let about = self.push_blob(repository, authorization, config.as_bytes());
        let manifest = format!(
            r#"{{"schemaVersion":2,"config":{{"mediaType":"application/vnd.cncf.helm.config.v1+json","digest":"{about}","size":{}}},"layers":[{{"mediaType":"application/vnd.cncf.helm.chart.content.v1.tar+gzip","digest":"{layer}","size":{}}}]}}"#,
            config.len(),
            archive.len()
        );
        let target = format!("/v2/{repository}/manifests/{}", version.replace('+', "_"));
        let kind = "application/vnd.oci.image.manifest.v1+json";
        let (status, answer) = self.ask("PUT", &target, authorization, kind, manifest.as_bytes());
        assert_eq!(status, 201, "{answer}");
        Sha256::of(manifest.as_bytes())
    }

    fn source(&self, repository: &str, version: Option<&str>) -> Source {
        Source::chart(None, &format!("oci://{}/{repository}", self.address), version).expect("a source")
    }

    /// A client with a cache of its own below `cache`.
    fn client(&self, cache: &str, password: Option<&str>) -> Client {
        let logins = password.map(|password| Login::with_password(&self.address, "me", password));
        let cache = Some(self.folder.path().join(cache));
        Client::new(Settings { cache, logins: logins.into_iter().collect(), ..Settings::default() }, None)
    }
}

/// A chart of one file and its metadata.
fn archive(version: &str) -> Vec<u8> {
    let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (name, text) in [
        ("net/Chart.yaml", format!("apiVersion: v2\nname: net\nversion: {version}\n")),
        ("net/templates/map.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: net}\n".to_owned()),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, text.as_bytes()).expect("packed");
    }
    archive.into_inner().and_then(flate2::write::GzEncoder::finish).expect("packed")
}

/// Version of the chart in an artifact, from its Chart.yaml.
fn version(artifact: &Artifact) -> String {
    let Content::Bytes(bytes) = &artifact.content else { panic!("no archive: {artifact:?}") };
    helm::Chart::from_archive(bytes).expect("a chart").metadata.version
}

#[tokio::test]
async fn with_a_password_file() {
    let Some(program) = program() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let passwords = folder.path().join("htpasswd");
    fs::write(&passwords, PASSWORDS).expect("written");
    let auth = format!("  htpasswd: {{realm: charts, path: {}}}\n", passwords.display());
    let registry = Registry::start(&program, folder, &auth);
    for version in ["1.0.0", "1.0.1+eks.2", "1.1.0-rc.1"] {
        registry.push("team/net", version, WORD);
    }
    let digest = registry.push("team/net", "1.0.2", WORD);

    let client = registry.client("cache", Some("hunter2"));
    for (wanted, expected) in
        [(Some("1.0.0"), "1.0.0"), (Some("1.0.1+eks.2"), "1.0.1+eks.2"), (Some("~1.0"), "1.0.2"), (None, "1.0.2")]
    {
        let artifact = client.fetch(&registry.source("team/net", wanted)).await.expect("fetched");
        assert_eq!(
            (version(&artifact).as_str(), artifact.version.as_deref()),
            (expected, Some(expected)),
            "{wanted:?}"
        );
    }
    let by_digest = client.fetch(&registry.source(&format!("team/net@{digest}"), None)).await.expect("fetched");
    assert_eq!(version(&by_digest), "1.0.2");
    assert!(client.cached(Sha256::of(&archive("1.0.1+eks.2"))).await.is_some(), "it is kept for other runs");

    let error = client.fetch(&registry.source("team/net", Some("1.0.3"))).await.expect_err("no such version");
    assert!(matches!(&error, Error::NoSuchVersion { nearest, .. } if nearest[0] == "1.0.2"), "{error:?}");
    let error = client.fetch(&registry.source("team/none", None)).await.expect_err("no such repository");
    assert!(matches!(&error, Error::NotFound { detail, .. } if detail.contains("not known to registry")), "{error:?}");
    let pinned = registry.source("team/net", Some("1.0.0")).pinned(&Sha256::of(b"other").hex()).expect("a pin");
    let error = client.fetch(&pinned).await.expect_err("another chart");
    assert!(matches!(&error, Error::Checksum { by: Checked::Pin, .. }), "{error:?}");

    let source = registry.source("team/net", Some("1.0.0"));
    let error = registry.client("a", None).fetch(&source).await.expect_err("no password");
    assert!(matches!(&error, Error::Refused { status: 401, tried: Tried::Nothing { .. }, .. }), "{error:?}");
    let error = registry.client("b", Some("swordfish")).fetch(&source).await.expect_err("another password");
    assert!(
        matches!(&error, Error::Refused { status: 401, tried: Tried::Configured { username, .. }, .. } if username == "me"),
        "{error:?}"
    );
}

/// Makes the tokens that a registry trusts: <https://distribution.github.io/distribution/spec/auth/jwt/>.
struct Signer {
    key: EcdsaKeyPair,
    certificate: Vec<u8>,
}

impl Signer {
    /// A signer, and the certificate that the registry is to trust.
    fn new() -> (Self, String) {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key");
        let certificate =
            CertificateParams::new(Vec::new()).and_then(|it| it.self_signed(&key)).expect("a certificate");
        let signing = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pair = EcdsaKeyPair::from_pkcs8(signing, &key.serialize_der(), &SystemRandom::new()).expect("the same key");
        (Self { key: pair, certificate: certificate.der().to_vec() }, certificate.pem())
    }

    fn token(&self, repository: &str, actions: &[&str]) -> String {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
        let header = serde_json::json!({"typ": "JWT", "alg": "ES256", "x5c": [STANDARD.encode(&self.certificate)]});
        let claims = serde_json::json!({
            "iss": "the token server", "aud": "the registry", "sub": "", "jti": "one",
            "exp": now + 600, "nbf": now - 60, "iat": now,
            "access": [{"type": "repository", "name": repository, "actions": actions}],
        });
        let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(header), part(claims));
        let signature = self.key.sign(&SystemRandom::new(), text.as_bytes()).expect("signed");
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// Issues tokens to pull: for `public/net` to everybody, for any other repository to those who have the password.
fn token_server(signer: Arc<Signer>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.expect("a connection"));
            let (mut head, mut line) = (String::new(), String::new());
            while stream.read_line(&mut line).is_ok_and(|read| read > 0) && line.trim() != "" {
                head.push_str(&std::mem::take(&mut line));
            }
            let target = head.split(' ').nth(1).unwrap_or_default();
            let query = url::Url::parse(&format!("http://h{target}")).expect("an address");
            let scope = query.query_pairs().find(|(name, _)| name == "scope").map(|it| it.1.into_owned());
            let repository = scope.unwrap_or_default().split(':').nth(1).unwrap_or_default().to_owned();
            let allowed = repository == "public/net" || head.contains(WORD);
            let token = signer.token(&repository, if allowed { &["pull"] } else { &[] });
            let body = format!("{{\"token\":\"{token}\"}}");
            let length = body.len();
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
            // Whoever has hung up has the error.
            let _ = stream.into_inner().write_all(answer.as_bytes());
        }
    });
    format!("http://{address}/token")
}

#[tokio::test]
async fn with_a_token_server() {
    let Some(program) = program() else { return };
    let (signer, certificate) = Signer::new();
    let signer = Arc::new(signer);
    let folder = tempfile::tempdir().expect("a folder");
    let bundle = folder.path().join("tokens.pem");
    fs::write(&bundle, certificate).expect("written");
    let auth = format!(
        "  token: {{realm: \"{}\", service: the registry, issuer: the token server, rootcertbundle: {}}}\n",
        token_server(Arc::clone(&signer)),
        bundle.display()
    );
    let registry = Registry::start(&program, folder, &auth);
    for repository in ["public/net", "private/net"] {
        let push = format!("Bearer {}", signer.token(repository, &["pull", "push"]));
        registry.push(repository, "1.0.0", &push);
    }

    let anonymous = registry.client("a", None);
    let artifact = anonymous.fetch(&registry.source("public/net", Some("^1"))).await.expect("fetched");
    assert_eq!(version(&artifact), "1.0.0");
    let private = registry.source("private/net", Some("1.0.0"));
    let error = anonymous.fetch(&private).await.expect_err("no token for this");
    assert!(matches!(&error, Error::Refused { tried: Tried::Nothing { .. }, .. }), "{error:?}");
    let artifact = registry.client("b", Some("hunter2")).fetch(&private).await.expect("fetched");
    assert_eq!(version(&artifact), "1.0.0");
}
