//! Checks on settings against the current cluster: the version of the VPC CNI, and variables without a plain value.

use framework::diagnostic::{Diagnostic, Diagnostics};
use framework::model::Text;
use framework::path::Path;
use serde_json::Value as Json;

use super::settings::{Settings, Wanted};
use super::site::Found;
use super::version::{self, Version, image};
use super::{Args, Owner, daemon_set};

/// Faults of the settings in this cluster: the version, and variables without a plain value.
pub(super) fn unfit(found: &Found, args: &Args, wanted: &Wanted, cluster: &str) -> Diagnostics {
    let least = Least::of(args.minimum_version.as_ref(), &Settings::of(args));
    let mut faults = too_old(&found.daemon_set, least.as_ref(), cluster, found.owner());
    faults.append(daemon_set::check_entries(&found.daemon_set, wanted, cluster));
    faults
}

/// The minimum version, and the argument that requires it.
pub(super) struct Least {
    version: Version,
    attribute: &'static str,
}

impl Least {
    pub(super) fn of(minimum: Option<&Version>, settings: &Settings) -> Option<Self> {
        if let Some(version) = minimum {
            return Some(Self { version: version.clone(), attribute: Args::NAMES.minimum_version });
        }
        // Both go through the parser used for all versions.
        let known = |text: &str, attribute| Version::parse(text).ok().map(|version| Self { version, attribute });
        match (settings.custom_networking, settings.prefix_delegation) {
            (_, Some(true)) => known("1.9.0", Args::NAMES.prefix_delegation),
            (Some(true), _) => known("1.6.3-eksbuild.2", Args::NAMES.custom_networking),
            _ => None,
        }
    }
}

pub(super) fn too_old(daemon_set: &Json, least: Option<&Least>, cluster: &str, owner: Owner) -> Diagnostics {
    let Some(least) = least else { return Diagnostics::new() };
    let shown = image(daemon_set).unwrap_or("none");
    let Some(version) = version::of(daemon_set) else {
        tracing::warn!(cluster, image = shown, "the version of the VPC CNI cannot be told, so it is not checked");
        return Diagnostics::new();
    };
    if version >= least.version {
        return Diagnostics::new();
    }
    let how = match owner {
        Owner::Addon => "Update the add-on (`addon_version` of `aws_eks_addon`), one minor version at a time.".to_owned(),
        Owner::DaemonSet => "Update it: apply the manifest of a newer release of amazon-vpc-cni-k8s, or let EKS own it by the add-on vpc-cni (`aws_eks_addon` with `resolve_conflicts_on_create = \"OVERWRITE\"`).".to_owned(),
    };
    Diagnostic::error(
        "VPC CNI is too old",
        format!(
            "Cluster `{cluster}` runs VPC CNI {version} (image `{shown}`), and `{}` needs at least {}.\n\n{how}",
            least.attribute, least.version
        ),
    )
    .at(Path::attribute(least.attribute))
    .into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn running(tag: &str) -> Json {
        json!({ "spec": { "template": { "spec": { "containers": [
            { "name": "aws-node", "image": format!("602401143452.dkr.ecr.us-west-2.amazonaws.com/amazon-k8s-cni:{tag}") },
        ] } } } })
    }

    #[test]
    fn versions_that_are_too_old() {
        let settings = |custom: Option<bool>, prefix: Option<bool>| {
            let mut settings = Settings::default();
            settings.custom_networking = custom;
            settings.prefix_delegation = prefix;
            settings
        };
        for (tag, minimum, settings, at) in [
            ("v1.6.2", None, settings(Some(true), None), Some("custom_networking")),
            ("v1.6.3-eksbuild.1", None, settings(Some(true), None), Some("custom_networking")),
            ("v1.6.3-eksbuild.2", None, settings(Some(true), None), None),
            ("v1.6.2", None, settings(Some(false), None), None),
            ("v1.8.0", None, settings(Some(true), Some(true)), Some("prefix_delegation")),
            ("v1.9.0", None, settings(None, Some(true)), None),
            ("v1.18.6-eksbuild.1", Some("1.20"), settings(None, None), Some("minimum_version")),
            ("latest", Some("1.20"), settings(None, None), None),
        ] {
            let minimum = minimum.map(|text| Version::parse(text).expect(text));
            let least = Least::of(minimum.as_ref(), &settings);
            let faults = too_old(&running(tag), least.as_ref(), "workshop", Owner::DaemonSet);
            let found = faults.0.first();
            assert_eq!(found.map(|fault| fault.at.to_string()).as_deref(), at, "{tag}");
            if let Some(fault) = found {
                for part in ["`workshop`", tag.trim_start_matches('v'), "amazon-k8s-cni:v"] {
                    assert!(fault.detail().contains(part), "{}", fault.detail());
                }
            }
        }
    }
}
