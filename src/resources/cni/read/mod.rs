//! Reads an installed CNI.

pub(crate) mod imported;
pub(crate) mod listed;
pub(crate) mod moved;

use std::collections::BTreeSet;

use framework::diagnostic::{Diagnostic, Result};
use framework::model::Secret;
use framework::resource::State;
use helm::{Release, Status, Values};

use crate::attributes::{ClusterName, Region};
use crate::cni::{
    aws_node,
    calico::manifest,
    definitions,
    fingerprint::{self, app_version, first_minor},
    hidden::{self, Hidden},
    product::{Product, Wanted},
};
use crate::kube::{
    Client,
    release::{Failure, Objects, Releases, is_release_name},
};
use crate::resources::cni::{
    Args, Cni, Identity, Outputs, messages,
    notes::{self, Imported},
    offline,
};
use crate::session::{
    Context, aws_region,
    cluster::{Connection, reach},
    explain::explained,
};

/// `release_status` if the release no longer exists and aws-node is not restored yet.
pub(crate) const UNINSTALLED: &str = "uninstalled";

pub(crate) async fn read(identity: &Identity, prior: Option<&State<Cni>>, cx: &Context) -> Result<Option<State<Cni>>> {
    if prior.is_none() {
        check_names(identity)?;
    }
    let cluster = &identity.cluster_name;
    let region = aws_region(identity.region.as_ref(), cx).await?;
    let unread = "Could not read the CNI's release";
    let client = match reach(cluster, Some(&region), cx).await? {
        Connection::Open(client) => client,
        Connection::Gone => return Ok(None),
        Connection::Unknown(why) => return prior.cloned().map(Some).ok_or(why),
    };
    let releases = Releases::new(&client);
    let found = releases.current(&identity.release_namespace, &identity.release_name).await;
    let found = match found {
        Ok(Some(found)) => found,
        Ok(None) => return explained(absent(prior, &client).await, unread, None, cx).await,
        Err(error) => return Err(messages::failed(unread, &Failure::from(error), None, cx).await),
    };
    let objects = Objects::of_release(&found.release).map_err(|error| messages::unreadable(&error))?;
    let mut hidden = notes::hidden(cx);
    let mut args = match prior {
        Some(prior) if Imported::of(cx).is_none() => prior.args.clone(),
        other => {
            let places = hidden.unwrap_or_else(|| {
                let found = &found.release;
                Hidden::recorded(&found.labels, &found.config).with(&Hidden::guess(&found.config))
            });
            Imported::note(found.entry.by_this_provider, &objects, cx);
            let made = imported::arguments(&found.release, &places)?;
            if !notes::is_noted(&found.release)
                // What exists now may be the CNI's own or not; that can no longer be found out, so it counts as having
                // existed before. Without a note that is unknown too, and nothing is deleted.
                && let Some(wanted) = made.wanted()
                && let Ok(existing) = definitions::existing(&client, &wanted.product).await
            {
                notes::keep(&existing, cx);
            }
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
    let wanted = args.wanted().ok_or_else(|| Diagnostic::bug("Neither `cilium` nor `calico` is set."))?;
    let wanted = wanted.noting(hidden.clone());
    let ever = wanted.ever_hidden();
    if hidden.is_some() || !ever.is_empty() {
        notes::note_hidden(&ever, cx);
    }
    // Others may have set other values in these places.
    hidden::mask(&ever.only(&found.config));
    let first = prior.map_or_else(|| first_minor(&found), |prior| prior.outputs.first_minor_version.clone());
    let given = prior.map(|prior| prior.outputs.pod_cidrs.clone());
    let mut outputs = Observed { cluster, region: &region, first }.outputs(&wanted, &found, &objects, given);
    // A change that did not complete is done again anyway.
    if args.detect_drift && found.status == Status::Deployed {
        match releases.drift(&found, &objects).await {
            Ok(found) => {
                outputs.drifted_objects = found.drifted.iter().map(ToString::to_string).collect();
                messages::not_compared(&found.not_compared, cx);
            }
            Err(error) => return Err(messages::failed(unread, &Failure::from(error), None, cx).await),
        }
    }
    if let Err(error) = offline::look(&client, cx).await {
        // The next refresh checks it again.
        tracing::info!("nodes that were off cannot be looked at: {error}");
    }
    if let Some(cilium) = args.cilium.as_mut() {
        if let Some(kept) = cilium.sensitive_values.as_mut()
            && !hidden::has(&found.config, &wanted.hidden_values())
        {
            // The current values are as secret as those that were set; the plan is to set the latter again.
            *kept = Secret::new(fingerprint::yaml(&ever.only(&found.config)));
            notes::note_hidden_change(found.revision, cx);
        } else if cilium.sensitive_values_wo_version.is_some() {
            match are_as_applied(&releases, &found, &ever, cx).await {
                Ok(true) => notes::forget_hidden_change(cx),
                Ok(false) => notes::note_hidden_change(found.revision, cx),
                Err(error) => return Err(messages::failed(unread, &Failure::from(error), None, cx).await),
            }
        }
    }
    Ok(Some(State { args, outputs }))
}

/// What is known in addition to a release, to build its outputs.
pub(crate) struct Observed<'a> {
    pub(crate) cluster: &'a ClusterName,
    pub(crate) region: &'a Region,
    pub(crate) first: String,
}

impl Observed<'_> {
    /// The outputs of a release with these objects; `given` are the networks that the arguments or the state name.
    pub(crate) fn outputs(
        self,
        wanted: &Wanted,
        release: &Release,
        objects: &Objects,
        given: Option<Vec<String>>,
    ) -> Outputs {
        let pool = match &wanted.product {
            Product::Manifest(_) => match manifest::pod_cidr(objects.manifests()) {
                Some(cidr) => vec![cidr],
                None => given.unwrap_or_default(),
            },
            _ => wanted.pool(&Values::from(release.config.clone()), &given.unwrap_or_default()).cidrs,
        };
        Outputs {
            cluster_name: self.cluster.clone(),
            release_namespace: release.namespace.clone(),
            release_name: release.name.clone(),
            release_status: release.status.name().to_owned(),
            revision: release.revision,
            chart_version: release.chart.metadata.version.clone(),
            app_version: app_version(&release.chart),
            first_minor_version: self.first,
            pod_cidrs: pool,
            effective_values: fingerprint::yaml(&wanted.hidden().hide(&release.config)),
            images: fingerprint::images(objects),
            manifest_digest: fingerprint::digest(objects),
            drifted_objects: BTreeSet::new(),
            region: self.region.clone(),
        }
    }
}

/// An import by identity accepts any text.
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

/// The state of a release that does not exist: none, unless aws-node was removed for it and is not restored yet. Only a
/// destroy or another installation can continue from there.
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

/// Whether write-only hidden values are those of the revision that this resource last created. If that revision no
/// longer exists, it is unknown.
async fn are_as_applied(
    releases: &Releases,
    found: &Release,
    hidden: &Hidden,
    cx: &Context,
) -> crate::kube::release::Result<bool> {
    let Some(own) = notes::own_revision(cx) else { return Ok(false) };
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
