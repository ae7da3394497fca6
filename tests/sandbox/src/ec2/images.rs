//! Public images: those that Systems Manager's public parameters name. They come out anew every week.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::describe::{Entry, Kind};
use crate::aws::{
    Call,
    error::{AwsError, Result},
    input::Query,
};

/// Milliseconds between two releases of an image.
const WEEK: i64 = 7 * 24 * 3600 * 1000;
/// Releases that stay to be had.
const KEPT: i64 = 52;

/// The system of an image: what its root device is called, and how large it is.
struct System {
    name: &'static str,
    owner: &'static str,
    root: &'static str,
    gibibytes: i64,
}

const AMAZON: System =
    System { name: "amazon-eks-node-al2023", owner: "602401143452", root: "/dev/xvda", gibibytes: 20 };
const UBUNTU: System = System { name: "ubuntu-noble-24.04", owner: "099720109477", root: "/dev/sda1", gibibytes: 8 };

/// An image as one of its parameters names it.
struct Image {
    system: &'static System,
    architecture: &'static str,
    /// Kubernetes version; empty where there is none.
    version: String,
}

/// The image that a public parameter names.
///
/// Sources: the EKS user guide, "Retrieve recommended Amazon Linux AMI IDs"; Canonical's page on finding images on AWS.
fn of_parameter(name: &str) -> Option<Image> {
    let architecture = |text: &str| match text {
        "x86_64" | "amd64" => Some("x86_64"),
        "arm64" => Some("arm64"),
        _ => None,
    };
    let parts: Vec<&str> = name.strip_prefix("/aws/service/")?.split('/').collect();
    match parts[..] {
        ["eks", "optimized-ami", version, "amazon-linux-2023", machine, "standard", "recommended", "image_id"] => {
            crate::eks::create::VERSIONS.contains(&version).then_some(())?;
            Some(Image { system: &AMAZON, architecture: architecture(machine)?, version: version.to_owned() })
        }
        ["canonical", "ubuntu", "server", "24.04", "stable", "current", machine, "hvm", "ebs-gp3", "ami-id"] => {
            Some(Image { system: &UBUNTU, architecture: architecture(machine)?, version: String::new() })
        }
        _ => None,
    }
}

impl Image {
    fn id(&self, region: &str, week: i64) -> String {
        let named = format!("{region} {} {} {} {week}", self.system.name, self.version, self.architecture);
        format!("ami-0{}", &hex::encode(Sha256::digest(named))[..16])
    }

    fn entry(&self, region: &str, week: i64) -> Entry {
        let id = self.id(region, week);
        let name = format!("{}-{}-{}-v{week}", self.system.name, self.architecture, self.version);
        Entry {
            order: u64::try_from(week).unwrap_or_default(),
            tags: std::collections::BTreeMap::new(),
            filterable: vec![
                ("image-id", vec![id.clone()]),
                ("name", vec![name.clone()]),
                ("architecture", vec![self.architecture.to_owned()]),
                ("owner-id", vec![self.system.owner.to_owned()]),
                ("state", vec!["available".to_owned()]),
            ],
            value: json!({
                "imageId": id,
                "imageLocation": format!("amazon/{name}"),
                "imageState": "available",
                "imageOwnerId": self.system.owner,
                "isPublic": true,
                "architecture": self.architecture,
                "imageType": "machine",
                "name": name,
                "rootDeviceType": "ebs",
                "rootDeviceName": self.system.root,
                "virtualizationType": "hvm",
                "hypervisor": "xen",
                "enaSupport": true,
                "blockDeviceMapping": [{
                    "deviceName": self.system.root,
                    "ebs": {
                        "snapshotId": format!("snap-{}", &id[4..]),
                        "volumeSize": self.system.gibibytes,
                        "volumeType": "gp3",
                        "encrypted": false,
                        "deleteOnTermination": true,
                    },
                }],
            }),
            id,
        }
    }
}

/// The ID that a public parameter holds now.
pub fn of_public_parameter(call: &mut Call<'_>, name: &str) -> Option<String> {
    let week = week(call);
    Some(of_parameter(name)?.id(&call.region, week))
}

fn week(call: &mut Call<'_>) -> i64 {
    (call.now.millis() + call.account().advanced).div_euclid(WEEK)
}

fn entries(call: &mut Call<'_>) -> Vec<Entry> {
    let (week, region) = (week(call), call.region.clone());
    let names = crate::eks::create::VERSIONS.iter().flat_map(|version| {
        ["x86_64", "arm64"].map(|machine| {
            format!(
                "/aws/service/eks/optimized-ami/{version}/amazon-linux-2023/{machine}/standard/recommended/image_id"
            )
        })
    });
    let ubuntu = ["amd64", "arm64"].map(|machine| {
        format!("/aws/service/canonical/ubuntu/server/24.04/stable/current/{machine}/hvm/ebs-gp3/ami-id")
    });
    let images: Vec<Image> = names.chain(ubuntu).filter_map(|name| of_parameter(&name)).collect();
    images
        .iter()
        .flat_map(|image| (week - KEPT..=week).map(|week| image.entry(&region, week)).collect::<Vec<_>>())
        .collect()
}

/// An image's description.
pub fn find(call: &mut Call<'_>, id: &str) -> Result<Value> {
    let found = entries(call).into_iter().find(|entry| entry.id == id);
    found
        .map(|entry| entry.value)
        .ok_or_else(|| AwsError::client("InvalidAMIID.NotFound", format!("The image id '[{id}]' does not exist")))
}

pub fn list(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let entries = entries(call);
    let kind = Kind {
        ids: "ImageId",
        missing: "InvalidAMIID.NotFound",
        called: "image id",
        set: "imagesSet",
        sizes: (1, 1000),
    };
    super::describe::answer(call, query, &kind, entries)
}
