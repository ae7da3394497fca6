//! Reads the facts that the cluster's API server knows, each on its own.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use framework::diagnostic::{Diagnostics, Result, sentence};
use serde_json::Value as Json;

use super::{Fact, Missing};
use crate::attributes::{ClusterName, Region};
use crate::aws::eks::Cluster;
use crate::kube::{self, Kind, Node, Resource};
use crate::session::{Access, Context};

static SERVICE: Resource = kind("", "Service", "services");
static REQUEST: Resource = kind("certificates.k8s.io", "CertificateSigningRequest", "certificatesigningrequests");
static MUTATING: Resource =
    kind("admissionregistration.k8s.io", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations");
static VALIDATING: Resource =
    kind("admissionregistration.k8s.io", "ValidatingWebhookConfiguration", "validatingwebhookconfigurations");

const fn kind(group: &'static str, kind: &'static str, plural: &'static str) -> Resource {
    Resource {
        group: Cow::Borrowed(group),
        version: Cow::Borrowed("v1"),
        kind: Cow::Borrowed(kind),
        plural: Cow::Borrowed(plural),
    }
}

const SYSTEM: &str = "kube-system";
/// Services that a webhook is looked up for: a cluster with more is not looked at whole.
const MOST_SERVICES: usize = 20;

/// What is in the cluster.
#[derive(Debug)]
pub struct Inside {
    /// Every node.
    pub nodes: Fact<Vec<Node>>,
    /// The DaemonSets of kube-system by name.
    pub daemon_sets: Fact<BTreeMap<String, Json>>,
    /// Names of the nodes on which CoreDNS runs.
    pub dns_nodes: Fact<Vec<String>>,
    /// Webhooks that are served in the cluster.
    pub webhooks: Fact<Vec<Webhook>>,
    /// Certificate signing requests.
    pub requests: Fact<Vec<Json>>,
    /// Names of the custom resource definitions.
    pub definitions: Fact<Vec<String>>,
    /// ENIConfigs by name, with their subnets.
    pub eni_configs: Fact<BTreeMap<String, String>>,
}

/// A webhook that a service of the cluster serves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Webhook {
    /// Its name.
    pub name: String,
    /// `NAMESPACE/NAME` of the service.
    pub service: String,
    /// Whether requests fail while it cannot be reached.
    pub blocks: bool,
    /// The nodes on which the service's pods run.
    pub nodes: Vec<String>,
}

impl Inside {
    /// Nothing is known, for the same reason throughout.
    pub fn unknown(why: &Missing) -> Self {
        Self {
            nodes: Err(why.clone()),
            daemon_sets: Err(why.clone()),
            dns_nodes: Err(why.clone()),
            webhooks: Err(why.clone()),
            requests: Err(why.clone()),
            definitions: Err(why.clone()),
            eni_configs: Err(why.clone()),
        }
    }
}

/// Reads them all. An API server that cannot be reached is asked once.
///
/// # Errors
/// The provider's settings for the cluster cannot be used.
pub async fn collect(
    cluster: &Fact<Arc<Cluster>>,
    name: &ClusterName,
    region: &Region,
    cx: &Context,
) -> Result<Inside> {
    let client = match cx.clients()?.access_to(name, Some(region)).await {
        Ok(Access::Open(client)) => client.for_reads(),
        Ok(Access::NoCluster(error)) => return Ok(Inside::unknown(&Missing::unread(format!("{error}.")))),
        Ok(Access::NotReady(status)) => {
            let why = format!("The cluster's status is {status}, and it has no API server that could be asked.");
            return Ok(Inside::unknown(&Missing::unread(why)));
        }
        Ok(Access::Unknown(argument)) => {
            let why = format!("`{argument}` of the provider's configuration is known only after apply.");
            return Ok(Inside::unknown(&Missing::unread(why)));
        }
        Err(why) => {
            // The endpoint comes from the cluster, and the same refusal hides both.
            let missing = cluster.as_ref().err().cloned().unwrap_or_else(|| Missing::unread(first(&why)));
            return Ok(Inside::unknown(&missing));
        }
    };
    if let Err(error) = client.version().await {
        return Ok(Inside::unknown(&missing(&error)));
    }
    let (nodes, daemon_sets, dns_nodes, webhooks, requests, definitions, eni_configs) = futures::join!(
        nodes(&client),
        daemon_sets(&client),
        dns_nodes(&client),
        Box::pin(webhooks(&client)),
        list(&client, &REQUEST, None, None),
        definitions(&client),
        eni_configs(&client),
    );
    Ok(Inside { nodes, daemon_sets, dns_nodes, webhooks, requests, definitions, eni_configs })
}

/// What the first message says.
fn first(faults: &Diagnostics) -> String {
    faults.0.first().map(|fault| format!("{}: {}", fault.summary, fault.cause)).unwrap_or_default()
}

/// An error as the reason for which a check is left out.
fn missing(error: &kube::Error) -> Missing {
    let attempt = error.attempt();
    let permission = match error.kind() {
        Kind::Forbidden { .. } => Some(format!("{} {}", attempt.verb.name(), attempt.object)),
        _ => None,
    };
    Missing::Unread { reason: sentence(&error.to_string()), permission }
}

async fn list(
    client: &kube::Client,
    resource: &Resource,
    namespace: Option<&str>,
    selector: Option<&str>,
) -> Fact<Vec<Json>> {
    client.list(resource, namespace, selector).await.map_err(|error| missing(&error))
}

async fn nodes(client: &kube::Client) -> Fact<Vec<Node>> {
    client.nodes(None).await.map_err(|error| missing(&error))
}

async fn daemon_sets(client: &kube::Client) -> Fact<BTreeMap<String, Json>> {
    let found = list(client, &Resource::DAEMON_SET, Some(SYSTEM), None).await?;
    Ok(found.into_iter().map(|object| (kube::name(&object).to_owned(), object)).collect())
}

async fn dns_nodes(client: &kube::Client) -> Fact<Vec<String>> {
    Ok(pod_nodes(&list(client, &Resource::POD, Some(SYSTEM), Some("k8s-app=kube-dns")).await?))
}

/// The nodes of pods that have one.
fn pod_nodes(pods: &[Json]) -> Vec<String> {
    let nodes = pods.iter().filter_map(|pod| pod.pointer("/spec/nodeName")?.as_str());
    nodes.filter(|node| !node.is_empty()).map(str::to_owned).collect()
}

async fn definitions(client: &kube::Client) -> Fact<Vec<String>> {
    let mut names = Vec::new();
    let each = |object: Json| names.push(kube::name(&object).to_owned());
    let read = client.metadata_pages(&Resource::CUSTOM_RESOURCE_DEFINITION, each).await;
    read.map_err(|error| missing(&error))?;
    Ok(names)
}

async fn eni_configs(client: &kube::Client) -> Fact<BTreeMap<String, String>> {
    match client.list(&Resource::ENI_CONFIG, None, None).await {
        Ok(found) => Ok(found
            .iter()
            .map(|object| {
                let subnet = object.pointer("/spec/subnet").and_then(Json::as_str).unwrap_or_default();
                (kube::name(object).to_owned(), subnet.to_owned())
            })
            .collect()),
        // Without its definition, there is none.
        Err(error) if *error.kind() == Kind::NoSuchKind => Ok(BTreeMap::new()),
        Err(error) => Err(missing(&error)),
    }
}

async fn webhooks(client: &kube::Client) -> Fact<Vec<Webhook>> {
    let mut found = Vec::new();
    for resource in [&MUTATING, &VALIDATING] {
        for configuration in list(client, resource, None, None).await? {
            let webhooks = configuration["webhooks"].as_array().into_iter().flatten();
            found.extend(webhooks.filter_map(served_inside));
        }
    }
    let services: std::collections::BTreeSet<String> = found.iter().map(|one| one.service.clone()).collect();
    if services.len() > MOST_SERVICES {
        let why = format!("{} services serve webhooks; at most {MOST_SERVICES} are looked up.", services.len());
        return Err(Missing::unread(why));
    }
    for service in services {
        let nodes = service_nodes(client, &service).await?;
        found.iter_mut().filter(|one| one.service == service).for_each(|one| one.nodes.clone_from(&nodes));
    }
    Ok(found)
}

fn served_inside(webhook: &Json) -> Option<Webhook> {
    let service = &webhook["clientConfig"]["service"];
    let text = |value: &Json| value.as_str().map(str::to_owned);
    Some(Webhook {
        name: text(&webhook["name"])?,
        service: format!("{}/{}", service["namespace"].as_str()?, service["name"].as_str()?),
        blocks: webhook["failurePolicy"] == "Fail",
        nodes: Vec::new(),
    })
}

/// The nodes of the pods that a service selects.
async fn service_nodes(client: &kube::Client, service: &str) -> Fact<Vec<String>> {
    let Some((namespace, name)) = service.split_once('/') else { return Ok(Vec::new()) };
    let object = client.get(&SERVICE, Some(namespace), name).await.map_err(|error| missing(&error))?;
    let selector = object.as_ref().and_then(|object| object.pointer("/spec/selector")?.as_object());
    let terms: Vec<String> = selector
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    // A service without a selector has addresses of its own.
    if terms.is_empty() {
        return Ok(Vec::new());
    }
    Ok(pod_nodes(&list(client, &Resource::POD, Some(namespace), Some(&terms.join(","))).await?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_webhooks_of_services_are_inside() {
        let service = json!({ "namespace": "cert-manager", "name": "webhook", "port": 443 });
        for (webhook, expected) in [
            (json!({ "name": "a", "clientConfig": { "service": service }, "failurePolicy": "Fail" }), Some(true)),
            (json!({ "name": "a", "clientConfig": { "service": service }, "failurePolicy": "Ignore" }), Some(false)),
            (json!({ "name": "a", "clientConfig": { "url": "https://example.test" } }), None),
        ] {
            let found = served_inside(&webhook);
            assert_eq!(found.as_ref().map(|one| one.blocks), expected, "{webhook}");
            assert!(found.is_none_or(|one| one.service == "cert-manager/webhook"));
        }
    }

    #[test]
    fn pods_without_a_node_do_not_count() {
        let pods =
            [json!({ "spec": { "nodeName": "a" } }), json!({ "spec": {} }), json!({ "spec": { "nodeName": "" } })];
        assert_eq!(pod_nodes(&pods), ["a"]);
    }
}
