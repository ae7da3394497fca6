//! Runs a check:
//!
//! 1. The nodes are chosen; what killed runs have left is deleted.
//! 2. A service and a pod on each node are created, which answer.
//! 3. A second pod on each node asks all of them.
//! 4. Pods and service are deleted, whatever happened.
//!
//! A failure of any step leaves nothing in the cluster and nothing in the state.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use framework::diagnostic::{Diagnostic, Result};
use framework::path::Path;
use framework::resource::State;
use names::Cidr;
use tokio::sync::mpsc::unbounded_channel;

use super::{Args, NetworkCheck, Outputs, Row, Toleration, selected};
use crate::attributes::{ObjectName, labels};
use crate::kube::check;
use crate::kube::check::{Answer, Check, CheckOptions, CheckReport, Checked, IMAGE, MOST_NODES, Outcome};
use crate::session::Context;
use crate::session::cluster::connect;
use crate::session::explain::{explained, network_failures};
use crate::session::place::Place;

/// How long a check may take if `timeouts` sets nothing. Pulling an image over a slow line takes longest.
const TIMEOUT: Duration = Duration::from_mins(5);
/// Skipped nodes in a warning.
const LISTED: usize = 10;

/// What is checked; the resource and the action have these arguments.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request<'a> {
    /// Labels of the nodes.
    pub node_selector: Option<&'a BTreeMap<String, String>>,
    /// Ranges of the pods' addresses.
    pub expected_cidrs: Option<&'a BTreeSet<String>>,
    /// Tolerations of the pods.
    pub tolerations: Option<&'a [Toleration]>,
    /// Image of the pods.
    pub image: Option<&'a str>,
    /// Secrets with which it is pulled.
    pub image_pull_secrets: Option<&'a BTreeSet<ObjectName>>,
    /// Namespace of the pods.
    pub namespace: Option<&'a ObjectName>,
    /// Whether failures are only a warning.
    pub warn_only: bool,
}

pub(super) async fn create(args: &Args, cx: &Context) -> Result<Outputs> {
    let place = Place::of(args.cluster_name.as_ref(), args.region.as_ref(), cx).await?;
    outputs(args, place, cx).await
}

pub(super) async fn update(prior: &State<NetworkCheck>, args: &Args, cx: &Context) -> Result<Outputs> {
    let place = Place { cluster: prior.outputs.cluster_name.clone(), region: prior.outputs.region.clone() };
    outputs(args, place, cx).await
}

async fn outputs(args: &Args, place: Place, cx: &Context) -> Result<Outputs> {
    let request = Request {
        node_selector: args.node_selector.as_ref(),
        expected_cidrs: args.expected_cidrs.as_ref(),
        tolerations: args.tolerations.as_deref(),
        image: args.image.as_deref(),
        image_pull_secrets: args.image_pull_secrets.as_ref(),
        namespace: args.namespace.as_ref(),
        warn_only: args.warn_only.unwrap_or(false),
    };
    let (report, failures) = run(&request, &place, cx).await?;
    Ok(Outputs {
        cluster_name: place.cluster,
        selector: selected(args.node_selector.as_ref()),
        region: place.region,
        matrix: matrix(&report),
        failures,
        skipped_nodes: report.skipped,
    })
}

/// Runs the check, and returns what it found, with the sentences of its failures if they are only a warning.
///
/// # Errors
/// The check failed, or could not be made.
pub async fn run(request: &Request<'_>, place: &Place, cx: &Context) -> Result<(CheckReport, Vec<String>)> {
    let client = connect(&place.cluster, Some(&place.region), cx).await?;
    let options = options(request, cx);
    let (lines, mut progress) = unbounded_channel();
    let work = async {
        // Whoever shows the lines has ended only if the whole check has.
        let report = move |step: check::CheckStep| drop(lines.send(step.to_string()));
        client.check_network(&options, &report).await
    };
    let show = async {
        while let Some(line) = progress.recv().await {
            cx.progress(line).await;
        }
    };
    let ((checked, left), ()) = tokio::join!(work, show);
    if let (Some(left), true) = (&left, checked.is_ok()) {
        cx.report(Diagnostic::warning("Could not delete the pods of a network check", format!("{left}.")));
    }
    let left = left.map_or("Nothing of the check is left in the cluster.".to_owned(), |left| format!("{left}."));
    let report = match explained(checked, "Could not check the network", Some(&left), cx).await? {
        Check::Done(report) => report,
        Check::NoNode(skipped) => return Err(no_node(&skipped, place).into()),
        Check::TooMany(nodes) => return Err(too_many(nodes, place).into()),
    };
    warn(&report, place, cx);
    let ranges: BTreeSet<Cidr> =
        request.expected_cidrs.into_iter().flatten().filter_map(|range| range.parse().ok()).collect();
    let failures = network_failures(&report, &ranges);
    if let Some(diagnostic) = failures.diagnostic(&place.to_string(), !request.warn_only) {
        if !request.warn_only {
            return Err(diagnostic.into());
        }
        cx.report(diagnostic);
    }
    Ok((report, failures.sentences))
}

fn options(request: &Request<'_>, cx: &Context) -> CheckOptions {
    let toleration =
        |it: &Toleration| check::Toleration { key: it.key.clone(), value: it.value.clone(), effect: it.effect.clone() };
    CheckOptions {
        selector: request.node_selector.filter(|labels| !labels.is_empty()).map(labels::selector),
        namespace: request.namespace.map_or("default", |it| it.as_str()).to_owned(),
        image: request.image.unwrap_or(IMAGE).to_owned(),
        image_pull_secrets: request.image_pull_secrets.into_iter().flatten().map(ToString::to_string).collect(),
        tolerations: request.tolerations.into_iter().flatten().map(toleration).collect(),
        timeout: cx.time_left(TIMEOUT),
    }
}

fn no_node(skipped: &BTreeMap<String, String>, place: &Place) -> Diagnostic {
    let cause = if skipped.is_empty() {
        format!("{place} has no node with the selected labels.")
    } else {
        format!("In {place}, none of the selected nodes can be checked:\n{}", listed(skipped))
    };
    Diagnostic::error("No node can be checked", cause)
        .left("Nothing was created.")
        .remedy("If the same apply adds nodes, refer to what makes them Ready, so that this comes after it.")
        .at(Path::attribute(Args::NAMES.node_selector))
}

fn too_many(nodes: usize, place: &Place) -> Diagnostic {
    let cause = format!("In {place}, {nodes} nodes are selected, and at most {MOST_NODES} are checked at a time.");
    Diagnostic::error("Too many nodes", cause)
        .left("Nothing was created.")
        .remedy("Select a part of them, such as one rack or zone, with `node_selector`.")
        .at(Path::attribute(Args::NAMES.node_selector))
}

fn warn(report: &CheckReport, place: &Place, cx: &Context) {
    if !report.skipped.is_empty() {
        let cause = format!("In {place}, these nodes were not checked:\n{}", listed(&report.skipped));
        cx.report(Diagnostic::warning("Nodes were not checked", cause));
    }
}

/// At most [`LISTED`] nodes, each with its reason.
fn listed(nodes: &BTreeMap<String, String>) -> String {
    let mut lines: Vec<String> = nodes.iter().take(LISTED).map(|(node, why)| format!("  - `{node}`: {why}")).collect();
    if nodes.len() > LISTED {
        lines.push(format!("  - and {} more", nodes.len() - LISTED));
    }
    lines.join("\n")
}

fn matrix(report: &CheckReport) -> BTreeMap<String, Row> {
    let by_node = |answers: &[Option<Answer>]| -> BTreeMap<String, String> {
        let named = report.nodes.iter().zip(answers);
        named.filter_map(|(checked, answer)| Some((checked.node.clone(), (*answer)?.to_string()))).collect()
    };
    let row = |checked: &Checked| {
        let pod_address = checked.pod_address.clone();
        match &checked.outcome {
            Outcome::Answers(answers) => Row {
                pod_address,
                pods: by_node(&answers.pods),
                node_ports: by_node(&answers.node_ports),
                service: answers.service.to_string(),
                dns: answers.dns.to_string(),
                api_server: answers.api_server.to_string(),
            },
            Outcome::NotStarted(why) | Outcome::NotFinished(why) => Row {
                pod_address,
                pods: BTreeMap::new(),
                node_ports: BTreeMap::new(),
                service: why.clone(),
                dns: why.clone(),
                api_server: why.clone(),
            },
        }
    };
    report.nodes.iter().map(|checked| (checked.node.clone(), row(checked))).collect()
}
