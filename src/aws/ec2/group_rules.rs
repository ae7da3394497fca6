//! The rules of security groups, for checks that only read them.

use super::{Client, PAGE, filter};
use crate::aws::clients::Effect;
use crate::aws::error::{Operation, Result};

const DESCRIBE: Operation = Operation::new("ec2", "DescribeSecurityGroups");

/// A security group with its rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupRules {
    /// `sg-…`.
    pub id: String,
    /// What is let in.
    pub ingress: Vec<Rule>,
    /// What is let out.
    pub egress: Vec<Rule>,
}

/// What one rule lets through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule {
    /// `tcp`, `udp`, `icmp`, a number, or `-1` for everything.
    pub protocol: String,
    /// First and last port; `None` for all.
    pub ports: Option<(i32, i32)>,
    /// IPv4 ranges.
    pub ranges: Vec<String>,
    /// Whether it names prefix lists, whose ranges are not in the description.
    pub has_prefix_lists: bool,
}

impl Rule {
    /// Whether it lets a TCP port through, for whatever addresses it names.
    #[must_use]
    pub fn covers_tcp(&self, port: i32) -> bool {
        match self.protocol.as_str() {
            "-1" => true,
            "tcp" | "6" => self.ports.is_none_or(|(first, last)| first <= port && port <= last),
            _ => false,
        }
    }
}

impl Client {
    /// Those of the given security groups that exist, with their rules.
    ///
    /// # Errors
    /// Those of the calls.
    pub async fn group_rules(&self, ids: &[String]) -> Result<Vec<GroupRules>> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let mut found = Vec::new();
        let mut next = None;
        loop {
            let request = regional.ec2().describe_security_groups().filters(filter("group-id", ids.to_vec()));
            let request = request.max_results(PAGE).set_next_token(next.take());
            let run = |probe| request.customize().interceptor(probe).send();
            let page = self.clients.run(DESCRIBE, Effect::Read, &regional.region, run).await?;
            found.extend(page.security_groups.unwrap_or_default().into_iter().map(|group| GroupRules {
                id: group.group_id.unwrap_or_default(),
                ingress: group.ip_permissions.unwrap_or_default().into_iter().map(rule).collect(),
                egress: group.ip_permissions_egress.unwrap_or_default().into_iter().map(rule).collect(),
            }));
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(found);
            }
        }
    }
}

fn rule(permission: aws_sdk_ec2::types::IpPermission) -> Rule {
    Rule {
        ports: permission.from_port.zip(permission.to_port).filter(|ports| *ports != (-1, -1)),
        has_prefix_lists: !permission.prefix_list_ids().is_empty(),
        protocol: permission.ip_protocol.unwrap_or_default(),
        ranges: permission.ip_ranges.unwrap_or_default().into_iter().filter_map(|range| range.cidr_ip).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::stub::{Reply, Stub};

    #[tokio::test]
    async fn rules_come_with_ports_and_ranges() {
        let stub = Stub::new(|_| {
            let https = "<item><ipProtocol>tcp</ipProtocol><fromPort>443</fromPort><toPort>443</toPort>\
                         <ipRanges><item><cidrIp>10.80.0.0/16</cidrIp></item></ipRanges>\
                         <prefixListIds><item><prefixListId>pl-1</prefixListId></item></prefixListIds></item>";
            let all =
                "<item><ipProtocol>-1</ipProtocol><ipRanges><item><cidrIp>0.0.0.0/0</cidrIp></item></ipRanges></item>";
            let group = format!(
                "<item><groupId>sg-1</groupId><ipPermissions>{https}</ipPermissions><ipPermissionsEgress>{all}</ipPermissionsEgress></item>"
            );
            Reply::Answer(
                200,
                format!(
                    "<DescribeSecurityGroupsResponse><securityGroupInfo>{group}</securityGroupInfo></DescribeSecurityGroupsResponse>"
                ),
            )
        });
        let found = stub.clients().ec2(None).group_rules(&["sg-1".to_owned()]).await.expect("read");
        let https = Rule {
            protocol: "tcp".to_owned(),
            ports: Some((443, 443)),
            ranges: vec!["10.80.0.0/16".to_owned()],
            has_prefix_lists: true,
        };
        let all = Rule {
            protocol: "-1".to_owned(),
            ports: None,
            ranges: vec!["0.0.0.0/0".to_owned()],
            has_prefix_lists: false,
        };
        assert_eq!(found, [GroupRules { id: "sg-1".to_owned(), ingress: vec![https], egress: vec![all] }]);
    }

    #[test]
    fn a_rule_covers_a_port_by_protocol_and_range() {
        for (protocol, ports, expected) in [
            ("-1", None, true),
            ("tcp", Some((443, 443)), true),
            ("tcp", Some((0, 65535)), true),
            ("6", Some((400, 500)), true),
            ("tcp", None, true),
            ("tcp", Some((80, 80)), false),
            ("udp", Some((443, 443)), false),
        ] {
            let rule = Rule { protocol: protocol.to_owned(), ports, ..Rule::default() };
            assert_eq!(rule.covers_tcp(443), expected, "{protocol} {ports:?}");
        }
    }
}
