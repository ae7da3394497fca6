//! The hosts registered with an activation: listing and deregistering them.

use std::time::Instant;

use framework::diagnostic::{Diagnostic, Result};
use framework::resource::State;

use crate::aws::ssm::{Client, Instance, InstanceFilter};
use crate::resources::activation::notes::{self, Ending};
use crate::resources::activation::{Activation, ssm};
use crate::session::{Context, explain};

/// The most hosts listed by name.
const NAMED: usize = 10;

async fn registered(
    client: &Client,
    activation_ids: &[String],
) -> std::result::Result<Vec<Instance>, crate::aws::Error> {
    let filter = InstanceFilter { activation_ids: activation_ids.to_vec(), ..InstanceFilter::default() };
    client.instances(&filter).await
}

/// Reports in a destroy plan what happens to the hosts.
pub(in crate::resources::activation) async fn warn_of_destroy(state: &State<Activation>, cx: &Context) -> Result<()> {
    let id = &state.outputs.id;
    let count = state.outputs.registrations_count;
    if !state.args.deregister_on_destroy {
        if count > 0 {
            cx.report(Diagnostic::warning(
                "Registered hosts stay registered",
                format!(
                    "{count} host(s) have registered with activation `{id}`; deleting it leaves those registered that still are. To have them deregistered, set `deregister_on_destroy = true` and apply before you destroy."
                ),
            ));
        }
        return Ok(());
    }
    if notes::ending(id, cx) == Ending::Unknown {
        cx.report(Diagnostic::warning(
            "Registered hosts stay registered",
            format!(
                "It is not known whether activation `{id}` is destroyed or was replaced: its state was imported or moved and not refreshed since, or its replacement failed half-way. The hosts that registered with it stay registered in spite of `deregister_on_destroy`; the action `ekshybrid_deregister_instance` deregisters them."
            ),
        ));
        return Ok(());
    }
    let family = notes::family(id, cx);
    if count == 0 && family.len() == 1 {
        return Ok(());
    }
    match registered(&ssm(state.outputs.region.as_ref(), cx)?, &family).await {
        Ok(hosts) if hosts.is_empty() => {}
        Ok(hosts) => cx.report(Diagnostic::warning(
            "Destroying the activation deregisters its hosts",
            format!(
                "{}\n\nA deregistered host loses its AWS credentials: a hybrid node among them stops working within an hour, and registers again only with a new activation. To keep the hosts, set `deregister_on_destroy = false` and apply before you destroy.",
                listed(&hosts)
            ),
        )),
        Err(error) => cx.report(Diagnostic::warning(
            "Destroying the activation deregisters its hosts",
            format!("Which ones these are could not be found out: {error}."),
        )),
    }
    Ok(())
}

/// Describes the hosts: how many, which ones, and how many are online.
fn listed(hosts: &[Instance]) -> String {
    let online = hosts.iter().filter(|host| host.is_online()).count();
    let mut names: Vec<String> = hosts.iter().take(NAMED).map(name).collect();
    if hosts.len() > NAMED {
        names.push(format!("{} more", hosts.len() - NAMED));
    }
    format!("{} host(s) are deregistered, {online} of them Online: {}.", hosts.len(), names.join(", "))
}

fn name(host: &Instance) -> String {
    match host.computer_name.as_deref().filter(|name| !name.is_empty()) {
        Some(name) => format!("`{}` ({name})", host.id),
        None => format!("`{}`", host.id),
    }
}

/// Deregisters every host registered with one of these activations. `left` says what a failure leaves behind.
pub(in crate::resources::activation) async fn deregister(
    client: &Client,
    activation_ids: &[String],
    deadline: Instant,
    left: &str,
    cx: &Context,
) -> Result<()> {
    let summary = "Could not deregister the hosts of the activation";
    let hosts = registered(client, activation_ids).await.map_err(|error| explain(summary, &error, Some(left)))?;
    for (done, host) in hosts.iter().enumerate() {
        if Instant::now() >= deadline {
            return Err(Diagnostic::error(
                summary,
                format!("The time for it is over: {done} of {} hosts are deregistered, `{}` was next.\n\n{left}\n\nRun Terraform again to continue, with a longer `timeouts.delete` if it only needs longer.", hosts.len(), host.id),
            )
            .into());
        }
        client.deregister_instance(&host.id).await.map_err(|error| {
            explain(
                summary,
                &error,
                Some(&format!("{left} {done} of {} are deregistered, `{}` was next.", hosts.len(), host.id)),
            )
        })?;
        cx.progress(format!("deregistered `{}` ({} of {})", host.id, done + 1, hosts.len())).await;
    }
    Ok(())
}
