//! Images between two real registries, Debian's docker-registry, and from archives into one.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use ekshybrid::charts::{self, Login};
use ekshybrid::images::{Archive, Client, Copied, Error, Job, Platform, Reference, Settings, Source};
use names::Sha256;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::registry::{PASSWORDS, Registry, WORD, program};

const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// Bytes that no compression makes small, different for each seed.
fn bytes(seed: u64, size: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(size).collect()
}

/// A registry that wants a password.
fn started(program: &Path) -> Registry {
    let folder = tempfile::tempdir().expect("a folder");
    let passwords = folder.path().join("htpasswd");
    fs::write(&passwords, PASSWORDS).expect("written");
    let auth = format!("  htpasswd: {{realm: images, path: {}}}\n", passwords.display());
    Registry::start(program, folder, &auth)
}

fn put(registry: &Registry, repository: &str, reference: &str, media_type: &str, manifest: &Value) -> (Sha256, usize) {
    let text = manifest.to_string();
    let target = format!("/v2/{repository}/manifests/{reference}");
    let (status, answer) = registry.ask("PUT", &target, WORD, media_type, text.as_bytes());
    assert_eq!(status, 201, "{answer}");
    (Sha256::of(text.as_bytes()), text.len())
}

/// An image of a layer that others share and one of its own. Returns its entry in an index.
fn push(registry: &Registry, repository: &str, seed: u64, size: usize) -> Value {
    let layers = [bytes(1, size), bytes(seed, size)].map(|layer| {
        json!({"mediaType": LAYER, "digest": registry.push_blob(repository, WORD, &layer).to_string(), "size": size})
    });
    let about = format!("{{\"seed\":{seed}}}");
    let config = registry.push_blob(repository, WORD, about.as_bytes());
    let manifest = json!({
        "schemaVersion": 2, "mediaType": IMAGE,
        "config": {"mediaType": CONFIG, "digest": config.to_string(), "size": about.len()},
        "layers": layers,
    });
    let digest = Sha256::of(manifest.to_string().as_bytes());
    let (_, size) = put(registry, repository, &digest.to_string(), IMAGE, &manifest);
    json!({"mediaType": IMAGE, "digest": digest.to_string(), "size": size})
}

/// An index of two platforms, with an attestation.
fn push_index(registry: &Registry, repository: &str, tag: &str, seed: u64, size: usize) -> Sha256 {
    let mut entries = Vec::new();
    for (at, (os, architecture)) in
        [("linux", "amd64"), ("linux", "arm64"), ("unknown", "unknown")].into_iter().enumerate()
    {
        let mut entry = push(registry, repository, seed + at as u64, size);
        entry["platform"] = json!({"os": os, "architecture": architecture});
        entries.push(entry);
    }
    put(registry, repository, tag, INDEX, &json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries})).0
}

fn client(registries: &[&Registry], platforms: &[&str]) -> Client {
    let login = |registry: &&Registry| Login::with_password(&registry.address, "me", "hunter2");
    let settings = charts::Settings { logins: registries.iter().map(login).collect(), ..charts::Settings::default() };
    let platforms = platforms.iter().map(|it| Platform::parse(it).expect("a platform")).collect();
    let charts = charts::Client::new(settings, None);
    Client::new(charts, Settings { concurrency: 4, platforms, overwrite_tags: false })
}

fn reference(registry: &Registry, rest: &str) -> Reference {
    Reference::parse(&format!("{}/{rest}", registry.address)).expect("a reference")
}

fn job(from: &Registry, image: &str, to: &Registry, place: &str) -> Job {
    Job { source: Source::Registry(reference(from, image)), target: reference(to, place), written: None }
}

#[tokio::test]
async fn between_two_registries() {
    let Some(program) = program() else { return };
    let (from, to) = (started(&program), started(&program));
    let size = 3_000_000;
    let digest = push_index(&from, "a/b", "v1", 10, size);
    let client = client(&[&from, &to], &[]);
    let one = job(&from, "a/b:v1", &to, "mirror/a/b:v1");
    let copied = client.copy(&one).await.expect("copied");
    assert_eq!((copied.digest, copied.is_new), (digest, true));
    // Four layers, of which one is shared, and three configurations.
    let sent = 4 * size as u64;
    assert!((sent..sent + 100).contains(&copied.bytes), "{}", copied.bytes);
    let (_, held) = to.ask("GET", "/v2/mirror/a/b/manifests/v1", &accepting(), "", &[]);
    let (_, original) = from.ask("GET", "/v2/a/b/manifests/v1", &accepting(), "", &[]);
    assert_eq!(body(&held), body(&original), "not a byte is changed");

    let again = client.copy(&one).await.expect("there");
    assert_eq!(again, Copied { digest, is_new: false, bytes: 0 });

    // Another repository gets what the registry holds already by a mount.
    push_index(&from, "c", "v1", 10, size);
    let copied = client.copy(&job(&from, "c:v1", &to, "mirror/c:v1")).await.expect("copied");
    assert_eq!((copied.is_new, copied.bytes), (true, 0));

    // Within one registry everything is mounted.
    let copied = client.copy(&job(&to, "mirror/c:v1", &to, "again/c:v1")).await.expect("copied");
    assert_eq!((copied.is_new, copied.bytes), (true, 0));

    // A tag that holds something else is kept.
    let other = push_index(&from, "a/b", "v1", 20, 1000);
    let error = client.copy(&one).await.expect_err("taken");
    assert!(
        matches!(&error, Error::TagTaken { found, wanted, .. } if (*found, *wanted) == (digest, other)),
        "{error:?}"
    );
    let written = Job { written: Some(digest), ..one };
    assert_eq!(client.copy(&written).await.expect("ours").digest, other);

    let error = client.copy(&job(&from, "a/none:v1", &to, "mirror/none:v1")).await.expect_err("missing");
    assert!(error.to_string().contains("a/none:v1"), "{error}");
}

/// The header that follows is part of the same text.
fn accepting() -> String {
    format!("{WORD}\r\naccept: {INDEX}")
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").expect("a body").1
}

#[tokio::test]
async fn some_platforms() {
    let Some(program) = program() else { return };
    let (from, to) = (started(&program), started(&program));
    push_index(&from, "a", "v1", 10, 1000);
    let copied = client(&[&from, &to], &["linux/arm64"]);
    let copied = copied.copy(&job(&from, "a:v1", &to, "a:v1")).await.expect("copied");
    // One platform remains: its manifest takes the place of the index.
    let (_, held) = to.ask("GET", "/v2/a/manifests/v1", &format!("{WORD}\r\naccept: {IMAGE}"), "", &[]);
    assert_eq!(Sha256::of(body(&held).as_bytes()), copied.digest);
    let error = client(&[&from, &to], &["linux/s390x"]).copy(&job(&from, "a:v1", &to, "a:v2")).await;
    let error = error.expect_err("no such platform").to_string();
    assert!(error.contains("linux/s390x") && error.contains("linux/amd64, linux/arm64"), "{error}");
}

/// What `docker save` wrote for years: a list, configurations, and unpacked layers.
fn saved(folder: &TempDir) -> std::path::PathBuf {
    let layers = [bytes(1, 5000), bytes(2, 5000)];
    let sums: Vec<String> = layers.iter().map(|layer| Sha256::of(layer).to_string()).collect();
    let config =
        json!({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": sums}}).to_string();
    let name = format!("{}.json", Sha256::of(config.as_bytes()).hex());
    let list = json!([{"Config": name, "RepoTags": ["quay.io/a/b:v1"], "Layers": ["1/layer.tar", "2/layer.tar"]}]);
    let path = folder.path().join("saved.tar");
    let mut archive = tar::Builder::new(fs::File::create(&path).expect("a file"));
    for (name, content) in [
        ("1/layer.tar", layers[0].as_slice()),
        ("2/layer.tar", &layers[1]),
        (&name, config.as_bytes()),
        ("manifest.json", list.to_string().as_bytes()),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, content).expect("packed");
    }
    archive.into_inner().expect("packed");
    path
}

/// An OCI layout of one image.
fn layout(folder: &TempDir, damaged: bool) -> std::path::PathBuf {
    let root = folder.path().join(if damaged { "damaged" } else { "layout" });
    let blobs = root.join("blobs/sha256");
    fs::create_dir_all(&blobs).expect("a folder");
    let keep = |content: &[u8], stored: &[u8]| {
        fs::write(blobs.join(Sha256::of(content).hex()), stored).expect("written");
        json!({"digest": Sha256::of(content).to_string(), "size": content.len()})
    };
    // A registry that holds the right content takes it from there.
    let layer = bytes(if damaged { 4 } else { 3 }, 300_000);
    let mut other = layer.clone();
    other[299_999] ^= 1;
    let mut layer = keep(&layer, if damaged { &other } else { &layer });
    layer["mediaType"] = LAYER.into();
    let mut config = keep(b"{}", b"{}");
    config["mediaType"] = CONFIG.into();
    let manifest = json!({"schemaVersion": 2, "mediaType": IMAGE, "config": config, "layers": [layer]}).to_string();
    let mut entry = keep(manifest.as_bytes(), manifest.as_bytes());
    entry["mediaType"] = IMAGE.into();
    entry["annotations"] = json!({"io.containerd.image.name": "docker.io/library/c:v1"});
    let index = json!({"schemaVersion": 2, "manifests": [entry]});
    fs::write(root.join("index.json"), index.to_string()).expect("written");
    fs::write(root.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).expect("written");
    root
}

#[tokio::test]
async fn from_archives() {
    let Some(program) = program() else { return };
    let to = started(&program);
    let folder = tempfile::tempdir().expect("a folder");
    let client = client(&[&to], &[]);
    for (path, name, layers) in
        [(saved(&folder), "quay.io/a/b:v1", 2), (layout(&folder, false), "docker.io/library/c:v1", 1)]
    {
        let archive = Arc::new(Archive::open(&path).expect("an archive"));
        let [entry] = archive.entries() else { panic!("one image: {:?}", archive.entries()) };
        assert_eq!(entry.name, name);
        let source = Source::Archive(Arc::clone(&archive), entry.clone());
        let job = Job { source, target: reference(&to, "x:v1"), written: None };
        let job = Job { target: Reference { tag: Some(format!("of-{layers}")), ..job.target }, ..job };
        let copied = client.copy(&job).await.expect("copied");
        assert_eq!((copied.digest, copied.is_new), (entry.digest(), true));
        assert!(!client.copy(&job).await.expect("there").is_new);
    }

    let archive = Arc::new(Archive::open(&layout(&folder, true)).expect("an archive"));
    let source = Source::Archive(Arc::clone(&archive), archive.entries()[0].clone());
    let job = Job { source, target: reference(&to, "damaged:v1"), written: None };
    let error = client.copy(&job).await.expect_err("damaged");
    assert!(matches!(&error, Error::Checksum { .. }), "{error:?}");
    assert_eq!(client.digest(&job.target).await.expect("an answer"), None);
}
