//! What nodeadm and its users download: under the names of AWS's own places, with the texts of ours.
//!
//! nodeadm itself is served for every version. The components that its manifest lists are not: its stand-in brings them.

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
        return Some(asset(path).map_or_else(missing, |content| (200, content)));
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

fn asset(path: &str) -> Option<Vec<u8>> {
    if path == "/manifest.yaml" {
        return Some(manifest().into_bytes());
    }
    let rest = path.strip_prefix("/releases/")?;
    let (version, rest) = rest.split_once('/')?;
    let version = if version == "latest" { LATEST } else { version };
    let is_version = version.strip_prefix('v')?.split('.').all(|number| number.parse::<u16>().is_ok());
    let arch = rest.strip_prefix("bin/linux/")?.strip_suffix("/nodeadm")?;
    (is_version && ["amd64", "arm64"].contains(&arch)).then(|| nodeadm::program(version))
}

/// Address and checksum of a version of nodeadm.
pub fn describe(version: &str) -> serde_json::Value {
    let mut sha256 = String::new();
    for byte in Sha256::digest(nodeadm::program(version)) {
        // Writing into a String does not fail.
        let _ = write!(sha256, "{byte:02x}");
    }
    serde_json::json!({
        "version": version,
        "url": format!("https://{ASSETS}/releases/{version}/bin/linux/amd64/nodeadm"),
        "sha256": sha256,
    })
}

/// As nodeadm reads it. Source: aws/eks-hybrid, internal/aws/manifest.go.
fn manifest() -> String {
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
            for name in ["kubelet", "kubectl", "cni-plugins", "ecr-credential-provider", "aws-iam-authenticator"] {
                for arch in ["amd64", "arm64"] {
                    let uri = format!("https://{ASSETS}/{patch}/artifacts/linux/{arch}/{name}");
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
            ("amazon-ssm-us-west-2.s3.us-west-2.amazonaws.com", "/latest/debian_amd64/ssm-setup-cli", Some(200)),
            ("ssm.us-west-2.amazonaws.com", "/", None),
        ] {
            assert_eq!(status(host, path), expected, "{host}{path}");
        }
        assert_ne!(describe("v1.0.18")["sha256"], describe(LATEST)["sha256"]);
    }

    #[test]
    fn the_manifest_is_yaml_with_whole_versions() {
        let manifest = serde_json::Value::from(&helm::from_yaml(&manifest()).unwrap());
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
