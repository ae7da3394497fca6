//! Managed add-ons: their configuration, its schema, and the progress of updates.

use jiff::Timestamp;

use super::{Client, PAGE, timestamp};
use crate::aws::clients::Effect;
use crate::aws::error::{Error, Kind, Operation, Result};

const DESCRIBE: Operation = Operation::new("eks", "DescribeAddon");
const DESCRIBE_CONFIGURATION: Operation = Operation::new("eks", "DescribeAddonConfiguration");
const DESCRIBE_VERSIONS: Operation = Operation::new("eks", "DescribeAddonVersions");
const LIST: Operation = Operation::new("eks", "ListAddons");
const UPDATE: Operation = Operation::new("eks", "UpdateAddon");
const DESCRIBE_UPDATE: Operation = Operation::new("eks", "DescribeUpdate");

/// A managed add-on as AWS describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addon {
    /// `vpc-cni`.
    pub name: String,
    /// ARN.
    pub arn: String,
    /// Version, such as `v1.20.4-eksbuild.1`.
    pub version: String,
    /// `CREATING`, `ACTIVE`, `CREATE_FAILED`, `UPDATING`, `DELETING`, `DELETE_FAILED`, `DEGRADED` or `UPDATE_FAILED`.
    pub status: String,
    /// Settings that differ from the add-on's defaults, as JSON or YAML text, exactly as given. `None` if there are
    /// none.
    pub configuration_values: Option<String>,
    /// IAM role of the add-on's service account.
    pub service_account_role_arn: Option<String>,
    /// ARNs of the EKS Pod Identity associations that give the add-on a role.
    pub pod_identity_associations: Vec<String>,
    /// Issues that EKS reports.
    pub issues: Vec<Issue>,
    /// Creation time.
    pub created_at: Option<Timestamp>,
    /// Time of the last change.
    pub modified_at: Option<Timestamp>,
}

/// An issue that EKS reports about an add-on or an update.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Issue {
    /// `ConfigurationConflict`, `InsufficientNumberOfReplicas`, `AdmissionRequestDenied`, …
    pub code: String,
    /// EKS's message.
    pub message: String,
    /// The affected resources.
    pub resource_ids: Vec<String>,
}

/// The configuration options of one add-on version.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddonConfiguration {
    /// JSON schema (draft-06 or draft-07) of the configuration values.
    pub schema: String,
    /// Service accounts that can get a role through EKS Pod Identity.
    pub service_accounts: Vec<String>,
}

/// Selects versions of an add-on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VersionFilter {
    /// Only those for clusters of this Kubernetes version, such as `1.34`.
    pub kubernetes_version: Option<String>,
}

/// A version of an add-on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddonVersion {
    /// Version, such as `v1.20.4-eksbuild.1`.
    pub version: String,
    /// Compatible Kubernetes versions, such as `1.34`.
    pub kubernetes_versions: Vec<String>,
    /// Kubernetes versions for which it is the default in new clusters.
    pub default_for: Vec<String>,
}

/// How to handle fields of the add-on's objects that others have set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conflicts {
    /// Keep them, and fail the update.
    None,
    /// Overwrite them with EKS's values.
    Overwrite,
    /// Keep them, and continue the update.
    Preserve,
}

impl From<Conflicts> for aws_sdk_eks::types::ResolveConflicts {
    fn from(conflicts: Conflicts) -> Self {
        match conflicts {
            Conflicts::None => Self::None,
            Conflicts::Overwrite => Self::Overwrite,
            Conflicts::Preserve => Self::Preserve,
        }
    }
}

/// An update of an add-on. Its version does not change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddonChange {
    /// All settings that differ from the add-on's defaults, as JSON or YAML text; settings not included return to the
    /// default.
    pub configuration_values: String,
    /// How to handle fields that others have set.
    pub conflicts: Conflicts,
    /// The service account's current role: EKS removes it if it is not specified. Needs `iam:PassRole`.
    pub service_account_role_arn: Option<String>,
}

/// An update in progress or completed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Update {
    /// UUID.
    pub id: String,
    /// Its status.
    pub status: UpdateStatus,
    /// Why it failed.
    pub errors: Vec<Issue>,
}

/// The status of an update.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UpdateStatus {
    /// In progress. Statuses newer than this provider count as this one.
    #[default]
    InProgress,
    /// It failed.
    Failed,
    /// Cancelled by someone.
    Cancelled,
    /// Successful.
    Successful,
}

impl Addon {
    fn read(addon: aws_sdk_eks::types::Addon) -> Self {
        let issues = addon.health.and_then(|health| health.issues).unwrap_or_default();
        Self {
            name: addon.addon_name.unwrap_or_default(),
            arn: addon.addon_arn.unwrap_or_default(),
            version: addon.addon_version.unwrap_or_default(),
            status: addon.status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
            configuration_values: addon.configuration_values.filter(|text| !text.trim().is_empty()),
            service_account_role_arn: addon.service_account_role_arn.filter(|arn| !arn.is_empty()),
            pod_identity_associations: addon.pod_identity_associations.unwrap_or_default(),
            issues: issues
                .into_iter()
                .map(|issue| Issue {
                    code: issue.code.map(|code| code.as_str().to_owned()).unwrap_or_default(),
                    message: issue.message.unwrap_or_default(),
                    resource_ids: issue.resource_ids.unwrap_or_default(),
                })
                .collect(),
            created_at: timestamp(addon.created_at),
            modified_at: timestamp(addon.modified_at),
        }
    }
}

impl Update {
    pub(super) fn read(update: aws_sdk_eks::types::Update) -> Self {
        use aws_sdk_eks::types::UpdateStatus as Status;
        let status = match update.status {
            Some(Status::Successful) => UpdateStatus::Successful,
            Some(Status::Failed) => UpdateStatus::Failed,
            Some(Status::Cancelled) => UpdateStatus::Cancelled,
            _ => UpdateStatus::InProgress,
        };
        let errors = update.errors.unwrap_or_default().into_iter().map(|error| Issue {
            code: error.error_code.map(|code| code.as_str().to_owned()).unwrap_or_default(),
            message: error.error_message.unwrap_or_default(),
            resource_ids: error.resource_ids.unwrap_or_default(),
        });
        Self { id: update.id.unwrap_or_default(), status, errors: errors.collect() }
    }
}

impl AddonVersion {
    fn read(version: aws_sdk_eks::types::AddonVersionInfo) -> Self {
        let compatible = version.compatibilities.unwrap_or_default();
        let clusters = |only_default: bool| {
            let wanted = compatible.iter().filter(|one| one.default_version || !only_default);
            wanted.filter_map(|one| one.cluster_version.clone()).collect()
        };
        Self {
            version: version.addon_version.unwrap_or_default(),
            kubernetes_versions: clusters(false),
            default_for: clusters(true),
        }
    }
}

impl Client {
    /// The current state of a cluster's add-on.
    ///
    /// # Errors
    /// Those of the call; [`Kind::NotFound`] if the add-on or the cluster does not exist.
    pub async fn addon(&self, cluster: &str, name: &str) -> Result<Addon> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let request = regional.eks().describe_addon().cluster_name(cluster).addon_name(name);
        let run = |probe| request.customize().interceptor(probe).send();
        let output = self.clients.run(DESCRIBE, Effect::Read, &regional.region, run).await?;
        output.addon.map(Addon::read).ok_or_else(|| Error::new(Kind::NotFound))
    }

    /// Names of a cluster's add-ons, page by page.
    ///
    /// # Errors
    /// Those of the calls; [`Kind::NotFound`] if the cluster does not exist.
    pub async fn list_addons(&self, cluster: &str) -> Result<Vec<String>> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let mut names = Vec::new();
        let mut next = None;
        loop {
            let request = regional.eks().list_addons().cluster_name(cluster);
            let request = request.max_results(PAGE).set_next_token(next.take());
            let run = |probe| request.customize().interceptor(probe).send();
            let page = self.clients.run(LIST, Effect::Read, &regional.region, run).await?;
            names.extend(page.addons.unwrap_or_default());
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(names);
            }
        }
    }

    /// The configuration options of an add-on version.
    ///
    /// # Errors
    /// Those of the call; [`Kind::NotFound`] or [`Kind::Validation`] if the add-on or version does not exist.
    pub async fn addon_configuration(&self, name: &str, version: &str) -> Result<AddonConfiguration> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let request = regional.eks().describe_addon_configuration().addon_name(name).addon_version(version);
        let run = |probe| request.customize().interceptor(probe).send();
        let output = self.clients.run(DESCRIBE_CONFIGURATION, Effect::Read, &regional.region, run).await?;
        let accounts = output.pod_identity_configuration.unwrap_or_default();
        Ok(AddonConfiguration {
            schema: output.configuration_schema.unwrap_or_default(),
            service_accounts: accounts.into_iter().filter_map(|one| one.service_account).collect(),
        })
    }

    /// The matching versions of an add-on, newest first, as EKS lists them.
    ///
    /// # Errors
    /// Those of the calls. An add-on that does not exist has no versions.
    pub async fn addon_versions(&self, name: &str, filter: &VersionFilter) -> Result<Vec<AddonVersion>> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let mut versions = Vec::new();
        let mut next = None;
        loop {
            let request = regional
                .eks()
                .describe_addon_versions()
                .addon_name(name)
                .set_kubernetes_version(filter.kubernetes_version.clone())
                .max_results(PAGE)
                .set_next_token(next.take());
            let run = |probe| request.customize().interceptor(probe).send();
            let page = self.clients.run(DESCRIBE_VERSIONS, Effect::Read, &regional.region, run).await?;
            let addons = page.addons.unwrap_or_default().into_iter().filter(|addon| addon.addon_name() == Some(name));
            versions.extend(addons.flat_map(|addon| addon.addon_versions.unwrap_or_default()).map(AddonVersion::read));
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(versions);
            }
        }
    }

    /// Starts an update of an add-on; [`Client::addon_update`] returns its status. Retried automatically after a lost
    /// response, with the same request token, which EKS recognizes.
    ///
    /// # Errors
    /// Those of the call; [`Kind::NotFound`], [`Kind::InUse`] while another update is in progress, and
    /// [`Kind::Validation`] for values that its schema rejects.
    pub async fn update_addon(&self, cluster: &str, name: &str, change: &AddonChange) -> Result<Update> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let request = regional
            .eks()
            .update_addon()
            .cluster_name(cluster)
            .addon_name(name)
            .configuration_values(&change.configuration_values)
            .resolve_conflicts(change.conflicts.into())
            .set_service_account_role_arn(change.service_account_role_arn.clone());
        let run = |probe| request.customize().interceptor(probe).send();
        let output = self.clients.run(UPDATE, Effect::Change, &regional.region, run).await?;
        output.update.map(Update::read).ok_or_else(|| Error::new(Kind::Other))
    }

    /// The status of an add-on update.
    ///
    /// # Errors
    /// Those of the call; [`Kind::NotFound`] if the update does not exist.
    pub async fn addon_update(&self, cluster: &str, name: &str, id: &str) -> Result<Update> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let request = regional.eks().describe_update().name(cluster).addon_name(name).update_id(id);
        let run = |probe| request.customize().interceptor(probe).send();
        let output = self.clients.run(DESCRIBE_UPDATE, Effect::Read, &regional.region, run).await?;
        output.update.map(Update::read).ok_or_else(|| Error::new(Kind::NotFound))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::stub::{Reply, Stub};

    const PATH: &str = "/clusters/workshop/addons/vpc-cni";

    #[tokio::test]
    async fn an_add_on_is_read_whole() {
        let stub = Stub::new(|_| {
            Reply::json(&json!({ "addon": {
                "addonName": "vpc-cni", "clusterName": "workshop", "status": "DEGRADED", "addonArn": "arn:addon",
                "addonVersion": "v1.20.4-eksbuild.1", "configurationValues": "{\"env\":{}}",
                "serviceAccountRoleArn": "arn:role", "podIdentityAssociations": ["arn:association"],
                "health": { "issues": [
                    { "code": "ConfigurationConflict", "message": "Conflicts found", "resourceIds": ["aws-node"] },
                ] },
                "createdAt": 1_763_748_000.5, "modifiedAt": 1_763_748_060,
            } }))
        });
        let addon = stub.clients().eks(None).addon("workshop", "vpc-cni").await.expect("read");
        let issue = Issue {
            code: "ConfigurationConflict".to_owned(),
            message: "Conflicts found".to_owned(),
            resource_ids: vec!["aws-node".to_owned()],
        };
        assert_eq!(
            addon,
            Addon {
                name: "vpc-cni".to_owned(),
                arn: "arn:addon".to_owned(),
                version: "v1.20.4-eksbuild.1".to_owned(),
                status: "DEGRADED".to_owned(),
                configuration_values: Some("{\"env\":{}}".to_owned()),
                service_account_role_arn: Some("arn:role".to_owned()),
                pod_identity_associations: vec!["arn:association".to_owned()],
                issues: vec![issue],
                created_at: Timestamp::from_second(1_763_748_000).ok(),
                modified_at: Timestamp::from_second(1_763_748_060).ok(),
            }
        );
        assert_eq!(stub.count(&format!("GET {PATH}")), 1);
    }

    #[tokio::test]
    async fn an_add_on_without_values_has_none() {
        for values in [json!(null), json!(""), json!(" \n")] {
            let stub = Stub::new(move |_| {
                Reply::json(&json!({ "addon": { "addonName": "vpc-cni", "configurationValues": values } }))
            });
            let addon = stub.clients().eks(None).addon("workshop", "vpc-cni").await.expect("read");
            assert_eq!((addon.configuration_values, addon.issues), (None, Vec::new()));
        }
    }

    #[tokio::test]
    async fn a_change_names_values_conflicts_and_role_but_no_version() {
        for (conflicts, written) in
            [(Conflicts::None, "NONE"), (Conflicts::Overwrite, "OVERWRITE"), (Conflicts::Preserve, "PRESERVE")]
        {
            let stub = Stub::new(|_| Reply::json(&json!({ "update": { "id": "u-1", "status": "InProgress" } })));
            let change = AddonChange {
                configuration_values: "{\"env\":{}}".to_owned(),
                conflicts,
                service_account_role_arn: Some("arn:role".to_owned()),
            };
            let update = stub.clients().eks(None).update_addon("workshop", "vpc-cni", &change).await.expect("begun");
            assert_eq!((update.id.as_str(), update.status), ("u-1", UpdateStatus::InProgress));
            stub.read(|asked| {
                assert_eq!(asked[0].operation, format!("POST {PATH}/update"));
                let mut body = asked[0].body.clone();
                let token = body.as_object_mut().and_then(|body| body.remove("clientRequestToken"));
                assert!(token.is_some_and(|token| token.as_str().is_some_and(|text| !text.is_empty())));
                let expected = json!({
                    "configurationValues": "{\"env\":{}}", "resolveConflicts": written,
                    "serviceAccountRoleArn": "arn:role",
                });
                assert_eq!(body, expected);
            });
        }
    }

    #[tokio::test]
    async fn a_change_under_way_and_a_refused_value_are_told_apart() {
        let change = AddonChange {
            configuration_values: "{}".to_owned(),
            conflicts: Conflicts::None,
            service_account_role_arn: None,
        };
        for (status, code, kind) in [
            (409, "ResourceInUseException", Kind::InUse),
            (400, "InvalidParameterException", Kind::Validation),
            (404, "ResourceNotFoundException", Kind::NotFound),
        ] {
            let body = json!({ "__type": code, "message": "no" }).to_string();
            let stub = Stub::new(move |_| Reply::Answer(status, body.clone()));
            let error = stub.clients().eks(None).update_addon("workshop", "vpc-cni", &change).await;
            assert_eq!(error.expect_err(code).kind(), &kind);
        }
    }

    #[tokio::test]
    async fn how_a_change_went() {
        for (shown, status) in [
            ("InProgress", UpdateStatus::InProgress),
            ("Successful", UpdateStatus::Successful),
            ("Failed", UpdateStatus::Failed),
            ("Cancelled", UpdateStatus::Cancelled),
            ("Pondering", UpdateStatus::InProgress),
        ] {
            let stub = Stub::new(move |_| {
                Reply::json(&json!({ "update": { "id": "u-1", "status": shown, "errors": [
                    { "errorCode": "ConfigurationConflict", "errorMessage": "Conflicts", "resourceIds": ["a"] },
                ] } }))
            });
            let update = stub.clients().eks(None).addon_update("workshop", "vpc-cni", "u-1").await.expect("read");
            assert_eq!((update.status, update.errors[0].code.as_str()), (status, "ConfigurationConflict"));
            stub.read(|asked| {
                assert_eq!(asked[0].operation, "GET /clusters/workshop/updates/u-1");
                assert_eq!(asked[0].query, "addonName=vpc-cni");
            });
        }
    }

    #[tokio::test]
    async fn schema_versions_and_names() {
        let stub = Stub::new(|asked| {
            let second = asked.query.contains("nextToken=more");
            let next = if second { json!(null) } else { json!("more") };
            let version = |version: &str, default: bool| {
                let compatible = json!([
                    { "clusterVersion": "1.34", "defaultVersion": default },
                    { "clusterVersion": "1.33", "defaultVersion": false },
                ]);
                json!({ "addonVersion": version, "compatibilities": compatible })
            };
            Reply::json(&match asked.operation.as_str() {
                "GET /addons/configuration-schemas" => json!({
                    "configurationSchema": "{\"type\":\"object\"}",
                    "podIdentityConfiguration": [{ "serviceAccount": "aws-node" }],
                }),
                "GET /addons/supported-versions" if second => json!({ "addons": [
                    { "addonName": "vpc-cni", "addonVersions": [version("v2", true)] },
                ] }),
                "GET /addons/supported-versions" => json!({ "nextToken": next, "addons": [
                    { "addonName": "vpc-cni", "addonVersions": [version("v3", false)] },
                    { "addonName": "coredns", "addonVersions": [version("v9", true)] },
                ] }),
                "GET /clusters/workshop/addons" if second => json!({ "addons": ["vpc-cni"] }),
                "GET /clusters/workshop/addons" => json!({ "addons": ["coredns"], "nextToken": next }),
                other => panic!("{other}"),
            })
        });
        let eks = stub.clients().eks(None);
        let configuration = eks.addon_configuration("vpc-cni", "v2").await.expect("read");
        assert_eq!(configuration.schema, "{\"type\":\"object\"}");
        assert_eq!(configuration.service_accounts, ["aws-node"]);
        let filter = VersionFilter { kubernetes_version: Some("1.34".to_owned()) };
        let versions = eks.addon_versions("vpc-cni", &filter).await.expect("read");
        let shown: Vec<_> = versions
            .iter()
            .map(|one| (one.version.as_str(), one.kubernetes_versions.len(), &one.default_for))
            .collect();
        assert_eq!(shown, [("v3", 2, &vec![]), ("v2", 2, &vec!["1.34".to_owned()])]);
        assert_eq!(eks.list_addons("workshop").await.expect("listed"), ["coredns", "vpc-cni"]);
        stub.read(|asked| {
            assert!(asked[0].query.contains("addonVersion=v2"), "{}", asked[0].query);
            assert!(asked[1].query.contains("kubernetesVersion=1.34"), "{}", asked[1].query);
        });
    }
}
