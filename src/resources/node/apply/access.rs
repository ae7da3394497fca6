//! Whether the cluster lets the host's role in.

use framework::diagnostic::{Diagnostic, Result};

use super::Site;

/// What is known of the role's access entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// There is one.
    Exists,
    /// There is none, and nothing else lets the role in.
    Missing,
    /// aws-auth may let it in, or it could not be asked.
    Unknown,
}

/// Looks for the access entry of a role, by its name: an activation does not know the ARN.
pub(super) async fn entry(site: &Site<'_>, role: Option<&str>) -> Entry {
    let (Some(role), Ok(eks)) = (role, site.place.eks(site.cx)) else { return Entry::Unknown };
    let mode = site.cluster.authentication_mode.as_deref().unwrap_or_default();
    if mode == "CONFIG_MAP" {
        return Entry::Unknown;
    }
    let name = role.rsplit('/').next().unwrap_or(role);
    match eks.list_access_entries(site.place.cluster.as_str()).await {
        Ok(arns) if arns.iter().any(|arn| arn.rsplit('/').next() == Some(name) && arn.contains(":role/")) => {
            Entry::Exists
        }
        Ok(_) if mode == "API" => Entry::Missing,
        Ok(_) => Entry::Unknown,
        Err(error) => {
            tracing::info!(%error, "the access entries of the cluster could not be listed");
            Entry::Unknown
        }
    }
}

/// Refuses a join that the cluster would not let in.
pub(super) fn check(site: &Site<'_>, role: Option<&str>, entry: Entry) -> Result<()> {
    if entry != Entry::Missing {
        return Ok(());
    }
    let role = role.unwrap_or_default();
    Err(Diagnostic::error(
        "Host would not be let in",
        format!(
            "Cluster `{}` has no access entry for the role `{role}` of the host, so it does not accept its kubelet.",
            site.place.cluster
        ),
    )
    .left("Nothing was changed on the host.")
    .remedy(REMEDY)
    .into())
}

/// How to let the role in.
pub(super) const REMEDY: &str = "Create an access entry of the type HYBRID_LINUX for the role (`ekshybrid_node_access`), and name it in `depends_on`, so that it exists before the host joins.";
