//! How an installed CNI is looked at.

use framework::diagnostic::{Diagnostic, Result};
use framework::model::Secret;
use framework::resource::State;
use helm::{Data, Map, Status};

use super::imported::{self, Imported};
use super::results::{Told, first_minor};
use super::wanted::Wanted;
use super::{Args, Cni, Identity, aws_node, cleanup, notes, told};
use crate::attributes::aws_region;
use crate::attributes::cluster::{Reached, reach, told as told_kube};
use crate::kube::Client;
use crate::kube::release::{Failure, Releases, is_release_name};
use crate::provider::Context;

/// `release_status` where the release is gone and aws-node is not back yet.
pub(super) const UNINSTALLED: &str = "uninstalled";

pub(super) async fn read(identity: &Identity, prior: Option<&State<Cni>>, cx: &Context) -> Result<Option<State<Cni>>> {
    if prior.is_none() {
        check_names(identity)?;
    }
    let cluster = &identity.cluster_name;
    let region = aws_region(identity.region.as_ref(), cx).await?;
    let summary = "Could not read the CNI's release";
    let client = match reach(cluster, Some(&region), cx).await? {
        Reached::Open(client) => client,
        Reached::Gone => return Ok(None),
        Reached::Unknown => {
            return prior.cloned().map(Some).ok_or_else(|| {
                Diagnostic::error(
                    summary,
                    "The provider's configuration is known only after apply. Apply what it depends on first.",
                )
                .into()
            });
        }
    };
    let releases = Releases::new(&client);
    let found = releases.current(&identity.release_namespace, &identity.release_name).await;
    let found = match found {
        Ok(Some(found)) => found,
        Ok(None) => return told_kube(absent(prior, &client).await, summary, None, cx).await,
        Err(error) => return Err(told::failed(summary, &Failure::from(error), None, cx).await),
    };
    let mut args = match prior {
        Some(prior) if Imported::of(cx).is_none() => prior.args.clone(),
        other => {
            Imported::note(&found, cx)?;
            if !notes::is_noted(&found.release) {
                // What exists now may be the CNI's own, or not: nobody can tell any more, so it counts as there before.
                let product = imported::arguments(&found.release).ok().and_then(|args| Wanted::of(&args));
                // Without a note it is not known either, and nothing goes.
                if let Some(wanted) = product
                    && let Ok(existing) = cleanup::existing(&client, &wanted.product).await
                {
                    notes::keep(&existing, cx);
                }
            }
            let made = imported::arguments(&found.release)?;
            match other {
                Some(prior) => Args { cilium: made.cilium, calico: made.calico, ..prior.args.clone() },
                None => made,
            }
        }
    };
    let found = found.release;
    args.cluster_name = Some(cluster.clone());
    args.region = Some(region.clone());
    let wanted = Wanted::of(&args).ok_or_else(|| Diagnostic::bug("Neither `cilium` nor `calico` is set."))?;
    let first = prior.map_or_else(|| first_minor(&found), |prior| prior.outputs.first_minor_version.clone());
    let given = prior.map(|prior| prior.outputs.pod_cidrs.clone());
    let mut outputs = Told { cluster, region: &region, first }.outputs(&wanted, &found, given)?;
    // What did not come to its end is to be done again anyway.
    if args.detect_drift && found.status == Status::Deployed {
        match releases.drift(&found).await {
            Ok(drifted) => outputs.drifted_objects = drifted.iter().map(ToString::to_string).collect(),
            Err(error) => return Err(told::failed(summary, &Failure::from(error), None, cx).await),
        }
    }
    if let Some(hidden) = args.cilium.as_mut().and_then(|cilium| cilium.sensitive_values.as_mut())
        && !has(&found.config, &wanted.hidden())
    {
        // Somebody has changed them: what is planned is to set them again.
        *hidden = Secret::new(String::new());
    }
    Ok(Some(State { args, outputs }))
}

/// An import by identity brings any text.
fn check_names(identity: &Identity) -> Result<()> {
    for (name, attribute) in [
        (&identity.release_namespace, Identity::NAMES.release_namespace),
        (&identity.release_name, Identity::NAMES.release_name),
    ] {
        if !is_release_name(name) {
            return Err(Diagnostic::error(
                "Invalid name",
                format!("`{name}` cannot be the name of a release or of its namespace: both have lowercase letters, digits, `-` and `.`, with a letter or digit at each end, and a release at most 53 of them."),
            )
            .at(framework::path::Path::attribute(attribute))
            .into());
        }
    }
    Ok(())
}

/// The state of a release that does not exist: nothing, unless aws-node was taken away for it and is not back yet. Only
/// a destroy, or another installation, can go on from there.
async fn absent(prior: Option<&State<Cni>>, client: &Client) -> crate::kube::Result<Option<State<Cni>>> {
    let Some(prior) = prior else { return Ok(None) };
    let release = format!("{}/{}", prior.outputs.release_namespace, prior.outputs.release_name);
    let kept = aws_node::kept(client).await?;
    Ok(kept.filter(|kept| kept.has_object() && kept.is_for(&release)).map(|_| {
        let mut state = prior.clone();
        UNINSTALLED.clone_into(&mut state.outputs.release_status);
        state
    }))
}

/// Whether `values` say what `wanted` says.
pub(super) fn has(values: &Map, wanted: &Map) -> bool {
    wanted.iter().all(|(key, wanted)| match (values.get(key), wanted) {
        (Some(Data::Map(values)), Data::Map(wanted)) => has(values, wanted),
        (Some(value), wanted) => value == wanted,
        (None, wanted) => wanted.is_null(),
    })
}

#[cfg(test)]
mod tests {
    use helm::Values;

    use super::*;

    #[test]
    fn hidden_values_are_compared() {
        let values = |text: &str| Values::from_yaml(text).expect(text).as_map().clone();
        assert!(has(&values("a: {b: 1, c: 2}"), &values("a: {b: 1}")));
        assert!(!has(&values("a: {b: 2}"), &values("a: {b: 1}")));
        assert!(has(&values("a: 1"), &values("b: null")));
        assert!(!has(&values("a: 1"), &values("b: 1")));
    }
}
