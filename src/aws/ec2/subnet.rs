//! Subnets and their location.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::Filter;
use futures::future::{BoxFuture, try_join_all};

use super::{Client, MOST_PAGES, PAGE, Reads, by_id, distinct, filter};
use crate::aws::clients::Effect;
use crate::aws::error::{Operation, Result};
use crate::aws::shared::{Found, Source};

const DESCRIBE: Operation = Operation::new("ec2", "DescribeSubnets");

/// A subnet as AWS describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subnet {
    /// `subnet-…`.
    pub id: String,
    /// VPC.
    pub vpc_id: String,
    /// `us-west-2a`.
    pub availability_zone: String,
    /// `usw2-az1`: identifies the same zone in every account.
    pub availability_zone_id: Option<String>,
    /// IPv4 network. None for an IPv6-only subnet.
    pub cidr_block: Option<String>,
    /// Number of unused addresses.
    pub available_addresses: u32,
    /// ARN of its Outpost.
    pub outpost_arn: Option<String>,
}

impl Subnet {
    fn read(subnet: aws_sdk_ec2::types::Subnet) -> Option<(String, Self)> {
        let id = subnet.subnet_id?;
        let found = Self {
            id: id.clone(),
            vpc_id: subnet.vpc_id.unwrap_or_default(),
            availability_zone: subnet.availability_zone.unwrap_or_default(),
            availability_zone_id: subnet.availability_zone_id,
            cidr_block: subnet.cidr_block,
            available_addresses: subnet.available_ip_address_count.and_then(|n| n.try_into().ok()).unwrap_or_default(),
            outpost_arn: subnet.outpost_arn,
        };
        Some((id, found))
    }
}

impl Client {
    /// A subnet; `None` if it does not exist. Shares calls with other readers; see `aws::shared`.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn subnet(&self, id: &str) -> Result<Option<Subnet>> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        regional.part::<Reads>().subnets.read(id, || Subnets(self.clone()), self.clients.sleep()).await
    }

    /// Those of the given subnets that exist, by id.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn subnets<'a>(&self, ids: impl IntoIterator<Item = &'a str>) -> Result<BTreeMap<String, Subnet>> {
        let ids = distinct(ids);
        let answers = try_join_all(ids.iter().map(|id| self.subnet(id))).await?;
        Ok(by_id(ids, answers))
    }

    /// The subnets of a VPC.
    ///
    /// # Errors
    /// Those of the calls.
    pub async fn subnets_of(&self, vpc_id: &str) -> Result<Vec<Subnet>> {
        let found = self.subnet_pages(Some(filter("vpc-id", vec![vpc_id.to_owned()])), usize::MAX).await?;
        Ok(found.unwrap_or_default().into_values().collect())
    }

    /// Every subnet that matches the filter; `None` if there are more than `most` pages.
    async fn subnet_pages(&self, filter: Option<Filter>, most: usize) -> Result<Option<Found<Subnet>>> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let filters = filter.map(|filter| vec![filter]);
        let mut found = Found::new();
        let mut next = None;
        for _ in 0..most {
            let request = regional.ec2().describe_subnets().set_filters(filters.clone());
            let request = request.max_results(PAGE).set_next_token(next.take());
            let run = |probe| request.customize().interceptor(probe).send();
            let page = self.clients.run(DESCRIBE, Effect::Read, &regional.region, run).await?;
            found.extend(page.subnets.unwrap_or_default().into_iter().filter_map(Subnet::read));
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

struct Subnets(Client);

impl Source for Subnets {
    type Item = Subnet;
    /// `hashicorp/aws` creates subnets in the same run.
    const LISTING_IS_COMPLETE: bool = false;
    /// A subnet never changes its VPC or zone.
    const LASTS: bool = true;

    fn some(&self, keys: Vec<String>) -> BoxFuture<'_, Result<Found<Subnet>>> {
        let wanted = filter("subnet-id", keys);
        // Without a limit, there is always a result.
        Box::pin(async { Ok(self.0.subnet_pages(Some(wanted), usize::MAX).await?.unwrap_or_default()) })
    }

    fn all(&self) -> BoxFuture<'_, Result<Option<Found<Subnet>>>> {
        Box::pin(self.0.subnet_pages(None, MOST_PAGES))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::error::Kind;
    use crate::aws::stub::{Asked, Reply, Stub};

    /// The ids in the filter.
    fn wanted(asked: &Asked) -> Vec<String> {
        let fields = asked.body.as_object().expect("a form");
        let named = fields.iter().filter(|(name, _)| name.starts_with("Filter.1.Value."));
        named.map(|(_, id)| id.as_str().expect("text").to_owned()).collect()
    }

    fn answer(ids: &[String], next: &str) -> Reply {
        let item = |id: &String| {
            format!(
                "<item><subnetId>{id}</subnetId><vpcId>vpc-1</vpcId><availabilityZone>us-west-2a</availabilityZone>\
                 <availabilityZoneId>usw2-az1</availabilityZoneId><cidrBlock>100.64.0.0/19</cidrBlock>\
                 <availableIpAddressCount>8187</availableIpAddressCount></item>"
            )
        };
        let items: String = ids.iter().map(item).collect();
        let set = format!("<subnetSet>{items}</subnetSet><nextToken>{next}</nextToken>");
        Reply::Answer(200, format!("<DescribeSubnetsResponse>{set}</DescribeSubnetsResponse>"))
    }

    /// A region with these subnets.
    fn region(ids: &[&str]) -> Stub {
        let there: Vec<String> = ids.iter().map(ToString::to_string).collect();
        Stub::new(move |asked| {
            let wanted = wanted(asked);
            let fitting = there.iter().filter(|id| wanted.is_empty() || wanted.contains(id));
            answer(&fitting.cloned().collect::<Vec<_>>(), "")
        })
    }

    #[tokio::test]
    async fn a_subnet_is_read_whole_and_one_that_is_missing_hides_no_other() {
        let stub = region(&["subnet-1", "subnet-2"]);
        let ec2 = stub.clients().ec2(None);
        let found = ec2.subnets(["subnet-1", "subnet-9", "subnet-1"]).await.expect("read");
        let expected = Subnet {
            id: "subnet-1".to_owned(),
            vpc_id: "vpc-1".to_owned(),
            availability_zone: "us-west-2a".to_owned(),
            availability_zone_id: Some("usw2-az1".to_owned()),
            cidr_block: Some("100.64.0.0/19".to_owned()),
            available_addresses: 8187,
            outpost_arn: None,
        };
        assert_eq!(found, BTreeMap::from([("subnet-1".to_owned(), expected)]));
        assert_eq!(stub.count("DescribeSubnets"), 1);
        stub.read(|asked| assert_eq!(asked[0].body["Filter.1.Name"], "subnet-id"));
        assert_eq!(ec2.subnet("subnet-9").await.expect("read"), None);
    }

    #[tokio::test]
    async fn sixty_subnets_are_one_call_and_a_new_one_is_still_found() {
        let names: Vec<String> = (0..60).map(|number| format!("subnet-{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let stub = region(&names);
        let ec2 = stub.clients().ec2(None);
        let found = ec2.subnets(names[..59].iter().copied()).await.expect("read");
        assert_eq!(found.len(), 59);
        assert_eq!(stub.count("DescribeSubnets"), 1);
        assert!(ec2.subnet("subnet-59").await.expect("read").is_some());
        assert_eq!(ec2.subnet("subnet-made-later").await.expect("read"), None);
        assert_eq!(stub.count("DescribeSubnets"), 2);
    }

    #[tokio::test]
    async fn a_region_with_too_many_subnets_is_asked_by_id() {
        let stub = Stub::new(|asked| {
            let wanted = wanted(asked);
            answer(&wanted, if wanted.is_empty() { "more" } else { "" })
        });
        let ec2 = stub.clients().ec2(None);
        let found = ec2.subnets(["subnet-1", "subnet-2", "subnet-3", "subnet-4"]).await.expect("read");
        assert_eq!(found.len(), 4);
        assert_eq!(stub.count("DescribeSubnets"), MOST_PAGES + 1);
    }

    #[tokio::test]
    async fn a_refusal_is_told_to_every_reader() {
        let body = "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>no</Message></Error></Errors></Response>";
        let stub = Stub::new(move |_| Reply::Answer(403, body.to_owned()));
        let error = stub.clients().ec2(None).subnets(["subnet-1", "subnet-2"]).await.expect_err("denied");
        assert!(
            matches!(error.kind(), Kind::AccessDenied { action, .. } if action == "ec2:DescribeSubnets"),
            "{error}"
        );
    }
}
