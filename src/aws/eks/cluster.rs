//! Clusters as AWS describes them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_sdk_eks::types::RemoteNetworkConfigResponse;
use jiff::Timestamp;

use super::{Client, Issue, PAGE, timestamp};
use crate::aws::clients::Effect;
use crate::aws::error::{Error, Kind, Operation, Result};

const DESCRIBE: Operation = Operation::new("eks", "DescribeCluster");
const LIST: Operation = Operation::new("eks", "ListClusters");

/// A cluster as AWS describes it.
#[allow(clippy::struct_excessive_bools, reason = "EKS describes it so")]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cluster {
    /// Name; unique in account and region.
    pub name: String,
    /// ARN.
    pub arn: String,
    /// UUID of a local cluster on an Outpost; other clusters have none.
    pub id: Option<String>,
    /// `CREATING`, `ACTIVE`, `DELETING`, `FAILED`, `UPDATING` or `PENDING`.
    pub status: String,
    /// Kubernetes version, such as `1.34`.
    pub version: String,
    /// `eks.12`.
    pub platform_version: Option<String>,
    /// Creation time.
    pub created_at: Option<Timestamp>,
    /// Endpoint of the API server. None while the cluster is being created.
    pub endpoint: Option<String>,
    /// CA certificate of the API server: PEM in base64.
    pub certificate_authority: Option<String>,
    /// ARN of the cluster role.
    pub role_arn: Option<String>,
    /// Service IPv4 CIDR.
    pub service_ipv4_cidr: Option<String>,
    /// Service IPv6 CIDR.
    pub service_ipv6_cidr: Option<String>,
    /// `ipv4` or `ipv6`.
    pub ip_family: Option<String>,
    /// First and last NodePort, if the cluster has a range of its own. Otherwise Kubernetes' default applies.
    pub node_ports: Option<(i64, i64)>,
    /// CIDR blocks of hybrid nodes.
    pub remote_node_networks: Vec<String>,
    /// CIDR blocks of pods on hybrid nodes.
    pub remote_pod_networks: Vec<String>,
    /// VPC.
    pub vpc_id: Option<String>,
    /// Subnets of the control plane's network interfaces.
    pub subnet_ids: Vec<String>,
    /// Additional security groups.
    pub security_group_ids: Vec<String>,
    /// The cluster security group, created by EKS.
    pub cluster_security_group_id: Option<String>,
    /// Whether the API server is reachable from the VPC.
    pub endpoint_private_access: bool,
    /// Whether the API server is reachable from the internet.
    pub endpoint_public_access: bool,
    /// CIDR blocks allowed to reach the public endpoint.
    pub public_access_cidrs: Vec<String>,
    /// `API`, `API_AND_CONFIG_MAP` or `CONFIG_MAP`.
    pub authentication_mode: Option<String>,
    /// URL of the `OpenID` Connect issuer.
    pub oidc_issuer: Option<String>,
    /// Set for a local cluster on an Outpost.
    pub outpost: Option<Outpost>,
    /// How the control plane's own traffic leaves: `AWS_MANAGED`, `CUSTOMER_ROUTED` or `CUSTOMER_ISOLATED`.
    pub egress_mode: Option<String>,
    /// What EKS does at the end of standard support: `STANDARD` (it upgrades the cluster) or `EXTENDED`.
    pub support_type: Option<String>,
    /// Whether EKS Auto Mode is enabled. Its nodes have networking of their own, without aws-node.
    pub has_auto_mode: bool,
    /// Log types of the control plane that are on.
    pub log_types: BTreeSet<String>,
    /// Whether the creator was made an administrator; none if EKS does not say.
    pub bootstrap_admin: Option<bool>,
    /// Whether EKS refuses to delete it.
    pub deletion_protection: bool,
    /// The token of the request that created it.
    pub request_token: Option<String>,
    /// Issues that EKS reports.
    pub issues: Vec<Issue>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// Where, and on which instances, a local cluster's control plane runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outpost {
    /// ARNs of the Outposts; always one.
    pub arns: Vec<String>,
    /// Instance type of the control plane.
    pub control_plane_instance_type: String,
    /// Placement group of the control plane.
    pub control_plane_placement_group: Option<String>,
    /// How the control plane is spread: `host` or `rack`.
    pub control_plane_spread_level: Option<String>,
    /// Instance type of etcd, for the instance-store architecture.
    pub etcd_instance_type: Option<String>,
    /// How etcd is spread: `host` or `rack`.
    pub etcd_spread_level: Option<String>,
}

impl Outpost {
    fn read(outpost: aws_sdk_eks::types::OutpostConfigResponse) -> Self {
        let level = |level: aws_sdk_eks::types::SpreadLevel| level.as_str().to_owned();
        let placement = outpost.control_plane_placement;
        Self {
            arns: outpost.outpost_arns,
            control_plane_instance_type: outpost.control_plane_instance_type,
            control_plane_placement_group: placement.as_ref().and_then(|place| place.group_name.clone()),
            control_plane_spread_level: placement.and_then(|place| place.spread_level).map(level),
            etcd_instance_type: outpost.etcd_instance_type,
            etcd_spread_level: outpost.etcd_placement.and_then(|place| place.spread_level).map(level),
        }
    }
}

impl Cluster {
    /// IP address of the cluster's DNS service: the tenth service address.
    #[must_use]
    pub fn dns_address(&self) -> Option<String> {
        let v6 = self.ip_family.as_deref() == Some("ipv6");
        let cidr = if v6 { self.service_ipv6_cidr.as_deref()? } else { self.service_ipv4_cidr.as_deref()? };
        Some(cidr.parse::<names::Cidr>().ok()?.dns_address()?.to_string())
    }

    /// The cluster identifier in a token: for a local cluster on an Outpost whose etcd is on EBS volumes, its id; for
    /// every other one, including those with etcd on instance stores, its name. Source: EKS user guide, "Create an
    /// Amazon EKS cluster on AWS Outposts", and the `--cluster-id` option of `aws eks get-token`.
    #[must_use]
    pub fn token_audience(&self) -> &String {
        match (&self.id, &self.outpost) {
            (Some(id), Some(outpost)) if outpost.etcd_instance_type.is_none() => id,
            _ => &self.name,
        }
    }

    /// Whether its connection settings are stable.
    fn is_usable(&self) -> bool {
        matches!(self.status.as_str(), "ACTIVE" | "UPDATING")
    }

    pub(super) fn read(cluster: aws_sdk_eks::types::Cluster) -> Self {
        let vpc = cluster.resources_vpc_config;
        let egress_mode = vpc.as_ref().and_then(|vpc| vpc.control_plane_egress_mode.as_ref());
        let egress_mode = egress_mode.map(|mode| mode.as_str().to_owned());
        let network = cluster.kubernetes_network_config;
        let remote = cluster.remote_network_config;
        Self {
            name: cluster.name.unwrap_or_default(),
            arn: cluster.arn.unwrap_or_default(),
            id: cluster.id,
            status: cluster.status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
            version: cluster.version.unwrap_or_default(),
            platform_version: cluster.platform_version,
            created_at: timestamp(cluster.created_at),
            endpoint: cluster.endpoint,
            certificate_authority: cluster.certificate_authority.and_then(|authority| authority.data),
            role_arn: cluster.role_arn,
            service_ipv4_cidr: network.as_ref().and_then(|network| network.service_ipv4_cidr.clone()),
            service_ipv6_cidr: network.as_ref().and_then(|network| network.service_ipv6_cidr.clone()),
            ip_family: network.and_then(|network| network.ip_family).map(|family| family.as_str().to_owned()),
            node_ports: cluster
                .kube_api_server_config
                .and_then(|config| config.service_node_port_range)
                .map(|range| (range.min_port.into(), range.max_port.into())),
            remote_node_networks: remote
                .iter()
                .flat_map(RemoteNetworkConfigResponse::remote_node_networks)
                .flat_map(|network| network.cidrs().to_vec())
                .collect(),
            remote_pod_networks: remote
                .iter()
                .flat_map(RemoteNetworkConfigResponse::remote_pod_networks)
                .flat_map(|network| network.cidrs().to_vec())
                .collect(),
            vpc_id: vpc.as_ref().and_then(|vpc| vpc.vpc_id.clone()),
            subnet_ids: vpc.as_ref().map(|vpc| vpc.subnet_ids().to_vec()).unwrap_or_default(),
            security_group_ids: vpc.as_ref().map(|vpc| vpc.security_group_ids().to_vec()).unwrap_or_default(),
            cluster_security_group_id: vpc.as_ref().and_then(|vpc| vpc.cluster_security_group_id.clone()),
            endpoint_private_access: vpc.as_ref().is_some_and(|vpc| vpc.endpoint_private_access),
            endpoint_public_access: vpc.as_ref().is_some_and(|vpc| vpc.endpoint_public_access),
            public_access_cidrs: vpc.map(|vpc| vpc.public_access_cidrs().to_vec()).unwrap_or_default(),
            log_types: log_types(cluster.logging.as_ref()),
            bootstrap_admin: cluster
                .access_config
                .as_ref()
                .and_then(|access| access.bootstrap_cluster_creator_admin_permissions),
            deletion_protection: cluster.deletion_protection.unwrap_or_default(),
            request_token: cluster.client_request_token,
            issues: cluster
                .health
                .and_then(|health| health.issues)
                .unwrap_or_default()
                .into_iter()
                .map(issue)
                .collect(),
            authentication_mode: cluster
                .access_config
                .and_then(|access| access.authentication_mode)
                .map(|mode| mode.as_str().to_owned()),
            oidc_issuer: cluster.identity.and_then(|identity| identity.oidc).and_then(|oidc| oidc.issuer),
            outpost: cluster.outpost_config.map(Outpost::read),
            egress_mode,
            support_type: cluster
                .upgrade_policy
                .and_then(|policy| policy.support_type)
                .map(|one| one.as_str().to_owned()),
            has_auto_mode: cluster.compute_config.and_then(|compute| compute.enabled).unwrap_or_default(),
            tags: cluster.tags.unwrap_or_default().into_iter().collect(),
        }
    }
}

fn issue(issue: aws_sdk_eks::types::ClusterIssue) -> Issue {
    Issue {
        code: issue.code.map(|code| code.as_str().to_owned()).unwrap_or_default(),
        message: issue.message.unwrap_or_default(),
        resource_ids: issue.resource_ids.unwrap_or_default(),
    }
}

/// The log types that are on.
fn log_types(logging: Option<&aws_sdk_eks::types::Logging>) -> BTreeSet<String> {
    let setups = logging.iter().flat_map(|logging| logging.cluster_logging());
    let on = setups.filter(|setup| setup.enabled == Some(true));
    on.flat_map(aws_sdk_eks::types::LogSetup::types).map(|kind| kind.as_str().to_owned()).collect()
}

/// How long a response is reused for later readers. EKS takes minutes to delete a cluster and to create another one
/// of the same name, so within one apply no reader gets the former one.
const COUNTS_FOR: Duration = Duration::from_mins(1);

/// Data shared by the readers of one region: one call per cluster and minute.
#[derive(Default)]
pub(in crate::aws) struct Reads(Mutex<HashMap<String, Arc<Memo>>>);

/// The last response for a cluster, and when it was requested. Locked during the request.
type Memo = tokio::sync::Mutex<Option<(Instant, Result<Arc<Cluster>>)>>;

impl Reads {
    fn memo(&self, name: &str) -> Arc<Memo> {
        let mut memos = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(memos.entry(name.to_owned()).or_default())
    }

    fn forget(&self, name: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}

impl Client {
    /// A cluster. Requested at most once a minute while it is `ACTIVE` or `UPDATING`; a cluster in another state, or
    /// one that could not be read, is requested again. Concurrent readers share the response in any case.
    ///
    /// # Errors
    /// Those of the call; [`Kind::NotFound`] if the cluster does not exist.
    pub async fn cluster(&self, name: &str) -> Result<Arc<Cluster>> {
        let came = Instant::now();
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let memo = regional.part::<Reads>().memo(name);
        let mut held = memo.lock().await;
        if let Some((asked, answer)) = &*held
            && (*asked >= came
                || (asked.elapsed() < COUNTS_FOR && answer.as_ref().is_ok_and(|cluster| cluster.is_usable())))
        {
            return answer.clone();
        }
        let asked = Instant::now();
        let answer = self.describe_cluster(name).await.map(Arc::new);
        // A cancelled reader does not affect the others.
        let is_shared = !answer.as_ref().is_err_and(Error::is_cancelled);
        *held = is_shared.then(|| (asked, answer.clone()));
        answer
    }

    /// The current state of a cluster.
    ///
    /// # Errors
    /// Those of the call; [`Kind::NotFound`] if the cluster does not exist.
    pub async fn describe_cluster(&self, name: &str) -> Result<Cluster> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let request = regional.eks().describe_cluster().name(name);
        let run = |probe| request.customize().interceptor(probe).send();
        let output = self.clients.run(DESCRIBE, Effect::Read, &regional.region, run).await?;
        output.cluster.map(Cluster::read).ok_or_else(|| Error::new(Kind::NotFound))
    }

    /// Makes the next reader request the cluster again: after this process changed it.
    ///
    /// # Errors
    /// [`Kind::UnknownRegion`], [`Kind::NoRegion`], [`Kind::Configuration`] for unreadable shared files.
    pub async fn forget_cluster(&self, name: &str) -> Result<()> {
        self.clients.regional(self.region.as_deref()).await?.part::<Reads>().forget(name);
        Ok(())
    }

    /// Names of the account's clusters in the region, page by page.
    ///
    /// # Errors
    /// Those of the calls.
    pub async fn list_clusters(&self) -> Result<Vec<String>> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let mut names = Vec::new();
        let mut next = None;
        loop {
            let request = regional.eks().list_clusters().max_results(PAGE).set_next_token(next.take());
            let run = |probe| request.customize().interceptor(probe).send();
            let page = self.clients.run(LIST, Effect::Read, &regional.region, run).await?;
            names.extend(page.clusters.unwrap_or_default());
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(names);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;
    use serde_json::json;

    use super::*;
    use crate::aws::stub::{Reply, Stub};

    const PATH: &str = "GET /clusters/workshop";

    #[tokio::test]
    async fn a_cluster_is_asked_for_once() {
        let stub = Stub::new(|_| {
            let remote = json!({
                "remoteNodeNetworks": [{ "cidrs": ["10.80.0.0/16", "10.81.0.0/16"] }],
                "remotePodNetworks": [{ "cidrs": ["10.85.0.0/16"] }],
            });
            Reply::json(&json!({ "cluster": {
                "name": "workshop", "status": "ACTIVE", "version": "1.34",
                "endpoint": "https://e", "certificateAuthority": { "data": "Q0E=" },
                "resourcesVpcConfig": { "vpcId": "vpc-1", "subnetIds": ["s-1"], "clusterSecurityGroupId": "sg-1" },
                "kubernetesNetworkConfig": { "serviceIpv4Cidr": "172.20.0.0/16", "ipFamily": "ipv4" },
                "accessConfig": { "authenticationMode": "API" }, "remoteNetworkConfig": remote,
                "kubeApiServerConfig": { "serviceNodePortRange": { "minPort": 31000, "maxPort": 31999 } },
            } }))
        });
        let eks = stub.clients().eks(None);
        for cluster in join_all((0..10).map(|_| eks.cluster("workshop"))).await {
            let cluster = cluster.expect("read");
            assert_eq!(cluster.remote_node_networks, ["10.80.0.0/16", "10.81.0.0/16"]);
            assert_eq!(cluster.remote_pod_networks, ["10.85.0.0/16"]);
            assert_eq!(cluster.node_ports, Some((31000, 31999)));
            assert_eq!(cluster.dns_address().as_deref(), Some("172.20.0.10"));
            assert_eq!((cluster.status.as_str(), cluster.authentication_mode.as_deref()), ("ACTIVE", Some("API")));
            assert_eq!(cluster.vpc_id.as_deref(), Some("vpc-1"));
        }
        assert_eq!(stub.count(PATH), 1);
        eks.describe_cluster("workshop").await.expect("read");
        assert_eq!(stub.count(PATH), 2);
        eks.cluster("workshop").await.expect("read");
        assert_eq!(stub.count(PATH), 2);
        eks.forget_cluster("workshop").await.expect("forgotten");
        eks.cluster("workshop").await.expect("read");
        assert_eq!(stub.count(PATH), 3);
    }

    #[tokio::test]
    async fn another_cluster_of_the_name_is_found_after_a_minute() {
        let stub = Stub::new(|_| Reply::json(&json!({ "cluster": { "name": "workshop", "status": "ACTIVE" } })));
        let clients = stub.clients();
        let eks = clients.eks(None);
        let memo = clients.regional(None).await.expect("a region").part::<Reads>().memo("workshop");
        for (age, calls) in [(0, 1), (30, 1), (61, 2), (0, 2)] {
            if let Some((asked, _)) = &mut *memo.lock().await {
                *asked = asked.checked_sub(Duration::from_secs(age)).expect("a time");
            }
            eks.cluster("workshop").await.expect("read");
            assert_eq!(stub.count(PATH), calls, "after {age} s");
        }
    }

    #[test]
    fn a_token_names_the_cluster_as_the_control_plane_wants_it() {
        let cluster = |id: Option<&str>, etcd: Option<Option<&str>>| Cluster {
            name: "c".into(),
            id: id.map(str::to_owned),
            outpost: etcd.map(|etcd| Outpost { etcd_instance_type: etcd.map(str::to_owned), ..Outpost::default() }),
            ..Cluster::default()
        };
        for (cluster, expected) in [
            (cluster(None, None), "c"),
            (cluster(Some("id"), Some(None)), "id"),
            (cluster(Some("id"), Some(Some("m5d.large"))), "c"),
            (cluster(Some("id"), None), "c"),
        ] {
            assert_eq!(cluster.token_audience(), expected, "{cluster:?}");
        }
    }

    #[tokio::test]
    async fn only_a_usable_cluster_is_remembered() {
        for (status, calls) in [("ACTIVE", 1), ("UPDATING", 1), ("CREATING", 3), ("DELETING", 3), ("FAILED", 3)] {
            let stub = Stub::new(move |_| Reply::json(&json!({ "cluster": { "name": "workshop", "status": status } })));
            let eks = stub.clients().eks(None);
            for _ in 0..3 {
                assert_eq!(eks.cluster("workshop").await.expect("read").status, status);
            }
            assert_eq!(stub.count(PATH), calls, "{status}");
        }
    }

    #[tokio::test]
    async fn simultaneous_readers_share_even_what_is_not_remembered() {
        for (reply, status) in [(200, "CREATING"), (404, "")] {
            let body = json!({
                "cluster": { "name": "workshop", "status": status },
                "__type": "ResourceNotFoundException", "message": "No cluster found for name: workshop.",
            });
            let stub = Stub::new(move |_| Reply::Answer(reply, body.to_string()));
            let eks = stub.clients().eks(None);
            for answer in join_all((0..10).map(|_| eks.cluster("workshop"))).await {
                match answer {
                    Ok(cluster) => assert_eq!(cluster.status, status),
                    Err(error) => assert!(error.is_not_found() && reply == 404, "{error}"),
                }
            }
            assert!(stub.count(PATH) <= 2, "{}", stub.count(PATH));
        }
    }

    #[tokio::test]
    async fn a_reader_that_is_stopped_does_not_stop_the_others() {
        let stub = Stub::new(|_| Reply::json(&json!({ "cluster": { "name": "workshop", "status": "CREATING" } })));
        let clients = stub.clients();
        let stop = tokio_util::sync::CancellationToken::new();
        stop.cancel();
        let stopped = clients.with_cancel(stop).eks(None);
        let eks = clients.eks(None);
        let (stopped, read) = futures::join!(stopped.cluster("workshop"), eks.cluster("workshop"));
        assert!(stopped.expect_err("stopped").is_cancelled());
        assert_eq!(read.expect("read").name, "workshop");
    }

    #[tokio::test]
    async fn names_come_from_every_page() {
        let stub = Stub::new(|asked| {
            let (names, next) = if asked.query.contains("nextToken=more") {
                (json!(["c"]), json!(null))
            } else {
                (json!(["a", "b"]), json!("more"))
            };
            Reply::json(&json!({ "clusters": names, "nextToken": next }))
        });
        assert_eq!(stub.clients().eks(None).list_clusters().await.expect("listed"), ["a", "b", "c"]);
    }

    #[tokio::test]
    async fn an_absent_cluster_is_asked_for_again_and_a_proxy_cannot_make_it_absent() {
        let absent =
            json!({ "__type": "ResourceNotFoundException", "message": "No cluster found for name: workshop." });
        let page = "<html>404 Not Found</html>".to_owned();
        for (body, not_found) in [(absent.to_string(), true), (page, false)] {
            let stub = Stub::new(move |_| Reply::Answer(404, body.clone()));
            let eks = stub.clients().eks(None);
            for _ in 0..2 {
                let error = eks.cluster("workshop").await.expect_err("absent");
                assert_eq!(error.is_not_found(), not_found, "{error}");
            }
            assert_eq!(stub.count(PATH), 2);
        }
    }

    #[test]
    fn dns_address_is_the_tenth() {
        let v4 = |cidr: &str| Cluster { service_ipv4_cidr: Some(cidr.to_owned()), ..Cluster::default() };
        for (cidr, address) in [
            ("172.20.0.0/16", Some("172.20.0.10")),
            ("10.100.0.0/16", Some("10.100.0.10")),
            ("10.0.0.240/28", Some("10.0.0.250")),
            ("no network", None),
        ] {
            assert_eq!(v4(cidr).dns_address().as_deref(), address, "{cidr}");
        }
        let v6 = Cluster {
            service_ipv6_cidr: Some("fd30:1c53:5f8a::/108".to_owned()),
            ip_family: Some("ipv6".to_owned()),
            ..Cluster::default()
        };
        assert_eq!(v6.dns_address().as_deref(), Some("fd30:1c53:5f8a::a"));
        assert_eq!(Cluster::default().dns_address(), None);
    }
}
