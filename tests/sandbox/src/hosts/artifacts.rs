//! What nodeadm and its users download: under the names of AWS's own places, with the texts of ours.
//!
//! nodeadm itself is served for every version. Of the components that its manifest lists there are texts with their
//! checksums: its stand-in brings the programs. The sandbox's own address has the same under `/hybrid-assets`, as a mirror
//! has it.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::nodeadm;

/// Where AWS publishes nodeadm and its manifest.
const ASSETS: &str = "hybrid-assets.eks.amazonaws.com";
/// The version under `latest`.
pub const LATEST: &str = "v1.0.20";
/// Kubernetes versions that can be installed, each with its patches, newest first.
const RELEASES: [(&str, &[&str]); 7] = [
    ("1.35", &["1.35.0"]),
    ("1.34", &["1.34.3", "1.34.2", "1.34.1"]),
    ("1.33", &["1.33.6", "1.33.5", "1.33.4"]),
    ("1.32", &["1.32.10", "1.32.9"]),
    ("1.31", &["1.31.14", "1.31.13"]),
    ("1.30", &["1.30.14"]),
    ("1.29", &["1.29.15"]),
];
const COMPONENTS: [&str; 5] = ["kubelet", "kubectl", "cni-plugins", "ecr-credential-provider", "aws-iam-authenticator"];
/// The same at the sandbox's own address.
const MIRROR: &str = "/hybrid-assets";
const REGIONS: [&str; 8] = [
    "us-west-2",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "eu-central-1",
    "eu-west-1",
    "ap-southeast-1",
    "ap-northeast-1",
];

/// Status and content of a file at one of these places; nothing when the host is another.
pub fn answer(host: &str, path: &str) -> Option<(u16, Vec<u8>)> {
    if host == ASSETS {
        let base = format!("https://{ASSETS}");
        return Some(asset(&base, path).map_or_else(missing, |content| (200, content)));
    }
    if let Some(path) = path.strip_prefix(MIRROR).filter(|path| path.starts_with('/')) {
        let base = format!("http://{host}{MIRROR}");
        return Some(asset(&base, path).map_or_else(missing, |content| (200, content)));
    }
    // https://amazon-ssm-REGION.s3.REGION.amazonaws.com/latest/debian_amd64/ssm-setup-cli
    if host.starts_with("amazon-ssm-") && host.contains(".s3.") {
        let found = path.starts_with("/latest/") && path.ends_with("/ssm-setup-cli");
        return Some(if found { (200, nodeadm::program(LATEST)) } else { missing() });
    }
    None
}

fn missing() -> (u16, Vec<u8>) {
    let text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";
    (403, text.into())
}

fn asset(base: &str, path: &str) -> Option<Vec<u8>> {
    if path == "/manifest.yaml" {
        return Some(manifest(base).into_bytes());
    }
    if let Some(file) = path.strip_suffix(".sha256") {
        let content = component(file)?;
        let name = file.rsplit('/').next().unwrap_or_default();
        return Some(format!("{}  {name}\n", sum(&content)).into_bytes());
    }
    if let Some(content) = component(path) {
        return Some(content);
    }
    let rest = path.strip_prefix("/releases/")?;
    let (version, rest) = rest.split_once('/')?;
    let version = if version == "latest" { LATEST } else { version };
    let is_version = version.strip_prefix('v')?.split('.').all(|number| number.parse::<u16>().is_ok());
    let arch = rest.strip_prefix("bin/linux/")?.strip_suffix("/nodeadm")?;
    (is_version && ["amd64", "arm64"].contains(&arch)).then(|| nodeadm::program(version))
}

/// A component of a version that the manifest has.
fn component(path: &str) -> Option<Vec<u8>> {
    let (version, rest) = path.strip_prefix('/')?.split_once("/artifacts/linux/")?;
    let (arch, name) = rest.split_once('/')?;
    let is_listed = RELEASES.iter().any(|(_, patches)| patches.contains(&version))
        && ["amd64", "arm64"].contains(&arch)
        && COMPONENTS.contains(&name);
    is_listed.then(|| format!("{name} {version} for linux/{arch}\n").repeat(1000).into_bytes())
}

fn sum(content: &[u8]) -> String {
    Sha256::digest(content).iter().fold(String::new(), |mut text, byte| {
        // Writing into a String does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Address and checksum of a version of nodeadm.
pub fn describe(version: &str) -> serde_json::Value {
    let sha256 = sum(&nodeadm::program(version));
    serde_json::json!({
        "version": version,
        "url": format!("https://{ASSETS}/releases/{version}/bin/linux/amd64/nodeadm"),
        "sha256": sha256,
    })
}

/// As nodeadm reads it. Source: aws/eks-hybrid, internal/aws/manifest.go.
fn manifest(base: &str) -> String {
    let mut text = "supported_eks_releases:\n".to_owned();
    for (minor, patches) in RELEASES {
        text.push_str(&format!(
            "- major_minor_version: \"{minor}\"\n  latest_patch_version: \"{}\"\n",
            last(patches[0])
        ));
        text.push_str("  patch_releases:\n");
        for patch in patches {
            text.push_str(&format!("  - version: \"{patch}\"\n    patch_version: \"{}\"\n", last(patch)));
            text.push_str("    release_date: \"2026-10-01\"\n    artifacts:\n");
            for name in COMPONENTS {
                for arch in ["amd64", "arm64"] {
                    let uri = format!("{base}/{patch}/artifacts/linux/{arch}/{name}");
                    text.push_str(&format!("    - name: {name}\n      arch: {arch}\n      os: linux\n"));
                    text.push_str(&format!("      uri: {uri}\n      checksum_uri: {uri}.sha256\n"));
                }
            }
        }
    }
    text.push_str("iam_roles_anywhere_releases: []\nssm_releases: []\nregion_config:\n");
    for region in REGIONS {
        text.push_str(&format!(
            "  {region}:\n    ecr_account_id: \"602401143452\"\n    partition: aws\n    dns_suffix: amazonaws.com\n    cred_providers:\n      iam_ra: true\n      ssm: true\n"
        ));
    }
    text
}

fn last(version: &str) -> &str {
    version.rsplit('.').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let status = |host: &str, path: &str| answer(host, path).map(|(status, _)| status);
        for (host, path, expected) in [
            (ASSETS, "/releases/latest/bin/linux/amd64/nodeadm", Some(200)),
            (ASSETS, "/releases/v1.0.18/bin/linux/arm64/nodeadm", Some(200)),
            (ASSETS, "/releases/1.0.18/bin/linux/arm64/nodeadm", Some(403)),
            (ASSETS, "/releases/latest/bin/linux/riscv/nodeadm", Some(403)),
            (ASSETS, "/", Some(403)),
            (ASSETS, "/1.34.3/artifacts/linux/amd64/kubelet", Some(200)),
            (ASSETS, "/1.34.3/artifacts/linux/amd64/kubelet.sha256", Some(200)),
            (ASSETS, "/1.34.99/artifacts/linux/amd64/kubelet", Some(403)),
            ("127.0.0.1:1", "/hybrid-assets/manifest.yaml", Some(200)),
            ("127.0.0.1:1", "/manifest.yaml", None),
            ("amazon-ssm-us-west-2.s3.us-west-2.amazonaws.com", "/latest/debian_amd64/ssm-setup-cli", Some(200)),
            ("ssm.us-west-2.amazonaws.com", "/", None),
        ] {
            assert_eq!(status(host, path), expected, "{host}{path}");
        }
        assert_ne!(describe("v1.0.18")["sha256"], describe(LATEST)["sha256"]);
    }

    #[test]
    fn the_manifest_is_yaml_with_whole_versions() {
        let manifest = serde_json::Value::from(&helm::from_yaml(&manifest("https://a")).unwrap());
        let releases = manifest["supported_eks_releases"].as_array().unwrap();
        let versions: Vec<&str> = releases
            .iter()
            .flat_map(|release| release["patch_releases"].as_array().unwrap())
            .map(|patch| patch["version"].as_str().unwrap())
            .collect();
        assert!(versions.iter().all(|version| version.split('.').count() == 3), "{versions:?}");
        assert_eq!(manifest["region_config"]["us-west-2"]["ecr_account_id"], "602401143452");
    }
}
