//! The join of a host: from a machine that can be reached to a Node of the cluster.

use std::collections::BTreeMap;
use std::time::Duration;

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::model::Text as _;
use secrecy::SecretString;

use super::inspect::{self, Facts, MARK};
use super::reach::explain_host;
use super::{Dyn, Site, access, activation, connect, kubelet, nodeadm};
use crate::host::{Command, File};
use crate::kube;
use crate::node::config::CredentialProvider;
use crate::node::user_data::hybrid::UserData;
use crate::resources::node::arguments::settings::{self, Activation};
use crate::resources::node::{INSTALLING, JOINED, Outputs, REGISTERED, WaitFor, plan};
use crate::session::explain::explained;

/// How often a join is tried while the cluster does not let the host in yet.
const ATTEMPTS: u32 = 3;
const BETWEEN: Duration = Duration::from_secs(5);
/// Any value makes nodeadm ask the API server whether it lets the host in before it starts the kubelet. This check only
/// warns. Source: `internal/kubelet/daemon.go` of github.com/aws/eks-hybrid, v1.0.20.
const HARMLESS_SKIP: &str = "node-inactive-validation";

/// Joins the host, or continues a join that was interrupted.
pub(super) async fn join(site: &Site<'_>, host: Dyn<'_>) -> Result<Outputs> {
    let cx = site.cx;
    let facts = inspect::inspect(host).await?;
    let managed = site.args.run_command.as_ref().map(|way| way.instance_id.as_str());
    inspect::check(&facts, site.provider(), (&site.place, managed), &site.cluster)?;
    let role = match &facts.registration {
        // The activation was used, and a one-use one is deleted.
        Some(_) => None,
        None => activation::check(site).await?,
    };
    let role = role.or_else(|| site.args.iam_roles_anywhere.as_ref().map(|anywhere| anywhere.role_arn.clone()));
    access::check(site, role.as_deref(), access::entry(site, role.as_deref()).await)?;
    let unused = settings::settings(site.args, &site.place, &site.cluster, Some(&Activation::unused()))?;
    if facts.join.is_none() {
        connect::check(site, host, &unused).await?;
    }

    let mut outputs = Outputs {
        cluster_name: site.place.cluster.clone(),
        region: site.place.region.clone(),
        node_name: None,
        managed_instance_id: None,
        provider_id: None,
        internal_ip: None,
        kubelet_version: None,
        status: INSTALLING.to_owned(),
        certificate_authority_sha256: plan::authorities(&site.cluster),
    };
    mark(site, host).await?;
    registered(&mut outputs, &facts, site);
    cx.save(&outputs);
    install(site, host, &facts, &unused).await?;

    // A kubelet that nodeadm has configured is continued with, too: its configuration is written anew.
    let facts = initialize(site, host, facts, role.as_deref(), &mut outputs).await?;
    registered(&mut outputs, &facts, site);
    cx.save(&outputs);
    let Some(name) = outputs.node_name.clone() else {
        let cause = format!(
            "`nodeadm init` on host `{}` reported success, but the host is not registered with Systems Manager.",
            host.place().host
        );
        return Err(Diagnostic::error("Host did not register", cause).left(LEFT).into());
    };
    name_instance(site, &outputs, &facts).await;
    let node = kubelet::await_node(site, host, &name, role.as_deref(), |_| Ok(())).await?;
    complete(site, host, node, &mut outputs).await?;
    Ok(outputs)
}

const LEFT: &str =
    "nodeadm and its components are on the host, which is recorded in the state; the next apply continues.";

/// Sets what the Node is to have, waits as long as is wanted, and ends the join.
pub(super) async fn complete(site: &Site<'_>, host: Dyn<'_>, node: kube::Node, outputs: &mut Outputs) -> Result<()> {
    let name = node.name.clone();
    seen(outputs, &node);
    site.cx.save(outputs);
    mark_node(site, &node).await?;
    if site.args.wait_for == WaitFor::Ready {
        let node = kubelet::await_ready(site, &name).await?;
        seen(outputs, &node);
    }
    let command = Command::script("end the join", &format!("rm -f {MARK}")).as_root();
    host.succeed(&command).await.map_err(|error| explain_host("Could not end the join", &error))?;
    JOINED.clone_into(&mut outputs.status);
    Ok(())
}

/// What the Node says of itself.
pub(super) fn seen(outputs: &mut Outputs, node: &kube::Node) {
    outputs.node_name = Some(node.name.clone());
    outputs.provider_id.clone_from(&node.provider_id);
    outputs.internal_ip.clone_from(&node.internal_ip);
    outputs.kubelet_version.clone_from(&node.kubelet_version);
}

/// Labels and taints that the Node does not have yet.
async fn mark_node(site: &Site<'_>, node: &kube::Node) -> Result<()> {
    let summary = "Could not set labels and taints of the Node";
    let left = Some("The node has joined, which is recorded in the state; the next apply continues.");
    let wanted = site.args.labels.iter().flatten();
    let missing: BTreeMap<String, Option<String>> = wanted
        .filter(|(key, value)| node.labels.get(*key) != Some(*value))
        .map(|(key, value)| (key.clone(), Some(value.clone())))
        .collect();
    if !missing.is_empty() {
        explained(site.client.label_node(&node.name, &missing).await, summary, left, site.cx).await?;
    }
    let taints = settings::taints(site.args.taints.iter().flatten());
    if !taints.is_empty() {
        explained(site.client.taint_node(&node.name, &taints, &[]).await, summary, left, site.cx).await?;
    }
    Ok(())
}

/// Marks the host, so that whoever finds it in the middle of a join knows whose it is.
async fn mark(site: &Site<'_>, host: Dyn<'_>) -> Result<()> {
    let content = SecretString::from(format!("{}\n", inspect::mark(&site.place)));
    let file = File::new(MARK, content).mode(0o644).as_root().with_folders().public();
    host.upload(&file).await.map_err(|error| explain_host("Could not begin the join", &error))
}

/// What the host's registration says of the node.
fn registered(outputs: &mut Outputs, facts: &Facts, site: &Site<'_>) {
    match site.provider() {
        CredentialProvider::Ssm => {
            if let Some(instance) = &facts.registration {
                outputs.managed_instance_id = Some(instance.clone());
                outputs.node_name = Some(instance.clone());
                REGISTERED.clone_into(&mut outputs.status);
            }
        }
        CredentialProvider::IamRolesAnywhere => {
            outputs.node_name = site.args.iam_roles_anywhere.as_ref().map(|anywhere| anywhere.node_name.clone());
        }
    }
}

/// Provides nodeadm, and the components of the version.
pub(super) async fn install(site: &Site<'_>, host: Dyn<'_>, facts: &Facts, settings: &UserData) -> Result<()> {
    nodeadm::configure_proxy(host, settings).await?;
    provide(site, host, facts, settings).await?;
    let installed = facts.installed_version.as_deref().unwrap_or_default();
    if facts.is_installed && site.args.kubernetes_version.fits(installed) {
        return Ok(());
    }
    site.cx
        .progress(format!("installing Kubernetes {} on `{}`", site.args.kubernetes_version.text(), host.place().host))
        .await;
    let mut words = vec![
        "install".to_owned(),
        site.args.kubernetes_version.text().to_owned(),
        "--credential-provider".to_owned(),
        site.provider().flag().to_owned(),
    ];
    words.extend(settings.install_options());
    let ended = nodeadm::run(host, &words, settings, None).await?;
    if !ended.exit.is_success() {
        return Err(nodeadm::failed("Could not install the components on the host", &ended, LEFT, host));
    }
    let facts = inspect::inspect(host).await?;
    if !facts.is_installed {
        let cause = format!(
            "`nodeadm install` on host `{}` reported success, but left no record of it (/opt/nodeadm/tracker).",
            host.place().host
        );
        return Err(Diagnostic::error("Could not install the components on the host", cause).left(LEFT).into());
    }
    Ok(())
}

/// Downloads nodeadm, unless the host has one that serves.
pub(super) async fn provide(site: &Site<'_>, host: Dyn<'_>, facts: &Facts, settings: &UserData) -> Result<()> {
    let wanted = settings.nodeadm.as_ref().and_then(|nodeadm| nodeadm.sha256.as_ref());
    let wanted = wanted.and_then(|sum| sum.as_str().parse().ok()).map(|sum: names::Sha256| sum.hex());
    let is_other = wanted.is_some() && facts.nodeadm_sha256 != wanted;
    let old = inspect::too_old(facts.nodeadm.as_deref(), site.provider());
    if facts.nodeadm_sha256.is_some() && !is_other && old.is_none() {
        return Ok(());
    }
    site.cx.progress(format!("downloading nodeadm on `{}`", host.place().host)).await;
    nodeadm::download(host, settings).await?;
    let facts = inspect::inspect(host).await?;
    match inspect::too_old(facts.nodeadm.as_deref(), site.provider()) {
        None => Ok(()),
        Some(why) => Err(Diagnostic::error(
            "nodeadm is too old",
            format!("{why} It was downloaded to host `{}`.", host.place().host),
        )
        .left("Nothing else was changed on the host.")
        .remedy("Remove `nodeadm.source`, or let it name a newer release.")
        .at(framework::path::Path::attribute(crate::resources::node::Args::NAMES.nodeadm))
        .into()),
    }
}

/// Runs `nodeadm init`, with an activation of its own if the host has not registered yet.
async fn initialize(
    site: &Site<'_>,
    host: Dyn<'_>,
    facts: Facts,
    role: Option<&str>,
    outputs: &mut Outputs,
) -> Result<Facts> {
    let cx = site.cx;
    let activation = match (site.provider(), &facts.registration) {
        (CredentialProvider::Ssm, Some(_)) => Some(Activation::unused()),
        _ => activation::provide(site, &facts.host_name).await?,
    };
    cx.save(outputs);
    let joined = attempts(site, host, activation.as_ref(), role).await;
    let after = inspect::inspect(host).await;
    if let Ok(facts) = &after {
        registered(outputs, facts, site);
        cx.save(outputs);
    }
    let deleted = activation::delete(&site.place.region, cx).await;
    joined?;
    deleted?;
    let after = after?;
    if !after.has_kubeconfig {
        let cause = format!(
            "`nodeadm init` on host `{}` reported success, but did not configure the kubelet.",
            host.place().host
        );
        return Err(Diagnostic::error("Host did not join the cluster", cause).left(LEFT).into());
    }
    Ok(after)
}

/// Runs `nodeadm init`, again while an access entry takes effect.
async fn attempts(site: &Site<'_>, host: Dyn<'_>, activation: Option<&Activation>, role: Option<&str>) -> Result<()> {
    let mut tried = 0;
    loop {
        tried += 1;
        let ended = init(site, host, activation).await?;
        if ended.exit.is_success() {
            return Ok(());
        }
        let is_refused = ended.fatal.as_deref().is_some_and(|fatal| fatal.contains("Unauthorized"));
        if is_refused
            && tried < ATTEMPTS
            && access::entry(site, role).await == access::Entry::Exists
            && site.cx.sleep(BETWEEN).await
        {
            continue;
        }
        let failed: Diagnostics = nodeadm::failed("Host did not join the cluster", &ended, LEFT, host);
        return Err(failed);
    }
}

/// Runs `nodeadm init` once.
pub(super) async fn init(site: &Site<'_>, host: Dyn<'_>, activation: Option<&Activation>) -> Result<nodeadm::Ended> {
    let settings = settings::settings(site.args, &site.place, &site.cluster, activation)?;
    site.cx.progress(format!("joining `{}` to cluster `{}`", host.place().host, site.place.cluster)).await;
    let mut words = vec!["init".to_owned()];
    words.extend(settings.init_options());
    if settings.skip_validations.is_none() {
        words.extend(["--skip".to_owned(), HARMLESS_SKIP.to_owned()]);
    }
    // What stands for the activation of a registered host is no secret.
    let code = activation.filter(|it| !it.is_unused());
    let code = code.map_or_else(SecretString::default, |it| SecretString::from(it.code.expose().clone()));
    nodeadm::run(host, &words, &settings, Some((&settings.node_config.to_yaml(), &code))).await
}

/// Names the instance in Systems Manager, where lists show little else than ids.
async fn name_instance(site: &Site<'_>, outputs: &Outputs, facts: &Facts) {
    let (Some(instance), false) = (&outputs.managed_instance_id, facts.host_name.is_empty()) else { return };
    let Ok(client) = activation::ssm(&site.place.region, site.cx) else { return };
    let tags = BTreeMap::from([("Name".to_owned(), facts.host_name.clone())]);
    if let Err(error) = client.add_instance_tags(instance, &tags).await {
        // It is only a name; the join does not need the permission.
        tracing::warn!(%error, "the instance has no `Name` tag");
    }
}
