//! `ekshybrid_aws_auth_entry`: one entry of the ConfigMap aws-auth, which maps IAM roles and users to Kubernetes.

use std::collections::BTreeSet;

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::model::{Maybe, Model, Span, Text};
use framework::path::Path;
use framework::permission::Permissions;
use framework::resource::{Plan, Resource, State};

use crate::attributes::permissions::{ANY, CLUSTER, aws, kube};
use crate::attributes::principal::{MapRoleArn, MapUserArn, SubjectName, without_path};
use crate::attributes::{ClusterName, Region};
use crate::kube::aws_auth::{Added, Changed, Entry, List};
use crate::session::cluster::{self, Connection};
use crate::session::explain::explained;
use crate::session::place::{Place, PlannedPlace, placed};
use crate::session::{Clients, Context, principal};

/// Group of nodes; roles in it get the node's name as their user name.
const NODES: &str = "system:nodes";
/// Name of an EC2 node; EKS replaces the placeholder.
const EC2_NODE: &str = "system:node:{{EC2PrivateDNSName}}";

/// Arguments.
#[derive(Clone, Debug, Model)]
#[model(exactly_one_of(role_arn, user_arn))]
pub struct Args {
    /// EKS cluster. Default: the provider's `cluster_name`.
    #[attr(replace)]
    pub cluster_name: Option<ClusterName>,
    /// ARN of an IAM role. aws-auth requires it without the role's path; a path given here is removed.
    #[attr(replace)]
    pub role_arn: Option<MapRoleArn>,
    /// ARN of an IAM user, including its path if it has one.
    #[attr(replace)]
    pub user_arn: Option<MapUserArn>,
    /// User name in Kubernetes. EKS replaces `{{SessionName}}`, `{{EC2PrivateDNSName}}`, `{{AccountID}}` and the like.
    /// Default for a user: its ARN. Default for a role in the group `system:nodes`: the name of the EC2 node,
    /// `system:node:{{EC2PrivateDNSName}}`. Default for other roles: the session,
    /// `arn:aws:sts::ACCOUNT:assumed-role/NAME/{{SessionName}}`, as in an access entry. Hybrid nodes need
    /// `system:node:{{SessionName}}`, which `ekshybrid_node_access` sets.
    pub username: Option<SubjectName>,
    /// Kubernetes groups, such as `system:masters`, or `system:bootstrappers` and `system:nodes` for nodes.
    pub groups: Option<BTreeSet<SubjectName>>,
    /// Region of the cluster. Default: the provider's.
    #[attr(replace)]
    pub region: Option<Region>,
    /// How long to wait for the cluster. Default: 30 minutes while EKS creates it, 5 minutes if no cluster of this name
    /// exists.
    pub timeouts: Option<Timeouts>,
}

/// Results.
#[derive(Clone, Debug, Model)]
pub struct Outputs {
    /// EKS cluster.
    #[attr(keep)]
    pub cluster_name: ClusterName,
    /// User name in Kubernetes. Empty for an imported entry without one.
    pub username: String,
    /// Region of the cluster.
    #[attr(keep)]
    pub region: Region,
}

/// Identity.
#[derive(Clone, Debug, Model)]
#[model(exactly_one_of(role_arn, user_arn))]
pub struct Identity {
    /// EKS cluster.
    pub cluster_name: ClusterName,
    /// ARN of the role. Not set for a user's entry.
    pub role_arn: Option<MapRoleArn>,
    /// ARN of the user. Not set for a role's entry.
    pub user_arn: Option<MapUserArn>,
    /// Region of the cluster. Default: the provider's.
    pub region: Option<Region>,
}

/// How long to wait for the cluster.
#[derive(Clone, Debug, Model)]
pub struct Timeouts {
    /// When the entry is created, such as `10m`.
    pub create: Option<Span>,
    /// When the entry is updated.
    pub update: Option<Span>,
}

/// The resource.
#[derive(Debug)]
pub enum AwsAuthEntry {}

placed!(AwsAuthEntry);

impl Resource for AwsAuthEntry {
    type Clients = Clients;
    type Args = Args;
    type Outputs = Outputs;
    type Identity = Identity;

    const NAME: &'static str = "ekshybrid_aws_auth_entry";
    const DESCRIPTION: &'static str = "\
One entry of the ConfigMap `kube-system/aws-auth`, which says who an IAM role or user is in Kubernetes.

Only this entry is touched: all others stay byte for byte, in their order, with their comments, whoever wrote them; \
several entries may be made at once, also by others. The map is read as EKS reads it: entries that EKS skips keep nobody \
out, and a map that EKS cannot read is never written. The ConfigMap is created if it does not exist, and deleted with its \
last entry unless others have added to it.

EKS reads the map in the authentication modes `CONFIG_MAP` and `API_AND_CONFIG_MAP`. With the latter, and for hybrid \
nodes, prefer access entries: `ekshybrid_node_access`, or `aws_eks_access_entry` of hashicorp/aws.";
    const IMPORT_ID: &'static str = "`CLUSTER/ARN`, or `CLUSTER/ARN@REGION` for another region than the provider's";
    const PERMISSIONS: Permissions = &[
        CLUSTER,
        &[
            aws(&["sts:GetCallerIdentity"], ANY)
                .when("a plan would take the caller's own access away; IAM always allows it"),
            kube(&["get", "create", "patch", "update", "delete"], "kube-system:configmaps"),
        ],
    ];

    async fn plan(plan: &mut Plan<Self>, cx: &Context) -> Result<()> {
        let place = PlannedPlace::plan(plan, cx).await?;
        if !plan.configures(Args::NAMES.username) {
            plan.outputs.username = planned_username(&plan.args);
        }
        if (plan.is_create() || plan.is_replaced())
            && let Some(place) = place.known()
        {
            cluster::warn_of_near_name(&place.cluster, Some(&place.region), cx).await;
            if let Some(why) = unread(&place, cx).await {
                plan.fault(Args::NAMES.cluster_name, "Nobody reads the aws-auth map of this cluster", why);
            }
        }
        Ok(())
    }

    async fn plan_delete(state: &State<Self>, cx: &Context) -> Result<()> {
        let entry = entry_of(state);
        if let Some(caller) = principal(cx).await
            && without_path(&caller).eq_ignore_ascii_case(&entry.arn)
        {
            cx.report(Diagnostic::warning(
                "The entry of the caller goes",
                format!(
                    "Terraform calls as `{caller}`, and this is its own entry in aws-auth of cluster `{}`. Without another way in, such as an access entry, what comes after cannot reach the cluster.",
                    state.outputs.cluster_name
                ),
            ));
        }
        Ok(())
    }

    async fn create(args: &Args, cx: &Context) -> Result<Outputs> {
        let summary = "Could not add the entry to aws-auth";
        let place = Place::of(args.cluster_name.as_ref(), args.region.as_ref(), cx).await?;
        let client = cluster::connect(&place.cluster, Some(&place.region), cx).await?;
        if let Some(why) = unread(&place, cx).await {
            return Err(Diagnostic::error("Nobody reads the aws-auth map of this cluster", why)
                .at(Path::attribute(Args::NAMES.cluster_name))
                .into());
        }
        let entry = entry(args);
        let list = list(args);
        let added = client.add_aws_auth_entry(list, &entry).await;
        let mut left = None;
        if let Err(error) = &added
            && error.may_exist()
        {
            // The list was read before, so an entry that is now equal is this one.
            match cluster::settle(&client, async |client| client.aws_auth_entry(list, &entry).await).await {
                Some(Some(found)) if found == entry => return Ok(outputs(place, entry)),
                Some(_) => left = Some("The entry is not in aws-auth; nothing was added."),
                None => {
                    left = Some("Whether the entry was added is not known; the next plan looks.");
                    cx.save(&outputs(place.clone(), entry.clone()));
                }
            }
        }
        match explained(added, summary, left, cx).await? {
            Added::Done => Ok(outputs(place, entry)),
            Added::Exists(found) => Err(exists(args, &place, list, &found).into()),
        }
    }

    async fn read(identity: &Identity, prior: Option<&State<Self>>, cx: &Context) -> Result<Option<State<Self>>> {
        let place = Place::of(Some(&identity.cluster_name), identity.region.as_ref(), cx).await?;
        let client = match cluster::reach(&place.cluster, Some(&place.region), cx).await? {
            Connection::Open(client) => client,
            Connection::Gone => return Ok(None),
            Connection::Unknown(why) => return prior.cloned().map(Some).ok_or(why),
        };
        let (list, arn) = match (&identity.role_arn, &identity.user_arn) {
            (Some(role), _) => (List::Roles, role.in_map()),
            (None, Some(user)) => (List::Users, user.text().to_owned()),
            (None, None) => return Err(no_principal()),
        };
        let wanted = prior.map_or_else(|| Entry { arn, username: String::new(), groups: BTreeSet::new() }, entry_of);
        let found = match client.aws_auth_entry(list, &wanted).await {
            Ok(found) => found,
            Err(error) if error.is_unreachable() && place.is_being_deleted(cx).await => return Ok(None),
            failed => explained(failed, "Could not read the entry of aws-auth", None, cx).await?,
        };
        found.map(|found| state(identity, found, prior, place)).transpose()
    }

    async fn update(prior: &State<Self>, args: &Args, cx: &Context) -> Result<Outputs> {
        let summary = "Could not change the entry of aws-auth";
        let place = place_of(prior);
        let (before, after) = (entry_of(prior), entry(args));
        let list = list(args);
        let client = cluster::connect(&place.cluster, Some(&place.region), cx).await?;
        let changed = client.change_aws_auth_entry(list, &before, &after).await;
        match explained(changed, summary, None, cx).await? {
            Changed::Done => {}
            // It was removed between the plan and now.
            Changed::Absent => {
                let added = client.add_aws_auth_entry(list, &after).await;
                if let Added::Exists(found) = explained(added, summary, None, cx).await? {
                    return Err(exists(args, &place, list, &found).into());
                }
            }
            Changed::Ambiguous => return Err(ambiguous(summary, &place, list, &before)),
        }
        Ok(outputs(place, after))
    }

    async fn delete(state: &State<Self>, cx: &Context) -> Result<()> {
        let summary = "Could not take the entry out of aws-auth";
        let place = place_of(state);
        let client = match cluster::reach_to_remove(&place.cluster, Some(&place.region), cx).await? {
            Connection::Open(client) => client,
            Connection::Gone => return Ok(()),
            Connection::Unknown(why) => return Err(why),
        };
        let (list, entry) = (list(&state.args), entry_of(state));
        let removed = match client.remove_aws_auth_entry(list, &entry).await {
            Err(error) if error.is_unreachable() && place.is_being_deleted(cx).await => return Ok(()),
            removed => removed,
        };
        let left = "The entry is still recorded in the state; the next plan shows whether it exists.";
        match explained(removed, summary, Some(left), cx).await? {
            Changed::Done | Changed::Absent => Ok(()),
            Changed::Ambiguous => Err(ambiguous(summary, &place, list, &entry)),
        }
    }
}

/// The state of an entry that was found.
fn state(
    identity: &Identity,
    found: Entry,
    prior: Option<&State<AwsAuthEntry>>,
    place: Place,
) -> Result<State<AwsAuthEntry>> {
    let args = Args {
        cluster_name: Some(place.cluster.clone()),
        role_arn: identity.role_arn.clone(),
        user_arn: identity.user_arn.clone(),
        username: SubjectName::parse(&found.username).ok(),
        groups: groups(&found, prior.and_then(|prior| prior.args.groups.as_ref()))?,
        region: Some(place.region.clone()),
        timeouts: prior.and_then(|prior| prior.args.timeouts.clone()),
    };
    Ok(State { args, outputs: outputs(place, found) })
}

/// The entries of a cluster's aws-auth, roles first. Of several for one principal, the last: it is the one that takes
/// effect.
///
/// # Errors
/// Those of the request, and a map that EKS cannot read.
pub async fn listed(place: &Place, cx: &Context) -> Result<Vec<(Identity, State<AwsAuthEntry>)>> {
    let Some(client) = cluster::reach_to_list(place, cx).await? else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    for list in [List::Roles, List::Users] {
        let entries = client.aws_auth_entries(list).await;
        let entries = explained(entries, "Could not list the entries of aws-auth", None, cx).await?;
        for (index, entry) in entries.iter().enumerate() {
            if entries.iter().skip(index + 1).any(|later| later.is_for(&entry.arn)) {
                continue;
            }
            let (role_arn, user_arn) = match list {
                List::Roles => (MapRoleArn::parse(&entry.arn).ok(), None),
                List::Users => (None, MapUserArn::parse(&entry.arn).ok()),
            };
            // An entry without a principal lets nobody in, and cannot be managed.
            if role_arn.is_none() && user_arn.is_none() {
                continue;
            }
            let (cluster_name, region) = (place.cluster.clone(), Some(place.region.clone()));
            let identity = Identity { cluster_name, role_arn, user_arn, region };
            let state = state(&identity, entry.clone(), None, place.clone())?;
            all.push((identity, state));
        }
    }
    Ok(all)
}

fn list(args: &Args) -> List {
    if args.role_arn.is_some() { List::Roles } else { List::Users }
}

/// The user name of an entry without an explicit one.
fn default_username(
    role: Option<&MapRoleArn>,
    user: Option<&MapUserArn>,
    groups: Option<&BTreeSet<SubjectName>>,
) -> String {
    let is_node = groups.into_iter().flatten().any(|group| group.as_str() == NODES);
    match (role, user) {
        (Some(_), _) if is_node => EC2_NODE.to_owned(),
        (Some(role), _) => role.session_template(),
        (None, Some(user)) => user.text().to_owned(),
        (None, None) => String::new(),
    }
}

fn planned_username(args: &<Args as Model>::Planned) -> Maybe<String> {
    match (&args.role_arn, &args.user_arn, &args.groups) {
        (Maybe::Known(role), Maybe::Known(user), Maybe::Known(groups)) => {
            Maybe::Known(default_username(role.as_ref(), user.as_ref(), groups.as_ref()))
        }
        _ => Maybe::Unknown,
    }
}

/// The entry that the arguments describe.
fn entry(args: &Args) -> Entry {
    let default = || default_username(args.role_arn.as_ref(), args.user_arn.as_ref(), args.groups.as_ref());
    Entry {
        arn: arn(args),
        username: args.username.as_ref().map_or_else(default, |name| name.as_str().to_owned()),
        groups: args.groups.iter().flatten().map(|group| group.as_str().to_owned()).collect(),
    }
}

fn arn(args: &Args) -> String {
    match (&args.role_arn, &args.user_arn) {
        (Some(role), _) => role.in_map(),
        (None, Some(user)) => user.text().to_owned(),
        // The model requires exactly one of the two.
        (None, None) => String::new(),
    }
}

/// The entry as recorded in the state.
fn entry_of(state: &State<AwsAuthEntry>) -> Entry {
    Entry { username: state.outputs.username.clone(), ..entry(&state.args) }
}

fn place_of(state: &State<AwsAuthEntry>) -> Place {
    Place { cluster: state.outputs.cluster_name.clone(), region: state.outputs.region.clone() }
}

fn outputs(place: Place, entry: Entry) -> Outputs {
    Outputs { cluster_name: place.cluster, username: entry.username, region: place.region }
}

/// Null and an empty set mean the same: the form in the configuration is kept.
fn groups(found: &Entry, prior: Option<&BTreeSet<SubjectName>>) -> Result<Option<BTreeSet<SubjectName>>> {
    let parse = |group: &String| {
        SubjectName::parse(group).map_err(|why| {
            Diagnostic::error(
                "Could not read the entry of aws-auth",
                format!("{why} It is a group of the entry of `{}`.", found.arn),
            )
            .into()
        })
    };
    let groups: BTreeSet<SubjectName> = found.groups.iter().map(parse).collect::<Result<_>>()?;
    Ok(if groups.is_empty() { prior.map(|_| groups) } else { Some(groups) })
}

/// Why nothing would read the map, as far as EKS answers.
async fn unread(place: &Place, cx: &Context) -> Option<String> {
    let cluster = place.eks(cx).ok()?.cluster(place.cluster.as_str()).await.ok()?;
    (cluster.authentication_mode.as_deref() == Some("API")).then(|| {
        format!(
            "The authentication mode of {place} is API, in which EKS does not look at aws-auth.\n\nUse an access entry: `ekshybrid_node_access` for nodes, `aws_eks_access_entry` of hashicorp/aws for people and programs."
        )
    })
}

fn exists(args: &Args, place: &Place, list: List, found: &Entry) -> Diagnostic {
    let attribute = if args.role_arn.is_some() { Args::NAMES.role_arn } else { Args::NAMES.user_arn };
    let groups: Vec<String> = found.groups.iter().map(|group| format!("`{group}`")).collect();
    Diagnostic::error(
        "aws-auth has such an entry already",
        format!(
            "`{}` of ConfigMap kube-system/aws-auth of {place} holds an entry for `{}`, with user name `{}` and the groups {}. Somebody else may manage it, so it was left as it is, and nothing was added.\n\nTo manage it here, import it: `terraform import ekshybrid_aws_auth_entry.NAME '{}'`. Otherwise remove it where it is managed.",
            list.member(),
            found.arn,
            found.username,
            if groups.is_empty() { "(none)".to_owned() } else { groups.join(", ") },
            place.import_id(&found.arn)
        ),
    )
    .at(Path::attribute(attribute))
}

fn ambiguous(summary: &str, place: &Place, list: List, entry: &Entry) -> Diagnostics {
    Diagnostic::error(
        summary,
        format!(
            "`{}` of ConfigMap kube-system/aws-auth of {place} holds several entries for `{}`, and none of them is as it was made here. Nothing was changed.\n\nRemove those that are not wanted by hand (`kubectl --namespace kube-system edit configmap aws-auth`) and apply again.",
            list.member(),
            entry.arn
        ),
    )
    .into()
}

fn no_principal() -> Diagnostics {
    Diagnostic::error("No principal is named", "An entry is identified by `role_arn` or `user_arn`.").into()
}

#[cfg(test)]
mod tests {
    use framework::value::Value;

    use super::*;

    const ROLE: &str = "arn:aws:iam::111122223333:role/edge/n";
    const USER: &str = "arn:aws:iam::111122223333:user/ann";

    #[test]
    fn user_names_by_default() {
        let role = MapRoleArn::parse(ROLE).expect("a role");
        let user = MapUserArn::parse(USER).expect("a user");
        let nodes = BTreeSet::from([SubjectName::parse(NODES).expect("a group")]);
        for (role, user, groups, expected) in [
            (Some(&role), None, Some(&nodes), "system:node:{{EC2PrivateDNSName}}"),
            (Some(&role), None, None, "arn:aws:sts::111122223333:assumed-role/n/{{SessionName}}"),
            (None, Some(&user), Some(&nodes), USER),
        ] {
            assert_eq!(default_username(role, user, groups), expected);
        }
    }

    #[test]
    fn import_ids() {
        let parts = |id: &str| AwsAuthEntry::import_id(id).map(|identity| Value::Map(identity.encode()));
        let identity = |role: Option<&str>, user: Option<&str>, region: Option<&str>| {
            let part = |text: Option<&str>| text.map_or(Value::Null, Value::from);
            let region = ("region", part(region));
            Value::map([("cluster_name", part(Some("c"))), ("role_arn", part(role)), ("user_arn", part(user)), region])
        };
        assert_eq!(parts(&format!("c/{ROLE}@us-west-2")), Ok(identity(Some(ROLE), None, Some("us-west-2"))));
        assert_eq!(parts(&format!("c/{USER}")), Ok(identity(None, Some(USER), None)));
        assert!(parts("c/ann").expect_err("no ARN").contains("`ann`"));
    }
}
