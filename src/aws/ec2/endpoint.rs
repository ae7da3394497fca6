//! VPC endpoints, and the services that they lead to.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{DnsOptionsSpecification, ResourceType, Tag, TagSpecification, VpcEndpoint, VpcEndpointType};

use super::{Client, PAGE, filter};
use crate::aws::clients::Effect;
use crate::aws::error::{Operation, Result};

const DESCRIBE: Operation = Operation::new("ec2", "DescribeVpcEndpoints");
const DESCRIBE_SERVICES: Operation = Operation::new("ec2", "DescribeVpcEndpointServices");
const CREATE: Operation = Operation::new("ec2", "CreateVpcEndpoint");
const MODIFY: Operation = Operation::new("ec2", "ModifyVpcEndpoint");
const DELETE: Operation = Operation::new("ec2", "DeleteVpcEndpoints");
const CREATE_TAGS: Operation = Operation::new("ec2", "CreateTags");
const DELETE_TAGS: Operation = Operation::new("ec2", "DeleteTags");

/// Endpoints per call that deletes them. Source: EC2 API reference on deleting resources in batches.
const AT_ONCE: usize = 25;

/// A VPC endpoint as AWS describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// `vpce-…`.
    pub id: String,
    /// Its VPC.
    pub vpc_id: String,
    /// `com.amazonaws.us-west-2.ecr.api`.
    pub service_name: String,
    /// `Interface`, `Gateway` or another kind.
    pub kind: String,
    /// `pending`, `available`, `deleting` and so on, in lowercase letters.
    pub state: String,
    /// Its policy as JSON.
    pub policy: Option<String>,
    /// Route tables of a gateway endpoint.
    pub route_table_ids: BTreeSet<String>,
    /// Subnets of an interface endpoint.
    pub subnet_ids: BTreeSet<String>,
    /// Security groups of an interface endpoint.
    pub security_group_ids: BTreeSet<String>,
    /// Whether the service's own names resolve to it in the VPC.
    pub private_dns: bool,
    /// Names that resolve to it.
    pub dns_names: Vec<String>,
    /// Network interfaces in the subnets.
    pub network_interface_ids: Vec<String>,
    /// Tags, without AWS's own.
    pub tags: BTreeMap<String, String>,
    /// Whether an AWS service manages it.
    pub is_managed_by_aws: bool,
    /// Why it failed.
    pub failure: Option<String>,
}

impl Endpoint {
    /// Whether it is on its way out, or gone.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        matches!(self.state.as_str(), "deleting" | "deleted")
    }

    /// Whether it can never become available.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        matches!(self.state.as_str(), "failed" | "rejected" | "expired")
    }

    fn read(endpoint: VpcEndpoint) -> Self {
        let set = |ids: Option<Vec<String>>| ids.unwrap_or_default().into_iter().collect();
        let error = endpoint.last_error.and_then(|error| error.message);
        let tags = endpoint.tags.unwrap_or_default().into_iter();
        Self {
            id: endpoint.vpc_endpoint_id.unwrap_or_default(),
            vpc_id: endpoint.vpc_id.unwrap_or_default(),
            service_name: endpoint.service_name.unwrap_or_default(),
            kind: endpoint.vpc_endpoint_type.map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
            state: endpoint.state.map(|state| state.as_str().to_ascii_lowercase()).unwrap_or_default(),
            policy: endpoint.policy_document.filter(|policy| !policy.is_empty()),
            route_table_ids: set(endpoint.route_table_ids),
            subnet_ids: set(endpoint.subnet_ids),
            security_group_ids: set(endpoint
                .groups
                .map(|groups| groups.into_iter().filter_map(|group| group.group_id).collect())),
            private_dns: endpoint.private_dns_enabled.unwrap_or_default(),
            dns_names: endpoint
                .dns_entries
                .unwrap_or_default()
                .into_iter()
                .filter_map(|entry| entry.dns_name)
                .collect(),
            network_interface_ids: endpoint.network_interface_ids.unwrap_or_default(),
            tags: tags
                .filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())))
                .filter(|(key, _)| !key.starts_with("aws:"))
                .collect(),
            is_managed_by_aws: endpoint.requester_managed.unwrap_or_default(),
            failure: error.or(endpoint.failure_reason),
        }
    }
}

/// An endpoint to be created.
#[derive(Debug, Clone, Default)]
pub struct NewEndpoint {
    /// VPC.
    pub vpc_id: String,
    /// `com.amazonaws.us-west-2.ecr.api`.
    pub service_name: String,
    /// Whether it is a gateway endpoint; otherwise it is an interface endpoint.
    pub is_gateway: bool,
    /// Policy as JSON; none allows everything.
    pub policy: Option<String>,
    /// Route tables of a gateway endpoint.
    pub route_table_ids: Vec<String>,
    /// Subnets of an interface endpoint.
    pub subnet_ids: Vec<String>,
    /// Security groups of an interface endpoint.
    pub security_group_ids: Vec<String>,
    /// Whether the service's own names resolve to an interface endpoint in the VPC.
    pub private_dns: bool,
    /// Whether the private names resolve in the VPC itself, and not only for hosts that ask an inbound resolver. Only
    /// the interface endpoint of Amazon S3 makes that difference.
    pub private_dns_everywhere: bool,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Repeating a call with the same token creates nothing anew.
    pub token: String,
}

/// What a change of an endpoint adds and removes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EndpointChange {
    /// Policy as JSON; `Some(None)` resets it to the one that allows everything.
    pub policy: Option<Option<String>>,
    /// Route tables to add.
    pub add_route_tables: Vec<String>,
    /// Route tables to remove.
    pub remove_route_tables: Vec<String>,
    /// Subnets to add.
    pub add_subnets: Vec<String>,
    /// Subnets to remove.
    pub remove_subnets: Vec<String>,
    /// Security groups to add.
    pub add_security_groups: Vec<String>,
    /// Security groups to remove.
    pub remove_security_groups: Vec<String>,
    /// Private DNS.
    pub private_dns: Option<bool>,
}

impl EndpointChange {
    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A service that endpoints lead to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EndpointService {
    /// Kinds of endpoints that it has: `Interface`, `Gateway` or another kind.
    pub kinds: BTreeSet<String>,
    /// Availability Zones with interface endpoints.
    pub zones: BTreeSet<String>,
    /// Whether its endpoints have policies.
    pub has_policy: bool,
    /// Whether its interface endpoints have a private DNS name.
    pub has_private_dns: bool,
}

/// An endpoint that could not be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotDeleted {
    /// `vpce-…`.
    pub id: String,
    /// AWS's code and message.
    pub why: String,
}

impl Client {
    /// The endpoints of a VPC, including those that are being deleted.
    ///
    /// # Errors
    /// Those of the calls.
    pub async fn endpoints(&self, vpc_id: &str) -> Result<Vec<Endpoint>> {
        self.described(Some(vpc_id)).await
    }

    /// All endpoints of the region.
    ///
    /// # Errors
    /// Those of the calls.
    pub async fn all_endpoints(&self) -> Result<Vec<Endpoint>> {
        self.described(None).await
    }

    async fn described(&self, vpc_id: Option<&str>) -> Result<Vec<Endpoint>> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let mut found = Vec::new();
        let mut next = None;
        loop {
            let of_vpc = vpc_id.map(|vpc| vec![filter("vpc-id", vec![vpc.to_owned()])]);
            let request = regional.ec2().describe_vpc_endpoints().set_filters(of_vpc);
            let request = request.max_results(PAGE).set_next_token(next.take());
            let run = |probe| request.customize().interceptor(probe).send();
            let page = self.clients.run(DESCRIBE, Effect::Read, &regional.region, run).await?;
            found.extend(page.vpc_endpoints.unwrap_or_default().into_iter().map(Endpoint::read));
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(found);
            }
        }
    }

    /// Those of the given services that the region has, by name.
    ///
    /// # Errors
    /// Those of the calls.
    pub async fn endpoint_services(&self, names: &[String]) -> Result<BTreeMap<String, EndpointService>> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let mut found: BTreeMap<String, EndpointService> = BTreeMap::new();
        let mut next = None;
        loop {
            // By filter: one unknown name would fail the call.
            let wanted = filter("service-name", names.to_vec());
            let request = regional.ec2().describe_vpc_endpoint_services().filters(wanted);
            let request = request.max_results(PAGE).set_next_token(next.take());
            let run = |probe| request.customize().interceptor(probe).send();
            let page = self.clients.run(DESCRIBE_SERVICES, Effect::Read, &regional.region, run).await?;
            for detail in page.service_details.unwrap_or_default() {
                let kinds = detail.service_type().iter().filter_map(|kind| kind.service_type());
                let kinds: BTreeSet<String> = kinds.map(|kind| kind.as_str().to_owned()).collect();
                let service = found.entry(detail.service_name.unwrap_or_default()).or_default();
                service.has_policy |= detail.vpc_endpoint_policy_supported.unwrap_or_default();
                if kinds.contains("Interface") {
                    service.has_private_dns |= detail.private_dns_name.is_some_and(|name| !name.is_empty());
                    service.zones.extend(detail.availability_zones.unwrap_or_default());
                }
                service.kinds.extend(kinds);
            }
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(found);
            }
        }
    }

    /// Creates an endpoint. It is pending when AWS answers.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn create_endpoint(&self, new: &NewEndpoint) -> Result<Endpoint> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let kind = if new.is_gateway { VpcEndpointType::Gateway } else { VpcEndpointType::Interface };
        let some = |ids: &Vec<String>| Some(ids.clone()).filter(|ids| !ids.is_empty());
        let mut request = regional
            .ec2()
            .create_vpc_endpoint()
            .vpc_id(&new.vpc_id)
            .service_name(&new.service_name)
            .vpc_endpoint_type(kind)
            .set_policy_document(new.policy.clone())
            .client_token(&new.token);
        request = if new.is_gateway {
            request.set_route_table_ids(some(&new.route_table_ids))
        } else {
            request
                .set_subnet_ids(some(&new.subnet_ids))
                .set_security_group_ids(some(&new.security_group_ids))
                .private_dns_enabled(new.private_dns)
        };
        if new.private_dns && new.private_dns_everywhere {
            let options = DnsOptionsSpecification::builder().private_dns_only_for_inbound_resolver_endpoint(false);
            request = request.dns_options(options.build());
        }
        if !new.tags.is_empty() {
            let tags = TagSpecification::builder().resource_type(ResourceType::VpcEndpoint);
            request = request.tag_specifications(tags.set_tags(Some(tags_of(&new.tags))).build());
        }
        let run = |probe| request.customize().interceptor(probe).send();
        let output = self.clients.run(CREATE, Effect::Create, &regional.region, run).await?;
        Ok(output.vpc_endpoint.map(Endpoint::read).unwrap_or_default())
    }

    /// Changes an endpoint.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn modify_endpoint(&self, id: &str, change: &EndpointChange) -> Result<()> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let some = |ids: &Vec<String>| Some(ids.clone()).filter(|ids| !ids.is_empty());
        let request = regional
            .ec2()
            .modify_vpc_endpoint()
            .vpc_endpoint_id(id)
            .set_policy_document(change.policy.clone().flatten())
            .set_reset_policy((change.policy == Some(None)).then_some(true))
            .set_add_route_table_ids(some(&change.add_route_tables))
            .set_remove_route_table_ids(some(&change.remove_route_tables))
            .set_add_subnet_ids(some(&change.add_subnets))
            .set_remove_subnet_ids(some(&change.remove_subnets))
            .set_add_security_group_ids(some(&change.add_security_groups))
            .set_remove_security_group_ids(some(&change.remove_security_groups))
            .set_private_dns_enabled(change.private_dns);
        let run = |probe| request.customize().interceptor(probe).send();
        self.clients.run(MODIFY, Effect::Change, &regional.region, run).await?;
        Ok(())
    }

    /// Starts to delete endpoints. One that does not exist is no error.
    ///
    /// # Errors
    /// Those of the calls. What AWS refuses for single endpoints is the result.
    pub async fn delete_endpoints(&self, ids: &[String]) -> Result<Vec<NotDeleted>> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let mut refused = Vec::new();
        for batch in ids.chunks(AT_ONCE) {
            let request = regional.ec2().delete_vpc_endpoints().set_vpc_endpoint_ids(Some(batch.to_vec()));
            let run = |probe| request.customize().interceptor(probe).send();
            let output = match self.clients.run(DELETE, Effect::Change, &regional.region, run).await {
                Err(error) if error.is_not_found() => continue,
                other => other?,
            };
            refused.extend(output.unsuccessful.unwrap_or_default().into_iter().filter_map(|item| {
                let error = item.error.unwrap_or_else(|| aws_sdk_ec2::types::UnsuccessfulItemError::builder().build());
                let (code, message) = (error.code.unwrap_or_default(), error.message.unwrap_or_default());
                let is_gone = code.ends_with(".NotFound");
                (!is_gone)
                    .then(|| NotDeleted { id: item.resource_id.unwrap_or_default(), why: format!("{code}: {message}") })
            }));
        }
        Ok(refused)
    }

    /// Sets tags of objects, and removes those with other keys in `gone`.
    ///
    /// # Errors
    /// Those of the calls.
    pub async fn tag(&self, ids: &[String], tags: &BTreeMap<String, String>, gone: &[String]) -> Result<()> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        if !tags.is_empty() {
            let request = regional.ec2().create_tags().set_resources(Some(ids.to_vec())).set_tags(Some(tags_of(tags)));
            let run = |probe| request.customize().interceptor(probe).send();
            self.clients.run(CREATE_TAGS, Effect::Change, &regional.region, run).await?;
        }
        if !gone.is_empty() {
            let keys = gone.iter().map(|key| Tag::builder().key(key).build()).collect();
            let request = regional.ec2().delete_tags().set_resources(Some(ids.to_vec())).set_tags(Some(keys));
            let run = |probe| request.customize().interceptor(probe).send();
            self.clients.run(DELETE_TAGS, Effect::Change, &regional.region, run).await?;
        }
        Ok(())
    }
}

fn tags_of(tags: &BTreeMap<String, String>) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::stub::{Reply, Stub};

    #[tokio::test]
    async fn endpoints_are_read_whole_from_every_page() {
        let stub = Stub::new(|asked| {
            let second = asked.body.get("NextToken").is_some();
            let (id, next) = if second { ("vpce-2", "") } else { ("vpce-1", "more") };
            let item = format!(
                "<item><vpcEndpointId>{id}</vpcEndpointId><vpcEndpointType>Interface</vpcEndpointType>\
                 <serviceName>com.amazonaws.us-west-2.ec2</serviceName><state>Available</state>\
                 <subnetIdSet><item>subnet-1</item></subnetIdSet><groupSet><item><groupId>sg-1</groupId></item></groupSet>\
                 <privateDnsEnabled>true</privateDnsEnabled>\
                 <dnsEntrySet><item><dnsName>ec2.us-west-2.amazonaws.com</dnsName></item></dnsEntrySet>\
                 <tagSet><item><key>a</key><value>b</value></item><item><key>aws:x</key><value>y</value></item></tagSet></item>"
            );
            let set = format!("<vpcEndpointSet>{item}</vpcEndpointSet><nextToken>{next}</nextToken>");
            Reply::Answer(200, format!("<DescribeVpcEndpointsResponse>{set}</DescribeVpcEndpointsResponse>"))
        });
        let found = stub.clients().ec2(None).endpoints("vpc-1").await.expect("read");
        let set = |id: &str| BTreeSet::from([id.to_owned()]);
        let endpoint = |id: &str| Endpoint {
            id: id.to_owned(),
            service_name: "com.amazonaws.us-west-2.ec2".to_owned(),
            kind: "Interface".to_owned(),
            state: "available".to_owned(),
            subnet_ids: set("subnet-1"),
            security_group_ids: set("sg-1"),
            private_dns: true,
            dns_names: vec!["ec2.us-west-2.amazonaws.com".to_owned()],
            tags: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
            ..Endpoint::default()
        };
        assert_eq!(found, [endpoint("vpce-1"), endpoint("vpce-2")]);
    }

    #[tokio::test]
    async fn a_service_with_both_kinds_is_one() {
        let item = |kind: &str, more: &str| {
            format!(
                "<item><serviceName>com.amazonaws.us-west-2.s3</serviceName>\
                 <serviceType><item><serviceType>{kind}</serviceType></item></serviceType>\
                 <vpcEndpointPolicySupported>true</vpcEndpointPolicySupported>{more}</item>"
            )
        };
        let zones = "<availabilityZoneSet><item>us-west-2a</item></availabilityZoneSet>";
        let set = item("Gateway", "") + &item("Interface", &format!("{zones}<privateDnsName>*.s3</privateDnsName>"));
        let body = format!(
            "<DescribeVpcEndpointServicesResponse><serviceDetailSet>{set}</serviceDetailSet></DescribeVpcEndpointServicesResponse>"
        );
        let stub = Stub::new(move |_| Reply::Answer(200, body.clone()));
        let found = stub.clients().ec2(None).endpoint_services(&["x".to_owned()]).await.expect("read");
        let expected = EndpointService {
            kinds: ["Gateway", "Interface"].map(str::to_owned).into(),
            zones: BTreeSet::from(["us-west-2a".to_owned()]),
            has_policy: true,
            has_private_dns: true,
        };
        assert_eq!(found, BTreeMap::from([("com.amazonaws.us-west-2.s3".to_owned(), expected)]));
    }

    #[tokio::test]
    async fn an_endpoint_that_is_gone_needs_no_deletion() {
        let item = |id: &str, code: &str| {
            format!("<item><resourceId>{id}</resourceId><error><code>{code}</code><message>m</message></error></item>")
        };
        let set = item("vpce-1", "InvalidVpcEndpointId.NotFound") + &item("vpce-2", "OperationNotPermitted");
        let body =
            format!("<DeleteVpcEndpointsResponse><unsuccessful>{set}</unsuccessful></DeleteVpcEndpointsResponse>");
        let stub = Stub::new(move |_| Reply::Answer(200, body.clone()));
        let ids = ["vpce-1", "vpce-2"].map(str::to_owned);
        let refused = stub.clients().ec2(None).delete_endpoints(&ids).await.expect("called");
        assert_eq!(refused, [NotDeleted { id: "vpce-2".to_owned(), why: "OperationNotPermitted: m".to_owned() }]);
    }
}
