//! Hybrid activations. There is no update call: every change makes a new one.

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

/// The most that one page may hold.
const PAGE: i32 = 50;
/// A listing of more pages than this costs more than it saves. AWS keeps expired activations for ever.
const MOST_PAGES: usize = 100;
/// Before a creation whose answer was lost is begun anew.
const LOST_PAUSE: Duration = Duration::from_secs(1);
/// How long a search for what was left behind waits for other creations of this process.
const OTHERS_PAUSE: Duration = Duration::from_millis(200);
const OTHERS_PATIENCE: u32 = 25;
/// How often a creation whose answer was lost is begun anew.
const LOST_ANSWERS: u32 = 2;

/// What an activation is created from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ActivationSpec {
    /// Name of the role that hosts get, with its path but no leading slash. Not an ARN.
    pub iam_role: String,
    /// Name that hosts show in lists.
    pub default_instance_name: Option<String>,
    /// At most 256 characters.
    pub description: Option<String>,
    /// How many hosts may register, 1 to 1000. AWS's default: 1.
    pub registration_limit: Option<i32>,
    /// At most 30 days ahead. AWS's default: in 24 hours.
    pub expiration_date: Option<Timestamp>,
    /// Copied to every host that registers.
    pub tags: Tags,
}

/// A new activation.
#[derive(Debug, Clone)]
pub struct CreatedActivation {
    /// UUID.
    pub id: String,
    /// Told here and never again.
    pub code: SecretString,
    /// Activations that an earlier attempt of this same creation may have left behind when its answer was lost.
    /// Nobody knows their codes.
    pub left_behind: Vec<String>,
}

/// An activation as AWS shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activation {
    /// UUID.
    pub id: String,
    /// Name of the role, with its path.
    pub iam_role: Option<String>,
    /// Name that hosts show in lists.
    pub default_instance_name: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// How many hosts may register.
    pub registration_limit: i32,
    /// How many did.
    pub registrations_count: i32,
    /// When it was created.
    pub created_date: Option<Timestamp>,
    /// When it stops working.
    pub expiration_date: Option<Timestamp>,
    /// Whether that moment is over.
    pub expired: bool,
    /// Tags.
    pub tags: Tags,
}

/// Which activations to list; all of it has to fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ActivationFilter {
    /// These ids only. Empty: any.
    pub ids: Vec<String>,
    /// This role only.
    pub iam_role: Option<String>,
    /// This name only.
    pub default_instance_name: Option<String>,
}

impl Client {
    /// Makes an activation. While the role settles, for up to two minutes or what [`Client::settling_within`] says, it
    /// tries again and tells `progress`.
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
                    // Told to stop: the attempt whose answer was lost is what there is to tell.
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

    /// Activations like `spec` that came up during this creation and that nobody in this process got an answer for.
    async fn left_behind(&self, spec: &ActivationSpec, begun: Timestamp, creations: &Creations) -> Vec<String> {
        // Another creation may be about to get its answer; its activation must not be taken for a lost one.
        for _ in 0..OTHERS_PATIENCE {
            if creations.under_way() <= 1 || self.clients.pause(OTHERS_PAUSE).await.is_err() {
                break;
            }
        }
        if creations.under_way() > 1 {
            return Vec::new();
        }
        let filter = ActivationFilter { iam_role: Some(spec.iam_role.clone()), ..ActivationFilter::default() };
        // The creation succeeded; that this look failed must not spoil it.
        let Ok(found) = self.list_activations(&filter).await else { return Vec::new() };
        // AWS cuts creation times to milliseconds, and clocks differ a little.
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

    /// An activation, `None` when it does not exist. Shares calls with other readers; see `aws::shared`.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn activation(&self, id: &str) -> Result<Option<Activation>> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let source = || ActivationSource(self.clone());
        regional.part::<Reads>().activations.read(id, source, self.clients.sleep()).await
    }

    /// An activation as it is now, past every listing.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn describe_activation(&self, id: &str) -> Result<Option<Activation>> {
        let filter = ActivationFilter { ids: vec![id.to_owned()], ..ActivationFilter::default() };
        let found = absent_is_empty(self.list_activations(&filter).await)?;
        Ok(found.into_iter().find(|activation| activation.id == id))
    }

    /// Every activation that fits, page by page.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn list_activations(&self, filter: &ActivationFilter) -> Result<Vec<Activation>> {
        // Without a limit there is always a list.
        Ok(self.activation_pages(filter, usize::MAX).await?.unwrap_or_default())
    }

    /// The same, given up as `None` when there are more pages than `most`.
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

    /// Deletes an activation. One that is gone already is as good. Hosts that registered with it stay registered.
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

/// "There is none of these ids" as an empty list.
fn absent_is_empty<T>(answer: Result<Vec<T>>) -> Result<Vec<T>> {
    match answer {
        Err(error) if error.is_not_found() => Ok(Vec::new()),
        other => other,
    }
}

/// Whether AWS says that it does not know the role. Right after a role is created that means "not yet".
fn is_settling(error: &Error) -> bool {
    error.code() == Some("ValidationException")
        && error
            .message()
            .is_some_and(|text| text.to_ascii_lowercase().contains("nonexistent role or missing ssm service principal"))
}

/// The activations that this process created, and how many it is creating.
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

/// One creation under way.
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
                // One id that AWS does not accept must not hide the others.
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
