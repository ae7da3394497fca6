//! `ekshybrid_node_access`: lets nodes with an IAM role join a cluster.

mod apply;
mod arguments;
mod plan;
mod read;

use std::collections::{BTreeMap, BTreeSet};

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::model::{Maybe, Model, Span, Text};
use framework::path::Path;
use framework::permission::Permissions;
use framework::resource::{MoveSource, Plan, Resource, State};
use framework::text_field;

pub use self::arguments::Method;
pub use self::read::{state_of_entry, state_of_map};
use crate::attributes::permissions::{ACCESS_ENTRIES, CLUSTER, CLUSTERS, ROLES, aws, kube};
use crate::attributes::{ClusterName, Region, RoleArn};
use crate::aws::eks::AccessEntryType;
use crate::session::place::{Place, placed};
use crate::session::{Clients, Context, tags};

/// Arguments.
#[derive(Clone, Debug, Model)]
pub struct Args {
    /// EKS cluster. Default: the provider's `cluster_name`.
    #[attr(replace)]
    pub cluster_name: Option<ClusterName>,
    /// ARN of the nodes' IAM role, including its path if it has one. For hybrid nodes, this is the role of the SSM
    /// activation, or the role that IAM Roles Anywhere provides.
    #[attr(replace)]
    pub principal_arn: RoleArn,
    /// Type of the nodes: `HYBRID_LINUX` for hybrid nodes, `EC2_LINUX` for self-managed EC2 nodes. Managed node
    /// groups and EKS Auto Mode create their own access. Default: `HYBRID_LINUX`.
    #[attr(replace, default = NodeType(AccessEntryType::HybridLinux))]
    pub r#type: NodeType,
    /// How access is granted: `access_entry`, `aws_auth` (an entry in the ConfigMap aws-auth) or `auto`: an access
    /// entry if the cluster's authentication mode allows it (`API`, `API_AND_CONFIG_MAP`), otherwise aws-auth.
    /// Default: `auto`.
    #[attr(default = Method::Auto)]
    pub method: Method,
    /// Tags of the access entry; the provider's `default_tags` are added. An aws-auth entry has no tags.
    pub tags: Option<BTreeMap<String, String>>,
    /// Region of the cluster. Default: the provider's.
    #[attr(replace)]
    pub region: Option<Region>,
    /// How long to wait.
    pub timeouts: Option<Timeouts>,
}

/// Operation timeouts. Deletion does not wait.
#[derive(Clone, Debug, Model)]
pub struct Timeouts {
    /// How long to wait for the cluster (default: 30 minutes while EKS creates it, 5 minutes if no cluster of this
    /// name exists), and for a new role to propagate (default: 2 minutes).
    pub create: Option<Span>,
}

/// Outputs.
#[derive(Clone, Debug, Model)]
pub struct Outputs {
    /// EKS cluster.
    #[attr(keep)]
    pub cluster_name: ClusterName,
    /// How access is granted: `access_entry` or `aws_auth`.
    #[attr(keep)]
    pub effective_method: Method,
    /// Kubernetes user name of the nodes, such as `system:node:{{SessionName}}`; EKS fills in the placeholder.
    #[attr(keep)]
    pub username: String,
    /// Kubernetes groups of the nodes.
    #[attr(keep)]
    pub groups: BTreeSet<String>,
    /// ARN of the access entry; null for an aws-auth entry.
    #[attr(keep)]
    pub access_entry_arn: Option<String>,
    /// Region of the cluster.
    #[attr(keep)]
    pub region: Region,
    /// Tags managed on the access entry, including the provider's `default_tags`.
    #[attr(keep)]
    pub tags_all: BTreeMap<String, String>,
}

/// Identity.
#[derive(Clone, Debug, Model)]
pub struct Identity {
    /// EKS cluster.
    pub cluster_name: ClusterName,
    /// ARN of the nodes' IAM role.
    pub principal_arn: RoleArn,
    /// Region of the cluster. Default: the provider's.
    pub region: Option<Region>,
}

/// Type of an access entry. Types that others have created are read as they are; the configuration accepts two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeType(AccessEntryType);

impl NodeType {
    /// User name and groups of these nodes. Source: EKS API reference, CreateAccessEntry, and the ConfigMap that EKS
    /// documents for nodes.
    fn identity(&self) -> (&'static str, BTreeSet<String>) {
        let name = match self.0 {
            AccessEntryType::Ec2Linux => "system:node:{{EC2PrivateDNSName}}",
            _ => "system:node:{{SessionName}}",
        };
        (name, ["system:bootstrappers", "system:nodes"].map(str::to_owned).into())
    }

    fn can_be_asked_for(&self) -> bool {
        matches!(self.0, AccessEntryType::HybridLinux | AccessEntryType::Ec2Linux)
    }
}

impl Text for NodeType {
    const NOUN: &'static str = "type of nodes";

    fn parse(text: &str) -> std::result::Result<Self, String> {
        if !text.is_empty() && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_') {
            return Ok(Self(AccessEntryType::from(text)));
        }
        Err(format!("`{text}` is neither `HYBRID_LINUX` nor `EC2_LINUX`."))
    }

    fn text(&self) -> &str {
        self.0.as_str()
    }
}

text_field!(NodeType);

/// The resource.
#[derive(Debug)]
pub enum NodeAccess {}

placed!(NodeAccess);

impl Resource for NodeAccess {
    type Clients = Clients;
    type Args = Args;
    type Outputs = Outputs;
    type Identity = Identity;

    const NAME: &'static str = "ekshybrid_node_access";
    const DESCRIPTION: &'static str = "\
Lets an IAM role join a cluster as its nodes: by an access entry of EKS, or by an entry of the ConfigMap aws-auth where \
the cluster's authentication mode asks for that.

The cluster must be there before, and nodes join only after: refer from what joins (an `ekshybrid_activation`, a node, \
a launch template) to this resource, or let it `depends_on` it. A role that IAM does not show to EKS yet is waited \
for. Existing access is never adopted silently; import it, or adopt an `aws_eks_access_entry` with a `moved` block. Access that was deleted and given anew by somebody else is not \
this resource's any more.

Hybrid nodes need an access entry: the \
cluster's authentication mode must be `API` or `API_AND_CONFIG_MAP`.";
    const IMPORT_ID: &'static str =
        "`CLUSTER/ROLE_ARN`, or `CLUSTER/ROLE_ARN@REGION` for another region than the provider's";
    const PERMISSIONS: Permissions = &[
        CLUSTER,
        &[
            aws(&["eks:CreateAccessEntry", "eks:ListAccessEntries"], CLUSTERS),
            aws(
                &[
                    "eks:DescribeAccessEntry",
                    "eks:UpdateAccessEntry",
                    "eks:DeleteAccessEntry",
                    "eks:TagResource",
                    "eks:UntagResource",
                ],
                ACCESS_ENTRIES,
            ),
            kube(&["get", "create", "patch", "update", "delete"], "kube-system:configmaps")
                .when("access is granted by aws-auth"),
            aws(&["iam:PassRole"], ROLES).when("`type` is `EC2_LINUX` or `EC2_WINDOWS`"),
        ],
    ];

    fn validate(args: &<Args as Model>::Planned, faults: &mut Diagnostics) {
        tags::check(&args.tags, Args::NAMES.tags, faults);
        if let Maybe::Known(wanted) = &args.r#type
            && !wanted.can_be_asked_for()
        {
            let detail = format!("`{}` is neither `HYBRID_LINUX` nor `EC2_LINUX`.", wanted.text());
            faults.push(Diagnostic::error("Invalid type of nodes", detail).at(Path::attribute("type")));
        }
        if args.method == Maybe::Known(Method::AwsAuth) && args.tags.set().is_some_and(|tags| !tags.is_empty()) {
            let detail = "An entry of aws-auth has no tags. Leave `tags` out, or set `method` to `access_entry`.";
            faults.push(Diagnostic::error("Conflicting arguments", detail).at(Path::attribute(Args::NAMES.tags)));
        }
    }

    async fn plan(plan: &mut Plan<Self>, cx: &Context) -> Result<()> {
        plan::plan(plan, cx).await
    }

    async fn plan_delete(state: &State<Self>, cx: &Context) -> Result<()> {
        plan::plan_delete(state, cx).await
    }

    async fn create(args: &Args, cx: &Context) -> Result<Outputs> {
        apply::create(args, cx).await
    }

    async fn read(identity: &Identity, prior: Option<&State<Self>>, cx: &Context) -> Result<Option<State<Self>>> {
        read::read(identity, prior, cx).await
    }

    async fn update(prior: &State<Self>, args: &Args, cx: &Context) -> Result<Outputs> {
        apply::update(prior, args, cx).await
    }

    async fn delete(state: &State<Self>, cx: &Context) -> Result<()> {
        apply::delete(state, cx).await
    }

    fn move_from(source: &MoveSource<'_>) -> Option<Result<serde_json::Value>> {
        read::moved::from_access_entry(source)
    }
}

fn place_of(state: &State<NodeAccess>) -> Place {
    Place { cluster: state.outputs.cluster_name.clone(), region: state.outputs.region.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn types_that_can_be_asked_for() {
        for (text, expected) in [("HYBRID_LINUX", true), ("EC2_LINUX", true), ("STANDARD", false), ("NEW_2", false)] {
            assert_eq!(NodeType::parse(text).expect(text).can_be_asked_for(), expected, "{text}");
        }
        assert!(NodeType::parse("hybrid").is_err());
    }

    #[test]
    fn import_ids() {
        let role = "arn:aws:iam::111122223333:role/edge/n";
        // IAM allows `@` in names: the text after it is a region only if a region of that name exists.
        for (id, arn, region) in [
            (format!("c/{role}"), role.to_owned(), None),
            (format!("c/{role}@us-west-2"), role.to_owned(), Some("us-west-2")),
            (format!("c/{role}@home"), format!("{role}@home"), None),
            (format!("c/{role}@home@us-west-2"), format!("{role}@home"), Some("us-west-2")),
        ] {
            let identity = NodeAccess::import_id(&id).expect("an id");
            assert_eq!(
                (identity.principal_arn.as_str(), identity.region.as_ref().map(Region::as_str)),
                (&*arn, region)
            );
        }
        for id in ["", "c", "c/", "/x", "c/@us-west-2", "-c/x"] {
            assert!(NodeAccess::import_id(id).is_err(), "{id}");
        }
        let why = NodeAccess::import_id("c/arn:aws:sts::111122223333:assumed-role/n/s").expect_err("a session");
        assert!(why.contains("role/n"), "{why}");
    }
}
