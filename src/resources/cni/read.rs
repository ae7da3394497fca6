//! How an installed CNI is looked at.

use framework::diagnostic::{Diagnostic, Result};
use framework::model::Secret;
use framework::resource::State;
use helm::{Release, Status};

use super::hidden::{self, Hidden};
use super::imported::{self, Imported};
use super::results::{Told, first_minor, own_revision};
use super::wanted::Wanted;
use super::{Args, Cni, Identity, offline, summary, told};
use crate::attributes::aws_region;
use crate::attributes::cluster::{Reached, reach};
use crate::kube::release::{Failure, Releases};
use crate::provider::Context;

pub(super) async fn read(identity: &Identity, prior: Option<&State<Cni>>, cx: &Context) -> Result<Option<State<Cni>>> {
    let cluster = &identity.cluster_name;
    let region = aws_region(identity.region.as_ref(), cx).await?;
    let unread = "Could not read the CNI's release";
    let client = match reach(cluster, Some(&region), cx).await? {
        Reached::Open(client) => client,
        Reached::Gone => return Ok(None),
        Reached::Unknown => {
            return prior.cloned().map(Some).ok_or_else(|| {
                Diagnostic::error(
                    unread,
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
        Ok(None) => return Ok(None),
        Err(error) => return Err(told::failed(unread, &Failure::from(error), None, cx).await),
    };
    let mut hidden = Hidden::noted(cx);
    let mut args = match prior {
        Some(prior) if Imported::of(cx).is_none() => prior.args.clone(),
        other => {
            let places = hidden.unwrap_or_else(|| {
                let found = &found.release;
                Hidden::recorded(&found.labels, &found.config).with(&Hidden::guess(&found.config))
            });
            Imported::note(&found, cx)?;
            let made = imported::arguments(&found.release, &places)?;
            hidden = Some(places);
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
    let wanted = wanted.noting(hidden.clone());
    let ever = wanted.ever_hidden();
    if hidden.is_some() || !ever.is_empty() {
        ever.note(cx);
    }
    // Somebody may have put others in their places.
    hidden::mask(&ever.only(&found.config));
    let first = prior.map_or_else(|| first_minor(&found), |prior| prior.outputs.first_minor_version.clone());
    let given = prior.map(|prior| prior.outputs.pod_cidrs.clone());
    let mut outputs = Told { cluster, region: &region, first }.outputs(&wanted, &found, given)?;
    // What did not come to its end is to be done again anyway.
    if args.detect_drift && found.status == Status::Deployed {
        match releases.drift(&found).await {
            Ok(found) => {
                outputs.drifted_objects = found.drifted.iter().map(ToString::to_string).collect();
                told::not_compared(&found.not_compared, cx);
            }
            Err(error) => return Err(told::failed(unread, &Failure::from(error), None, cx).await),
        }
    }
    if let Err(error) = offline::look(&client, cx).await {
        // It is looked at again by the next refresh.
        tracing::info!("nodes that were off cannot be looked at: {error}");
    }
    if let Some(cilium) = args.cilium.as_mut() {
        if let Some(kept) = cilium.sensitive_values.as_mut()
            && !hidden::has(&found.config, &wanted.hidden_values())
        {
            // What is there now is as secret as what was set. What is planned is to set that again.
            *kept = Secret::new(summary::yaml(&ever.only(&found.config)));
            hidden::note_change(found.revision, cx);
        } else if cilium.sensitive_values_wo_version.is_some() {
            match are_as_applied(&releases, &found, &ever, cx).await {
                Ok(true) => hidden::forget_change(cx),
                Ok(false) => hidden::note_change(found.revision, cx),
                Err(error) => return Err(told::failed(unread, &Failure::from(error), None, cx).await),
            }
        }
    }
    Ok(Some(State { args, outputs }))
}

/// Whether hidden values that the state does not keep are those of the revision that this resource made last. Where
/// that one is gone, nobody knows.
async fn are_as_applied(
    releases: &Releases,
    found: &Release,
    hidden: &Hidden,
    cx: &Context,
) -> crate::kube::release::Result<bool> {
    let Some(own) = own_revision(cx) else { return Ok(false) };
    if own == found.revision {
        return Ok(true);
    }
    let entries = releases.history(&found.namespace, &found.name).await?;
    let Some(entry) = entries.iter().find(|entry| entry.revision == own) else {
        return Ok(false);
    };
    let made = releases.revision(&found.namespace, &found.name, entry).await?;
    Ok(made.is_some_and(|made| hidden.only(&made.release.config) == hidden.only(&found.config)))
}
