//! `ekshybrid_vpc_endpoints`: the VPC endpoints of a network without internet access, as one set.

mod apply;
mod arguments;
mod plan;
mod read;

use std::collections::{BTreeMap, BTreeSet};

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::model::{Maybe, Model};
use framework::path::{Path, Step};
use framework::permission::Permissions;
use framework::resource::{Plan, Resource, State};

use crate::attributes::permissions::{ANY, aws};
use crate::attributes::{ChangeTimeouts, Region, RouteTableId, SecurityGroupId, SubnetId, VpcId};
use crate::node::endpoints;
use crate::session::{Clients, Context, tags};

pub use arguments::{BucketName, Kind, Network, Policy, Profile, ServiceName};
pub use read::listed;

/// Arguments.
#[derive(Clone, Debug, Model)]
#[model(at_least_one_of(profile, additional_services))]
pub struct Args {
    /// VPC of the endpoints. With private DNS, its attributes `enableDnsSupport` and `enableDnsHostnames` must be on.
    #[attr(replace)]
    pub vpc_id: VpcId,
    /// What the endpoints are for; determines the services:
    /// `private_cluster` (autoscaling, ec2, ecr.api, ecr.dkr, eks, eks-auth, elasticloadbalancing, logs, s3, sts, xray),
    /// `hybrid_nodes` (ecr.api, ecr.dkr, eks, eks-auth, logs, oidc-eks, rolesanywhere, s3, ssm, ssmmessages, sts) or
    /// `outpost_local_cluster` (ec2, ec2messages, ecr.api, ecr.dkr, logs, s3, secretsmanager, ssm, ssmmessages, sts).
    pub profile: Option<Profile>,
    /// Further services, by the last part of their names, such as `kms` or `sqs`.
    pub additional_services: Option<BTreeSet<ServiceName>>,
    /// Services of the profile to leave out, such as `xray`.
    pub excluded_services: Option<BTreeSet<ServiceName>>,
    /// Subnets of the interface endpoints, at most one in each Availability Zone. A service that has no endpoints in a
    /// zone gets none there, with a warning. Required if there are interface endpoints.
    pub subnet_ids: Option<BTreeSet<SubnetId>>,
    /// Security groups of the interface endpoints. They must allow TCP port 443 from everything that uses the endpoints.
    /// Required if there are interface endpoints.
    pub security_group_ids: Option<BTreeSet<SecurityGroupId>>,
    /// Route tables that get a route to the gateway endpoints, those of the nodes' subnets. Required if there are
    /// gateway endpoints.
    pub route_table_ids: Option<BTreeSet<RouteTableId>>,
    /// Kind of the endpoint of Amazon S3: `gateway` (free of charge, within the VPC only) or `interface`. Default:
    /// `interface` for `hybrid_nodes`, otherwise `gateway`. A change deletes the old endpoint before it creates the new
    /// one.
    pub s3: Option<Kind>,
    /// Whether the services' own names resolve to the interface endpoints in the VPC. Default: `true`. A VPC can have
    /// one endpoint of each service with private DNS.
    #[attr(default = true)]
    pub private_dns: bool,
    /// Whether the endpoints lead to this account only: buckets, repositories, keys and secrets of other accounts cannot
    /// be reached through them, and identities of other accounts are refused. Excepted are what nodes need of AWS: the
    /// buckets of ECR, Amazon Linux and Systems Manager, and AWS's images for EKS. Default: `false`.
    ///
    /// The policy concerns everything in the VPC that uses the endpoints. Services without endpoint policies stay open.
    #[attr(default = false)]
    pub restrict_to_account: bool,
    /// With `restrict_to_account`, the only buckets of the account that can be reached; default: all of them.
    /// `bucket_policies` then has a policy for each.
    pub bucket_names: Option<BTreeSet<BucketName>>,
    /// Endpoint policies, as JSON by service (`{ s3 = provider::ekshybrid::s3_gateway_policy("us-west-2") }`). They take
    /// precedence over `restrict_to_account`. Services without one get AWS's default, which allows everything.
    pub policies: Option<BTreeMap<String, Policy>>,
    /// Whether endpoints that exist in the VPC are adopted. They are used as they are: never changed, and kept on
    /// destroy. Default: `false`, an existing endpoint with the same private DNS names or routes is an error.
    #[attr(default = false)]
    pub adopt_existing: bool,
    /// Networks from which the endpoints are used, for the check of the security groups. Default: the VPC's CIDR blocks.
    /// For hybrid nodes, set the remote node and pod networks.
    pub client_cidrs: Option<BTreeSet<Network>>,
    /// Region of the VPC. Default: the provider's.
    #[attr(replace)]
    pub region: Option<Region>,
    /// Tags of the endpoints, in addition to the provider's `default_tags`.
    pub tags: Option<BTreeMap<String, String>>,
    /// Operation timeouts. `create` and `update` cover the wait for the endpoints to become available, `delete` for them
    /// to be gone. Default: `10m`.
    pub timeouts: Option<ChangeTimeouts>,
}

/// One endpoint.
#[derive(Clone, Debug, Model)]
pub struct Endpoint {
    /// Id of the endpoint.
    pub id: String,
    /// `Interface` or `Gateway`.
    #[attr(name = "type")]
    pub kind: String,
    /// Whole name of the service.
    pub service_name: String,
    /// State, such as `available`.
    pub state: String,
    /// Names that resolve to an interface endpoint; the service's own come last.
    pub dns_names: Vec<String>,
    /// Network interfaces of an interface endpoint.
    pub network_interface_ids: Vec<String>,
    /// Whether it existed before and is kept on destroy.
    pub adopted: bool,
}

/// Outputs.
#[derive(Clone, Debug, Model)]
pub struct Outputs {
    /// `VPC@REGION`.
    #[attr(keep)]
    pub id: String,
    /// The services, each with the kind of its endpoint: `Interface` or `Gateway`. A plan shows here which endpoints are
    /// added and deleted.
    #[attr(keep)]
    pub services: BTreeMap<String, String>,
    /// The endpoints by service.
    #[attr(keep)]
    pub endpoints: BTreeMap<String, Endpoint>,
    /// What the next apply changes because endpoints were changed or deleted outside Terraform, or because an apply was
    /// incomplete. Empty after an apply.
    #[attr(keep)]
    pub pending_changes: Vec<String>,
    /// Policy for ECR repositories, as JSON, that refuses pulls from outside these endpoints. Pushing and administering
    /// stay possible from anywhere. Null without endpoints of ECR.
    #[attr(keep)]
    pub repository_policy: Option<String>,
    /// For each of `bucket_names`, a bucket policy, as JSON, that refuses reading objects from outside the endpoint of
    /// Amazon S3. Writing and administering stay possible from anywhere.
    #[attr(keep)]
    pub bucket_policies: BTreeMap<String, String>,
    /// Region of the VPC.
    #[attr(keep)]
    pub region: Region,
    /// All tags, including the provider's `default_tags`.
    #[attr(keep)]
    pub tags_all: BTreeMap<String, String>,
}

/// Identity.
#[derive(Clone, Debug, Model)]
pub struct Identity {
    /// VPC.
    pub vpc_id: VpcId,
    /// Region of the VPC. Default: the provider's.
    pub region: Option<Region>,
}

/// The resource.
#[derive(Debug)]
pub enum VpcEndpoints {}

impl Resource for VpcEndpoints {
    type Clients = Clients;
    type Args = Args;
    type Outputs = Outputs;
    type Identity = Identity;

    const NAME: &'static str = "ekshybrid_vpc_endpoints";
    const DESCRIPTION: &'static str = "\
The VPC endpoints that EKS needs in a network without internet access: for a private cluster, for hybrid nodes that reach \
AWS through the VPC, or for a local cluster on an Outpost. One resource, many endpoints: they are created side by side and \
checked together.

A plan checks the VPC's DNS attributes, whether the security groups allow port 443, that there is one subnet in each \
zone, that subnets, security groups and route tables belong to the VPC, that the region has the services, and whether an \
existing endpoint is in the way (see `adopt_existing`).

If only some of the endpoints can be created, those are recorded in the state. Terraform marks a resource whose creation \
failed as tainted, and would replace its endpoints; to keep them and create only the rest, run `terraform untaint` first.

Endpoints may be needed to delete what uses them. Let the cluster and the node groups depend on this resource \
(`depends_on`), so that they are created after the endpoints and destroyed before them.

What may not be described is not checked by the plan.";
    const IMPORT_ID: &'static str = "the VPC's id, or `VPC@REGION` for another region than the provider's. All endpoints of \
        AWS services in the VPC are imported, and the profile is the one whose services are all there";
    const PERMISSIONS: Permissions = &[&[
        aws(
            &[
                "ec2:CreateVpcEndpoint",
                "ec2:ModifyVpcEndpoint",
                "ec2:DeleteVpcEndpoints",
                "ec2:CreateTags",
                "ec2:DeleteTags",
            ],
            "arn:{partition}:ec2:{region}:{account}:*/*",
        ),
        aws(
            &[
                "ec2:DescribeVpcEndpoints",
                "ec2:DescribeVpcEndpointServices",
                "ec2:DescribeVpcs",
                "ec2:DescribeVpcAttribute",
                "ec2:DescribeSubnets",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeRouteTables",
            ],
            ANY,
        ),
        aws(&["route53:AssociateVPCWithHostedZone"], ANY).when("private DNS is on"),
    ]];

    fn validate(args: &<Args as Model>::Planned, faults: &mut Diagnostics) {
        tags::check(&args.tags, Args::NAMES.tags, faults);
        check_sets(args, faults);
        check_buckets(args, faults);
    }

    async fn plan(plan: &mut Plan<Self>, cx: &Context) -> Result<()> {
        plan::plan(plan, cx).await
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
}

/// What each kind of endpoint needs, and names that no endpoint has.
fn check_sets(args: &<Args as Model>::Planned, faults: &mut Diagnostics) {
    if let (Maybe::Known(Some(excluded)), Maybe::Known(profile)) = (&args.excluded_services, &args.profile) {
        let services = profile.map(|profile| profile.0.services()).unwrap_or_default();
        for service in excluded.iter().filter(|service| !services.contains(&service.as_str())) {
            let cause = match profile {
                Some(profile) => format!("The profile `{}` does not contain `{}`.", profile.0.word(), service.as_str()),
                None => format!("`{}` can only be left out of a `profile`, and none is set.", service.as_str()),
            };
            let at = Path::attribute(Args::NAMES.excluded_services);
            faults.push(Diagnostic::error("Excluded service is not in the profile", cause).at(at));
        }
    }
    let Some(kinds) = plan::kinds(args) else { return };
    let mut need = |kind: endpoints::Kind, name: &str, is_unset: bool, what: &str| {
        let services: Vec<String> =
            kinds.iter().filter(|(_, of)| **of == kind).map(|(service, _)| format!("`{service}`")).collect();
        if is_unset && !services.is_empty() {
            let cause =
                format!("The endpoints of {} are {} endpoints, which need {what}.", services.join(", "), kind.word());
            faults.push(Diagnostic::error(format!("`{name}` is missing"), cause).at(Path::attribute(name)));
        }
    };
    let empty = |is_unset: bool, is_empty: Option<bool>| is_unset || is_empty == Some(true);
    let names = Args::NAMES;
    let subnets = empty(args.subnet_ids.is_unset(), args.subnet_ids.set().map(BTreeSet::is_empty));
    let groups = empty(args.security_group_ids.is_unset(), args.security_group_ids.set().map(BTreeSet::is_empty));
    let tables = empty(args.route_table_ids.is_unset(), args.route_table_ids.set().map(BTreeSet::is_empty));
    need(endpoints::Kind::Interface, names.subnet_ids, subnets, "subnets");
    need(endpoints::Kind::Interface, names.security_group_ids, groups, "security groups");
    need(endpoints::Kind::Gateway, names.route_table_ids, tables, "route tables");
    for service in args.policies.set().into_iter().flatten().map(|(service, _)| service) {
        if !kinds.contains_key(service) {
            let cause = format!("There is no endpoint of the service `{service}`, so its policy has no effect.");
            let at = Path::attribute(names.policies).then(Step::Key(service.clone()));
            faults.push(Diagnostic::error("Policy without an endpoint", cause).at(at));
        }
    }
    if kinds.is_empty() {
        let cause = "`excluded_services` leaves no service of the profile, and `additional_services` adds none.";
        faults.push(Diagnostic::error("No service is left", cause).at(Path::attribute(names.excluded_services)));
    }
}

fn check_buckets(args: &<Args as Model>::Planned, faults: &mut Diagnostics) {
    let is_open = args.restrict_to_account.known() == Some(&false);
    if is_open && args.bucket_names.set().is_some() {
        let cause = "`bucket_names` narrows down what `restrict_to_account` allows, which is not set.";
        let at = Path::attribute(Args::NAMES.bucket_names);
        let remedy = "Set `restrict_to_account = true`, or give the endpoint a policy of its own in `policies`.";
        faults.push(Diagnostic::error("`bucket_names` has no effect", cause).remedy(remedy).at(at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn import_ids_name_the_vpc() {
        let identity = VpcEndpoints::import_id("vpc-0123456789abcdef0@us-west-2").expect("an id");
        assert_eq!(identity.vpc_id.as_str(), "vpc-0123456789abcdef0");
        assert_eq!(identity.region.as_ref().map(Region::as_str), Some("us-west-2"));
        assert!(VpcEndpoints::import_id("vpc-0123").is_ok_and(|identity| identity.region.is_none()));
        for id in ["subnet-0123", "vpc-0123@", "vpc-0123@nowhere", ""] {
            assert!(VpcEndpoints::import_id(id).is_err(), "{id}");
        }
    }
}
