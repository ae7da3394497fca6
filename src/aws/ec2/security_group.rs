//! Security groups and their VPCs.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::Filter;
use futures::future::{BoxFuture, try_join_all};

use super::{Client, MOST_PAGES, PAGE, Reads, by_id, distinct, filter};
use crate::aws::clients::Effect;
use crate::aws::error::{Operation, Result};
use crate::aws::shared::{Found, Source};

const DESCRIBE: Operation = Operation::new("ec2", "DescribeSecurityGroups");

/// A security group as AWS describes it, without its rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecurityGroup {
    /// `sg-…`.
    pub id: String,
    /// Name, unique in its VPC.
    pub name: String,
    /// VPC.
    pub vpc_id: String,
}

impl SecurityGroup {
    fn read(group: aws_sdk_ec2::types::SecurityGroup) -> Option<(String, Self)> {
        let id = group.group_id?;
        let found = Self {
            id: id.clone(),
            name: group.group_name.unwrap_or_default(),
            vpc_id: group.vpc_id.unwrap_or_default(),
        };
        Some((id, found))
    }
}

impl Client {
    /// A security group; `None` if it does not exist. Shares calls with other readers; see `aws::shared`.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn security_group(&self, id: &str) -> Result<Option<SecurityGroup>> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        regional.part::<Reads>().security_groups.read(id, || SecurityGroups(self.clone()), self.clients.sleep()).await
    }

    /// Those of the given security groups that exist, by id.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn security_groups<'a>(
        &self,
        ids: impl IntoIterator<Item = &'a str>,
    ) -> Result<BTreeMap<String, SecurityGroup>> {
        let ids = distinct(ids);
        let answers = try_join_all(ids.iter().map(|id| self.security_group(id))).await?;
        Ok(by_id(ids, answers))
    }

    /// Every security group that matches the filter; `None` if there are more than `most` pages.
    async fn security_group_pages(&self, filter: Option<Filter>, most: usize) -> Result<Option<Found<SecurityGroup>>> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let filters = filter.map(|filter| vec![filter]);
        let mut found = Found::new();
        let mut next = None;
        for _ in 0..most {
            let request = regional.ec2().describe_security_groups().set_filters(filters.clone());
            let request = request.max_results(PAGE).set_next_token(next.take());
            let run = |probe| request.customize().interceptor(probe).send();
            let page = self.clients.run(DESCRIBE, Effect::Read, &regional.region, run).await?;
            found.extend(page.security_groups.unwrap_or_default().into_iter().filter_map(SecurityGroup::read));
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

struct SecurityGroups(Client);

impl Source for SecurityGroups {
    type Item = SecurityGroup;
    /// `hashicorp/aws` creates security groups in the same run.
    const LISTING_IS_COMPLETE: bool = false;
    /// A security group never changes its VPC.
    const LASTS: bool = true;

    fn some(&self, keys: Vec<String>) -> BoxFuture<'_, Result<Found<SecurityGroup>>> {
        let wanted = filter("group-id", keys);
        // Without a limit, there is always a result.
        Box::pin(async { Ok(self.0.security_group_pages(Some(wanted), usize::MAX).await?.unwrap_or_default()) })
    }

    fn all(&self) -> BoxFuture<'_, Result<Option<Found<SecurityGroup>>>> {
        Box::pin(self.0.security_group_pages(None, MOST_PAGES))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::stub::{Reply, Stub};

    #[tokio::test]
    async fn groups_come_by_id_from_every_page() {
        let stub = Stub::new(|asked| {
            let second = asked.body.get("NextToken").is_some();
            let (id, next) = if second { ("sg-2", "") } else { ("sg-1", "more") };
            let item = format!("<item><groupId>{id}</groupId><groupName>pods</groupName><vpcId>vpc-1</vpcId></item>");
            let set = format!("<securityGroupInfo>{item}</securityGroupInfo><nextToken>{next}</nextToken>");
            Reply::Answer(200, format!("<DescribeSecurityGroupsResponse>{set}</DescribeSecurityGroupsResponse>"))
        });
        let ec2 = stub.clients().ec2(None);
        let found = ec2.security_groups(["sg-1", "sg-2"]).await.expect("read");
        let group = |id: &str| SecurityGroup { id: id.to_owned(), name: "pods".to_owned(), vpc_id: "vpc-1".to_owned() };
        assert_eq!(found, ["sg-1", "sg-2"].map(|id| (id.to_owned(), group(id))).into());
        stub.read(|asked| {
            assert_eq!(asked.len(), 2);
            let body = &asked[0].body;
            let wanted = ["Filter.1.Value.1", "Filter.1.Value.2"].map(|name| body[name].as_str());
            assert_eq!(body["Filter.1.Name"], "group-id");
            assert!(wanted.contains(&Some("sg-1")) && wanted.contains(&Some("sg-2")), "{wanted:?}");
        });
    }
}
