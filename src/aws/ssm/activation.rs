//! Hybrid activations. There is no update call: every change creates a new one.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_sdk_ssm::types::{DescribeActivationsFilter, DescribeActivationsFilterKeys as FilterKey};
use futures::future::BoxFuture;
use jiff::Timestamp;
use secrecy::SecretString;

use super::{Client, Reads, Tags, date_time, tag_list, tags, timestamp};
use crate::aws::clients::Effect;
use crate::aws::error::{Error, Kind, Operation, Result};
use crate::aws::settling::{Patience, Settling};
use crate::aws::shared::{Found, Source};

const CREATE: Operation = Operation::new("ssm", "CreateActivation");
const DESCRIBE: Operation = Operation::new("ssm", "DescribeActivations");
const DELETE: Operation = Operation::new("ssm", "DeleteActivation");

/// The maximum page size.
const PAGE: i32 = 50;
/// A longer listing costs more than it saves. AWS keeps expired activations forever.
const MOST_PAGES: usize = 100;
/// Pause before retrying a creation whose response was lost.
const LOST_PAUSE: Duration = Duration::from_secs(1);
/// How long a search for orphaned activations waits for other creations of this process.
const OTHERS_PAUSE: Duration = Duration::from_millis(200);
const OTHERS_PATIENCE: u32 = 25;
/// How often a creation whose response was lost is retried.
const LOST_ANSWERS: u32 = 2;

/// The arguments for creating an activation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ActivationSpec {
    /// Name of the hosts' role, including its path but no leading slash. Not an ARN.
    pub iam_role: String,
    /// Name of the hosts in lists.
    pub default_instance_name: Option<String>,
    /// At most 256 characters.
    pub description: Option<String>,
    /// Maximum number of hosts that can register, 1 to 1000. AWS's default: 1.
    pub registration_limit: Option<i32>,
    /// At most 30 days ahead. AWS's default: in 24 hours.
    pub expiration_date: Option<Timestamp>,
    /// Tags, copied to every host that registers.
    pub tags: Tags,
}

/// A new activation.
#[derive(Debug, Clone)]
pub struct CreatedActivation {
    /// UUID.
    pub id: String,
    /// Returned only here.
    pub code: SecretString,
    /// Activations that an earlier attempt of this same creation may have left behind when its response was lost.
    /// Nobody knows their codes.
    pub left_behind: Vec<String>,
}

/// An activation as AWS describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activation {
    /// UUID.
    pub id: String,
    /// Name of the role, with its path.
    pub iam_role: Option<String>,
    /// Name of the hosts in lists.
    pub default_instance_name: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// Maximum number of hosts that can register.
    pub registration_limit: i32,
    /// Number of hosts that have registered.
    pub registrations_count: i32,
    /// Creation time.
    pub created_date: Option<Timestamp>,
    /// Expiration time.
    pub expiration_date: Option<Timestamp>,
    /// Whether it has expired.
    pub expired: bool,
    /// Tags.
    pub tags: Tags,
}

/// Selects activations; all conditions must match.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ActivationFilter {
    /// Only these ids. Empty: any.
    pub ids: Vec<String>,
    /// Only this role.
    pub iam_role: Option<String>,
    /// Only this name.
    pub default_instance_name: Option<String>,
}

impl Client {
    /// Creates an activation. While the role propagates, it retries for up to two minutes, or as long as
    /// [`Client::settling_within`] allows, and reports to `progress`.
    ///
    /// # Errors
    /// Those of the call. [`Kind::Cancelled`] and [`Kind::AnswerLost`] say that the activation may exist.
    pub async fn create_activation(
        &self,
        spec: &ActivationSpec,
        mut progress: impl FnMut(&Settling) + Send,
    ) -> Result<CreatedActivation> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let reads = regional.part::<Reads>();
        let creations = &reads.creations;
        let _making = creations.begin();
        let begun = Timestamp::now();
        let mut patience = Patience::new(self.settles_within);
        let mut lost = 0;
        let mut last_lost = None;
        loop {
            let error = match self.try_create(spec).await {
                Ok((id, code)) => {
                    creations.made(&id);
                    let left_behind =
                        if lost > 0 { self.left_behind(spec, begun, creations).await } else { Vec::new() };
                    return Ok(CreatedActivation { id, code, left_behind });
                }
                Err(error) => error,
            };
            if matches!(error.kind(), Kind::AnswerLost { .. }) && lost < LOST_ANSWERS {
                lost += 1;
                tracing::warn!(%error, "the answer to CreateActivation was lost; an activation without a known code may be left behind");
                if self.clients.pause(LOST_PAUSE).await.is_err() {
                    // Asked to stop: the attempt whose response was lost is what to report.
                    return Err(error);
                }
                last_lost = Some(error);
                continue;
            }
            if matches!(error.kind(), Kind::Cancelled { may_exist: false })
                && let Some(earlier) = last_lost
            {
                return Err(earlier);
            }
            if lost > 0 {
                let left_behind = self.left_behind(spec, begun, creations).await;
                return Err(error.leaving(left_behind));
            }
            if !is_settling(&error) {
                return Err(error);
            }
            tracing::info!(role = spec.iam_role, "the role is not settled yet; CreateActivation is tried again");
            patience.wait(&self.clients, error, &mut progress).await?;
        }
    }

    async fn try_create(&self, spec: &ActivationSpec) -> Result<(String, SecretString)> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let request = regional
            .ssm()
            .create_activation()
            .iam_role(&spec.iam_role)
            .set_default_instance_name(spec.default_instance_name.clone())
            .set_description(spec.description.clone())
            .set_registration_limit(spec.registration_limit)
            .set_expiration_date(spec.expiration_date.map(date_time))
            .set_tags(tag_list(&spec.tags)?);
        let run = |probe| request.customize().interceptor(probe).send();
        let output = self.clients.run(CREATE, Effect::Create, &regional.region, run).await?;
        match (output.activation_id, output.activation_code) {
            (Some(id), Some(code)) => Ok((id, code.into())),
            _ => Err(Error::new(Kind::Other)),
        }
    }

    /// Activations like `spec` that appeared during this creation, and for which no caller in this process got a
    /// response.
    async fn left_behind(&self, spec: &ActivationSpec, begun: Timestamp, creations: &Creations) -> Vec<String> {
        // Another creation may be about to get its response; its activation must not count as orphaned.
        for _ in 0..OTHERS_PATIENCE {
            if creations.under_way() <= 1 || self.clients.pause(OTHERS_PAUSE).await.is_err() {
                break;
            }
        }
        if creations.under_way() > 1 {
            return Vec::new();
        }
        let filter = ActivationFilter { iam_role: Some(spec.iam_role.clone()), ..ActivationFilter::default() };
        // The creation succeeded; this failed lookup must not spoil it.
        let Ok(found) = self.list_activations(&filter).await else { return Vec::new() };
        // AWS truncates creation times to milliseconds, and clocks differ slightly.
        let since = begun.as_second() - 5;
        let alike = |activation: &Activation| {
            !creations.is_own(&activation.id)
                && activation.registrations_count == 0
                && activation.description == spec.description
                && activation.default_instance_name == spec.default_instance_name
                && activation.registration_limit == spec.registration_limit.unwrap_or(1)
                && activation.tags == spec.tags
                && activation.created_date.is_some_and(|created| created.as_second() >= since)
        };
        found.into_iter().filter(alike).map(|activation| activation.id).collect()
    }

    /// An activation; `None` if it does not exist. Shares calls with other readers; see `aws::shared`.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn activation(&self, id: &str) -> Result<Option<Activation>> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let source = || ActivationSource(self.clone());
        regional.part::<Reads>().activations.read(id, source, self.clients.sleep()).await
    }

    /// The current state of an activation, bypassing any listing.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn describe_activation(&self, id: &str) -> Result<Option<Activation>> {
        let filter = ActivationFilter { ids: vec![id.to_owned()], ..ActivationFilter::default() };
        let found = absent_is_empty(self.list_activations(&filter).await)?;
        Ok(found.into_iter().find(|activation| activation.id == id))
    }

    /// Every matching activation, page by page.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn list_activations(&self, filter: &ActivationFilter) -> Result<Vec<Activation>> {
        // Without a limit, there is always a list.
        Ok(self.activation_pages(filter, usize::MAX).await?.unwrap_or_default())
    }

    /// The same; `None` if there are more than `most` pages.
    async fn activation_pages(&self, filter: &ActivationFilter, most: usize) -> Result<Option<Vec<Activation>>> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let filters = filter.filters();
        let mut found = Vec::new();
        let mut next = None;
        for _ in 0..most {
            let request = regional
                .ssm()
                .describe_activations()
                .set_filters((!filters.is_empty()).then(|| filters.clone()))
                .max_results(PAGE)
                .set_next_token(next.take());
            let run = |probe| request.customize().interceptor(probe).send();
            let page = self.clients.run(DESCRIBE, Effect::Read, &regional.region, run).await?;
            found.extend(page.activation_list.unwrap_or_default().into_iter().filter_map(Activation::read));
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Deletes an activation. One that does not exist is no error. Hosts that registered with it stay registered.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn delete_activation(&self, id: &str) -> Result<()> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let request = regional.ssm().delete_activation().activation_id(id);
        let run = |probe| request.customize().interceptor(probe).send();
        match self.clients.run(DELETE, Effect::Change, &regional.region, run).await {
            Err(error) if !error.is_not_found() => return Err(error),
            Ok(_) | Err(_) => {}
        }
        regional.part::<Reads>().activations.deleted(id);
        Ok(())
    }
}

impl Activation {
    fn read(activation: aws_sdk_ssm::types::Activation) -> Option<Self> {
        Some(Self {
            id: activation.activation_id?,
            iam_role: activation.iam_role,
            default_instance_name: activation.default_instance_name.filter(|text| !text.is_empty()),
            description: activation.description.filter(|text| !text.is_empty()),
            registration_limit: activation.registration_limit.unwrap_or(1),
            registrations_count: activation.registrations_count.unwrap_or_default(),
            created_date: timestamp(activation.created_date),
            expiration_date: timestamp(activation.expiration_date),
            expired: activation.expired,
            tags: tags(activation.tags),
        })
    }
}

impl ActivationFilter {
    fn filters(&self) -> Vec<DescribeActivationsFilter> {
        let one = |key: FilterKey, values: Vec<String>| {
            DescribeActivationsFilter::builder().filter_key(key).set_filter_values(Some(values)).build()
        };
        let mut filters = Vec::new();
        if !self.ids.is_empty() {
            filters.push(one(FilterKey::ActivationIds, self.ids.clone()));
        }
        if let Some(role) = &self.iam_role {
            filters.push(one(FilterKey::IamRole, vec![role.clone()]));
        }
        if let Some(name) = &self.default_instance_name {
            filters.push(one(FilterKey::DefaultInstanceName, vec![name.clone()]));
        }
        filters
    }
}

/// Converts "none of these ids exists" to an empty list.
fn absent_is_empty<T>(answer: Result<Vec<T>>) -> Result<Vec<T>> {
    match answer {
        Err(error) if error.is_not_found() => Ok(Vec::new()),
        other => other,
    }
}

/// Whether AWS reports that it does not know the role. Right after a role is created, that means "not yet".
fn is_settling(error: &Error) -> bool {
    error.code() == Some("ValidationException")
        && error
            .message()
            .is_some_and(|text| text.to_ascii_lowercase().contains("nonexistent role or missing ssm service principal"))
}

/// The activations that this process created, and how many creations are in progress.
#[derive(Debug, Default)]
pub(super) struct Creations(Mutex<(HashSet<String>, usize)>);

impl Creations {
    fn lock(&self) -> MutexGuard<'_, (HashSet<String>, usize)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self) -> Making<'_> {
        self.lock().1 += 1;
        Making(self)
    }

    fn under_way(&self) -> usize {
        self.lock().1
    }

    fn made(&self, id: &str) {
        self.lock().0.insert(id.to_owned());
    }

    fn is_own(&self, id: &str) -> bool {
        self.lock().0.contains(id)
    }
}

/// One creation in progress.
struct Making<'a>(&'a Creations);

impl Drop for Making<'_> {
    fn drop(&mut self) {
        self.0.lock().1 -= 1;
    }
}

struct ActivationSource(Client);

impl Source for ActivationSource {
    type Item = Activation;
    const LISTING_IS_COMPLETE: bool = false;

    fn some(&self, keys: Vec<String>) -> BoxFuture<'_, Result<Found<Activation>>> {
        Box::pin(async move {
            let filter = ActivationFilter { ids: keys.clone(), ..ActivationFilter::default() };
            let found = match self.0.list_activations(&filter).await {
                // One id that AWS rejects must not hide the others.
                Err(error) if error.is_not_found() && keys.len() > 1 => {
                    let mut found = Vec::new();
                    for id in &keys {
                        found.extend(self.0.describe_activation(id).await?);
                    }
                    found
                }
                other => absent_is_empty(other)?,
            };
            Ok(by_id(found))
        })
    }

    fn all(&self) -> BoxFuture<'_, Result<Option<Found<Activation>>>> {
        Box::pin(async move { Ok(self.0.activation_pages(&ActivationFilter::default(), MOST_PAGES).await?.map(by_id)) })
    }
}

fn by_id(list: Vec<Activation>) -> Found<Activation> {
    list.into_iter().map(|activation| (activation.id.clone(), activation)).collect()
}
