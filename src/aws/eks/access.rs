//! Access entries: which IAM principals can use a cluster's Kubernetes API, and under which identity.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;

use super::{Client, PAGE, Settling, timestamp};
use crate::aws::clients::Effect;
use crate::aws::error::{Error, Kind, Operation, Result};
use crate::aws::settling::Patience;

const DESCRIBE: Operation = Operation::new("eks", "DescribeAccessEntry");
const CREATE: Operation = Operation::new("eks", "CreateAccessEntry");
const UPDATE: Operation = Operation::new("eks", "UpdateAccessEntry");
const DELETE: Operation = Operation::new("eks", "DeleteAccessEntry");
const LIST: Operation = Operation::new("eks", "ListAccessEntries");
const ASSOCIATE: Operation = Operation::new("eks", "AssociateAccessPolicy");
const LIST_POLICIES: Operation = Operation::new("eks", "ListAssociatedAccessPolicies");
const TAG: Operation = Operation::new("eks", "TagResource");
const UNTAG: Operation = Operation::new("eks", "UntagResource");

/// The type of an access entry; it cannot be changed. Source: CreateAccessEntry in the EKS API reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessEntryType {
    /// Users and programs. The only type that accepts a user name, groups and access policies.
    Standard,
    /// Self-managed Linux nodes.
    Ec2Linux,
    /// Self-managed Windows nodes.
    Ec2Windows,
    /// Fargate profiles.
    FargateLinux,
    /// Hybrid nodes.
    HybridLinux,
    /// Nodes of EKS Auto Mode.
    Ec2,
    /// Nodes of SageMaker HyperPod.
    HyperpodLinux,
    /// A type newer than this provider.
    Other(String),
}

impl AccessEntryType {
    const KNOWN: [Self; 7] = [
        Self::Standard,
        Self::Ec2Linux,
        Self::Ec2Windows,
        Self::FargateLinux,
        Self::HybridLinux,
        Self::Ec2,
        Self::HyperpodLinux,
    ];

    /// The API's name, such as `HYBRID_LINUX`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Standard => "STANDARD",
            Self::Ec2Linux => "EC2_LINUX",
            Self::Ec2Windows => "EC2_WINDOWS",
            Self::FargateLinux => "FARGATE_LINUX",
            Self::HybridLinux => "HYBRID_LINUX",
            Self::Ec2 => "EC2",
            Self::HyperpodLinux => "HYPERPOD_LINUX",
            Self::Other(text) => text,
        }
    }
}

impl From<&str> for AccessEntryType {
    fn from(text: &str) -> Self {
        Self::KNOWN.into_iter().find(|known| known.as_str() == text).unwrap_or_else(|| Self::Other(text.to_owned()))
    }
}

impl fmt::Display for AccessEntryType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The arguments for creating an access entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessEntrySpec {
    /// ARN of a role, including its path, or of a user. Cannot be changed.
    pub principal_arn: String,
    /// Its type. Cannot be changed.
    pub kind: AccessEntryType,
    /// Kubernetes user name; for [`AccessEntryType::Standard`] only. AWS's default: the session's ARN.
    pub username: Option<String>,
    /// Kubernetes groups; for [`AccessEntryType::Standard`] only.
    pub groups: BTreeSet<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// Name of the access policy that allows everything, and of which the creator of a cluster gets one.
pub const ADMINISTRATOR: &str = "AmazonEKSClusterAdminPolicy";

/// An access policy associated with a principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssociatedPolicy {
    /// ARN of the policy: `arn:aws:eks::aws:cluster-access-policy/NAME`.
    pub arn: String,
    /// Whether it applies to the whole cluster, and not only to some namespaces.
    pub is_cluster_wide: bool,
}

/// Changes to an access entry; `None` leaves a field unchanged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccessEntryChange {
    /// Kubernetes user name.
    pub username: Option<String>,
    /// All Kubernetes groups.
    pub groups: Option<BTreeSet<String>>,
}

/// An access entry as AWS describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessEntry {
    /// ARN of the entry.
    pub arn: String,
    /// ARN of the role or user.
    pub principal_arn: String,
    /// Its type.
    pub kind: AccessEntryType,
    /// Kubernetes user name; for nodes, a template such as `system:node:{{SessionName}}`.
    pub username: String,
    /// Kubernetes groups, including those implied by the type.
    pub groups: BTreeSet<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Creation time.
    pub created_at: Option<Timestamp>,
}

impl AccessEntry {
    fn read(entry: aws_sdk_eks::types::AccessEntry) -> Self {
        Self {
            arn: entry.access_entry_arn.unwrap_or_default(),
            principal_arn: entry.principal_arn.unwrap_or_default(),
            kind: AccessEntryType::from(entry.r#type.as_deref().unwrap_or_default()),
            username: entry.username.unwrap_or_default(),
            groups: entry.kubernetes_groups.unwrap_or_default().into_iter().collect(),
            tags: entry.tags.unwrap_or_default().into_iter().collect(),
            created_at: timestamp(entry.created_at),
        }
    }

    /// Whether a creation from `spec` started at `begun` can have created this entry.
    #[must_use]
    pub fn is_made_from(&self, spec: &AccessEntrySpec, begun: Timestamp) -> bool {
        // AWS's clock and the local one differ slightly.
        let is_new = self.created_at.is_some_and(|created| created.as_second() >= begun.as_second() - 5);
        let has_groups = spec.kind != AccessEntryType::Standard || self.groups == spec.groups;
        let has_name = spec.username.as_ref().is_none_or(|name| *name == self.username);
        is_new && has_groups && has_name && self.kind == spec.kind && self.tags == spec.tags
    }
}

impl Client {
    /// The current access entry of a principal.
    ///
    /// # Errors
    /// Those of the call; [`Kind::NotFound`] if the entry or the cluster does not exist.
    pub async fn access_entry(&self, cluster: &str, principal_arn: &str) -> Result<AccessEntry> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let request = regional.eks().describe_access_entry().cluster_name(cluster).principal_arn(principal_arn);
        let run = |probe| request.customize().interceptor(probe).send();
        let output = self.clients.run(DESCRIBE, Effect::Read, &regional.region, run).await?;
        output.access_entry.map(AccessEntry::read).ok_or_else(|| Error::new(Kind::NotFound))
    }

    /// Creates an access entry. While a new role propagates, it retries for up to two minutes, or as long as
    /// [`Client::settling_within`] allows, and reports to `progress`.
    ///
    /// # Errors
    /// Those of the call; [`Kind::InUse`] if the principal already has an entry, [`Kind::NotFound`] if the cluster
    /// does not exist. [`Kind::Cancelled`] says whether the entry may exist.
    pub async fn create_access_entry(
        &self,
        cluster: &str,
        spec: &AccessEntrySpec,
        mut progress: impl FnMut(&Settling) + Send,
    ) -> Result<AccessEntry> {
        let begun = Timestamp::now();
        let mut patience = Patience::new(self.settles_within);
        loop {
            let error = match self.try_create_access_entry(cluster, spec).await {
                Ok(entry) => return Ok(entry),
                Err(error) => error,
            };
            // After an attempt whose response was lost, the next one finds the entry. EKS should recognize the
            // request token, but guarantees that for a limited time only.
            if matches!(error.kind(), Kind::InUse) && error.attempts() > 1 {
                return match self.access_entry(cluster, &spec.principal_arn).await {
                    Ok(entry) if entry.is_made_from(spec, begun) => Ok(entry),
                    _ => Err(error),
                };
            }
            if !is_settling(&error) {
                return Err(error);
            }
            tracing::info!(principal = spec.principal_arn, "EKS does not know the role yet; it is asked again");
            patience.wait(&self.clients, error, &mut progress).await?;
        }
    }

    async fn try_create_access_entry(&self, cluster: &str, spec: &AccessEntrySpec) -> Result<AccessEntry> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let groups: Vec<String> = spec.groups.iter().cloned().collect();
        let request = regional
            .eks()
            .create_access_entry()
            .cluster_name(cluster)
            .principal_arn(&spec.principal_arn)
            .r#type(spec.kind.as_str())
            .set_username(spec.username.clone())
            .set_kubernetes_groups((!groups.is_empty()).then_some(groups))
            .set_tags((!spec.tags.is_empty()).then(|| spec.tags.clone().into_iter().collect()));
        let run = |probe| request.customize().interceptor(probe).send();
        let output = self.clients.run(CREATE, Effect::Create, &regional.region, run).await?;
        output.access_entry.map(AccessEntry::read).ok_or_else(|| Error::new(Kind::Other))
    }

    /// Changes an access entry and returns the result.
    ///
    /// # Errors
    /// Those of the call; [`Kind::NotFound`] if the entry or the cluster does not exist.
    pub async fn update_access_entry(
        &self,
        cluster: &str,
        principal_arn: &str,
        change: &AccessEntryChange,
    ) -> Result<AccessEntry> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let request = regional
            .eks()
            .update_access_entry()
            .cluster_name(cluster)
            .principal_arn(principal_arn)
            .set_username(change.username.clone())
            .set_kubernetes_groups(change.groups.as_ref().map(|groups| groups.iter().cloned().collect()));
        let run = |probe| request.customize().interceptor(probe).send();
        let output = self.clients.run(UPDATE, Effect::Change, &regional.region, run).await?;
        output.access_entry.map(AccessEntry::read).ok_or_else(|| Error::new(Kind::Other))
    }

    /// Deletes an access entry. An entry, or a cluster, that does not exist is no error.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn delete_access_entry(&self, cluster: &str, principal_arn: &str) -> Result<()> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let request = regional.eks().delete_access_entry().cluster_name(cluster).principal_arn(principal_arn);
        let run = |probe| request.customize().interceptor(probe).send();
        match self.clients.run(DELETE, Effect::Change, &regional.region, run).await {
            Err(error) if !error.is_not_found() => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Associates an access policy with a principal, for the whole cluster. Doing so twice has the effect of once.
    ///
    /// # Errors
    /// Those of the call; [`Kind::NotFound`] if the principal has no access entry.
    pub async fn associate_access_policy(&self, cluster: &str, principal_arn: &str, policy_arn: &str) -> Result<()> {
        use aws_sdk_eks::types::{AccessScope, AccessScopeType};
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let request = regional
            .eks()
            .associate_access_policy()
            .cluster_name(cluster)
            .principal_arn(principal_arn)
            .policy_arn(policy_arn)
            .access_scope(AccessScope::builder().r#type(AccessScopeType::Cluster).build());
        let run = |probe| request.customize().interceptor(probe).send();
        self.clients.run(ASSOCIATE, Effect::Change, &regional.region, run).await.map(drop)
    }

    /// The access policies of a principal, page by page.
    ///
    /// # Errors
    /// Those of the calls; [`Kind::NotFound`] if the principal has no access entry.
    pub async fn access_policies(&self, cluster: &str, principal_arn: &str) -> Result<Vec<AssociatedPolicy>> {
        use aws_sdk_eks::types::AccessScopeType;
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let mut policies = Vec::new();
        let mut next = None;
        loop {
            let request = regional.eks().list_associated_access_policies().cluster_name(cluster);
            let request = request.principal_arn(principal_arn).max_results(PAGE).set_next_token(next.take());
            let run = |probe| request.customize().interceptor(probe).send();
            let page = self.clients.run(LIST_POLICIES, Effect::Read, &regional.region, run).await?;
            policies.extend(page.associated_access_policies.unwrap_or_default().into_iter().map(|policy| {
                let scope = policy.access_scope.and_then(|scope| scope.r#type);
                AssociatedPolicy {
                    arn: policy.policy_arn.unwrap_or_default(),
                    is_cluster_wide: scope == Some(AccessScopeType::Cluster),
                }
            }));
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(policies);
            }
        }
    }

    /// ARNs of all principals that have an access entry, page by page.
    ///
    /// # Errors
    /// Those of the calls; [`Kind::NotFound`] if the cluster does not exist.
    pub async fn list_access_entries(&self, cluster: &str) -> Result<Vec<String>> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let mut arns = Vec::new();
        let mut next = None;
        loop {
            let request = regional.eks().list_access_entries().cluster_name(cluster);
            let request = request.max_results(PAGE).set_next_token(next.take());
            let run = |probe| request.customize().interceptor(probe).send();
            let page = self.clients.run(LIST, Effect::Read, &regional.region, run).await?;
            arns.extend(page.access_entries.unwrap_or_default());
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(arns);
            }
        }
    }

    /// Adds or changes tags of an access entry or any other EKS object. Without tags, no call is made.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn add_tags(&self, arn: &str, tags: &BTreeMap<String, String>) -> Result<()> {
        if tags.is_empty() {
            return Ok(());
        }
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let request = regional.eks().tag_resource().resource_arn(arn);
        let request = request.set_tags(Some(tags.clone().into_iter().collect()));
        let run = |probe| request.customize().interceptor(probe).send();
        self.clients.run(TAG, Effect::Change, &regional.region, run).await.map(drop)
    }

    /// Removes tags from an access entry or any other EKS object. Without keys, no call is made.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn remove_tags(&self, arn: &str, keys: &[String]) -> Result<()> {
        if keys.is_empty() {
            return Ok(());
        }
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let request = regional.eks().untag_resource().resource_arn(arn).set_tag_keys(Some(keys.to_vec()));
        let run = |probe| request.customize().interceptor(probe).send();
        self.clients.run(UNTAG, Effect::Change, &regional.region, run).await.map(drop)
    }
}

/// Whether EKS reports that it does not know the principal. Right after a role is created, that means "not yet".
fn is_settling(error: &Error) -> bool {
    error.code() == Some("InvalidParameterException")
        && error.message().is_some_and(|text| text.to_ascii_lowercase().contains("invalid principal"))
}

#[cfg(test)]
#[path = "access_tests.rs"]
mod tests;
