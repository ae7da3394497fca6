//! What EKS says about a cluster's condition: insights, which the control API sets; how long a version is supported;
//! certificate authorities, of which a cluster has one here.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Route, create::VERSIONS, find, invalid, paged};
use crate::{
    aws::{
        Call,
        constraints::Constraints,
        error::{AwsError, Result},
        input::Json,
        page,
    },
    moment::Moment,
    random,
};

/// One of EKS's checks of a cluster, and its outcome.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Insight {
    #[serde(default = "random::uuid")]
    id: String,
    name: String,
    category: String,
    status: String,
    reason: String,
    #[serde(default)]
    recommendation: String,
    #[serde(default)]
    kubernetes_version: Option<String>,
}

const CATEGORIES: [&str; 3] = ["UPGRADE_READINESS", "MISCONFIGURATION", "ROLLBACK_READINESS"];
const STATUSES: [&str; 4] = ["PASSING", "WARNING", "ERROR", "UNKNOWN"];

impl Insight {
    /// Whether EKS could report it.
    pub fn is_possible(&self) -> bool {
        CATEGORIES.contains(&self.category.as_str()) && STATUSES.contains(&self.status.as_str())
    }

    fn describe(&self) -> Value {
        let now = Moment::now().epoch();
        json!({
            "id": self.id,
            "name": self.name,
            "category": self.category,
            "kubernetesVersion": self.kubernetes_version,
            "lastRefreshTime": now,
            "lastTransitionTime": now,
            "description": self.name,
            "insightStatus": {"status": self.status, "reason": self.reason},
        })
    }
}

pub fn list_insights(call: &mut Call<'_>, route: &Route, input: Json<'_>) -> Result<Value> {
    let name = find(call, route)?.name.clone();
    let filter = input.object("filter")?;
    let wanted = |member: &str, possible: &[&str]| -> Result<Option<Vec<String>>> {
        let Some(values) = filter.map(|filter| filter.texts(member)).transpose()?.flatten() else { return Ok(None) };
        match values.iter().find(|value| !possible.is_empty() && !possible.contains(&value.as_str())) {
            Some(value) => Err(invalid(format!("Invalid value '{value}' for {member}"))),
            None => Ok(Some(values)),
        }
    };
    let (categories, statuses) = (wanted("categories", &CATEGORIES)?, wanted("statuses", &STATUSES)?);
    let versions = wanted("kubernetesVersions", &[])?;
    let asked = input.integer("maxResults")?;
    let mut constraints = Constraints::default();
    constraints.range("maxResults", asked, 1, 100);
    constraints.finish_as("InvalidParameterException")?;
    let fits = |values: &Option<Vec<String>>, value: &str| {
        values.as_ref().is_none_or(|values| values.iter().any(|one| one == value))
    };
    let found = call.region().eks.insights.get(&name).into_iter().flatten().filter(|insight| {
        fits(&categories, &insight.category)
            && fits(&statuses, &insight.status)
            && fits(&versions, insight.kubernetes_version.as_deref().unwrap_or_default())
    });
    let items = found.zip(0..).map(|(insight, order)| (page::key(order), insight.describe())).collect();
    let query = format!(
        "ListInsights {} {} {name} {}",
        call.account,
        call.region,
        input.fingerprint(&["maxResults", "nextToken"])
    );
    let size = asked.and_then(|size| usize::try_from(size).ok()).unwrap_or(100);
    let (page, next) = page::page(items, size, input.text("nextToken")?, &query, &call.world.paging_secret)
        .ok_or_else(|| invalid("Invalid nextToken"))?;
    Ok(json!({"insights": page, "nextToken": next}))
}

pub fn describe_insight(call: &mut Call<'_>, route: &Route) -> Result<Value> {
    let name = find(call, route)?.name.clone();
    let found = call.region().eks.insights.get(&name).into_iter().flatten().find(|insight| insight.id == route.item());
    let insight = found.ok_or_else(|| {
        AwsError::new(404, "ResourceNotFoundException", format!("No insight found for ID: {}", route.item()))
            .with("clusterName", name.clone())
    })?;
    let mut value = insight.describe();
    value["recommendation"] = insight.recommendation.clone().into();
    Ok(json!({"insight": value}))
}

/// Seconds of a day.
const DAY: i64 = 86_400;
/// How long EKS supports a version: 14 months, then 12 more. Source: EKS user guide, "Understand the Kubernetes
/// version lifecycle".
const STANDARD_DAYS: i64 = 425;
const EXTENDED_DAYS: i64 = 365;
/// Days between two versions. The newest one came out that long ago.
const BETWEEN: i64 = 120;

pub fn versions(call: &mut Call<'_>, route: &Route) -> Result<Value> {
    let wanted: Vec<&str> = route.parameters("clusterVersions").collect();
    if let Some(version) = wanted.iter().find(|version| !VERSIONS.contains(version)) {
        return Err(invalid(format!("Unsupported Kubernetes version {version}")));
    }
    let now = Moment::now();
    let all = VERSIONS.iter().zip(1_i64..).map(|(version, age)| {
        let released = -age * BETWEEN;
        let (standard, extended) = (released + STANDARD_DAYS, released + STANDARD_DAYS + EXTENDED_DAYS);
        let status = match (standard > 0, extended > 0) {
            (true, _) => "STANDARD_SUPPORT",
            (false, true) => "EXTENDED_SUPPORT",
            (false, false) => "UNSUPPORTED",
        };
        let at = |days: i64| now.plus_seconds(days * DAY).epoch();
        let value = json!({
            "clusterVersion": version,
            "clusterType": "eks",
            "defaultPlatformVersion": "eks.1",
            "defaultVersion": *version == super::create::DEFAULT_VERSION,
            "releaseDate": at(released),
            "endOfStandardSupportDate": at(standard),
            "endOfExtendedSupportDate": at(extended),
            "status": status.to_lowercase().replace('_', "-"),
            "versionStatus": status,
            "kubernetesPatchVersion": format!("{version}.3"),
        });
        (version, status, value)
    });
    let shown = |version: &str, status: &str| {
        let by_status = route.parameter("versionStatus").map_or_else(
            || status != "UNSUPPORTED" || route.parameter("includeAll") == Some("true"),
            |wanted| wanted == status,
        );
        by_status && (wanted.is_empty() || wanted.contains(&version))
    };
    let items: Vec<(String, Value)> = all
        .filter(|(version, status, _)| shown(version, status))
        .zip(0..)
        .map(|((_, _, value), order)| (page::key(order), value))
        .collect();
    paged(call, route, "clusterVersions", items)
}

pub fn authorities(call: &mut Call<'_>, route: &Route) -> Result<Value> {
    let cluster = find(call, route)?;
    let value = json!({
        "id": cluster.endpoint_id.to_lowercase(),
        "createdAt": cluster.born.at.epoch(),
        "createdBy": "EKS",
        "activatedAt": cluster.born.at.epoch(),
        "activatedBy": "EKS",
        "signingStatus": "IN_USE",
        "distributionStatus": "COMPLETE",
    });
    paged(call, route, "certificateAuthorities", vec![(page::key(0), value)])
}
