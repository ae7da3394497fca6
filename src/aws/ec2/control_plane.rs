//! Addresses of the control plane of a local cluster on an Outpost.

use super::{Client, PAGE, filter};
use crate::aws::clients::Effect;
use crate::aws::error::{Operation, Result};

const DESCRIBE_INSTANCES: Operation = Operation::new("ec2", "DescribeInstances");
const DESCRIBE_INTERFACES: Operation = Operation::new("ec2", "DescribeNetworkInterfaces");

/// An instance of a control plane on EBS volumes, or a network interface of one on instance stores, whose instances
/// are in AWS's account.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ControlPlaneMember {
    /// Private IPv4 address.
    pub private_ip: String,
    /// `i-…` or `eni-…`.
    pub id: String,
    /// Value of the tag `Name` of an instance, or the interface's description.
    pub name: String,
    /// Subnet.
    pub subnet_id: String,
}

impl Client {
    /// The instances named `CLUSTER-control-plane-…` of a VPC that have not ended, by address. Source: EKS user guide,
    /// "Create local Amazon EKS clusters on AWS Outposts".
    ///
    /// # Errors
    /// Those of the calls.
    pub async fn control_plane_instances(&self, cluster: &str, vpc_id: &str) -> Result<Vec<ControlPlaneMember>> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let prefix = format!("{cluster}-control-plane-");
        let states = ["pending", "running", "stopping", "stopped"].map(str::to_owned);
        let mut found = Vec::new();
        let mut next = None;
        loop {
            let request = regional
                .ec2()
                .describe_instances()
                .filters(filter("tag:Name", vec![format!("{prefix}*")]))
                .filters(filter("vpc-id", vec![vpc_id.to_owned()]))
                .filters(filter("instance-state-name", states.to_vec()))
                .set_next_token(next.take());
            let run = |probe| request.customize().interceptor(probe).send();
            let page = self.clients.run(DESCRIBE_INSTANCES, Effect::Read, &regional.region, run).await?;
            let reservations = page.reservations.unwrap_or_default().into_iter();
            for instance in reservations.flat_map(|reservation| reservation.instances.unwrap_or_default()) {
                let tags = instance.tags.unwrap_or_default();
                let name = tags.into_iter().find(|tag| tag.key() == Some("Name")).and_then(|tag| tag.value);
                // The cluster `a-control-plane-b` has instances whose names begin like those of `a`.
                let name =
                    name.filter(|name| name.strip_prefix(&prefix).is_some_and(|id| !id.contains("-control-plane-")));
                let (Some(id), Some(name), Some(private_ip)) =
                    (instance.instance_id, name, instance.private_ip_address)
                else {
                    continue;
                };
                let subnet_id = instance.subnet_id.unwrap_or_default();
                found.push(ControlPlaneMember { private_ip, id, name, subnet_id });
            }
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                found.sort();
                return Ok(found);
            }
        }
    }

    /// The network interfaces of a VPC with the description `Amazon EKS CLUSTER`, by address.
    ///
    /// # Errors
    /// Those of the calls.
    pub async fn control_plane_interfaces(&self, cluster: &str, vpc_id: &str) -> Result<Vec<ControlPlaneMember>> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let mut found = Vec::new();
        let mut next = None;
        loop {
            let request = regional
                .ec2()
                .describe_network_interfaces()
                .filters(filter("description", vec![format!("Amazon EKS {cluster}")]))
                .filters(filter("vpc-id", vec![vpc_id.to_owned()]))
                .max_results(PAGE)
                .set_next_token(next.take());
            let run = |probe| request.customize().interceptor(probe).send();
            let page = self.clients.run(DESCRIBE_INTERFACES, Effect::Read, &regional.region, run).await?;
            for interface in page.network_interfaces.unwrap_or_default() {
                let (Some(id), Some(private_ip)) = (interface.network_interface_id, interface.private_ip_address)
                else {
                    continue;
                };
                let (name, subnet_id) = (interface.description, interface.subnet_id);
                found.push(ControlPlaneMember {
                    private_ip,
                    id,
                    name: name.unwrap_or_default(),
                    subnet_id: subnet_id.unwrap_or_default(),
                });
            }
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                found.sort();
                return Ok(found);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::aws::stub::{Reply, Stub};

    #[tokio::test]
    async fn a_cluster_with_a_longer_name_is_another_one() {
        let instance = |id: &str, name: &str, address: &str| {
            format!(
                "<item><instanceId>{id}</instanceId><privateIpAddress>{address}</privateIpAddress><subnetId>subnet-1</subnetId>\
                 <tagSet><item><key>Name</key><value>{name}</value></item></tagSet></item>"
            )
        };
        let items = instance("i-2", "a-control-plane-id2", "10.0.0.9")
            + &instance("i-1", "a-control-plane-id1", "10.0.0.5")
            + &instance("i-3", "a-control-plane-b-control-plane-id1", "10.0.0.7");
        let body = format!(
            "<DescribeInstancesResponse><reservationSet><item><instancesSet>{items}</instancesSet></item></reservationSet></DescribeInstancesResponse>"
        );
        let stub = Stub::new(move |_| Reply::Answer(200, body.clone()));
        let found = stub.clients().ec2(None).control_plane_instances("a", "vpc-1").await.expect("listed");
        let addresses: Vec<&str> = found.iter().map(|member| member.private_ip.as_str()).collect();
        assert_eq!(addresses, ["10.0.0.5", "10.0.0.9"]);
    }
}
