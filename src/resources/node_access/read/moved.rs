//! Adopts the state of an `aws_eks_access_entry`, so that a `moved` block keeps the access entry: running nodes never
//! lose their access.

use framework::diagnostic::{Diagnostic, Result};
use framework::resource::MoveSource;
use serde_json::{Value as Json, json};

/// Types of access entries that this resource manages.
const TYPES: [&str; 2] = ["HYBRID_LINUX", "EC2_LINUX"];

/// Builds the stub of a state from the AWS provider's resource; `None` if the source is of another type. The first
/// read completes it, as after an import.
pub(in crate::resources::node_access) fn from_access_entry(source: &MoveSource<'_>) -> Option<Result<Json>> {
    if source.type_name != "aws_eks_access_entry" || !source.provider.ends_with("/hashicorp/aws") {
        return None;
    }
    let text = |name: &str| source.state.get(name).and_then(Json::as_str).filter(|text| !text.is_empty());
    let refused =
        |why: String, remedy: &str| Some(Err(Diagnostic::error("State cannot be moved", why).remedy(remedy).into()));
    let kind = text("type").unwrap_or_default();
    if !TYPES.contains(&kind) {
        return refused(
            format!(
                "The `aws_eks_access_entry` is of type `{kind}`; `ekshybrid_node_access` manages the types `HYBRID_LINUX` and `EC2_LINUX`."
            ),
            "Keep the `aws_eks_access_entry`, and remove the `moved` block.",
        );
    }
    let (Some(cluster), Some(principal)) = (text("cluster_name"), text("principal_arn")) else {
        return refused(
            "The state of the `aws_eks_access_entry` has no `cluster_name` or no `principal_arn`.".to_owned(),
            "Import the access entry instead.",
        );
    };
    // Versions of the AWS provider before 6 record no region.
    Some(Ok(json!({ "cluster_name": cluster, "principal_arn": principal, "region": text("region") })))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AWS: &str = "registry.terraform.io/hashicorp/aws";
    const ROLE: &str = "arn:aws:iam::111122223333:role/edge/n";

    fn moved(provider: &str, type_name: &str, state: &Json) -> Option<Result<Json>> {
        from_access_entry(&MoveSource { provider, type_name, version: 0, state })
    }

    #[test]
    fn cluster_and_role_are_kept() {
        for (region, expected) in
            [(Json::Null, Json::Null), ("".into(), Json::Null), ("us-west-2".into(), "us-west-2".into())]
        {
            let state = json!({ "cluster_name": "c", "principal_arn": ROLE, "type": "HYBRID_LINUX", "region": region });
            let moved = moved(AWS, "aws_eks_access_entry", &state).expect("its type").expect("an entry of nodes");
            assert_eq!(moved, json!({ "cluster_name": "c", "principal_arn": ROLE, "region": expected }));
        }
    }

    #[test]
    fn entries_of_people_and_other_types_are_refused() {
        for kind in ["STANDARD", "FARGATE_LINUX", ""] {
            let state = json!({ "cluster_name": "c", "principal_arn": ROLE, "type": kind });
            assert!(moved(AWS, "aws_eks_access_entry", &state).expect("its type").is_err(), "{kind}");
        }
        let state = json!({ "principal_arn": ROLE, "type": "EC2_LINUX" });
        assert!(moved(AWS, "aws_eks_access_entry", &state).expect("its type").is_err());
        assert!(moved(AWS, "aws_eks_access_policy_association", &json!({})).is_none());
        assert!(moved("example.com/me/other", "aws_eks_access_entry", &json!({})).is_none());
    }
}
