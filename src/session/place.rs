//! The location of an object: its cluster and region, from its arguments or the provider's.

use std::time::Duration;

use framework::diagnostic::{Diagnostic, Result};
use framework::model::{Maybe, Model};
use framework::resource::{Plan, Resource};
use framework::value::Value;
use tokio_util::sync::CancellationToken;

use super::{Clients, Context, aws_region, planned_region};
use crate::attributes::{ClusterName, Region};
use crate::aws;

/// How to defer reading a data source until the same apply has created the cluster. Terraform defers a read that
/// refers directly to a resource with pending changes, but not one that gets a known name through a local or a
/// variable.
pub const DEFERRED: &str = "For a cluster that the same apply creates, refer to its resource directly (`cluster_name = aws_eks_cluster.NAME.name`) or add `depends_on = [aws_eks_cluster.NAME]` (for a module `depends_on = [module.NAME]`), so that this is read after it. A name that comes through a local or a variable is read too early.";

/// How long looking up what was left behind may take after Terraform asked to stop.
pub const SETTLE_TIMEOUT: Duration = Duration::from_secs(5);

/// Cluster and region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The cluster.
    pub cluster: ClusterName,
    /// Its region.
    pub region: Region,
}

impl Place {
    /// The arguments, completed from the provider's configuration.
    ///
    /// # Errors
    /// Neither sets a cluster, or a region.
    pub async fn of(cluster: Option<&ClusterName>, region: Option<&Region>, cx: &Context) -> Result<Self> {
        let cluster = cx.clients()?.cluster_name(cluster)?;
        Ok(Self { cluster, region: aws_region(region, cx).await? })
    }

    /// The EKS client for this region, for calls that end when Terraform asks to stop.
    ///
    /// # Errors
    /// The provider's configuration is unknown.
    pub fn eks(&self, cx: &Context) -> Result<aws::eks::Client> {
        Ok(cx.clients()?.aws()?.eks(Some(self.region.as_str())))
    }

    /// The EKS client for this region, for looking up what a call cancelled by Terraform's stop left behind. Bound it
    /// by [`SETTLE_TIMEOUT`].
    ///
    /// # Errors
    /// The provider's configuration is unknown.
    pub fn eks_to_settle(&self, cx: &Context) -> Result<aws::eks::Client> {
        Ok(cx.clients()?.aws()?.with_cancel(CancellationToken::new()).eks(Some(self.region.as_str())))
    }

    /// `CLUSTER/KEY@REGION`, the import id of an object in this cluster.
    #[must_use]
    pub fn import_id(&self, key: &str) -> String {
        format!("{}/{key}@{}", self.cluster, self.region)
    }

    /// Whether EKS is deleting the cluster. Its API server may then be unreachable, and its contents are deleted
    /// anyway.
    pub async fn is_being_deleted(&self, cx: &Context) -> bool {
        let Some(aws) = cx.try_clients().and_then(crate::session::Clients::known_aws) else { return false };
        let eks = aws.eks(Some(self.region.as_str()));
        eks.describe_cluster(self.cluster.as_str())
            .await
            .map_or_else(|error: aws::Error| error.is_not_found(), |cluster| cluster.status == "DELETING")
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cluster `{}` in {}", self.cluster, self.region)
    }
}

/// The same, as far as it is known at plan time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlannedPlace {
    /// The cluster.
    pub cluster: Option<ClusterName>,
    /// Its region.
    pub region: Option<Region>,
}

impl PlannedPlace {
    /// The arguments, completed from the provider's configuration.
    ///
    /// # Errors
    /// It is certain that neither sets a cluster.
    async fn of(cluster: &Maybe<Option<ClusterName>>, region: &Maybe<Option<Region>>, cx: &Context) -> Result<Self> {
        let cluster = match (cluster, cx.try_clients()) {
            (Maybe::Known(Some(name)), _) => Some(name.clone()),
            (Maybe::Known(None), Some(clients)) if clients.defaults().cluster_name.known().is_some() => {
                Some(clients.cluster_name(None)?)
            }
            _ => None,
        };
        let region = match region {
            Maybe::Known(Some(region)) => Some(region.clone()),
            Maybe::Known(None) => planned_region(cx).await,
            Maybe::Unknown => None,
        };
        Ok(Self { cluster, region })
    }

    /// Plans the arguments `cluster_name` and `region`: values not configured come from the provider, and the object
    /// moves with them.
    ///
    /// # Errors
    /// It is certain that nothing sets a cluster.
    pub async fn plan<R: Placed>(plan: &mut Plan<R>, cx: &Context) -> Result<Self> {
        let (cluster, region) = R::given(&plan.args);
        // If an argument is not configured, it holds the value planned before.
        let cluster = if plan.configures(CLUSTER_NAME) { cluster.clone() } else { Maybe::Known(None) };
        let region = if plan.configures(REGION) { region.clone() } else { Maybe::Known(None) };
        let place = Self::of(&cluster, &region, cx).await?;
        plan.follow_default(
            CLUSTER_NAME,
            place.cluster.as_ref(),
            |outputs| R::recorded(outputs).0,
            |outputs| R::planned(outputs).0,
        );
        plan.follow_default(
            REGION,
            place.region.as_ref(),
            |outputs| R::recorded(outputs).1,
            |outputs| R::planned(outputs).1,
        );
        Ok(place)
    }

    /// The place, if it is completely known.
    #[must_use]
    pub fn known(&self) -> Option<Place> {
        Some(Place { cluster: self.cluster.clone()?, region: self.region.clone()? })
    }
}

/// A type whose objects are in a cluster, identified by its arguments and outputs `cluster_name` and `region`;
/// implemented by [`placed`].
pub trait Placed: Resource<Clients = Clients> {
    /// Cluster and region of planned arguments.
    fn given(args: &<Self::Args as Model>::Planned) -> (&Maybe<Option<ClusterName>>, &Maybe<Option<Region>>);
    /// Cluster and region in outputs.
    fn recorded(outputs: &Self::Outputs) -> (&ClusterName, &Region);
    /// Cluster and region in planned outputs.
    fn planned(outputs: &mut <Self::Outputs as Model>::Planned) -> (&mut Maybe<ClusterName>, &mut Maybe<Region>);
}

/// Completes the identity of an object in a cluster whose state was moved from a provider that records no cluster.
///
/// # Errors
/// The provider's configuration names no cluster.
pub fn complete(identity: Value, cx: &Context) -> Result<Value> {
    let Value::Map(mut parts) = identity else { return Ok(identity) };
    if parts.get(CLUSTER_NAME).is_some_and(Value::is_null) {
        let cluster = cx.clients()?.cluster_name(None).map_err(|_| {
            Diagnostic::error(
                "Cluster of the moved object is unknown",
                "The state that is moved does not record a cluster, and the provider's configuration names none.",
            )
            .left("Nothing was changed, and the state still contains the object at its former address.")
            .remedy("Set `cluster_name` in the provider's configuration to the cluster that has the object. After the move it may be set in the resource instead.")
        })?;
        parts.insert(CLUSTER_NAME.to_owned(), Value::from(cluster.as_str()));
    }
    Ok(Value::Map(parts))
}

const CLUSTER_NAME: &str = "cluster_name";
const REGION: &str = "region";

/// Implements [`Placed`] for a resource whose `Args` and `Outputs` have the fields of these names.
macro_rules! placed {
    ($resource:ty) => {
        impl $crate::session::place::Placed for $resource {
            fn given(
                args: &<Self::Args as framework::model::Model>::Planned,
            ) -> (
                &framework::model::Maybe<Option<$crate::attributes::ClusterName>>,
                &framework::model::Maybe<Option<$crate::attributes::Region>>,
            ) {
                (&args.cluster_name, &args.region)
            }

            fn recorded(outputs: &Self::Outputs) -> (&$crate::attributes::ClusterName, &$crate::attributes::Region) {
                (&outputs.cluster_name, &outputs.region)
            }

            fn planned(
                outputs: &mut <Self::Outputs as framework::model::Model>::Planned,
            ) -> (
                &mut framework::model::Maybe<$crate::attributes::ClusterName>,
                &mut framework::model::Maybe<$crate::attributes::Region>,
            ) {
                (&mut outputs.cluster_name, &mut outputs.region)
            }
        }
    };
}

pub(crate) use placed;
