//! `ekshybrid_network_check`: the check of the resource of the same name, on request.

use std::collections::{BTreeMap, BTreeSet};

use framework::action::Action;
use framework::diagnostic::{Diagnostics, Result};
use framework::model::{Model, Span};
use framework::permission::Permissions;

use crate::attributes::permissions::{CLUSTER, NETWORK_CHECK};
use crate::attributes::{ClusterName, ObjectName, Region, labels};
use crate::kube::check::{Answer, CheckReport, Outcome};
use crate::resources::network_check::apply::{Request, run};
use crate::resources::network_check::{Toleration, check_cidrs};
use crate::session::place::Place;
use crate::session::{Clients, Context};

/// Arguments.
#[derive(Clone, Debug, Model)]
pub struct Args {
    /// EKS cluster. Default: the provider's `cluster_name`.
    pub cluster_name: Option<ClusterName>,
    /// Check the nodes with all of these labels. Default: all nodes.
    pub node_selector: Option<BTreeMap<String, String>>,
    /// Ranges that the pods must have their addresses from. Default: any address.
    pub expected_cidrs: Option<BTreeSet<String>>,
    /// Taints that the pods tolerate. Nodes with other taints (NoSchedule or NoExecute) are skipped.
    pub tolerations: Option<Vec<Toleration>>,
    /// Image of the pods. It needs `/bin/sh` and busybox's `httpd`, `wget`, `nslookup` and `timeout`. Default:
    /// `public.ecr.aws/docker/library/busybox:1.37.0`.
    pub image: Option<String>,
    /// Secrets in the namespace with which the image is pulled.
    pub image_pull_secrets: Option<BTreeSet<ObjectName>>,
    /// Namespace of the pods. It must exist. Default: `default`.
    pub namespace: Option<ObjectName>,
    /// Region of the cluster. Default: the provider's.
    pub region: Option<Region>,
    /// How long the action may take.
    pub timeouts: Option<Timeouts>,
}

/// How long the action may take.
#[derive(Clone, Debug, Model)]
pub struct Timeouts {
    /// Timeout of the check, pulling the image included. Default: `5m`.
    pub invoke: Option<Span>,
}

/// The action.
#[derive(Debug)]
pub enum NetworkCheckAction {}

impl Action for NetworkCheckAction {
    type Clients = Clients;
    type Args = Args;

    const NAME: &'static str = "ekshybrid_network_check";
    const DESCRIPTION: &'static str = "\
Checks the network of a cluster from inside, and reports progress: pods on every selected node reach the pods on all \
nodes, the ClusterIP of a service, the NodePort on every node, the cluster's DNS and the API server. If something does \
not, the action fails with a sentence for each broken connection or group of them, and with what to look at.

The check is that of the resource `ekshybrid_network_check`, whose page describes pods, image and permissions. Pods and \
service are deleted at the end, also when the check fails or is stopped.";
    const PERMISSIONS: Permissions = &[CLUSTER, NETWORK_CHECK];

    fn validate(args: &<Args as Model>::Planned, faults: &mut Diagnostics) {
        labels::check(&args.node_selector, Args::NAMES.node_selector, faults);
        check_cidrs(&args.expected_cidrs, Args::NAMES.expected_cidrs, faults);
    }

    async fn invoke(args: &Args, cx: &Context) -> Result<()> {
        let place = Place::of(args.cluster_name.as_ref(), args.region.as_ref(), cx).await?;
        let request = Request {
            node_selector: args.node_selector.as_ref(),
            expected_cidrs: args.expected_cidrs.as_ref(),
            tolerations: args.tolerations.as_deref(),
            image: args.image.as_deref(),
            image_pull_secrets: args.image_pull_secrets.as_ref(),
            namespace: args.namespace.as_ref(),
            warn_only: false,
        };
        let (report, _) = run(&request, &place, cx).await?;
        cx.progress(summary(&report)).await;
        Ok(())
    }
}

/// What a check without failures has shown.
fn summary(report: &CheckReport) -> String {
    let pairs = report.nodes.iter().filter_map(|checked| match &checked.outcome {
        Outcome::Answers(answers) => Some(answers.pods.iter().filter(|answer| **answer == Some(Answer::Good)).count()),
        _ => None,
    });
    format!(
        "{} nodes: all {} pairs of pods, the NodePorts, a service, DNS and the API server were reached",
        report.nodes.len(),
        pairs.sum::<usize>()
    )
}
