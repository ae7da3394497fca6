//! Remote networks: the ranges of nodes and pods outside the VPC, and the rules for them.
//! Source: EKS user guide, "Prepare networking for hybrid nodes".

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::invalid;
use crate::{
    aws::{error::Result, input::Json},
    cidr::Cidr,
};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteNetworks {
    pub nodes: Vec<String>,
    pub pods: Vec<String>,
}

impl RemoteNetworks {
    /// `None` when the cluster has none.
    pub fn describe(&self) -> Option<Value> {
        let half = |cidrs: &[String]| match cidrs {
            [] => json!([]),
            cidrs => json!([{"cidrs": cidrs}]),
        };
        let mut value = json!({});
        if !self.nodes.is_empty() {
            value["remoteNodeNetworks"] = half(&self.nodes);
        }
        if !self.pods.is_empty() {
            value["remotePodNetworks"] = half(&self.pods);
        }
        value.as_object().is_some_and(|members| !members.is_empty()).then_some(value)
    }

    /// These with what a request changes: an omitted half stays, a given list replaces, an empty one removes.
    pub fn changed(&self, config: Json<'_>) -> Result<Self> {
        let half = |member: &str, now: &[String]| -> Result<Vec<String>> {
            let Some(objects) = config.objects(member)? else {
                return Ok(now.to_vec());
            };
            match &objects[..] {
                [] => Ok(Vec::new()),
                [one] => Ok(one.texts("cidrs")?.unwrap_or_default()),
                _ => Err(invalid(format!("Only one object is allowed in {member}"))),
            }
        };
        Ok(Self { nodes: half("remoteNodeNetworks", &self.nodes)?, pods: half("remotePodNetworks", &self.pods)? })
    }

    /// Checks every rule that needs the cluster's own ranges.
    pub fn check(&self, mode: &str, vpc_blocks: &[String], service_cidr: &str, is_local: bool) -> Result<()> {
        if self.nodes.is_empty() && self.pods.is_empty() {
            return Ok(());
        }
        if mode == "CONFIG_MAP" {
            return Err(invalid(
                "Remote network configuration requires the authentication mode API or API_AND_CONFIG_MAP",
            ));
        }
        // A local cluster on an Outpost may have remote pods without remote nodes.
        if self.nodes.is_empty() && !is_local {
            return Err(invalid("remotePodNetworks requires remoteNodeNetworks"));
        }
        let mut taken: Vec<(String, Cidr)> = Vec::new();
        for text in vpc_blocks.iter().chain([&service_cidr.to_owned()]) {
            taken.extend(Cidr::parse(text).map(|block| (text.clone(), block)));
        }
        for (kind, text) in self
            .nodes
            .iter()
            .map(|text| ("remoteNodeNetworks", text))
            .chain(self.pods.iter().map(|text| ("remotePodNetworks", text)))
        {
            let block = Cidr::parse(text)
                .filter(|block| (8..=32).contains(&block.length()) && (block.is_private() || block.is_shared()))
                .ok_or_else(|| {
                    invalid(format!("The CIDR {text} in {kind} is invalid: it must be an IPv4 block from /8 to /32 within RFC 1918 or 100.64.0.0/10"))
                })?;
            if let Some((other, _)) = taken.iter().find(|(_, other)| other.overlaps(block)) {
                return Err(invalid(format!("The CIDR {text} in {kind} overlaps with {other}")));
            }
            taken.push((text.clone(), block));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(nodes: &[&str], pods: &[&str]) -> RemoteNetworks {
        let own = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        RemoteNetworks { nodes: own(nodes), pods: own(pods) }
    }

    #[test]
    fn rules() {
        let vpc = ["10.0.0.0/16".to_owned()];
        for (nodes, pods, mode, accepted) in [
            (&["10.80.0.0/16"][..], &["10.85.0.0/16"][..], "API", true),
            (&["10.80.0.0/16", "100.64.0.0/16"], &[], "API_AND_CONFIG_MAP", true),
            (&["10.80.0.0/16"], &[], "CONFIG_MAP", false),
            (&[], &["10.85.0.0/16"], "API", false),
            (&["10.0.4.0/24"], &[], "API", false),
            (&["172.20.0.0/24"], &[], "API", false),
            (&["10.80.0.0/16"], &["10.80.128.0/24"], "API", false),
            (&["8.8.8.0/24"], &[], "API", false),
            (&["10.80.0.1/16"], &[], "API", false),
            (&[], &[], "CONFIG_MAP", true),
        ] {
            let verdict = networks(nodes, pods).check(mode, &vpc, "172.20.0.0/16", false);
            assert_eq!(verdict.is_ok(), accepted, "{nodes:?} {pods:?} {mode}: {verdict:?}");
        }
    }

    #[test]
    fn an_omitted_half_stays_and_an_empty_one_goes() {
        let before = networks(&["10.80.0.0/16"], &["10.85.0.0/16"]);
        for (config, expected) in [
            (json!({}), before.clone()),
            (json!({"remotePodNetworks": []}), networks(&["10.80.0.0/16"], &[])),
            (
                json!({"remoteNodeNetworks": [{"cidrs": ["10.81.0.0/16"]}]}),
                networks(&["10.81.0.0/16"], &["10.85.0.0/16"]),
            ),
        ] {
            assert_eq!(before.changed(Json::new(&config).unwrap()).unwrap(), expected);
        }
        let two = json!({"remotePodNetworks": [{"cidrs": []}, {"cidrs": []}]});
        assert!(before.changed(Json::new(&two).unwrap()).is_err());
    }
}
