//! Where an object of a cluster is: which cluster, in which region, by its arguments or else by the provider's.

use std::time::Duration;

use framework::diagnostic::Result;
use framework::model::{Maybe, Model};
use framework::resource::{Plan, Resource};
use tokio_util::sync::CancellationToken;

use super::{Clients, Context, aws_region, planned_region};
use crate::attributes::{ClusterName, Region};
use crate::aws;

/// How a data source is read after the cluster that the same apply creates. Terraform defers a read that refers to a
/// resource with pending changes directly, and none that gets a known name through a local or a variable.
pub const DEFERRED: &str = "For a cluster that the same apply creates, refer to its resource directly (`cluster_name = aws_eks_cluster.NAME.name`) or add `depends_on = [aws_eks_cluster.NAME]` (for a module `depends_on = [module.NAME]`), so that this is read after it. A name that comes through a local or a variable is read too early.";

/// How long a look at what was left behind may take after Terraform asked to stop.
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
    /// What the arguments say, completed by the provider's configuration.
    ///
    /// # Errors
    /// When neither names a cluster, or a region.
    pub async fn of(cluster: Option<&ClusterName>, region: Option<&Region>, cx: &Context) -> Result<Self> {
        let cluster = cx.clients()?.cluster_name(cluster)?;
        Ok(Self { cluster, region: aws_region(region, cx).await? })
    }

    /// EKS there, for calls that end when Terraform asks to stop.
    ///
    /// # Errors
    /// While the provider's configuration is not known.
    pub fn eks(&self, cx: &Context) -> Result<aws::eks::Client> {
        Ok(cx.clients()?.aws()?.eks(Some(self.region.as_str())))
    }

    /// EKS there, for a look at what a call left behind that Terraform's stop has cut off. Bound it by
    /// [`SETTLE_TIMEOUT`].
    ///
    /// # Errors
    /// While the provider's configuration is not known.
    pub fn eks_to_settle(&self, cx: &Context) -> Result<aws::eks::Client> {
        Ok(cx.clients()?.aws()?.with_cancel(CancellationToken::new()).eks(Some(self.region.as_str())))
    }

    /// `CLUSTER/KEY@REGION`, the import id of an object there.
    #[must_use]
    pub fn import_id(&self, key: &str) -> String {
        format!("{}/{key}@{}", self.cluster, self.region)
    }

    /// Whether EKS is deleting the cluster. Its API server may be out of reach by then, and what it holds goes anyway.
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

/// The same as far as a plan knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlannedPlace {
    /// The cluster.
    pub cluster: Option<ClusterName>,
    /// Its region.
    pub region: Option<Region>,
}

impl PlannedPlace {
    /// What the arguments say, completed by the provider's configuration.
    ///
    /// # Errors
    /// When it is certain that neither names a cluster.
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

    /// Plans the arguments `cluster_name` and `region`: what the configuration leaves out is the provider's, and the
    /// object moves with it.
    ///
    /// # Errors
    /// When it is certain that nothing names a cluster.
    pub async fn plan<R: Placed>(plan: &mut Plan<R>, cx: &Context) -> Result<Self> {
        let (cluster, region) = R::given(&plan.args);
        // Where the configuration says nothing, the arguments hold what was planned before.
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

    /// The place, when all of it is known.
    #[must_use]
    pub fn known(&self) -> Option<Place> {
        Some(Place { cluster: self.cluster.clone()?, region: self.region.clone()? })
    }
}

/// A type whose objects are in a cluster, which its arguments and results `cluster_name` and `region` tell;
/// [`placed`] writes it.
pub trait Placed: Resource<Clients = Clients> {
    /// Cluster and region of planned arguments.
    fn given(args: &<Self::Args as Model>::Planned) -> (&Maybe<Option<ClusterName>>, &Maybe<Option<Region>>);
    /// Cluster and region of results.
    fn recorded(outputs: &Self::Outputs) -> (&ClusterName, &Region);
    /// Cluster and region of planned results.
    fn planned(outputs: &mut <Self::Outputs as Model>::Planned) -> (&mut Maybe<ClusterName>, &mut Maybe<Region>);
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
