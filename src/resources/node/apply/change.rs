//! Changes in place: the version, the kubelet's configuration, labels and taints.

use std::collections::BTreeMap;

use framework::diagnostic::{Diagnostic, Result};
use framework::model::Text as _;
use framework::path::Path;
use framework::resource::State;

use super::inspect::Facts;
use super::{Dyn, Site, drain, inspect, join, kubelet, nodeadm, reach};
use crate::resources::node::arguments::Ssm;
use crate::resources::node::arguments::settings::{self, Activation};
use crate::resources::node::{Args, JOINED, Node, Outputs, notes, plan};
use crate::session::Context;
use crate::session::explain::explained;
use crate::session::place::Place;

pub(in crate::resources::node) async fn update(prior: &State<Node>, args: &Args, cx: &Context) -> Result<Outputs> {
    let place = Place { cluster: prior.outputs.cluster_name.clone(), region: prior.outputs.region.clone() };
    let site = Site::of(args, place, cx).await?;
    let mut outputs = prior.outputs.clone();
    // After an import, it is not known what the host trusts.
    if outputs.certificate_authority_sha256.is_some() {
        outputs.certificate_authority_sha256 = plan::authorities(&site.cluster);
    }
    let current = prior.outputs.kubelet_version.as_deref().unwrap_or_default();
    let upgrades = prior.args.kubernetes_version != args.kubernetes_version && !args.kubernetes_version.fits(current)
        || notes::is_cordoned(cx);
    let is_joined = prior.outputs.status == JOINED;
    let configures = plan::changes_node_config(prior, args, &outputs);
    if upgrades || configures || !is_joined || is_elsewhere(prior, args) {
        let host = reach::open(args.access(&site.place.region)?, cx).await?;
        let facts = inspect::inspect(&*host).await?;
        check_identity(prior, &facts, &*host)?;
        if !is_joined && !facts.has_kubeconfig {
            return join::join(&site, &*host).await;
        }
        if upgrades {
            site.check_version()?;
            upgrade(&site, &*host, &facts, &mut outputs).await?;
        } else if configures || !is_joined {
            configure(&site, &*host, &mut outputs).await?;
        }
    }
    mark(&site, prior, &outputs).await?;
    role(&site, prior, &outputs).await?;
    if is_joined {
        // What the plan has promised; the next refresh shows more.
        outputs.internal_ip.clone_from(&prior.outputs.internal_ip);
        outputs.provider_id.clone_from(&prior.outputs.provider_id);
        if !upgrades {
            outputs.kubelet_version.clone_from(&prior.outputs.kubelet_version);
        }
    }
    Ok(outputs)
}

/// Whether another host may answer from now on. Through Run Command, it is the one with the node's own instance id.
fn is_elsewhere(prior: &State<Node>, args: &Args) -> bool {
    args.ssh.is_some() && prior.args.address() != args.address()
}

/// The host that answers must be the one that joined: its address may have been given to another one.
fn check_identity(prior: &State<Node>, facts: &Facts, host: Dyn<'_>) -> Result<()> {
    let Some(expected) = &prior.outputs.managed_instance_id else { return Ok(()) };
    if facts.registration.as_ref() == Some(expected) {
        return Ok(());
    }
    let found = match &facts.registration {
        Some(other) => format!("is registered as `{other}`"),
        None => "is not registered with Systems Manager".to_owned(),
    };
    Err(Diagnostic::error(
        "Another host answers",
        format!("The node is `{expected}`, but the host `{}` at `{}` {found}.", facts.host_name, host.place().host),
    )
    .left("Nothing was changed on it.")
    .remedy("Correct `ssh.host`. If the host was installed anew, replace the node: `terraform apply -replace=ADDRESS`.")
    .at(Path::attribute(Args::NAMES.ssh).dot("host"))
    .into())
}

/// Writes the configuration anew and restarts the kubelet.
async fn configure(site: &Site<'_>, host: Dyn<'_>, outputs: &mut Outputs) -> Result<()> {
    let ended = join::init(site, host, Some(&Activation::unused())).await?;
    if !ended.exit.is_success() {
        let left = "The state keeps the former arguments; the next apply tries again.";
        return Err(nodeadm::failed("Could not configure the node", &ended, left, host));
    }
    let Some(name) = outputs.node_name.clone() else { return Ok(()) };
    let node = kubelet::await_node(site, host, &name, None, |_| Ok(())).await?;
    join::complete(site, host, node, outputs).await
}

/// Drains the node, runs another version on it, and makes it schedulable again.
pub(super) async fn upgrade(site: &Site<'_>, host: Dyn<'_>, facts: &Facts, outputs: &mut Outputs) -> Result<()> {
    let cx = site.cx;
    let Some(name) = outputs.node_name.clone() else { return Ok(()) };
    let wanted = &site.args.kubernetes_version;
    let summary = "Could not upgrade the node";
    let before = explained(site.client.node(&name).await, summary, None, cx).await?;
    let was_ready = before.as_ref().is_some_and(|node| node.ready);
    if before.as_ref().is_some_and(|node| !node.unschedulable) {
        notes::cordoned(cx);
    }
    let is_installed = facts.installed_version.as_deref().is_some_and(|version| wanted.fits(version));
    let runs = before.as_ref().and_then(|node| node.kubelet_version.as_deref()).is_some_and(|it| wanted.fits(it));
    if !(is_installed && runs) {
        cx.progress(format!("Node {name}: draining")).await;
        drain::drain(site.args, &site.client, (&name, &site.place.cluster), was_ready, cx).await?;
        cx.progress(format!("Node {name}: drained")).await;
        let settings = settings::settings(site.args, &site.place, &site.cluster, Some(&Activation::unused()))?;
        join::provide(site, host, facts, &settings).await?;
        cx.progress(format!("Node {name}: upgrading to Kubernetes {}", wanted.text())).await;
        let mut words = vec!["upgrade".to_owned(), wanted.text().to_owned()];
        words.extend(settings.manifest_options());
        // As for `uninstall`: pods that tolerate cordoned nodes are scheduled to it again after the drain.
        words.extend(["--skip", "pod-validation"].map(str::to_owned));
        let yaml = settings.node_config.to_yaml();
        let none = secrecy::SecretString::default();
        let ended = nodeadm::run(host, &words, &settings, Some((&yaml, &none))).await?;
        if !ended.exit.is_success() {
            let left = format!(
                "Node `{name}` is cordoned and drained, which is noted in the state; the next apply continues."
            );
            return Err(nodeadm::failed(summary, &ended, &left, host));
        }
    }
    let node = kubelet::await_node(site, host, &name, None, |node| {
        let runs = node.kubelet_version.as_deref().unwrap_or_default();
        if !wanted.fits(runs) {
            return Err(format!("its kubelet is of version {runs}"));
        }
        match &node.trouble {
            Some(trouble) if was_ready => Err(trouble.clone()),
            _ => Ok(()),
        }
    })
    .await?;
    join::seen(outputs, &node);
    if notes::is_cordoned(cx) {
        drain::uncordon(&site.client, &name, cx).await?;
        cx.progress(format!("Node {name}: is schedulable again")).await;
        notes::uncordoned(cx);
    }
    Ok(())
}

/// Labels and taints that changed; those of others are kept.
async fn mark(site: &Site<'_>, prior: &State<Node>, outputs: &Outputs) -> Result<()> {
    let Some(name) = &outputs.node_name else { return Ok(()) };
    let summary = "Could not change labels and taints of the Node";
    let (before, after) = (prior.args.labels.clone().unwrap_or_default(), site.args.labels.clone().unwrap_or_default());
    let mut labels: BTreeMap<String, Option<String>> = BTreeMap::new();
    labels.extend(before.keys().filter(|key| !after.contains_key(*key)).map(|key| (key.clone(), None)));
    labels.extend(
        after
            .iter()
            .filter(|(key, value)| before.get(*key) != Some(*value))
            .map(|(key, value)| (key.clone(), Some(value.clone()))),
    );
    let gone = || {
        Diagnostic::error(summary, format!("Cluster `{}` has no Node `{name}` any more.", site.place.cluster))
            .remedy("Apply again: the next plan shows what has become of it.")
    };
    if !labels.is_empty() {
        explained(site.client.label_node(name, &labels).await, summary, None, site.cx).await?.ok_or_else(gone)?;
    }
    let (before, after) =
        (settings::taints(prior.args.taints.iter().flatten()), settings::taints(site.args.taints.iter().flatten()));
    if before != after {
        explained(site.client.taint_node(name, &after, &before).await, summary, None, site.cx)
            .await?
            .ok_or_else(gone)?;
    }
    Ok(())
}

/// Another role, for a host that registered with an activation of this resource's own.
async fn role(site: &Site<'_>, prior: &State<Node>, outputs: &Outputs) -> Result<()> {
    let of =
        |ssm: &Option<Ssm>| ssm.as_ref().and_then(|ssm| ssm.iam_role.as_ref()).map(|role| role.as_str().to_owned());
    let (Some(before), Some(after)) = (of(&prior.args.ssm), of(&site.args.ssm)) else { return Ok(()) };
    let Some(instance) = outputs.managed_instance_id.as_ref().filter(|_| before != after) else { return Ok(()) };
    let client = super::activation::ssm(&site.place.region, site.cx)?;
    let changed = client.update_instance_role(instance, &after).await;
    changed.map_err(|error| crate::session::explain("Could not change the role of the host", &error, None))
}
