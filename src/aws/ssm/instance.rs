//! Managed instances: hosts that registered with an activation (`mi-` and 17 hexadecimal digits).

use std::time::Duration;

use aws_sdk_ssm::types::{InstanceInformation, InstanceInformationStringFilter, ResourceTypeForTagging};
use futures::future::BoxFuture;
use jiff::Timestamp;

use super::{Client, Reads, Tags, tag_list, tags, timestamp};
use crate::aws::clients::Effect;
use crate::aws::error::{Operation, Result};
use crate::aws::shared::{Found, Source};

const DESCRIBE: Operation = Operation::new("ssm", "DescribeInstanceInformation");
const DEREGISTER: Operation = Operation::new("ssm", "DeregisterManagedInstance");
const UPDATE_ROLE: Operation = Operation::new("ssm", "UpdateManagedInstanceRole");
const LIST_TAGS: Operation = Operation::new("ssm", "ListTagsForResource");
const ADD_TAGS: Operation = Operation::new("ssm", "AddTagsToResource");
const REMOVE_TAGS: Operation = Operation::new("ssm", "RemoveTagsFromResource");

/// The maximum page size.
const PAGE: i32 = 50;
/// The maximum number of values per filter.
const FILTER_VALUES: usize = 100;
/// A longer listing costs more than it saves.
const MOST_PAGES: usize = 100;

/// A managed instance as AWS describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// `mi-` and 17 hexadecimal digits; `i-…` for EC2 instances.
    pub id: String,
    /// The activation that it registered with.
    pub activation_id: Option<String>,
    /// Name of its role.
    pub iam_role: Option<String>,
    /// Name given at registration.
    pub name: Option<String>,
    /// The host's own computer name.
    pub computer_name: Option<String>,
    /// IP address reported by the host.
    pub ip_address: Option<String>,
    /// `Online` or `ConnectionLost`. `Inactive` is still in the API, but no longer used.
    pub ping_status: Option<String>,
    /// Time of the last ping.
    pub last_ping: Option<Timestamp>,
    /// SSM Agent version.
    pub agent_version: Option<String>,
    /// `Linux`, `Windows` or `MacOS`.
    pub platform_type: Option<String>,
    /// Such as `Ubuntu`.
    pub platform_name: Option<String>,
    /// Such as `24.04`.
    pub platform_version: Option<String>,
    /// `ManagedInstance` or `EC2Instance`.
    pub resource_type: Option<String>,
    /// Source type: `AWS::SSM::ManagedInstance` for a host that registered with a hybrid activation; also IoT things
    /// and machines of other clouds.
    pub source_type: Option<String>,
    /// Registration time.
    pub registration_date: Option<Timestamp>,
}

/// Selects instances; all conditions must match.
///
/// AWS accepts either tags alone or the others together, so with `tags` the rest is compared here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstanceFilter {
    /// Only these ids. Empty: any.
    pub ids: Vec<String>,
    /// Only those that registered with one of these activations. Empty: any.
    pub activation_ids: Vec<String>,
    /// Only this role.
    pub iam_role: Option<String>,
    /// Only this ping status.
    pub ping_status: Option<String>,
    /// Only those with all of these tags.
    pub tags: Tags,
    /// Only hosts that registered with a hybrid activation.
    pub managed_only: bool,
}

impl Instance {
    /// Whether the host registered with a hybrid activation.
    #[must_use]
    pub fn is_hybrid(&self) -> bool {
        match self.source_type.as_deref() {
            Some(source) => source == "AWS::SSM::ManagedInstance",
            // Only such hosts register with an activation.
            None => self.activation_id.is_some(),
        }
    }

    /// Whether its agent is connected.
    #[must_use]
    pub fn is_online(&self) -> bool {
        self.ping_status.as_deref() == Some("Online")
    }

    /// When it was last known to be alive: at its last ping, or at its registration.
    #[must_use]
    pub fn last_seen(&self) -> Option<Timestamp> {
        self.last_ping.max(self.registration_date)
    }

    /// Whether it has been silent for at least this long. `None`: unknown.
    #[must_use]
    pub fn is_silent(&self, silent_for: Duration, now: Timestamp) -> Option<bool> {
        // A time in the future comes from a clock that differs: just now.
        let silence = Duration::try_from(now.duration_since(self.last_seen()?)).unwrap_or_default();
        Some(silence >= silent_for)
    }
}

impl Client {
    /// An instance; `None` if it does not exist. Shares calls with other readers; see `aws::shared`.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn instance(&self, id: &str) -> Result<Option<Instance>> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let source = || ById(self.clone());
        regional.part::<Reads>().instances.read(id, source, self.clients.sleep()).await
    }

    /// The instances that registered with an activation. Shares calls with other readers; see `aws::shared`. Before a
    /// deletion, use [`Client::instances`], which never answers from a cached listing.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn registered_instances(&self, activation_id: &str) -> Result<Vec<Instance>> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let source = || ByActivation(self.clone());
        let found = regional.part::<Reads>().registered.read(activation_id, source, self.clients.sleep()).await?;
        Ok(found.unwrap_or_default())
    }

    /// The current state of every matching instance, page by page.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn instances(&self, filter: &InstanceFilter) -> Result<Vec<Instance>> {
        let mut found = Vec::new();
        for filters in filter.requests() {
            // Without a limit, there is always a list.
            let part = self.instance_pages(filters, usize::MAX).await?.unwrap_or_default();
            found.extend(part.into_iter().filter(|instance| filter.fits(instance)));
        }
        Ok(found)
    }

    async fn instance_pages(
        &self,
        filters: Vec<InstanceInformationStringFilter>,
        most: usize,
    ) -> Result<Option<Vec<Instance>>> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let mut found = Vec::new();
        let mut next = None;
        for _ in 0..most {
            let request = regional
                .ssm()
                .describe_instance_information()
                .set_filters((!filters.is_empty()).then(|| filters.clone()))
                .max_results(PAGE)
                .set_next_token(next.take());
            let run = |probe| request.customize().interceptor(probe).send();
            let page = match self.clients.run(DESCRIBE, Effect::Read, &regional.region, run).await {
                // "None of these ids exists."
                Err(error) if error.is_not_found() => return Ok(Some(found)),
                other => other?,
            };
            found.extend(page.instance_information_list.unwrap_or_default().into_iter().filter_map(Instance::read));
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Deregisters a host from Systems Manager, and returns whether it was registered: one that is not is no error.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn deregister_instance(&self, id: &str) -> Result<bool> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let request = regional.ssm().deregister_managed_instance().instance_id(id);
        let run = |probe| request.customize().interceptor(probe).send();
        let registered = match self.clients.run(DEREGISTER, Effect::Change, &regional.region, run).await {
            Err(error) if !error.is_not_found() => return Err(error),
            answer => answer.is_ok(),
        };
        regional.part::<Reads>().instances.deleted(id);
        Ok(registered)
    }

    /// Assigns another role to a host: a name, including its path but no leading slash.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn update_instance_role(&self, id: &str, iam_role: &str) -> Result<()> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let request = regional.ssm().update_managed_instance_role().instance_id(id).iam_role(iam_role);
        let run = |probe| request.customize().interceptor(probe).send();
        self.clients.run(UPDATE_ROLE, Effect::Change, &regional.region, run).await?;
        regional.part::<Reads>().instances.changed(id);
        Ok(())
    }

    /// The tags of a host.
    ///
    /// # Errors
    /// Those of the call; [`NotFound`](crate::aws::Kind::NotFound) if the host does not exist.
    pub async fn instance_tags(&self, id: &str) -> Result<Tags> {
        self.resource_tags(ResourceTypeForTagging::ManagedInstance, id).await
    }

    /// Adds or changes tags of a host. Without tags, no call is made.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn add_instance_tags(&self, id: &str, tags: &Tags) -> Result<()> {
        self.add_tags(ResourceTypeForTagging::ManagedInstance, id, tags).await
    }

    /// Removes tags from a host. Without keys, no call is made.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn remove_instance_tags(&self, id: &str, keys: &[String]) -> Result<()> {
        self.remove_tags(ResourceTypeForTagging::ManagedInstance, id, keys).await
    }

    pub(super) async fn resource_tags(&self, kind: ResourceTypeForTagging, id: &str) -> Result<Tags> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let request = regional.ssm().list_tags_for_resource().resource_type(kind).resource_id(id);
        let run = |probe| request.customize().interceptor(probe).send();
        let output = self.clients.run(LIST_TAGS, Effect::Read, &regional.region, run).await?;
        Ok(tags(output.tag_list))
    }

    pub(super) async fn add_tags(&self, kind: ResourceTypeForTagging, id: &str, tags: &Tags) -> Result<()> {
        let Some(list) = tag_list(tags)? else { return Ok(()) };
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let request = regional.ssm().add_tags_to_resource().resource_type(kind).resource_id(id).set_tags(Some(list));
        let run = |probe| request.customize().interceptor(probe).send();
        self.clients.run(ADD_TAGS, Effect::Change, &regional.region, run).await?;
        Ok(())
    }

    pub(super) async fn remove_tags(&self, kind: ResourceTypeForTagging, id: &str, keys: &[String]) -> Result<()> {
        if keys.is_empty() {
            return Ok(());
        }
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let request = regional
            .ssm()
            .remove_tags_from_resource()
            .resource_type(kind)
            .resource_id(id)
            .set_tag_keys(Some(keys.to_vec()));
        let run = |probe| request.customize().interceptor(probe).send();
        self.clients.run(REMOVE_TAGS, Effect::Change, &regional.region, run).await?;
        Ok(())
    }
}

impl Instance {
    fn read(instance: InstanceInformation) -> Option<Self> {
        Some(Self {
            id: instance.instance_id?,
            activation_id: instance.activation_id.filter(|text| !text.is_empty()),
            iam_role: instance.iam_role,
            name: instance.name,
            computer_name: instance.computer_name,
            ip_address: instance.ip_address,
            ping_status: instance.ping_status.map(|status| status.as_str().to_owned()),
            last_ping: timestamp(instance.last_ping_date_time),
            agent_version: instance.agent_version,
            platform_type: instance.platform_type.map(|platform| platform.as_str().to_owned()),
            platform_name: instance.platform_name,
            platform_version: instance.platform_version,
            resource_type: instance.resource_type.map(|kind| kind.as_str().to_owned()),
            source_type: instance.source_type.map(|kind| kind.as_str().to_owned()),
            registration_date: timestamp(instance.registration_date),
        })
    }
}

impl InstanceFilter {
    /// The filters of each request: at most 100 values per filter, and tags never together with others.
    fn requests(&self) -> Vec<Vec<InstanceInformationStringFilter>> {
        if !self.tags.is_empty() {
            return vec![
                self.tags.iter().map(|(key, value)| one(&format!("tag:{key}"), std::slice::from_ref(value))).collect(),
            ];
        }
        let mut common = Vec::new();
        if let Some(role) = &self.iam_role {
            common.push(one("IamRole", std::slice::from_ref(role)));
        }
        if let Some(status) = &self.ping_status {
            common.push(one("PingStatus", std::slice::from_ref(status)));
        }
        if self.managed_only {
            common.push(one("ResourceType", &["ManagedInstance".to_owned()]));
        }
        // Only one of the two lists is split; if the other exceeds a filter's limit, it is compared here.
        let (key, values, other) = if self.ids.is_empty() {
            ("ActivationIds", &self.activation_ids, None)
        } else {
            ("InstanceIds", &self.ids, Some(&self.activation_ids))
        };
        if let Some(other) = other.filter(|other| !other.is_empty() && other.len() <= FILTER_VALUES) {
            common.push(one("ActivationIds", other));
        }
        if values.is_empty() {
            return vec![common];
        }
        let parts = values.chunks(FILTER_VALUES);
        parts.map(|part| common.iter().cloned().chain([one(key, part)]).collect()).collect()
    }

    /// Whether an instance matches everything but the tags, which AWS has compared.
    fn fits(&self, instance: &Instance) -> bool {
        let among = |list: &[String], value: Option<&String>| {
            list.is_empty() || value.is_some_and(|value| list.contains(value))
        };
        among(&self.ids, Some(&instance.id))
            && among(&self.activation_ids, instance.activation_id.as_ref())
            && self.iam_role.as_ref().is_none_or(|role| instance.iam_role.as_ref() == Some(role))
            && self.ping_status.as_ref().is_none_or(|status| instance.ping_status.as_ref() == Some(status))
            && (!self.managed_only
                || (instance.resource_type.as_deref() == Some("ManagedInstance") && instance.is_hybrid()))
    }
}

fn one(key: &str, values: &[String]) -> InstanceInformationStringFilter {
    let filter = InstanceInformationStringFilter::builder().key(key).set_values(Some(values.to_vec())).build();
    // The builder fails only for a missing key or missing values, and both are set above.
    filter.unwrap_or_else(|error| unreachable!("key and values are set: {error}"))
}

/// All hosts outside EC2, or `None` if there are too many.
async fn every_managed(client: &Client) -> Result<Option<Vec<Instance>>> {
    client.instance_pages(vec![one("ResourceType", &["ManagedInstance".to_owned()])], MOST_PAGES).await
}

struct ById(Client);

impl Source for ById {
    type Item = Instance;
    const LISTING_IS_COMPLETE: bool = false;

    fn some(&self, keys: Vec<String>) -> BoxFuture<'_, Result<Found<Instance>>> {
        Box::pin(async move {
            let filter = InstanceFilter { ids: keys, ..InstanceFilter::default() };
            let mut found = self.0.instances(&filter).await?;
            if found.is_empty() && filter.ids.len() > 1 {
                // AWS rejects the whole request for one invalid id; then each is requested individually.
                for id in filter.ids {
                    let alone = InstanceFilter { ids: vec![id], ..InstanceFilter::default() };
                    found.extend(self.0.instances(&alone).await?);
                }
            }
            Ok(by_id(found))
        })
    }

    fn all(&self) -> BoxFuture<'_, Result<Option<Found<Instance>>>> {
        Box::pin(async { Ok(every_managed(&self.0).await?.map(by_id)) })
    }
}

struct ByActivation(Client);

impl Source for ByActivation {
    type Item = Vec<Instance>;
    // Most activations have no host yet; another request for each of them would defeat the sharing.
    const LISTING_IS_COMPLETE: bool = true;

    fn some(&self, keys: Vec<String>) -> BoxFuture<'_, Result<Found<Vec<Instance>>>> {
        Box::pin(async move {
            let filter = InstanceFilter { activation_ids: keys, ..InstanceFilter::default() };
            Ok(by_activation(self.0.instances(&filter).await?))
        })
    }

    fn all(&self) -> BoxFuture<'_, Result<Option<Found<Vec<Instance>>>>> {
        Box::pin(async { Ok(every_managed(&self.0).await?.map(by_activation)) })
    }
}

fn by_id(list: Vec<Instance>) -> Found<Instance> {
    list.into_iter().map(|instance| (instance.id.clone(), instance)).collect()
}

fn by_activation(list: Vec<Instance>) -> Found<Vec<Instance>> {
    let mut grouped: Found<Vec<Instance>> = Found::new();
    for instance in list {
        if let Some(activation) = instance.activation_id.clone() {
            grouped.entry(activation).or_default().push(instance);
        }
    }
    grouped
}
