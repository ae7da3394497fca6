//! Local clusters on Outposts. There are two architectures with opposite rules: the control plane on EBS volumes in the
//! customer's account, and the one on instance stores in AWS's, which `etcdInstanceType` selects.
//!
//! Sources: EKS user guide, "Create local Amazon EKS clusters on AWS Outposts", and eksctl's validation.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Route, cluster::Network, find, invalid, remote_networks::RemoteNetworks};
use crate::{
    aws::{
        Call,
        constraints::Constraints,
        error::{AwsError, Result},
        input::Json,
    },
    ec2::{self, catalog},
    random,
};

/// Instances of an EBS control plane, and network interfaces of one on instance stores.
const MEMBERS: usize = 3;

/// Zones without local clusters on instance stores.
const WITHOUT: [&str; 3] = ["use1-az3", "usw1-az2", "cac1-az3"];

/// Where the control plane of a local cluster runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outpost {
    /// ID of the cluster.
    pub id: String,
    arn: String,
    instance_type: String,
    group_name: Option<String>,
    spread_level: Option<String>,
    /// Set in the architecture with instance stores.
    etcd: Option<Etcd>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Etcd {
    instance_type: String,
    spread_level: Option<String>,
}

impl Outpost {
    /// Reads `outpostConfig`; `None` for a cluster in the Region.
    pub fn read(call: &Call<'_>, input: Json<'_>) -> Result<Option<Self>> {
        let Some(config) = input.object("outpostConfig")? else { return Ok(None) };
        let arns = config.texts("outpostArns")?;
        let instance_type = config.text("controlPlaneInstanceType")?;
        let placement = config.object("controlPlanePlacement")?;
        let of = |part: Option<Json<'_>>, member: &str| -> Result<Option<String>> {
            Ok(part.map(|part| part.text(member)).transpose()?.flatten().map(ToOwned::to_owned))
        };
        let (group_name, spread_level) = (of(placement, "groupName")?, of(placement, "spreadLevel")?);
        let etcd_type = config.text("etcdInstanceType")?;
        let etcd_placement = config.object("etcdPlacement")?;
        let etcd_spread = of(etcd_placement, "spreadLevel")?;
        let mut constraints = Constraints::default();
        constraints.required("outpostConfig.outpostArns", arns.as_ref());
        constraints.required("outpostConfig.controlPlaneInstanceType", instance_type);
        for level in [&spread_level, &etcd_spread] {
            constraints.one_of("spreadLevel", level.as_deref(), &["host", "rack"]);
        }
        constraints.finish_as("InvalidParameterException")?;
        let [arn] = &arns.unwrap_or_default()[..] else {
            return Err(invalid("Exactly one Outpost ARN must be specified in outpostArns"));
        };
        let prefix = call.arn("outposts", "outpost/op-");
        let digits = arn.strip_prefix(&prefix).unwrap_or_default();
        if digits.len() != 17 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(invalid(format!("The Outpost ARN {arn} is not valid in account and Region")));
        }
        let instance_type = instance_type.unwrap_or_default();
        for name in [Some(instance_type), etcd_type].into_iter().flatten() {
            if catalog::pods(name).is_none() {
                return Err(invalid(format!("The instance type {name} is not supported on the Outpost")));
            }
        }
        match etcd_type {
            None if spread_level.is_some() => Err(invalid("spreadLevel requires etcdInstanceType to be specified")),
            None if etcd_placement.is_some() => Err(invalid("etcdPlacement requires etcdInstanceType to be specified")),
            Some(_) if group_name.is_some() => {
                Err(invalid("groupName is not supported when etcdInstanceType is specified"))
            }
            _ => Ok(Some(Self {
                id: random::uuid(),
                arn: arn.clone(),
                instance_type: instance_type.to_owned(),
                group_name,
                spread_level,
                etcd: etcd_type.map(|name| Etcd { instance_type: name.to_owned(), spread_level: etcd_spread }),
            })),
        }
    }

    /// Whether the control plane is on EBS volumes.
    pub fn is_ebs(&self) -> bool {
        self.etcd.is_none()
    }

    /// The service whose principal the cluster role trusts.
    pub fn trusted(&self) -> &'static str {
        if self.is_ebs() { "ec2.amazonaws.com" } else { "eks.amazonaws.com" }
    }

    /// Checks the access of a new cluster, or of one after an update.
    pub fn check_access(&self, mode: &str, bootstrap: bool) -> Result<()> {
        if self.is_ebs() && (mode != "CONFIG_MAP" || !bootstrap) {
            return Err(invalid(
                "Local Amazon EKS cluster only supports bootstrapClusterCreatorAdminPermissions=true and authenticationMode=CONFIG_MAP for AccessConfig.",
            ));
        }
        if !self.is_ebs() && mode == "CONFIG_MAP" {
            return Err(invalid(
                "Local Amazon EKS cluster with etcdInstanceType only supports authenticationMode API or API_AND_CONFIG_MAP",
            ));
        }
        Ok(())
    }

    /// Checks the access to the API server's endpoint.
    pub fn check_endpoint(&self, public: bool, private: bool) -> Result<()> {
        if self.is_ebs() && public {
            return Err(invalid("Local Amazon EKS cluster only supports private endpoint access"));
        }
        if private { Ok(()) } else { Err(invalid("Local Amazon EKS cluster requires private endpoint access")) }
    }

    /// Checks the remote networks.
    pub fn check_remote(&self, remote: &RemoteNetworks) -> Result<()> {
        if remote.nodes.is_empty() && remote.pods.is_empty() {
            return Ok(());
        }
        if self.is_ebs() {
            return Err(invalid("remoteNetworkConfig is not supported for local Amazon EKS clusters"));
        }
        if remote.pods.is_empty() {
            return Err(invalid("remotePodNetworks is required in remoteNetworkConfig of a local Amazon EKS cluster"));
        }
        Ok(())
    }

    /// Checks what a request asks for beside, which no local cluster has.
    pub fn check_request(input: Json<'_>) -> Result<()> {
        for member in ["computeConfig", "storageConfig", "encryptionConfig", "zonalShiftConfig"] {
            if input.value(member).is_some() {
                return Err(invalid(format!("{member} is not supported for local Amazon EKS clusters")));
            }
        }
        let network = input.object("resourcesVpcConfig")?;
        if network.is_some_and(|network| network.value("publicAccessCidrs").is_some()) {
            return Err(invalid("publicAccessCidrs is not supported for local Amazon EKS clusters"));
        }
        Ok(())
    }

    /// Checks the subnets: on the Outpost, or in one zone of it.
    pub fn check_subnets(&self, call: &mut Call<'_>, network: &Network) -> Result<()> {
        let store = &call.region().ec2;
        let subnets: Vec<_> = network.subnet_ids.iter().filter_map(|id| store.subnets.get(id)).collect();
        if self.is_ebs() {
            return match subnets.iter().find(|subnet| subnet.outpost_arn.as_ref() != Some(&self.arn)) {
                Some(other) => Err(invalid(format!("The subnet {} is not on the Outpost {}", other.id, self.arn))),
                None => Ok(()),
            };
        }
        let mut zones: Vec<&String> = subnets.iter().map(|subnet| &subnet.zone).collect();
        zones.dedup();
        if zones.len() > 1 {
            return Err(invalid(
                "Subnets of a local Amazon EKS cluster must be in the Availability Zone of the Outpost",
            ));
        }
        let zone = zones.first().map(|zone| crate::aws::regions::zone_id(zone)).unwrap_or_default();
        if WITHOUT.contains(&zone.as_str()) {
            return Err(invalid(format!(
                "Local Amazon EKS clusters are not supported in the Availability Zone {zone}"
            )));
        }
        Ok(())
    }

    pub fn describe(&self) -> Value {
        let mut value = json!({"outpostArns": [self.arn], "controlPlaneInstanceType": self.instance_type});
        let mut placement = json!({});
        for (member, text) in [("groupName", &self.group_name), ("spreadLevel", &self.spread_level)] {
            if let Some(text) = text {
                placement[member] = text.clone().into();
                value["controlPlanePlacement"] = placement.clone();
            }
        }
        if let Some(etcd) = &self.etcd {
            value["etcdInstanceType"] = etcd.instance_type.clone().into();
            if let Some(level) = &etcd.spread_level {
                value["etcdPlacement"] = json!({"spreadLevel": level});
            }
        }
        value
    }

    /// Puts the control plane into EC2: its instances, or the network interfaces of instances in AWS's account. False:
    /// the subnets have too few free addresses.
    pub fn place(&self, call: &mut Call<'_>, name: &str, network: &Network) -> Result<bool> {
        let region = call.region.clone();
        let groups: Vec<String> =
            std::iter::once(&network.cluster_security_group_id).chain(&network.security_group_ids).cloned().collect();
        for member in 0..MEMBERS {
            let id = &network.subnet_ids[member % network.subnet_ids.len()];
            let Some(subnet) = call.region().ec2.subnets.get(id).cloned() else { return Ok(false) };
            let Some(address) = ec2::interfaces::free_address(&call.region().ec2, &subnet) else { return Ok(false) };
            if self.is_ebs() {
                let instance = format!("i-0{}", random::hex(16));
                let tags = BTreeMap::from([("Name".to_owned(), format!("{name}-control-plane-{}", random::hex(8)))]);
                ec2::instances::of_control_plane(
                    call.account(),
                    &region,
                    &instance,
                    (id, &address),
                    &self.instance_type,
                    &groups,
                    (tags, name),
                );
            } else {
                let mut interface = ec2::interfaces::make(call, &subnet, &groups, &format!("Amazon EKS {name}"), None)?;
                interface.value["_cluster"] = name.into();
                call.region().ec2.keep(interface);
            }
        }
        Ok(true)
    }
}

/// Refuses what a local cluster does not have: managed node groups, and on EBS volumes access entries and add-ons.
pub fn refuse(call: &mut Call<'_>, route: &Route) -> Result<()> {
    let refused = match route.operation {
        "CreateNodegroup" => "Managed node groups are not supported for local Amazon EKS clusters",
        "CreateAddon" => "Amazon EKS add-ons are not supported for this local Amazon EKS cluster",
        _ => return Ok(()),
    };
    let Some(outpost) = &find(call, route)?.outpost else { return Ok(()) };
    if route.operation == "CreateNodegroup" || outpost.is_ebs() {
        return Err(AwsError::client("InvalidRequestException", refused));
    }
    Ok(())
}
