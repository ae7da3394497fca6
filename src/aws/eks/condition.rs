//! What EKS itself says about a cluster's condition: insights, how long its version is supported, its certificate
//! authorities.

use jiff::Timestamp;

use super::{Client, PAGE, timestamp};
use crate::aws::clients::Effect;
use crate::aws::error::{Operation, Result};

const LIST_INSIGHTS: Operation = Operation::new("eks", "ListInsights");
const DESCRIBE_VERSIONS: Operation = Operation::new("eks", "DescribeClusterVersions");
const LIST_AUTHORITIES: Operation = Operation::new("eks", "ListCertificateAuthorities");

/// An insight: one of EKS's own checks of a cluster, and its outcome.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Insight {
    /// UUID.
    pub id: String,
    /// Name of the check.
    pub name: String,
    /// `UPGRADE_READINESS`, `MISCONFIGURATION` or `ROLLBACK_READINESS`.
    pub category: String,
    /// `PASSING`, `WARNING`, `ERROR` or `UNKNOWN`.
    pub status: String,
    /// Why it has this status.
    pub reason: Option<String>,
    /// The version of Kubernetes that it is about.
    pub kubernetes_version: Option<String>,
    /// When EKS last looked.
    pub refreshed_at: Option<Timestamp>,
}

/// A version of Kubernetes as EKS offers it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClusterVersion {
    /// `1.34`.
    pub version: String,
    /// `STANDARD_SUPPORT`, `EXTENDED_SUPPORT` or `UNSUPPORTED`.
    pub status: String,
    /// When standard support ends.
    pub standard_support_ends: Option<Timestamp>,
    /// When extended support ends, and EKS upgrades what still has the version.
    pub extended_support_ends: Option<Timestamp>,
}

/// A certificate authority of a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Authority {
    /// Its id.
    pub id: String,
    /// Creation time.
    pub created_at: Option<Timestamp>,
    /// `IN_USE`, `ACTIVATING` or `NOT_USED`.
    pub signing_status: String,
    /// How far EKS has distributed it to what AWS manages.
    pub distribution_status: String,
}

impl Client {
    /// The insights of a cluster.
    ///
    /// # Errors
    /// Those of the calls; [`Kind::NotFound`](crate::aws::Kind::NotFound) if the cluster does not exist.
    pub async fn insights(&self, cluster: &str) -> Result<Vec<Insight>> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let mut found = Vec::new();
        let mut next = None;
        loop {
            let request = regional.eks().list_insights().cluster_name(cluster);
            let request = request.max_results(PAGE).set_next_token(next.take());
            let run = |probe| request.customize().interceptor(probe).send();
            let page = self.clients.run(LIST_INSIGHTS, Effect::Read, &regional.region, run).await?;
            found.extend(page.insights.unwrap_or_default().into_iter().map(insight));
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(found);
            }
        }
    }

    /// A version of Kubernetes; `None` if EKS does not know it.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn cluster_version(&self, version: &str) -> Result<Option<ClusterVersion>> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let request = regional.eks().describe_cluster_versions().cluster_versions(version).include_all(true);
        let run = |probe| request.customize().interceptor(probe).send();
        let output = self.clients.run(DESCRIBE_VERSIONS, Effect::Read, &regional.region, run).await?;
        let versions = output.cluster_versions.unwrap_or_default().into_iter();
        Ok(versions.filter(|one| one.cluster_version() == Some(version)).map(cluster_version).next())
    }

    /// The certificate authorities of a cluster: one, or two during a rotation.
    ///
    /// # Errors
    /// Those of the call; [`Kind::NotFound`](crate::aws::Kind::NotFound) if the cluster does not exist.
    pub async fn authorities(&self, cluster: &str) -> Result<Vec<Authority>> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let request = regional.eks().list_certificate_authorities().cluster_name(cluster);
        let run = |probe| request.customize().interceptor(probe).send();
        let output = self.clients.run(LIST_AUTHORITIES, Effect::Read, &regional.region, run).await?;
        Ok(output.certificate_authorities.unwrap_or_default().into_iter().map(authority).collect())
    }
}

fn insight(summary: aws_sdk_eks::types::InsightSummary) -> Insight {
    let (status, reason) = summary.insight_status.map_or((None, None), |status| (status.status, status.reason));
    Insight {
        id: summary.id.unwrap_or_default(),
        name: summary.name.unwrap_or_default(),
        category: summary.category.map(|category| category.as_str().to_owned()).unwrap_or_default(),
        status: status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
        reason: reason.filter(|reason| !reason.is_empty()),
        kubernetes_version: summary.kubernetes_version.filter(|version| !version.is_empty()),
        refreshed_at: timestamp(summary.last_refresh_time),
    }
}

fn cluster_version(version: aws_sdk_eks::types::ClusterVersionInformation) -> ClusterVersion {
    ClusterVersion {
        version: version.cluster_version.unwrap_or_default(),
        status: version.version_status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
        standard_support_ends: timestamp(version.end_of_standard_support_date),
        extended_support_ends: timestamp(version.end_of_extended_support_date),
    }
}

fn authority(summary: aws_sdk_eks::types::CertificateAuthoritySummary) -> Authority {
    Authority {
        id: summary.id.unwrap_or_default(),
        created_at: timestamp(summary.created_at),
        signing_status: summary.signing_status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
        distribution_status: summary.distribution_status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::stub::{Reply, Stub};

    #[tokio::test]
    async fn insights_come_from_every_page() {
        let stub = Stub::new(|asked| {
            let second = asked.body["nextToken"] == "more";
            Reply::json(&json!({
                "insights": [{
                    "id": if second { "2" } else { "1" }, "name": "Hybrid nodes routes", "category": "MISCONFIGURATION",
                    "insightStatus": { "status": "ERROR", "reason": "No route" }, "lastRefreshTime": 1_763_748_000,
                }],
                "nextToken": if second { None } else { Some("more") },
            }))
        });
        let found = stub.clients().eks(None).insights("edge").await.expect("read");
        let insight = |id: &str| Insight {
            id: id.to_owned(),
            name: "Hybrid nodes routes".to_owned(),
            category: "MISCONFIGURATION".to_owned(),
            status: "ERROR".to_owned(),
            reason: Some("No route".to_owned()),
            kubernetes_version: None,
            refreshed_at: Timestamp::from_second(1_763_748_000).ok(),
        };
        assert_eq!(found, [insight("1"), insight("2")]);
        assert_eq!(stub.count("POST /clusters/edge/insights"), 2);
    }

    #[tokio::test]
    async fn versions_and_authorities() {
        let stub = Stub::new(|asked| match asked.operation.as_str() {
            "GET /cluster-versions" => {
                assert_eq!(asked.query, "includeAll=true&clusterVersions=1.34");
                Reply::json(&json!({ "clusterVersions": [{
                    "clusterVersion": "1.34", "versionStatus": "STANDARD_SUPPORT",
                    "endOfStandardSupportDate": 1_800_000_000, "endOfExtendedSupportDate": 1_830_000_000,
                }] }))
            }
            _ => Reply::json(&json!({ "certificateAuthorities": [
                { "id": "ca-1", "createdAt": 1_700_000_000, "signingStatus": "IN_USE", "distributionStatus": "COMPLETE" },
            ] })),
        });
        let eks = stub.clients().eks(None);
        let at = |seconds| Timestamp::from_second(seconds).ok();
        let expected = ClusterVersion {
            version: "1.34".to_owned(),
            status: "STANDARD_SUPPORT".to_owned(),
            standard_support_ends: at(1_800_000_000),
            extended_support_ends: at(1_830_000_000),
        };
        assert_eq!(eks.cluster_version("1.34").await.expect("read"), Some(expected));
        let authority = Authority {
            id: "ca-1".to_owned(),
            created_at: at(1_700_000_000),
            signing_status: "IN_USE".to_owned(),
            distribution_status: "COMPLETE".to_owned(),
        };
        assert_eq!(eks.authorities("edge").await.expect("read"), [authority]);
    }
}
