//! Plans the nodes' access: the method, as the cluster's authentication mode allows.

use std::collections::BTreeMap;
use std::sync::Arc;

use framework::diagnostic::{Diagnostic, Result};
use framework::model::{Maybe, Text};
use framework::path::Path;
use framework::resource::{Plan, State};

use super::{Args, Method, NodeAccess, Outputs, place_of};
use crate::aws::eks::Cluster;
use crate::session::place::{Place, PlannedPlace};
use crate::session::{Context, cluster, tags};

pub(super) async fn plan(plan: &mut Plan<NodeAccess>, cx: &Context) -> Result<()> {
    let place = PlannedPlace::plan(plan, cx).await?;
    let cluster = match place.known() {
        Some(place) => look(&place, cx).await,
        None => None,
    };
    if let Some(warning) = plan_method(plan, cluster.as_deref()) {
        cx.report(warning);
    }
    plan_results(plan, cx)?;
    if (plan.is_create() || plan.is_replaced())
        && let Some(place) = place.known()
    {
        cluster::warn_of_near_name(&place.cluster, Some(&place.region), cx).await;
    }
    Ok(())
}

pub(super) async fn plan_delete(state: &State<NodeAccess>, cx: &Context) -> Result<()> {
    let place = place_of(state);
    // Deleting the cluster removes the access anyway.
    let gone = match place.eks(cx) {
        Ok(eks) => eks.cluster(place.cluster.as_str()).await.is_err_and(|error| error.is_not_found()),
        Err(_) => false,
    };
    if !gone {
        cx.report(cuts_off(state));
    }
    Ok(())
}

/// Why a method cannot be used, and the attribute at fault.
pub(super) struct Refused {
    attribute: &'static str,
    why: &'static str,
}

/// Chooses the method. `mode` is the cluster's authentication mode.
pub(super) fn choose(method: Method, mode: Option<&str>) -> std::result::Result<Method, Refused> {
    match (method, mode) {
        (Method::Auto | Method::AccessEntry, Some("API" | "API_AND_CONFIG_MAP")) => Ok(Method::AccessEntry),
        // A cluster that reports no mode predates access entries.
        (Method::Auto | Method::AwsAuth, Some("CONFIG_MAP") | None) | (Method::AwsAuth, Some("API_AND_CONFIG_MAP")) => {
            Ok(Method::AwsAuth)
        }
        (Method::AccessEntry, _) => Err(Refused {
            attribute: Args::NAMES.method,
            why: "in the authentication mode CONFIG_MAP there are no access entries. Set the cluster's mode to API_AND_CONFIG_MAP (`access_config` of `aws_eks_cluster`; hybrid nodes need it anyway), or leave `method` out",
        }),
        (Method::AwsAuth, _) => Err(Refused {
            attribute: Args::NAMES.method,
            why: "in the authentication mode API nobody reads aws-auth. Leave `method` out, or set it to `access_entry`",
        }),
        // A mode newer than this provider is assumed to support access entries.
        (Method::Auto, Some(_)) => Ok(Method::AccessEntry),
    }
}

pub(super) fn refused(place: &Place, refused: &Refused) -> Diagnostic {
    Diagnostic::error(
        "The cluster's authentication mode does not allow this method",
        format!("For {place}: {}.", refused.why),
    )
    .at(Path::attribute(refused.attribute))
}

/// The cluster, if it exists and may be read.
async fn look(place: &Place, cx: &Context) -> Option<Arc<Cluster>> {
    // The apply reports errors; it needs the cluster.
    place.eks(cx).ok()?.cluster(place.cluster.as_str()).await.ok()
}

/// Plans the method, as far as the cluster's mode is known.
fn plan_method(plan: &mut Plan<NodeAccess>, cluster: Option<&Cluster>) -> Option<Diagnostic> {
    let (Maybe::Known(method), Some(cluster)) = (&plan.args.method, cluster) else { return None };
    let mode = cluster.authentication_mode.as_deref();
    match (choose(*method, mode), plan.prior.as_ref().map(|prior| prior.outputs.effective_method)) {
        (Err(refused), _) => {
            plan.fault(
                refused.attribute,
                "The cluster's authentication mode does not allow this method",
                format!("For cluster `{}`: {}.", cluster.name, refused.why),
            );
        }
        (Ok(chosen), None) => plan.outputs.effective_method = Maybe::Known(chosen),
        // A method chosen before is kept while it works: nodes depend on it.
        (Ok(_), Some(prior)) if *method == Method::Auto && choose(prior, mode).is_ok() => {}
        (Ok(chosen), Some(prior)) if chosen != prior => {
            plan.replace(Outputs::NAMES.effective_method);
            plan.outputs.effective_method = Maybe::Known(chosen);
            // In mode `API`, nobody has access through the map any more, so nothing is removed.
            return (mode != Some("API")).then(|| switches(&cluster.name, prior, chosen));
        }
        (Ok(_), Some(_)) => {}
    }
    None
}

/// The warning of a plan that removes access by one method before it grants access by the other.
fn switches(cluster: &str, before: Method, after: Method) -> Diagnostic {
    Diagnostic::warning(
        "Nodes are without access for a moment",
        format!(
            "The access of the nodes in cluster `{cluster}` changes from `{}` to `{}`. The former is removed before the latter is created: in between, and for some seconds after it, running nodes of the role get the status 401 and may become NotReady.\n\nTo avoid that, add `lifecycle {{ create_before_destroy = true }}`: the two methods can exist side by side, and an access entry goes before aws-auth.",
            before.text(),
            after.text()
        ),
    )
    .at(Path::attribute(Args::NAMES.method))
}

/// The warning of a plan that removes the access.
fn cuts_off(state: &State<NodeAccess>) -> Diagnostic {
    Diagnostic::warning(
        "Running nodes lose their access",
        format!(
            "Nodes that run with the role `{}` can no longer reach the API server of cluster `{}` (status 401) once this access is removed. They become NotReady within a minute, and their pods are evicted some minutes later. Remove these nodes first, unless something else gives the role access.",
            state.args.principal_arn.as_str(),
            state.outputs.cluster_name
        ),
    )
}

/// Plans what follows from the method and the type.
fn plan_results(plan: &mut Plan<NodeAccess>, cx: &Context) -> Result<()> {
    let new = plan.is_create() || plan.is_replaced();
    let method = plan.outputs.effective_method.known().copied();
    plan.outputs.tags_all = match method {
        Some(Method::AwsAuth) => Maybe::Known(BTreeMap::new()),
        Some(_) => tags::planned_for(cx, &plan.args.tags)?,
        None => Maybe::Unknown,
    };
    if method == Some(Method::AwsAuth) {
        // A map entry is kept as it was created; EKS maintains access entries itself.
        if let Maybe::Known(kind) = &plan.args.r#type {
            let (username, groups) = kind.identity();
            plan.outputs.username = Maybe::Known(username.to_owned());
            plan.outputs.groups = Maybe::Known(groups);
        }
        if new {
            plan.outputs.access_entry_arn = Maybe::Known(None);
        }
        if plan.args.tags.set().is_some_and(|tags| !tags.is_empty()) && plan.args.method == Maybe::Known(Method::Auto) {
            plan.fault(
                Args::NAMES.tags,
                "Nothing to tag",
                "The cluster's authentication mode asks for an entry of aws-auth, which has no tags. Leave `tags` out.",
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn the_mode_decides_the_method() {
        use Method::{AccessEntry, Auto, AwsAuth};
        for (method, mode, expected) in [
            (Auto, Some("API"), Some(AccessEntry)),
            (Auto, Some("API_AND_CONFIG_MAP"), Some(AccessEntry)),
            (Auto, Some("CONFIG_MAP"), Some(AwsAuth)),
            (Auto, None, Some(AwsAuth)),
            (AccessEntry, Some("API"), Some(AccessEntry)),
            (AccessEntry, Some("CONFIG_MAP"), None),
            (AwsAuth, Some("API_AND_CONFIG_MAP"), Some(AwsAuth)),
            (AwsAuth, Some("CONFIG_MAP"), Some(AwsAuth)),
            (AwsAuth, Some("API"), None),
        ] {
            assert_eq!(choose(method, mode).ok(), expected, "{method:?} {mode:?}");
        }
    }
}
