//! The version of the DaemonSet aws-node.

use framework::model::Text as _;
use serde_json::Value as Json;

pub use crate::attributes::VpcCniVersion as Version;

/// The version of the DaemonSet aws-node: the tag of its image, or else the label that every installation sets. `None`
/// if neither names one, as for an image referenced by digest.
pub(super) fn of(daemon_set: &Json) -> Option<Version> {
    let tag = image(daemon_set).and_then(|image| {
        let name = image.split('@').next()?;
        let (_, tag) = name.rsplit_once('/').map_or(name, |(_, name)| name).split_once(':')?;
        Version::parse(tag).ok()
    });
    let label = || daemon_set.pointer("/metadata/labels/app.kubernetes.io~1version").and_then(Json::as_str);
    tag.or_else(|| Version::parse(label()?).ok())
}

/// The image of the container aws-node.
pub(super) fn image(daemon_set: &Json) -> Option<&str> {
    super::daemon_set::container(daemon_set)?["image"].as_str()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn of_an_image() {
        let registry = "602401143452.dkr.ecr.us-west-2.amazonaws.com/amazon-k8s-cni";
        for (image, label, version) in [
            (format!("{registry}:v1.6.2"), None, Some("1.6.2")),
            (format!("{registry}:v1.20.4-eksbuild.1"), Some("v1.19.0"), Some("1.20.4-eksbuild.1")),
            (format!("{registry}:v1.20.4-eksbuild.1@sha256:00"), None, Some("1.20.4-eksbuild.1")),
            ("localhost:5000/cni".to_owned(), Some("v1.19.2"), Some("1.19.2")),
            (format!("{registry}@sha256:00"), None, None),
            (format!("{registry}:latest"), None, None),
        ] {
            let object = json!({
                "metadata": { "labels": { "app.kubernetes.io/version": label } },
                "spec": { "template": { "spec": { "containers": [{ "name": "aws-node", "image": image }] } } },
            });
            assert_eq!(of(&object).map(|version| version.to_string()).as_deref(), version, "{image}");
        }
    }
}
