//! Nodes that no resource manages: actions upgrade and repair them.
//!
//! nodeadm writes the configuration of the kubelet and of containerd anew whenever it runs, and keeps no NodeConfig. What
//! the host has is therefore read first and passed to nodeadm again, unless the action sets something else.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::model::{Dynamic, Text as _};
use framework::value::{Number, Value};
use framework::wait::{self, Seen, Wait};
use serde_json::Value as Json;

use super::inspect::{Facts, inspect};
use super::reach::explain_host;
use super::{Dyn, Site, change, join, kubelet, nodeadm, reach};
use crate::host::Command;
use crate::kube;
use crate::resources::node::arguments::settings::Activation;
use crate::resources::node::arguments::{Kubelet, Ssm, Version};
use crate::resources::node::{Args, JOINED, Outputs};
use crate::session::Context;
use crate::session::explain::explained;
use crate::session::place::Place;

/// How long a restarted kubelet needs until its Node is Ready.
const RESTARTED: Duration = Duration::from_secs(90);
/// The units of a node, in the order in which they depend on each other. The agent has two names.
const UNITS: [&str; 4] = ["amazon-ssm-agent", "snap.amazon-ssm-agent.amazon-ssm-agent", "containerd", "kubelet"];
/// Flags that nodeadm itself passes to the kubelet. Source: `internal/kubelet` of github.com/aws/eks-hybrid, v1.0.20.
const OWN_FLAGS: [&str; 10] = [
    "kubeconfig",
    "config",
    "config-dir",
    "cloud-provider",
    "hostname-override",
    "node-labels",
    "image-credential-provider-bin-dir",
    "image-credential-provider-config",
    "container-runtime-endpoint",
    "v",
];
const SETTINGS: &str = "\
emit() { if [ -s \"$2\" ]; then printf '%s=' \"$1\"; base64 <\"$2\" | tr -d '\\n'; echo; fi; }
emit config /etc/kubernetes/kubelet/config.json.d/00-nodeadm.conf
emit environment /etc/eks/kubelet/environment
emit containerd /etc/containerd/config.d/00-nodeadm.toml
exit 0";

/// A node on its host.
struct Found<'a> {
    site: Site<'a>,
    host: Box<dyn crate::host::Host>,
    facts: Facts,
    node: kube::Node,
}

impl Found<'_> {
    fn host(&self) -> Dyn<'_> {
        &*self.host
    }

    fn outputs(&self) -> Outputs {
        let mut outputs = Outputs {
            cluster_name: self.site.place.cluster.clone(),
            region: self.site.place.region.clone(),
            node_name: None,
            managed_instance_id: self.facts.registration.clone(),
            provider_id: None,
            internal_ip: None,
            kubelet_version: None,
            status: JOINED.to_owned(),
            certificate_authority_sha256: None,
        };
        join::seen(&mut outputs, &self.node);
        outputs
    }
}

/// Reaches the host and its Node. `args` is completed by what the host has.
async fn find<'a>(args: &'a mut Args, name: Option<&str>, cx: &'a Context) -> Result<Found<'a>> {
    let place = Place::of(args.cluster_name.as_ref(), args.region.as_ref(), cx).await?;
    let host = reach::open(args.access(&place.region)?, cx).await?;
    let facts = inspect(&*host).await?;
    if !facts.is_installed {
        let cause = format!("Host `{}` has no components of nodeadm, so it is no hybrid node.", host.place().host);
        return Err(Diagnostic::error("Host is no node", cause).remedy("Join it with `ekshybrid_node`.").into());
    }
    let anywhere = args.iam_roles_anywhere.as_ref().map(|anywhere| anywhere.node_name.clone());
    let own = anywhere.or_else(|| facts.registration.clone());
    let Some(own) = own else {
        let cause = format!("Host `{}` is not registered with Systems Manager.", host.place().host);
        return Err(Diagnostic::error("Host is no node", cause)
            .remedy("For a host with IAM Roles Anywhere, set `iam_roles_anywhere`. Otherwise join it anew with `ekshybrid_node`.")
            .into());
    };
    if let Some(other) = name.filter(|name| *name != own) {
        let cause = format!("The host at `{}` is node `{own}`, not `{other}`.", host.place().host);
        return Err(Diagnostic::error("Another host answers", cause).left("Nothing was changed.").into());
    }
    if let (true, Some(Ok(version))) =
        (args.kubernetes_version == Version::installed(), facts.installed_version.as_deref().map(Version::parse))
    {
        args.kubernetes_version = version;
    }
    adopt(args, &*host).await?;
    let site = Site::of(args, place, cx).await?;
    let node = explained(site.client.node(&own).await, "Could not look for the Node", None, cx).await?;
    // A Node that was deleted comes back when the kubelet registers again.
    let node = node.unwrap_or_else(|| kube::Node { name: own, ..kube::Node::default() });
    Ok(Found { site, host, facts, node })
}

/// Completes the arguments by the host's settings.
async fn adopt(args: &mut Args, host: Dyn<'_>) -> Result<()> {
    if args.iam_roles_anywhere.is_none() {
        args.ssm = Some(Ssm { activation_id: None, activation_code: None, iam_role: None });
    }
    let command = Command::script("read the settings of the node", SETTINGS).as_root();
    let printed =
        host.succeed(&command).await.map_err(|error| explain_host("Could not read the node's settings", &error))?;
    // A line of more than 64 KiB arrives in pieces.
    let values = decoded(&printed.stdout);
    if args.kubelet.is_none() {
        let config = values.get("config").and_then(|text| kubelet_config(text));
        let flags = values.get("environment").map(|text| flags(text)).unwrap_or_default();
        if config.is_some() || !flags.is_empty() {
            let flags = Some(flags).filter(|flags| !flags.is_empty());
            args.kubelet = Some(Kubelet { config: config.map(Dynamic), flags });
        }
    }
    if args.containerd_config.is_none() {
        args.containerd_config = values.get("containerd").cloned();
    }
    Ok(())
}

fn decoded(printed: &str) -> BTreeMap<String, String> {
    let mut values: Vec<(String, String)> = Vec::new();
    for line in printed.lines() {
        match (line.split_once('='), values.last_mut()) {
            (Some((name @ ("config" | "environment" | "containerd"), value)), _) => {
                values.push((name.to_owned(), value.to_owned()));
            }
            (_, Some((_, value))) => value.push_str(line),
            (_, None) => {}
        }
    }
    let text = |base64: &str| String::from_utf8(base64::engine::general_purpose::STANDARD.decode(base64).ok()?).ok();
    values.into_iter().filter_map(|(name, value)| Some((name, text(&value)?))).collect()
}

/// What the drop-in adds to nodeadm's own settings.
fn kubelet_config(text: &str) -> Option<Value> {
    let Json::Object(mut members) = serde_json::from_str::<Json>(text).ok()? else { return None };
    members.remove("kind");
    members.remove("apiVersion");
    (!members.is_empty()).then(|| value(&Json::Object(members)))
}

fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(truth) => Value::Bool(*truth),
        Json::Number(number) => number.to_string().parse::<Number>().map_or(Value::Null, Value::Number),
        Json::String(text) => Value::String(text.clone()),
        Json::Array(all) => Value::List(all.iter().map(value).collect()),
        Json::Object(members) => Value::map(members.iter().map(|(name, member)| (name.clone(), value(member)))),
    }
}

/// The flags that are not nodeadm's own.
fn flags(environment: &str) -> Vec<String> {
    let line = environment.lines().find_map(|line| line.strip_prefix("NODEADM_KUBELET_ARGS="));
    let words = line.unwrap_or_default().trim().trim_matches('"').split_whitespace();
    let is_own = |word: &str| {
        let name = word.trim_start_matches('-').split('=').next().unwrap_or_default();
        OWN_FLAGS.contains(&name)
    };
    words.filter(|word| word.starts_with("--") && !is_own(word)).map(str::to_owned).collect()
}

/// Drains a node, upgrades it and makes it schedulable again.
pub(crate) async fn upgrade(mut args: Args, name: Option<&str>, cx: &Context) -> Result<()> {
    let found = find(&mut args, name, cx).await?;
    let (site, node) = (&found.site, &found.node);
    site.check_version()?;
    let runs = node.kubelet_version.as_deref().unwrap_or("an unknown version");
    cx.progress(format!("Node {}: runs {runs}", node.name)).await;
    if node.unschedulable {
        cx.progress(format!("Node {}: is cordoned already and stays cordoned", node.name)).await;
    }
    let mut outputs = found.outputs();
    change::upgrade(site, found.host(), &found.facts, &mut outputs).await.map_err(again)?;
    let runs = outputs.kubelet_version.as_deref().unwrap_or("an unknown version");
    cx.progress(format!("Node {}: runs {runs}", node.name)).await;
    Ok(())
}

/// An action has no state to continue from.
fn again(faults: Diagnostics) -> Diagnostics {
    let one = |mut fault: Diagnostic| {
        if !fault.left.is_empty() {
            "What is done is kept; the node may be cordoned.".clone_into(&mut fault.left);
        }
        fault.remedy("Invoke the action again to continue.")
    };
    Diagnostics(faults.0.into_iter().map(one).collect())
}

/// Brings a node that is not Ready back: restarts what does not run, and runs `nodeadm init` again if that is not enough.
pub(crate) async fn repair(mut args: Args, name: Option<&str>, cx: &Context) -> Result<()> {
    let found = find(&mut args, name, cx).await?;
    let (site, host) = (&found.site, found.host());
    let name = found.node.name.as_str();
    if found.node.ready {
        cx.progress(format!("Node {name}: is Ready; nothing to do")).await;
        return Ok(());
    }
    let trouble = found.node.trouble.as_deref().unwrap_or("is not registered");
    cx.progress(format!("Node {name}: {trouble}")).await;
    if let Some(unit) = kubelet::unit(host).await {
        cx.progress(format!("Node {name}: {unit}")).await;
    }
    cx.progress(format!("Node {name}: restarting the SSM agent, containerd and the kubelet")).await;
    let units = UNITS.join(" ");
    let script = format!(
        "for unit in {units}; do if systemctl show -p LoadState \"$unit\" | grep -q =loaded; then systemctl restart \"$unit\" || failed=\"$failed $unit\"; fi; done\n[ -z \"$failed\" ] || {{ echo \"could not be restarted:$failed\" >&2; exit 1; }}"
    );
    let restart = Command::script("restart the node's services", &script).as_root().timeout(Duration::from_mins(3));
    match host.capture(&restart).await {
        Ok(done) if done.exit.is_success() => {}
        Ok(done) => cx.progress(format!("Node {name}: {}", done.stderr.trim())).await,
        Err(error) => return Err(explain_host("Could not repair the node", &error)),
    }
    if ready(site, name, RESTARTED).await.is_ok() {
        cx.progress(format!("Node {name}: is Ready")).await;
        return Ok(());
    }
    if cx.cancel().is_cancelled() {
        return Err(Diagnostic::error("Stopped while repairing the node", "Terraform asked to stop.")
            .left("The services were restarted.")
            .into());
    }
    cx.progress(format!("Node {name}: still not Ready; `nodeadm init` joins it again with the settings that it has"))
        .await;
    let ended = join::init(site, host, Some(&Activation::unused())).await?;
    if !ended.exit.is_success() {
        let left = "The services were restarted, and the node is not Ready.";
        return Err(nodeadm::failed("Could not repair the node", &ended, left, host));
    }
    kubelet::await_node(site, host, name, None, |node| match &node.trouble {
        Some(trouble) => Err(trouble.clone()),
        None if node.ready => Ok(()),
        None => Err("it is not Ready".to_owned()),
    })
    .await
    .map_err(again)?;
    cx.progress(format!("Node {name}: is Ready")).await;
    Ok(())
}

/// Waits until the Node is Ready.
async fn ready(site: &Site<'_>, name: &str, limit: Duration) -> Result<()> {
    let wait = Wait {
        what: format!("Node `{name}` of cluster `{}` to be Ready", site.place.cluster),
        timeout: site.cx.time_left(limit).min(limit),
        interval: Duration::from_millis(500),
        max_interval: Duration::from_secs(3),
    };
    wait::until(site.cx, &wait, async || {
        let found = explained(site.client.node(name).await, "Could not look for the Node", None, site.cx).await?;
        Ok(match found {
            Some(node) if node.ready => Seen::Done(()),
            Some(node) => Seen::Pending(node.trouble.unwrap_or_else(|| "it is not Ready".to_owned())),
            None => Seen::Pending("it does not exist".to_owned()),
        })
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_of_a_host_are_kept() {
        let config = kubelet_config(r#"{"kind": "KubeletConfiguration", "apiVersion": "v1", "maxPods": 42}"#);
        assert_eq!(config, Some(Value::map([("maxPods", Value::Number("42".parse().expect("a number")))])));
        assert_eq!(kubelet_config(r#"{"kind": "KubeletConfiguration", "apiVersion": "v1"}"#), None);
        let environment = "NODEADM_KUBELET_ARGS=\"--config=/a --hostname-override=mi-1 --node-ip=10.0.0.1 --v=4\"\n";
        assert_eq!(flags(environment), ["--node-ip=10.0.0.1"]);
        let printed = "config=e30=\nenvironment=YQ\n==\n";
        assert_eq!(
            decoded(printed),
            BTreeMap::from([("config", "{}"), ("environment", "a")].map(|(a, b)| (a.to_owned(), b.to_owned())))
        );
    }
}
