//! `ekshybrid_node_access`: lets an IAM role join a cluster as its nodes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::model::{Maybe, Model, Span, Text};
use framework::path::Path;
use framework::resource::{Plan, Resource, State};
use framework::text_field;
use framework::value::Value;
use framework::wait::{self, Seen, Wait};

use crate::attributes::cluster::{self, Reached};
use crate::attributes::place::{Place, PlannedPlace};
use crate::attributes::principal::{parse_import_id, without_path};
use crate::attributes::{ClusterName, Region, RoleArn, Timeouts, explain, tags};
use crate::aws;
use crate::aws::eks::{AccessEntry, AccessEntrySpec, AccessEntryType, Cluster};
use crate::kube::Kind;
use crate::kube::aws_auth::{Added, Changed, Entry, List};
use crate::provider::{Clients, Context};

/// How long a cluster is waited for that EKS is making. Source: the waiter ClusterActive (30 s × 40), and some more.
const CREATING_TIMEOUT: Duration = Duration::from_mins(30);
/// How long a cluster is waited for that EKS does not know.
const UNKNOWN_TIMEOUT: Duration = Duration::from_mins(5);
/// How long a role is waited for that IAM does not show to EKS yet.
const ROLE_TIMEOUT: Duration = Duration::from_mins(2);

/// Arguments.
#[derive(Clone, Debug, Model)]
pub struct Args {
    /// EKS cluster. Default: the provider's `cluster_name`.
    #[attr(replace)]
    pub cluster_name: Option<ClusterName>,
    /// ARN of the nodes' IAM role, with its path when it has one. For hybrid nodes this is the role of the SSM
    /// activation, or the one that IAM Roles Anywhere hands out.
    #[attr(replace)]
    pub principal_arn: RoleArn,
    /// Nodes of which kind: `HYBRID_LINUX` for hybrid nodes, `EC2_LINUX` for self-managed EC2 nodes. Managed node
    /// groups and EKS Auto Mode bring their own access. Default: `HYBRID_LINUX`.
    #[attr(replace, default = NodeType(AccessEntryType::HybridLinux))]
    pub r#type: NodeType,
    /// How access is given: `access_entry`, `aws_auth` (an entry of the ConfigMap aws-auth) or `auto`: by access entry
    /// where the cluster's authentication mode allows it (`API`, `API_AND_CONFIG_MAP`), else by aws-auth. Default:
    /// `auto`.
    #[attr(default = Method::Auto)]
    pub method: Method,
    /// Tags of the access entry; the provider's `default_tags` are added. An entry of aws-auth has none.
    pub tags: Option<BTreeMap<String, String>>,
    /// Region of the cluster. Default: the provider's.
    #[attr(replace)]
    pub region: Option<Region>,
    /// How long each operation may take.
    pub timeouts: Option<Timeouts>,
}

/// Results.
#[derive(Clone, Debug, Model)]
pub struct Outputs {
    /// EKS cluster.
    #[attr(keep)]
    pub cluster_name: ClusterName,
    /// How access is given: `access_entry` or `aws_auth`.
    #[attr(keep)]
    pub effective_method: Method,
    /// Name of the nodes in Kubernetes, such as `system:node:{{SessionName}}`; EKS fills in the place.
    #[attr(keep)]
    pub username: String,
    /// Groups of the nodes in Kubernetes.
    #[attr(keep)]
    pub groups: BTreeSet<String>,
    /// ARN of the access entry; null for an entry of aws-auth.
    #[attr(keep)]
    pub access_entry_arn: Option<String>,
    /// Region of the cluster.
    #[attr(keep)]
    pub region: Region,
    /// The tags that are kept on the access entry, the provider's `default_tags` included.
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

/// How access is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// As the cluster's authentication mode allows.
    Auto,
    /// An access entry of EKS.
    AccessEntry,
    /// An entry of the ConfigMap aws-auth.
    AwsAuth,
}

impl Text for Method {
    const NOUN: &'static str = "method";

    fn parse(text: &str) -> std::result::Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "access_entry" => Ok(Self::AccessEntry),
            "aws_auth" => Ok(Self::AwsAuth),
            _ => Err(format!("`{text}` is none of `auto`, `access_entry` and `aws_auth`.")),
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Auto => "auto",
            Self::AccessEntry => "access_entry",
            Self::AwsAuth => "aws_auth",
        }
    }
}

/// Type of an access entry. What others have made of one is read as it is; a configuration may ask for two of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeType(AccessEntryType);

impl NodeType {
    /// User name and groups of such nodes. Source: API reference of EKS, CreateAccessEntry, and the ConfigMap that EKS
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

text_field!(Method, NodeType);

/// The resource.
#[derive(Debug)]
pub enum NodeAccess {}

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
for. Access that somebody else has given already is not taken over; it is imported.";
    const IMPORT_ID: &'static str =
        "`CLUSTER/ROLE_ARN`, or `CLUSTER/ROLE_ARN@REGION` for another region than the provider's";

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
        let place = place_defaults(plan, cx).await?;
        let cluster = match place.known() {
            Some(place) => look(&place, cx).await,
            None => None,
        };
        plan_method(plan, cluster.as_deref());
        plan_outputs(plan, cx);
        if (plan.is_create() || plan.is_replaced())
            && let Some(place) = place.known()
        {
            cluster::warn_of_near_name(&place.cluster, Some(&place.region), cx).await;
        }
        Ok(())
    }

    async fn create(args: &Args, cx: &Context) -> Result<Outputs> {
        let place = Place::of(args.cluster_name.as_ref(), args.region.as_ref(), cx).await?;
        let within = args.timeouts.as_ref().and_then(|timeouts| timeouts.create.as_ref()).map(Span::duration);
        let started = Instant::now();
        let cluster = active(&place, within, cx).await?;
        let method = match choose(args.method, cluster.authentication_mode.as_deref()) {
            Ok(method) => method,
            Err(why) => return Err(refused(&place, &why).into()),
        };
        let left = within.map(|within| within.saturating_sub(started.elapsed()));
        match method {
            Method::AwsAuth => create_in_map(args, place, left, cx).await,
            _ => create_entry(args, place, left, cx).await,
        }
    }

    async fn read(identity: &Identity, prior: Option<&State<Self>>, cx: &Context) -> Result<Option<State<Self>>> {
        let place = Place::of(Some(&identity.cluster_name), identity.region.as_ref(), cx).await?;
        let principal = &identity.principal_arn;
        if prior.is_none_or(|prior| prior.outputs.effective_method == Method::AccessEntry) {
            let found = read_entry(&place, principal, cx).await?;
            match (found, prior) {
                (Some(found), _) => return Ok(Some(state_of_entry(&place, principal, found, prior, cx)?)),
                (None, Some(_)) => return Ok(None),
                // An import may mean an entry of aws-auth.
                (None, None) => {}
            }
        }
        read_from_map(place, principal, prior, cx).await
    }

    async fn update(prior: &State<Self>, args: &Args, cx: &Context) -> Result<Outputs> {
        let mut outputs = prior.outputs.clone();
        if outputs.effective_method == Method::AwsAuth {
            return mend_in_map(prior, cx).await;
        }
        let Some(arn) = outputs.access_entry_arn.clone() else { return Ok(outputs) };
        let wanted = tags::merged_for(cx, args.tags.as_ref())?;
        let place = place_of(prior);
        let eks = place.eks(cx)?;
        let failed = |error: aws::Error| explain("Could not change the tags of the access entry", &error, None);
        let gone: Vec<String> = outputs.tags_all.keys().filter(|key| !wanted.contains_key(*key)).cloned().collect();
        eks.remove_tags(&arn, &gone).await.map_err(failed)?;
        let new: BTreeMap<String, String> = wanted
            .iter()
            .filter(|(key, value)| outputs.tags_all.get(*key) != Some(value))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        eks.add_tags(&arn, &new).await.map_err(failed)?;
        outputs.tags_all = wanted;
        Ok(outputs)
    }

    async fn delete(state: &State<Self>, cx: &Context) -> Result<()> {
        let summary = "Could not take the nodes' access away";
        let left = "The access is still there and recorded in the state.";
        let place = place_of(state);
        let principal = state.args.principal_arn.as_str();
        if state.outputs.effective_method == Method::AccessEntry {
            let removed = place.eks(cx)?.delete_access_entry(place.cluster.as_str(), principal).await;
            return removed.map_err(|error| explain(summary, &error, Some(left)));
        }
        let client = match cluster::reach(&place.cluster, Some(&place.region), cx).await? {
            Reached::Open(client) => client,
            Reached::Gone => return Ok(()),
            Reached::Unknown => return Err(cluster::not_known("kubernetes")),
        };
        let removed = match client.remove_aws_auth_entry(List::Roles, &entry_of(state)).await {
            Err(error) if error.is_unreachable() && place.is_being_deleted(cx).await => return Ok(()),
            removed => removed,
        };
        match cluster::told(removed, summary, Some(left), cx).await? {
            Changed::Done | Changed::Absent => Ok(()),
            Changed::Ambiguous => Err(Diagnostic::error(
                summary,
                format!(
                    "`mapRoles` of ConfigMap kube-system/aws-auth of {place} holds several entries for `{principal}`, and none of them is as it was made here. Nothing was changed.\n\nRemove those that are not wanted by hand (`kubectl --namespace kube-system edit configmap aws-auth`) and apply again."
                ),
            )
            .into()),
        }
    }

    fn import_id(id: &str) -> std::result::Result<Vec<(&'static str, Value)>, String> {
        let (cluster, arn, region) = parse_import_id(id)?;
        let arn = RoleArn::parse(&arn)?;
        let region = region.map_or(Value::Null, |region| Value::from(region.as_str()));
        Ok(vec![
            (Identity::NAMES.cluster_name, Value::from(cluster.as_str())),
            (Identity::NAMES.principal_arn, Value::from(arn.as_str())),
            (Identity::NAMES.region, region),
        ])
    }
}

/// Plans cluster and region; what the configuration leaves out is the provider's, and moves with it.
async fn place_defaults(plan: &mut Plan<NodeAccess>, cx: &Context) -> Result<PlannedPlace> {
    let (cluster, region) = (plan.configures(Args::NAMES.cluster_name), plan.configures(Args::NAMES.region));
    let given = if cluster { plan.args.cluster_name.clone() } else { Maybe::Known(None) };
    let given_region = if region { plan.args.region.clone() } else { Maybe::Known(None) };
    let place = PlannedPlace::of(&given, &given_region, cx).await?;
    if let (false, Some(name)) = (cluster, &place.cluster) {
        if plan.prior.as_ref().is_some_and(|prior| prior.outputs.cluster_name != *name) {
            plan.replace(Args::NAMES.cluster_name);
        }
        plan.outputs.cluster_name = Maybe::Known(name.clone());
    }
    if let (false, Some(name)) = (region, &place.region) {
        if plan.prior.as_ref().is_some_and(|prior| prior.outputs.region != *name) {
            plan.replace(Args::NAMES.region);
        }
        plan.outputs.region = Maybe::Known(name.clone());
    }
    Ok(place)
}

/// Why a method cannot be used, on which attribute.
struct Refused {
    attribute: &'static str,
    why: &'static str,
}

/// The way that is taken. `mode` is the cluster's authentication mode.
fn choose(method: Method, mode: Option<&str>) -> std::result::Result<Method, Refused> {
    match (method, mode) {
        (Method::Auto | Method::AccessEntry, Some("API" | "API_AND_CONFIG_MAP")) => Ok(Method::AccessEntry),
        // A cluster that does not say is older than access entries.
        (Method::Auto | Method::AwsAuth, Some("CONFIG_MAP") | None) | (Method::AwsAuth, Some("API_AND_CONFIG_MAP")) => {
            Ok(Method::AwsAuth)
        }
        (Method::AccessEntry, _) => Err(Refused {
            attribute: Args::NAMES.method,
            why: "in the authentication mode CONFIG_MAP there are no access entries. Set the cluster's mode to API_AND_CONFIG_MAP (`access_config` of `aws_eks_cluster`; hybrid nodes need it anyway), or leave `method` out",
        }),
        (Method::AwsAuth, _) => Err(Refused {
            attribute: Args::NAMES.method,
            why: "in the authentication mode API nobody reads aws-auth. Leave `method` out, or set it to `access_entry`",
        }),
        // A mode that is younger than this provider will know access entries.
        (Method::Auto, Some(_)) => Ok(Method::AccessEntry),
    }
}

fn refused(place: &Place, refused: &Refused) -> Diagnostic {
    Diagnostic::error(
        "The cluster's authentication mode does not allow this method",
        format!("For {place}: {}.", refused.why),
    )
    .at(Path::attribute(refused.attribute))
}

/// The cluster, when it is there and may be looked at.
async fn look(place: &Place, cx: &Context) -> Option<std::sync::Arc<Cluster>> {
    // What is wrong is told by the apply, which needs it.
    place.eks(cx).ok()?.cluster(place.cluster.as_str()).await.ok()
}

/// Plans the way that is taken, as far as the cluster's mode is known.
fn plan_method(plan: &mut Plan<NodeAccess>, cluster: Option<&Cluster>) {
    let (Maybe::Known(method), Some(cluster)) = (&plan.args.method, cluster) else { return };
    let mode = cluster.authentication_mode.as_deref();
    match (choose(*method, mode), plan.prior.as_ref().map(|prior| prior.outputs.effective_method)) {
        (Err(refused), _) => {
            plan.fault(
                refused.attribute,
                "The cluster's authentication mode does not allow this method",
                format!("For cluster `{}`: {}.", cluster.name, refused.why),
            );
        }
        (Ok(chosen), None) => plan.outputs.effective_method = Maybe::Known(chosen),
        // What was once chosen stays while it works: nodes are there.
        (Ok(_), Some(prior)) if *method == Method::Auto && choose(prior, mode).is_ok() => {}
        (Ok(chosen), Some(prior)) if chosen != prior => {
            plan.replace(Outputs::NAMES.effective_method);
            plan.outputs.effective_method = Maybe::Known(chosen);
        }
        (Ok(_), Some(_)) => {}
    }
}

/// Plans what follows from the way and the type.
fn plan_outputs(plan: &mut Plan<NodeAccess>, cx: &Context) {
    let new = plan.is_create() || plan.is_replaced();
    let method = plan.outputs.effective_method.known().copied();
    plan.outputs.tags_all = match method {
        Some(Method::AwsAuth) => Maybe::Known(BTreeMap::new()),
        Some(_) => tags::planned_for(cx, &plan.args.tags),
        None => Maybe::Unknown,
    };
    if method == Some(Method::AwsAuth) {
        // An entry of the map is kept as it was made; EKS keeps access entries itself.
        if let Maybe::Known(kind) = &plan.args.r#type {
            let (username, groups) = kind.identity();
            plan.outputs.username = Maybe::Known(username.to_owned());
            plan.outputs.groups = Maybe::Known(groups);
        }
        if new {
            plan.outputs.access_entry_arn = Maybe::Known(None);
        }
        if plan.args.tags.set().is_some_and(|tags| !tags.is_empty()) && plan.args.method == Maybe::Known(Method::Auto) {
            plan.fault(
                Args::NAMES.tags,
                "Nothing to tag",
                "The cluster's authentication mode asks for an entry of aws-auth, which has no tags. Leave `tags` out.",
            );
        }
    }
}

/// Waits until the cluster is there and active. An access entry needs no way to the Kubernetes API.
async fn active(place: &Place, timeout: Option<Duration>, cx: &Context) -> Result<std::sync::Arc<Cluster>> {
    let eks = place.eks(cx)?;
    let started = Instant::now();
    let wait = Wait {
        what: format!("cluster `{}` to be active", place.cluster),
        timeout: timeout.unwrap_or(CREATING_TIMEOUT),
        interval: Duration::from_secs(1),
        max_interval: Duration::from_secs(15),
    };
    let look = || async {
        match eks.cluster(place.cluster.as_str()).await {
            Ok(cluster) => match cluster.status.as_str() {
                "ACTIVE" | "UPDATING" => Ok(Seen::Done(cluster)),
                "FAILED" | "DELETING" => Err(Diagnostic::error(
                    "Could not give the nodes access",
                    format!("The status of {place} is {}, so nothing can join it. Nothing was created.", cluster.status),
                )
                .at(Path::attribute(Args::NAMES.cluster_name))
                .into()),
                status => Ok(Seen::Pending(format!("its status is {status}"))),
            },
            Err(error) if error.is_not_found() && started.elapsed() < timeout.unwrap_or(UNKNOWN_TIMEOUT) => {
                Ok(Seen::Pending(error.to_string()))
            }
            Err(error) if error.is_not_found() => Err(Diagnostic::error(
                format!("There is no cluster `{}`", place.cluster),
                format!(
                    "{error}.\n\nCheck the name, the region and the account. If the same apply makes the cluster, refer to its resource (`aws_eks_cluster.NAME.name`), so that this comes after it, or raise `timeouts`."
                ),
            )
            .at(Path::attribute(Args::NAMES.cluster_name))
            .into()),
            Err(error) => Err(explain("Could not look at the cluster", &error, None)),
        }
    };
    wait::until(cx, &wait, look).await
}

async fn create_entry(args: &Args, place: Place, left: Option<Duration>, cx: &Context) -> Result<Outputs> {
    let tags_all = tags::merged_for(cx, args.tags.as_ref())?;
    let principal = args.principal_arn.as_str();
    let spec = AccessEntrySpec {
        principal_arn: principal.to_owned(),
        kind: args.r#type.0.clone(),
        username: None,
        groups: BTreeSet::new(),
        tags: tags_all.clone(),
    };
    let eks = place.eks(cx)?.settling_within(left.map_or(ROLE_TIMEOUT, |left| left.min(ROLE_TIMEOUT)));
    let progress = |settling: &crate::aws::eks::Settling| {
        tracing::info!(waited_s = settling.waited.as_secs(), "waiting until EKS knows the role `{principal}`");
    };
    let entry = match eks.create_access_entry(place.cluster.as_str(), &spec, progress).await {
        Ok(entry) => entry,
        Err(error) => {
            if matches!(error.kind(), aws::Kind::Cancelled { may_exist: true }) {
                cx.save(&uncertain_entry(&place, args, tags_all));
            }
            return Err(not_created(&eks, &place, principal, &error).await);
        }
    };
    Ok(Outputs {
        cluster_name: place.cluster,
        effective_method: Method::AccessEntry,
        username: entry.username,
        groups: entry.groups,
        access_entry_arn: Some(entry.arn),
        region: place.region,
        tags_all,
    })
}

/// An entry whose creation was on its way when Terraform asked to stop: the next refresh finds it, or finds it missing.
fn uncertain_entry(place: &Place, args: &Args, tags_all: BTreeMap<String, String>) -> Outputs {
    let (username, groups) = args.r#type.identity();
    Outputs {
        cluster_name: place.cluster.clone(),
        effective_method: Method::AccessEntry,
        username: username.to_owned(),
        groups,
        access_entry_arn: None,
        region: place.region.clone(),
        tags_all,
    }
}

async fn not_created(eks: &aws::eks::Client, place: &Place, principal: &str, error: &aws::Error) -> Diagnostics {
    let summary = "Could not give the nodes access";
    let at = Path::attribute(Args::NAMES.principal_arn);
    if matches!(error.kind(), aws::Kind::InUse) {
        let kind = eks.access_entry(place.cluster.as_str(), principal).await.ok();
        let kind = kind.map(|entry| format!(" of type {}", entry.kind)).unwrap_or_default();
        return Diagnostic::error(
            "The role has access already",
            format!(
                "`{principal}` has an access entry{kind} in {place}. Somebody else may manage it, so it was left as it is: {error}.\n\nTo manage it here, import it: `terraform import ekshybrid_node_access.NAME '{}'`. Otherwise remove it where it is managed; managed node groups make their role's entry themselves.",
                place.import_id(principal)
            ),
        )
        .at(at)
        .into();
    }
    if error.message().is_some_and(|text| text.to_ascii_lowercase().contains("invalid principal")) {
        return Diagnostic::error(
            summary,
            format!(
                "EKS does not know the role `{principal}`: {error}.\n\nNothing was created.\n\nCheck that the role exists in this account, and that its path is in the ARN when it has one. A role that is made by the same apply is waited for; refer to its resource (`aws_iam_role.NAME.arn`)."
            ),
        )
        .at(at)
        .into();
    }
    explain(summary, error, if error.may_exist() { None } else { Some("Nothing was created.") })
}

async fn create_in_map(args: &Args, place: Place, left: Option<Duration>, cx: &Context) -> Result<Outputs> {
    let client = cluster::connect(&place.cluster, Some(&place.region), left, cx).await?;
    let (username, groups) = args.r#type.identity();
    let entry = Entry { arn: without_path(args.principal_arn.as_str()), username: username.to_owned(), groups };
    let added = client.add_aws_auth_entry(List::Roles, &entry).await;
    let uncertain = matches!(&added, Err(error) if matches!(error.kind(), Kind::Cancelled { may_exist: true }));
    let left = uncertain.then_some("Whether the entry of aws-auth was added is not known; the next plan looks.");
    if uncertain {
        cx.save(&outputs_of_map(place.clone(), entry.clone()));
    }
    match cluster::told(added, "Could not give the nodes access", left, cx).await? {
        Added::Done => Ok(outputs_of_map(place, entry)),
        Added::Exists(found) => Err(in_map_already(&place, args.principal_arn.as_str(), &found).into()),
    }
}

fn in_map_already(place: &Place, principal: &str, found: &Entry) -> Diagnostic {
    Diagnostic::error(
        "The role has access already",
        format!(
            "`mapRoles` of ConfigMap kube-system/aws-auth of {place} holds an entry for `{}`, with user name `{}`. Somebody else may manage it, so it was left as it is.\n\nTo manage it here, import it: `terraform import ekshybrid_node_access.NAME '{}'`. Otherwise remove it where it is managed.",
            found.arn,
            found.username,
            place.import_id(principal)
        ),
    )
    .at(Path::attribute(Args::NAMES.principal_arn))
}

fn outputs_of_map(place: Place, entry: Entry) -> Outputs {
    Outputs {
        cluster_name: place.cluster,
        effective_method: Method::AwsAuth,
        username: entry.username,
        groups: entry.groups,
        access_entry_arn: None,
        region: place.region,
        tags_all: BTreeMap::new(),
    }
}

/// The access entry; none when it, its cluster, or access entries at all are not there.
async fn read_entry(place: &Place, principal: &RoleArn, cx: &Context) -> Result<Option<AccessEntry>> {
    let eks = place.eks(cx)?;
    match eks.access_entry(place.cluster.as_str(), principal.as_str()).await {
        Ok(entry) => Ok(Some(entry)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => {
            let cluster = eks.cluster(place.cluster.as_str()).await.ok();
            match cluster.and_then(|cluster| cluster.authentication_mode.clone()).as_deref() {
                Some("CONFIG_MAP") => Ok(None),
                _ => Err(explain("Could not read the nodes' access entry", &error, None)),
            }
        }
    }
}

/// The state that an access entry makes.
///
/// # Errors
/// While the provider is not configured.
pub fn state_of_entry(
    place: &Place,
    principal: &RoleArn,
    found: AccessEntry,
    prior: Option<&State<NodeAccess>>,
    cx: &Context,
) -> Result<State<NodeAccess>> {
    // Tags with other keys are somebody else's; an imported entry has all of its tags from here.
    let kept = prior.map(|prior| &prior.outputs.tags_all);
    let tags_all: BTreeMap<String, String> =
        found.tags.into_iter().filter(|(key, _)| kept.is_none_or(|kept| kept.contains_key(key))).collect();
    let own = tags::own_for(cx, &tags_all, prior.and_then(|prior| prior.args.tags.as_ref()))?;
    Ok(State {
        args: Args {
            cluster_name: Some(place.cluster.clone()),
            principal_arn: principal.clone(),
            r#type: NodeType(found.kind),
            method: prior.map_or(Method::Auto, |prior| prior.args.method),
            tags: own,
            region: Some(place.region.clone()),
            timeouts: prior.and_then(|prior| prior.args.timeouts.clone()),
        },
        outputs: Outputs {
            cluster_name: place.cluster.clone(),
            effective_method: Method::AccessEntry,
            username: found.username,
            groups: found.groups,
            access_entry_arn: Some(found.arn),
            region: place.region.clone(),
            tags_all,
        },
    })
}

async fn read_from_map(
    place: Place,
    principal: &RoleArn,
    prior: Option<&State<NodeAccess>>,
    cx: &Context,
) -> Result<Option<State<NodeAccess>>> {
    let client = match cluster::reach(&place.cluster, Some(&place.region), cx).await? {
        Reached::Open(client) => client,
        Reached::Gone => return Ok(None),
        Reached::Unknown => return prior.cloned().map(Some).ok_or_else(|| cluster::not_known("kubernetes")),
    };
    let arn = without_path(principal.as_str());
    let wanted = prior.map_or_else(|| Entry { arn, username: String::new(), groups: BTreeSet::new() }, entry_of);
    let found = match client.aws_auth_entry(List::Roles, &wanted).await {
        Err(error) if error.is_unreachable() && place.is_being_deleted(cx).await => return Ok(None),
        found => cluster::told(found, "Could not read the nodes' entry of aws-auth", None, cx).await?,
    };
    Ok(found.map(|found| state_of_map(&place, principal, found, prior)))
}

/// The state that an entry of aws-auth makes.
#[must_use]
pub fn state_of_map(
    place: &Place,
    principal: &RoleArn,
    found: Entry,
    prior: Option<&State<NodeAccess>>,
) -> State<NodeAccess> {
    let kind = if found.username.contains("EC2PrivateDNSName") {
        AccessEntryType::Ec2Linux
    } else {
        AccessEntryType::HybridLinux
    };
    State {
        args: Args {
            cluster_name: Some(place.cluster.clone()),
            principal_arn: principal.clone(),
            r#type: prior.map_or(NodeType(kind), |prior| prior.args.r#type.clone()),
            method: prior.map_or(Method::Auto, |prior| prior.args.method),
            tags: prior.and_then(|prior| prior.args.tags.clone()),
            region: Some(place.region.clone()),
            timeouts: prior.and_then(|prior| prior.args.timeouts.clone()),
        },
        outputs: outputs_of_map(place.clone(), found),
    }
}

/// Puts the entry of aws-auth back to what nodes need, when somebody has changed it.
async fn mend_in_map(prior: &State<NodeAccess>, cx: &Context) -> Result<Outputs> {
    let summary = "Could not change the nodes' access";
    let place = place_of(prior);
    let before = entry_of(prior);
    let (username, groups) = prior.args.r#type.identity();
    let after = Entry { arn: before.arn.clone(), username: username.to_owned(), groups };
    if before == after {
        return Ok(prior.outputs.clone());
    }
    let client = cluster::connect(&place.cluster, Some(&place.region), None, cx).await?;
    let changed = client.change_aws_auth_entry(List::Roles, &before, &after).await;
    match cluster::told(changed, summary, None, cx).await? {
        Changed::Done => Ok(outputs_of_map(place, after)),
        Changed::Absent | Changed::Ambiguous => Err(Diagnostic::error(
            summary,
            format!("The entry for `{}` in aws-auth of {place} was changed since the plan. Nothing was changed.\n\nApply again.", before.arn),
        )
        .into()),
    }
}

fn place_of(state: &State<NodeAccess>) -> Place {
    Place { cluster: state.outputs.cluster_name.clone(), region: state.outputs.region.clone() }
}

/// The entry of aws-auth as it is recorded.
fn entry_of(state: &State<NodeAccess>) -> Entry {
    Entry {
        arn: without_path(state.args.principal_arn.as_str()),
        username: state.outputs.username.clone(),
        groups: state.outputs.groups.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mode_decides_the_method() {
        use Method::{AccessEntry, Auto, AwsAuth};
        for (method, mode, expected) in [
            (Auto, Some("API"), Some(AccessEntry)),
            (Auto, Some("API_AND_CONFIG_MAP"), Some(AccessEntry)),
            (Auto, Some("CONFIG_MAP"), Some(AwsAuth)),
            (Auto, None, Some(AwsAuth)),
            (AccessEntry, Some("API"), Some(AccessEntry)),
            (AccessEntry, Some("CONFIG_MAP"), None),
            (AwsAuth, Some("API_AND_CONFIG_MAP"), Some(AwsAuth)),
            (AwsAuth, Some("CONFIG_MAP"), Some(AwsAuth)),
            (AwsAuth, Some("API"), None),
        ] {
            assert_eq!(choose(method, mode).ok(), expected, "{method:?} {mode:?}");
        }
    }

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
        let values = NodeAccess::import_id(&format!("c/{role}")).expect("an id");
        assert_eq!(values[1], ("principal_arn", Value::from(role)));
        let why = NodeAccess::import_id("c/arn:aws:sts::111122223333:assumed-role/n/s").expect_err("a session");
        assert!(why.contains("role/n"), "{why}");
    }
}
