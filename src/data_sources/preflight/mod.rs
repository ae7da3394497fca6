//! `ekshybrid_preflight`: what would stop hosts from joining a cluster, found beforehand. It never waits, and a missing
//! permission leaves out checks instead of failing.
//!
//! `facts` reads, `judge` decides: an area a file, each with its checks on top. `report` collects.

mod arguments;
mod check;
mod facts;
mod judge;
mod report;

use std::collections::{BTreeMap, BTreeSet};

use framework::data_source::DataSource;
use framework::diagnostic::Result;
use framework::model::{Model, Text};
use framework::permission::Permissions;

use self::arguments::{Address, CheckId, Range, Role};
use self::check::Severity;
use self::facts::{Asked, AskedHost};
use self::report::{Finding, LeftOut, Report};
use crate::attributes::permissions::{ACCESS_ENTRIES, ADDONS, ANY, CLUSTER, CLUSTERS, ROLES, aws, kube};
use crate::attributes::{ActivationId, ClusterName, Region};
use crate::session::place::Place;
use crate::session::{Clients, Context};

/// Arguments.
#[derive(Clone, Debug, Model)]
pub struct Args {
    /// EKS cluster. Default: the provider's `cluster_name`.
    pub cluster_name: Option<ClusterName>,
    /// Region of the cluster. Default: the provider's.
    pub region: Option<Region>,
    /// Role of the hybrid nodes: its name, preceded by its path if it has one, or its ARN. Without it, the role and its
    /// access entry are not checked.
    pub role: Option<Role>,
    /// Activation that the hosts will register with. Without it, no activation is checked.
    pub activation_id: Option<ActivationId>,
    /// IPv4 ranges of the hosts that are to join.
    pub node_cidrs: Option<BTreeSet<Range>>,
    /// IPv4 ranges of the pods on these hosts.
    pub pod_cidrs: Option<BTreeSet<Range>>,
    /// Hosts that are to join, by any name.
    pub hosts: Option<BTreeMap<String, Host>>,
    /// Ids of checks not to run.
    pub skip: Option<BTreeSet<CheckId>>,
    /// Whether to check what is in the cluster too, through its Kubernetes API. Set it to false where nothing leads to a
    /// private endpoint. Default: true.
    pub kubernetes: Option<bool>,
}

/// A host that is to join.
#[derive(Clone, Debug, Model)]
pub struct Host {
    /// IPv4 address that the kubelet will register.
    pub address: Option<Address>,
    /// Version of Kubernetes that the host will run, such as `1.34` or `1.34.2`.
    pub kubernetes_version: Option<String>,
    /// Version of nodeadm on the host, such as `1.0.20`.
    pub nodeadm_version: Option<String>,
}

/// Results.
#[derive(Clone, Debug, Model)]
pub struct Outputs {
    /// Name of the cluster.
    pub cluster_name: ClusterName,
    /// Region of the cluster.
    pub region: Region,
    /// Whether no check found an error, and every check could run. Checks in `skip` and, with `kubernetes = false`,
    /// those of the cluster's contents do not count.
    pub passed: bool,
    /// Findings, the most severe first.
    pub findings: Vec<Finding>,
    /// The findings of severity `error` in one line each, for `error_message`.
    pub errors: Vec<String>,
    /// The findings of severity `warning` in one line each.
    pub warnings: Vec<String>,
    /// Checks that could not run, and why.
    pub left_out: Vec<LeftOut>,
    /// Ids of the checks that ran.
    pub checked: BTreeSet<String>,
}

/// The data source.
#[derive(Debug)]
pub enum Preflight {}

impl DataSource for Preflight {
    type Clients = Clients;
    type Args = Args;
    type Outputs = Outputs;

    const NAME: &'static str = "ekshybrid_preflight";
    const DESCRIPTION: &'static str = "\
What would stop hosts from joining a cluster, or cut them off later, found before it happens: networks and routes, \
security groups, access, the hosts' role and activation, versions, and what runs in the cluster. Each finding says what \
is wrong, where, why it matters and how to fix it.

Findings are data, not errors: let a `check` block or a `precondition` judge them. A check that cannot run, because a \
permission is missing or the API server cannot be reached, is in `left_out` and never counts as passed. The data source \
changes nothing and never waits; it makes at most 25 calls of AWS. The guide \"Checking a cluster before hosts join\" \
lists all checks with the permissions that they need.";
    const PERMISSIONS: Permissions = &[
        CLUSTER,
        &[
            aws(&["eks:DescribeAccessEntry"], ACCESS_ENTRIES),
            aws(&["eks:DescribeAddon"], ADDONS),
            aws(&["eks:ListInsights", "eks:ListCertificateAuthorities"], CLUSTERS),
            aws(
                &[
                    "eks:DescribeClusterVersions",
                    "ec2:DescribeVpcs",
                    "ec2:DescribeVpcAttribute",
                    "ec2:DescribeDhcpOptions",
                    "ec2:DescribeSubnets",
                    "ec2:DescribeRouteTables",
                    "ec2:DescribeSecurityGroups",
                    "ssm:DescribeActivations",
                    "ssm:DescribeInstanceProperties",
                ],
                ANY,
            ),
            aws(&["ssm:GetServiceSetting"], "arn:{partition}:ssm:{region}:{account}:servicesetting/*"),
            aws(&["iam:GetRole", "iam:SimulatePrincipalPolicy"], ROLES).when("`iam_role` is set"),
            kube(&["list"], "nodes"),
            kube(&["list"], "certificatesigningrequests.certificates.k8s.io"),
            kube(&["list"], "kube-system:daemonsets.apps"),
            kube(&["list"], "pods"),
            kube(&["get", "list"], "customresourcedefinitions.apiextensions.k8s.io"),
            kube(&["list"], "eniconfigs.crd.k8s.amazonaws.com"),
            kube(&["get"], "services"),
            kube(&["list"], "mutatingwebhookconfigurations.admissionregistration.k8s.io"),
            kube(&["list"], "validatingwebhookconfigurations.admissionregistration.k8s.io"),
        ],
    ];

    async fn read(args: &Args, cx: &Context) -> Result<Outputs> {
        let place = Place::of(args.cluster_name.as_ref(), args.region.as_ref(), cx).await?;
        // Boxed: it holds many calls at once.
        let facts = Box::pin(facts::collect(asked(args), &place.cluster, &place.region, cx)).await?;
        let skip = args.skip.iter().flatten().map(|id| id.text().to_owned()).collect();
        let mut report = Report::new(skip);
        judge::all(&facts, &mut report);
        let (passed, errors) = (report.has_passed(), report.lines(Severity::Error));
        let warnings = report.lines(Severity::Warning);
        let (findings, left_out, checked) = report.into_parts();
        Ok(Outputs {
            cluster_name: place.cluster,
            region: place.region,
            passed,
            findings,
            errors,
            warnings,
            left_out,
            checked,
        })
    }
}

fn asked(args: &Args) -> Asked {
    let ranges = |ranges: &Option<BTreeSet<Range>>| ranges.iter().flatten().map(Range::cidr).collect();
    let hosts = args.hosts.iter().flatten().map(|(name, host)| {
        let host = AskedHost {
            address: host.address.as_ref().map(Address::ip),
            kubernetes_version: host.kubernetes_version.clone(),
            nodeadm_version: host.nodeadm_version.clone(),
        };
        (name.clone(), host)
    });
    Asked {
        role: args.role.as_ref().map(|role| role.path_and_name().to_owned()),
        role_arn: args.role.as_ref().and_then(Role::arn).map(str::to_owned),
        inside: args.kubernetes.unwrap_or(true),
        activation: args.activation_id.as_ref().map(|id| id.as_str().to_owned()),
        node_ranges: ranges(&args.node_cidrs),
        pod_ranges: ranges(&args.pod_cidrs),
        hosts: hosts.collect(),
    }
}
