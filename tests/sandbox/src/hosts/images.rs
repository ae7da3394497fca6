//! Images of EKS's own registry, 602401143452.dkr.ecr.REGION.amazonaws.com, which every account may pull from: what a
//! node needs before any pod. One image is in it, the pause container's.

use std::{collections::BTreeMap, fmt::Write as _, path::Path, sync::LazyLock};

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, write::GzEncoder};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::world::World;

const OWNER: &str = "602401143452.dkr.ecr.";
const REPOSITORY: &str = "eks/pause";
const TAG: &str = "3.5";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// What a registry answers.
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

/// Contents by digest, and the digest of the manifest.
pub struct Images {
    blobs: BTreeMap<String, Vec<u8>>,
    manifest: String,
}

/// The image where there is no program to run in it: hosts without containerd ask for no more than its manifest.
static EMPTY: LazyLock<Images> = LazyLock::new(|| Images::of(b"#!/bin/false\n"));

impl Images {
    /// With the program `pause` of a folder of programs, where it is there.
    pub fn with_program_of(source: Option<&Path>) -> Option<Self> {
        Some(Self::of(&std::fs::read(source?.join("bin/pause")).ok()?))
    }

    fn of(program: &[u8]) -> Self {
        let mut archive = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(program.len() as u64);
        header.set_mode(0o755);
        // Writing into memory does not fail.
        let _ = archive.append_data(&mut header, "pause", program);
        let layer = archive.into_inner().unwrap_or_default();
        let mut blobs = BTreeMap::new();
        let mut keep = |content: Vec<u8>| {
            let digest = digest(&content);
            let size = content.len();
            blobs.insert(digest.clone(), content);
            (digest, size)
        };
        let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
        let config = json!({
            "architecture": architecture, "os": "linux", "config": {"Entrypoint": ["/pause"], "User": "65535:65535"},
            "rootfs": {"type": "layers", "diff_ids": [digest(&layer)]},
        });
        let (config, config_size) = keep(config.to_string().into_bytes());
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        let _ = std::io::Write::write_all(&mut packed, &layer);
        let (layer, layer_size) = keep(packed.finish().unwrap_or_default());
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "digest": config, "size": config_size},
            "layers": [{"mediaType": LAYER, "digest": layer, "size": layer_size}],
        });
        let (manifest, _) = keep(manifest.to_string().into_bytes());
        Self { blobs, manifest }
    }
}

/// Answers a request to EKS's registry; nothing when the host is another.
pub fn answer(
    images: Option<&Images>,
    world: &World,
    host: &str,
    method: &str,
    path: &str,
    authorization: Option<&str>,
) -> Option<Answer> {
    let region = host.strip_prefix(OWNER)?.strip_suffix(".amazonaws.com")?;
    let images = images.unwrap_or(&EMPTY);
    if !is_known(world, region, authorization) {
        let challenge = format!("Basic realm=\"https://{host}/\",service=\"ecr.amazonaws.com\"");
        let headers = vec![("www-authenticate", challenge)];
        return Some(Answer { status: 401, headers, body: b"Not Authorized\n".to_vec() });
    }
    let rest = path.strip_prefix("/v2/").unwrap_or(path);
    let wanted = rest.strip_prefix(REPOSITORY).and_then(|rest| match rest.trim_start_matches('/').split_once('/')? {
        ("manifests", TAG) => Some(&images.manifest),
        ("manifests" | "blobs", digest) => images.blobs.get_key_value(digest).map(|(digest, _)| digest),
        _ => None,
    });
    let Some(digest) = wanted else {
        let known = rest.is_empty();
        let body = json!({"errors": [{"code": "MANIFEST_UNKNOWN", "message": "Requested image not found"}]});
        let body = if known { b"{}".to_vec() } else { body.to_string().into_bytes() };
        let headers = vec![("content-type", "application/json".to_owned())];
        return Some(Answer { status: if known { 200 } else { 404 }, headers, body });
    };
    let kind = if *digest == images.manifest { MANIFEST } else { "application/octet-stream" };
    let body = images.blobs[digest].clone();
    let headers = vec![
        ("content-type", kind.to_owned()),
        ("docker-content-digest", digest.clone()),
        ("content-length", body.len().to_string()),
    ];
    Some(Answer { status: 200, headers, body: if method == "HEAD" { Vec::new() } else { body } })
}

/// Whether a password is one of GetAuthorizationToken of the region, of whatever account.
fn is_known(world: &World, region: &str, authorization: Option<&str>) -> bool {
    let given =
        authorization.and_then(|value| value.strip_prefix("Basic ")).and_then(|text| STANDARD.decode(text).ok());
    let Some(password) = given.as_deref().and_then(|text| text.strip_prefix(b"AWS:")) else { return false };
    world.accounts.values().any(|account| {
        let login = account.regions.get(region).and_then(|region| {
            region.ecr.logins.iter().find(|(known, _)| known.as_bytes() == password).map(|(_, login)| login)
        });
        login.is_some_and(|login| !login.is_over(account.advanced))
    })
}

/// `sha256:…`
fn digest(content: &[u8]) -> String {
    let mut text = "sha256:".to_owned();
    for byte in Sha256::digest(content) {
        // Writing into a String does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_lets_in_by_password_alone_and_holds_one_image() {
        let world = World::new("us-west-2");
        let ask =
            |host: &str, given: Option<&str>| answer(None, &world, host, "GET", "/v2/", given).map(|told| told.status);
        assert_eq!(ask("602401143452.dkr.ecr.us-west-2.amazonaws.com", None), Some(401));
        assert_eq!(ask("602401143452.dkr.ecr.us-west-2.amazonaws.com", Some("Basic QVdTOng=")), Some(401));
        assert_eq!(ask("111122223333.dkr.ecr.us-west-2.amazonaws.com", None), None);
        let manifest: serde_json::Value = serde_json::from_slice(&EMPTY.blobs[&EMPTY.manifest]).unwrap();
        for part in [&manifest["config"], &manifest["layers"][0]] {
            let blob = &EMPTY.blobs[part["digest"].as_str().unwrap()];
            assert_eq!(part["size"], blob.len());
        }
    }
}
