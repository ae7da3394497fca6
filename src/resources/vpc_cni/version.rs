//! Versions of the VPC CNI: what is asked for, and what an image is of.

use std::cmp::Ordering;
use std::fmt;

use framework::model::Text;
use serde_json::Value as Json;

/// A version as EKS counts them: `1.6.3-eksbuild.2`, with or without `v`. Without a build it is the first of its kind.
#[derive(Clone, Debug)]
pub struct Version {
    text: String,
    /// Major, minor, patch, build.
    numbers: [u64; 4],
}

impl Version {
    /// Reads a version; `None` when it is none.
    fn read(text: &str) -> Option<Self> {
        let plain = text.strip_prefix('v').unwrap_or(text);
        let (version, build) = match plain.split_once('-') {
            Some((version, build)) => (version, build.strip_prefix("eksbuild.")?.parse().ok()?),
            None => (plain, 0),
        };
        let mut numbers = [0, 0, 0, build];
        let parts: Vec<&str> = version.split('.').collect();
        if parts.len() > 3 || parts.len() < 2 {
            return None;
        }
        for (slot, part) in numbers.iter_mut().zip(parts) {
            *slot = part.parse().ok()?;
        }
        Some(Self { text: text.to_owned(), numbers })
    }

    /// The version of a DaemonSet aws-node: the tag of its image, else the label that every installation gives it.
    /// `None` when neither tells, as with an image that is named by its digest.
    pub(super) fn of(daemon_set: &Json) -> Option<Self> {
        let tag = image(daemon_set).and_then(|image| {
            let name = image.split('@').next()?;
            let (_, tag) = name.rsplit_once('/').map_or(name, |(_, name)| name).split_once(':')?;
            Self::read(tag)
        });
        let label = || daemon_set.pointer("/metadata/labels/app.kubernetes.io~1version").and_then(Json::as_str);
        tag.or_else(|| Self::read(label()?))
    }

    /// Without `v`: `1.20.4-eksbuild.1`.
    pub(super) fn plain(&self) -> &str {
        self.text.strip_prefix('v').unwrap_or(&self.text)
    }
}

/// The image of the container aws-node.
pub(super) fn image(daemon_set: &Json) -> Option<&str> {
    super::daemon_set::container(daemon_set)?["image"].as_str()
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.numbers == other.numbers
    }
}

impl Eq for Version {}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.numbers.cmp(&other.numbers)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.plain())
    }
}

impl Text for Version {
    const NOUN: &'static str = "version of the VPC CNI";

    fn parse(text: &str) -> Result<Self, String> {
        Self::read(text).ok_or_else(|| {
            format!("`{text}` is not a version of the VPC CNI. Write it like `1.19.6-eksbuild.1` or `1.18`.")
        })
    }

    fn text(&self) -> &str {
        &self.text
    }

    fn same(one: &str, other: &str) -> bool {
        match (Self::read(one), Self::read(other)) {
            (Some(one), Some(other)) => one == other,
            _ => one == other,
        }
    }
}

framework::text_field!(Version);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn order() {
        let ascending =
            ["1.6.2", "v1.6.3", "1.6.3-eksbuild.2", "1.9", "v1.9.0-eksbuild.1", "1.18.6-eksbuild.1", "1.20.4"];
        for pair in ascending.windows(2) {
            let [one, other] = [pair[0], pair[1]].map(|text| Version::parse(text).expect(text));
            assert!(one < other, "{one} < {other}");
        }
        for text in ["", "1", "latest", "1.2.3.4", "1.6.3-rc.1", "1.x.0", "1.6.3-eksbuild.x"] {
            let why = Version::parse(text).expect_err(text);
            assert!(why.contains(&format!("`{text}`")), "{why}");
        }
    }

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
            assert_eq!(Version::of(&object).map(|version| version.to_string()).as_deref(), version, "{image}");
        }
    }
}
