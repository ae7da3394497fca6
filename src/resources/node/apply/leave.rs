//! The removal of a node: its pods, its components on the host, its Node, its registration.

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::resource::State;

use super::detached::LEFT;
use super::inspect::{Facts, inspect, mark};
use super::reach::explain_host;
use super::{Dyn, activation, detached, drain, instance, nodeadm, reach};
use crate::host::Command;
use crate::kube;
use crate::resources::node::{INSTALLING, JOINED, Node, notes};
use crate::session::Context;
use crate::session::cluster::{Connection, reach_to_remove};
use crate::session::explain::{explain, explained};
use crate::session::place::Place;

const CLEAN: &str = include_str!("clean.sh");

pub(in crate::resources::node) async fn delete(state: &State<Node>, cx: &Context) -> Result<()> {
    let outputs = &state.outputs;
    if outputs.status != JOINED && notes::is_replaced_by_itself(outputs, state.args.address(), cx) {
        tracing::info!("the join is not complete; the host is kept as it is, and the creation continues");
        return Ok(());
    }
    let client = match reach_to_remove(&outputs.cluster_name, Some(&outputs.region), cx).await? {
        Connection::Open(client) => Some(client),
        Connection::Gone => None,
        Connection::Unknown(why) => return Err(why),
    };
    let node = match (&client, &outputs.node_name) {
        (Some(client), Some(name)) => {
            explained(client.node(name).await, "Could not look for the Node", None, cx).await?
        }
        _ => None,
    };
    let way = way(state, node.as_ref(), cx).await?;
    if let (Some(client), Some(node)) = (&client, &node) {
        let drained = drain::drain(&state.args, client, (&node.name, &outputs.cluster_name), node.ready, cx).await;
        tolerate(drained, state, "The node was not drained", cx)?;
    }
    if let Some(host) = &way {
        let done = uninstall(state, &**host, client.is_some() && node.is_some(), cx).await;
        tolerate(done, state, "Components stay on the host", cx)?;
    }
    if let (Some(client), Some(name)) = (&client, &outputs.node_name) {
        let left = Some("The host has left; the Node is still recorded in the state.");
        explained(client.delete_node(name).await, "Could not delete the Node", left, cx).await?;
    }
    activation::delete(&outputs.region, cx).await?;
    let Some(instance) = instance(state) else { return Ok(()) };
    let client = activation::ssm(&outputs.region, cx)?;
    client.deregister_instance(instance).await.map(drop).map_err(|error| {
        explain(
            "Could not deregister the host",
            &error,
            Some("The Node is deleted. The instance is still recorded in the state."),
        )
    })
}

/// A failure that `force_destroy` accepts becomes a warning.
fn tolerate(outcome: Result<()>, state: &State<Node>, summary: &str, cx: &Context) -> Result<()> {
    let Err(failure) = outcome else { return Ok(()) };
    if cx.cancel().is_cancelled() {
        return Err(failure);
    }
    if !state.args.force_destroy {
        return Err(failure.remedy("`force_destroy = true`, applied before the destroy, continues in spite of this."));
    }
    for one in failure.0 {
        cx.report(
            Diagnostic::warning(summary, format!("{}: {}", one.summary, one.cause))
                .left("The destroy continues, because `force_destroy` is set."),
        );
    }
    Ok(())
}

/// The way to the host; `None` if the host is gone. A host that only this machine cannot reach is not gone: its Node is
/// Ready.
async fn way(
    state: &State<Node>,
    node: Option<&kube::Node>,
    cx: &Context,
) -> Result<Option<Box<dyn crate::host::Host>>> {
    let (args, outputs) = (&state.args, &state.outputs);
    let is_alive = node.is_some_and(|node| node.ready);
    let access = args.access(&outputs.region)?;
    let opened = match reach::try_open(access, cx).await {
        Ok(opened) => opened,
        // The keys of a host that is gone may be gone as well.
        Err(_) if !is_alive && !cx.cancel().is_cancelled() && reach::is_silent(access).await => {
            let address = access.address();
            cx.report(gone(state, &format!("Nothing answers at the address `{address}` of the host")));
            return Ok(None);
        }
        Err(failure) => return Err(failure),
    };
    match opened {
        Ok(host) => Ok(Some(host)),
        Err(error) if is_alive && !args.force_destroy => {
            Err(explain_host("Could not remove the node from its host", &error)
                .left(format!(
                    "Node `{}` is Ready, so the host runs and only this machine cannot reach it. Nothing was changed.",
                    outputs.node_name.as_deref().unwrap_or_default()
                ))
                .remedy("Or set `force_destroy = true` and apply, to leave the host as it is."))
        }
        Err(error) => {
            cx.report(gone(state, &error.to_string()));
            Ok(None)
        }
    }
}

/// What is done without the host.
fn gone(state: &State<Node>, why: &str) -> Diagnostic {
    let done = match state.outputs.status.as_str() {
        INSTALLING => "",
        _ => " The Node is deleted and the instance deregistered.",
    };
    Diagnostic::warning("Host is gone", format!("{why}.{done}")).remedy(
        "If the host comes back, run `sudo nodeadm uninstall` on it: its kubelet no longer has access, but its pods run until then.",
    )
}

/// Removes the components. `is_asked`: nodeadm can ask the cluster whether the node is drained.
async fn uninstall(state: &State<Node>, host: Dyn<'_>, is_asked: bool, cx: &Context) -> Result<()> {
    let summary = "Could not remove the node from its host";
    let facts = inspect(host).await?;
    check_identity(state, &facts, host)?;
    if facts.is_installed && state.args.ssh.is_none() {
        return detached::leave(state, host, skipped(state, &facts, is_asked), CLEAN, cx).await;
    }
    if facts.is_installed {
        run(host, skipped(state, &facts, is_asked)).await?;
        let facts = inspect(host).await?;
        if facts.is_installed {
            let cause = format!(
                "`nodeadm uninstall` on host `{}` reported success, but the components are still installed.",
                host.place().host
            );
            return Err(Diagnostic::error(summary, cause).left("The node is cordoned and drained.").into());
        }
    }
    let clean = Command::script("remove CNI files", CLEAN).as_root();
    host.succeed(&clean).await.map(drop).map_err(|error| explain_host(summary, &error))
}

/// Validations of `nodeadm uninstall` to skip. The node is drained. A pod that tolerates cordoned nodes, such as that of
/// Cilium's operator, is scheduled to it again when a controller replaces it: nodeadm would refuse because of that pod,
/// for ever.
fn skipped(state: &State<Node>, facts: &Facts, is_asked: bool) -> &'static str {
    let drained = is_asked && !state.args.force_destroy && facts.has_kubeconfig;
    if drained { "pod-validation" } else { "pod-validation,node-validation" }
}

/// Runs `nodeadm uninstall`. Where the host's role may not deregister, it fails half-way and succeeds when it is run
/// again; the provider deregisters the instance itself.
async fn run(host: Dyn<'_>, skipped: &str) -> Result<()> {
    let words = ["uninstall", "--skip", skipped].map(str::to_owned).to_vec();
    let summary = "Could not remove the node from its host";
    let mut tried = 0;
    loop {
        tried += 1;
        let ended = nodeadm::run_plain(host, &words).await?;
        if ended.exit.is_success() {
            return Ok(());
        }
        let is_half_done = ended.fatal.as_deref().is_some_and(|fatal| fatal.contains("uninstalling SSM"));
        if !is_half_done || tried > 1 {
            let failed: Diagnostics = nodeadm::failed(summary, &ended, LEFT, host);
            return Err(failed);
        }
    }
}

/// Components of another node are not removed.
fn check_identity(state: &State<Node>, facts: &Facts, host: Dyn<'_>) -> Result<()> {
    let outputs = &state.outputs;
    let place = Place { cluster: outputs.cluster_name.clone(), region: outputs.region.clone() };
    let is_marked = facts.join.as_deref() == Some(mark(&place).as_str());
    let found = match (instance(state), &facts.registration) {
        (Some(expected), Some(found)) if expected == found => return Ok(()),
        // A join that was killed may have registered the host without a record.
        (None, Some(_)) if is_marked => return Ok(()),
        // It has left already, or has not registered yet.
        (Some(_), None) if !facts.has_kubeconfig => return Ok(()),
        (None, None) => return Ok(()),
        (_, Some(other)) => format!("is registered as `{other}`"),
        (Some(_), None) => "has a kubelet, but is not registered with Systems Manager".to_owned(),
    };
    let name = outputs.node_name.as_deref().unwrap_or("not registered");
    Err(Diagnostic::error(
        "Another host answers",
        format!("The node is `{name}`, but the host `{}` at `{}` {found}.", facts.host_name, host.place().host),
    )
    .left("Nothing was changed on it.")
    .remedy("If the host of this node is gone, set `force_destroy = true` and apply before the destroy.")
    .into())
}
