//! Explains the outcome of a drain.

use framework::diagnostic::{Diagnostic, Result};

use super::explain_kube;
use crate::kube::{self, Cordon, Drain};
use crate::session::Context;

/// Number of pods listed in a message.
const LISTED: usize = 10;

/// The number of pods that were evicted from `node`, or why the drain did not complete. A node that does not exist has
/// no pods.
///
/// # Errors
/// The explanation.
pub async fn drained(outcome: kube::Result<Drain>, node: &str, cluster: &str, cx: &Context) -> Result<usize> {
    let summary = "Could not drain a node";
    let stays = format!(
        "The node stays cordoned, and pods that were evicted run elsewhere. `kubectl uncordon {node}` makes it schedulable again."
    );
    let error = match outcome {
        Ok(Drain::Done { evicted, .. }) => return Ok(evicted),
        Ok(Drain::NodeGone) => return Ok(0),
        Ok(Drain::Refused { pods, cordoned }) => {
            let pods = listed(&pods.iter().map(|(pod, why)| format!("pod {pod}: {why}")).collect::<Vec<_>>());
            let left = match cordoned {
                Some(Cordon::Done) => stays.as_str(),
                Some(_) => "The node is cordoned, as it was before.",
                None => "Nothing was changed.",
            };
            Diagnostic::error(
                summary,
                format!(
                    "Node `{node}` of cluster `{cluster}` has pods that are not evicted without permission:\n{pods}"
                ),
            )
            .left(left)
            .remedy("Delete or move these pods, or set the option that is named for each, if the loss is acceptable.")
        }
        Ok(Drain::Uncordoned(remaining)) => {
            let pods = listed(&remaining.iter().map(ToString::to_string).collect::<Vec<_>>());
            Diagnostic::error(
                summary,
                format!("Node `{node}` of cluster `{cluster}` was made schedulable during the drain, so the drain ended. Still on it:\n{pods}"),
            )
            .left("The node is schedulable; pods that were evicted before may be on it again.")
            .remedy("Find out who uncordons the node, and run Terraform again.")
        }
        Ok(Drain::TimedOut(remaining)) => {
            let pods = listed(&remaining.iter().map(ToString::to_string).collect::<Vec<_>>());
            Diagnostic::error(
                summary,
                format!("Timed out; still on node `{node}` of cluster `{cluster}`:\n{pods}"),
            )
            .left(&stays)
            .remedy("For a disruption budget, add replicas, or see why its pods are not healthy; a budget that allows no disruption at all blocks every drain. For a finalizer, see what should remove it. Then run Terraform again, which continues.")
        }
        Err(error) => return Err(explain_kube(summary, &error, Some(&stays), cx).await),
    };
    Err(error.into())
}

/// At most [`LISTED`] lines.
fn listed(lines: &[String]) -> String {
    let mut text: Vec<String> = lines.iter().take(LISTED).map(|line| format!("  - {line}")).collect();
    if lines.len() > LISTED {
        text.push(format!("  - and {} more", lines.len() - LISTED));
    }
    if text.is_empty() { "  - no pod".to_owned() } else { text.join("\n") }
}
