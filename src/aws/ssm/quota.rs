//! How many hosts a region has registered, and how many it may.

use super::Client;
use crate::aws::clients::Effect;
use crate::aws::error::{Operation, Result};

const DESCRIBE: Operation = Operation::new("ssm", "DescribeInstanceProperties");
const GET_SETTING: Operation = Operation::new("ssm", "GetServiceSetting");
/// Source: Systems Manager user guide, "Configuring instance tiers".
const TIER: &str = "/ssm/managed-instance/activation-tier";
/// Source: API reference of Systems Manager, DescribeInstanceProperties: at most 1000.
const PAGE: i32 = 1000;

impl Client {
    /// The number of registered hosts, counted up to `most`: a call for each 1,000.
    ///
    /// # Errors
    /// Those of the calls.
    pub async fn count_hosts(&self, most: usize) -> Result<usize> {
        use aws_sdk_ssm::types::{InstancePropertyFilter, InstancePropertyFilterKey};
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let filter =
            InstancePropertyFilter::builder().key(InstancePropertyFilterKey::ResourceType).value_set("ManagedInstance");
        // Both members are set.
        let filters = filter.build().ok().map(|filter| vec![filter]);
        let mut counted = 0;
        let mut next = None;
        loop {
            let request = regional.ssm().describe_instance_properties().max_results(PAGE);
            let request = request.set_instance_property_filter_list(filters.clone()).set_next_token(next.take());
            let run = |probe| request.customize().interceptor(probe).send();
            let page = self.clients.run(DESCRIBE, Effect::Read, &regional.region, run).await?;
            counted += page.instance_properties().len();
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() || counted >= most {
                return Ok(counted.min(most));
            }
        }
    }

    /// Whether the region has the advanced tier, which has no limit on hosts.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn has_advanced_tier(&self) -> Result<bool> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let request = regional.ssm().get_service_setting().setting_id(TIER);
        let run = |probe| request.customize().interceptor(probe).send();
        let output = self.clients.run(GET_SETTING, Effect::Read, &regional.region, run).await?;
        Ok(output.service_setting.and_then(|setting| setting.setting_value).as_deref() == Some("advanced"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::aws::stub::{Reply, Stub};

    #[tokio::test]
    async fn hosts_are_counted_page_by_page_up_to_the_limit() {
        for (most, counted, calls) in [(2500, 2001, 3), (1000, 1000, 1)] {
            let stub = Stub::new(|asked| {
                let filter = json!([{ "key": "ResourceType", "valueSet": ["ManagedInstance"] }]);
                assert_eq!(asked.body["InstancePropertyFilterList"], filter);
                let page = asked.body["NextToken"].as_str().map_or(0, |token| token.parse().expect("a number"));
                let hosts = if page == 2 { 1 } else { 1000 };
                let properties: Vec<_> = (0..hosts).map(|_| json!({ "InstanceId": "mi-1" })).collect();
                let next = (page < 2).then(|| (page + 1).to_string());
                Reply::json(&json!({ "InstanceProperties": properties, "NextToken": next }))
            });
            assert_eq!(stub.clients().ssm(None).count_hosts(most).await.expect("read"), counted);
            assert_eq!(stub.count("DescribeInstanceProperties"), calls);
        }
    }

    #[tokio::test]
    async fn the_tier_is_a_setting() {
        for (value, advanced) in [("standard", false), ("advanced", true)] {
            let stub = Stub::new(move |_| Reply::json(&json!({ "ServiceSetting": { "SettingValue": value } })));
            assert_eq!(stub.clients().ssm(None).has_advanced_tier().await.expect("read"), advanced);
        }
    }
}
