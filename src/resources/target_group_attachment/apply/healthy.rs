//! Waits for healthy targets, and sends a request through the load balancer.

use std::collections::BTreeSet;
use std::time::Duration;

use framework::diagnostic::{Diagnostic, Result};
use framework::path::Path;
use framework::wait::{self, Seen, Wait};

use super::super::{Args, Outputs, Request, load_balancing, name};
use crate::aws::elb::{self, TargetHealth};
use crate::session::Context;
use crate::session::explain::explain;

/// How long healthy targets are awaited if `timeouts` sets nothing: a new target needs five checks in a row, 30 seconds
/// apart, by default.
const HEALTHY_TIMEOUT: Duration = Duration::from_mins(5);
/// Targets in a message.
const LISTED: usize = 10;

/// Waits until all targets of this resource are healthy, if that is wished for.
pub(super) async fn until_healthy(args: &Args, outputs: &Outputs, cx: &Context) -> Result<()> {
    if !args.wait_for_healthy.unwrap_or(false) || outputs.targets.is_empty() {
        return Ok(());
    }
    let summary = "Could not read the health of the targets";
    let arn = args.target_group_arn.as_str();
    let elb = load_balancing(&args.target_group_arn, cx)?;
    cx.save(outputs);
    let wait = Wait {
        what: format!("{} to be healthy", counted(outputs.targets.len())),
        timeout: cx.time_left(HEALTHY_TIMEOUT),
        interval: Duration::from_secs(1),
        max_interval: Duration::from_secs(10),
    };
    let look = || async {
        let found = elb.health(arn).await.map_err(|error| explain(summary, &error, None))?.unwrap_or_default();
        let unhealthy = unhealthy(&found, &outputs.targets);
        Ok(if unhealthy.is_empty() { Seen::Done(()) } else { Seen::Pending(listed(&unhealthy)) })
    };
    wait::until(cx, &wait, look).await
}

/// The targets that are not healthy, each with the reason.
fn unhealthy(found: &[TargetHealth], targets: &BTreeSet<String>) -> Vec<String> {
    let reason = |health: &TargetHealth| match (&health.reason, &health.description) {
        (Some(code), Some(text)) => format!(" ({code}: {text})"),
        (Some(one), None) | (None, Some(one)) => format!(" ({one})"),
        (None, None) => String::new(),
    };
    let of = |target: &String| match found.iter().find(|health| name(&health.target) == *target) {
        Some(health) if health.state == "healthy" => None,
        Some(health) => Some(format!("{target} is {}{}", health.state, reason(health))),
        None => Some(format!("{target} is not registered any more")),
    };
    targets.iter().filter_map(of).collect()
}

fn listed(lines: &[String]) -> String {
    let shown = lines.iter().take(LISTED).cloned().collect::<Vec<_>>().join(", ");
    let more = lines.len().saturating_sub(LISTED);
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

/// Sends the request of the configuration until the expected answer comes, if there is one.
pub(super) async fn until_answered(args: &Args, outputs: &Outputs, cx: &Context) -> Result<()> {
    let Some(request) = &args.request else { return Ok(()) };
    cx.save(outputs);
    let url = url(args, request, cx).await?;
    let aws = cx.clients()?.aws()?;
    let expected = request.expected_status.as_ref().map_or(200, |status| status.get());
    let wait = Wait {
        what: format!("status {expected} from {url}"),
        timeout: cx.time_left(HEALTHY_TIMEOUT),
        interval: Duration::from_secs(1),
        max_interval: Duration::from_secs(10),
    };
    let look = || async {
        let answer = aws.status(&url).await;
        Ok(match answer.map_err(|error| explain("Could not send a request", &error, None))? {
            Ok(status) if i64::from(status) == expected => Seen::Done(()),
            Ok(status) => Seen::Pending(format!("it answered with status {status}")),
            Err(why) => Seen::Pending(why),
        })
    };
    wait::until(cx, &wait, look).await
}

/// Where the request goes: the configured URL, or that of a listener which forwards to the target group.
async fn url(args: &Args, request: &Request, cx: &Context) -> Result<String> {
    if let Some(url) = &request.url {
        return Ok(url.clone());
    }
    let summary = "Could not find the load balancer";
    let elb = load_balancing(&args.target_group_arn, cx)?;
    let arn = args.target_group_arn.as_str();
    let group = elb.target_group(arn).await.map_err(|error| explain(summary, &error, None))?;
    let balancers = group.map(|group| group.load_balancers).unwrap_or_default();
    let mut listeners = Vec::new();
    for balancer in &balancers {
        listeners.extend(elb.listeners(balancer).await.map_err(|error| explain(summary, &error, None))?);
    }
    let path = request.path.as_deref().unwrap_or("/");
    chosen(&listeners, arn).map(|listener| format!("http://{}:{}{path}", listener.host, listener.port)).ok_or_else(|| {
        let cause = format!("No listener for HTTP or TCP of a load balancer forwards to target group `{arn}`.");
        let remedy = "If the same apply creates it, refer to the listener, such as with `depends_on`, so that this comes after it. For a listener with TLS, or one that forwards by host names, set `request.url`.";
        let at = Path::attribute(Args::NAMES.request);
        Diagnostic::error("No load balancer for the request", cause).remedy(remedy).at(at).into()
    })
}

/// A listener without TLS, whose certificate would not fit the load balancer's own name; rather one that forwards to the
/// group by default than by a rule.
fn chosen<'a>(listeners: &'a [elb::Listener], group: &str) -> Option<&'a elb::Listener> {
    let plain = || listeners.iter().filter(|listener| matches!(listener.protocol.as_str(), "HTTP" | "TCP"));
    plain().find(|listener| listener.target_groups.iter().any(|arn| arn == group)).or_else(|| plain().next())
}

fn counted(targets: usize) -> String {
    if targets == 1 { "1 target".to_owned() } else { format!("{targets} targets") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::elb::Target;

    #[test]
    fn targets_that_are_not_healthy_say_why() {
        let health = |address: &str, state: &str, reason: Option<&str>, description: Option<&str>| TargetHealth {
            target: Target { address: address.to_owned(), port: 30080, is_outside: true },
            state: state.to_owned(),
            reason: reason.map(str::to_owned),
            description: description.map(str::to_owned),
        };
        let found = [
            health("10.80.0.1", "healthy", None, None),
            health("10.80.0.2", "unhealthy", Some("Target.Timeout"), Some("Request timed out")),
            health("10.80.0.3", "initial", Some("Elb.InitialHealthChecking"), None),
            health("10.80.0.9", "unhealthy", None, None),
        ];
        let ours = ["10.80.0.1:30080", "10.80.0.2:30080", "10.80.0.3:30080", "10.80.0.4:30080"];
        let ours = ours.iter().map(|it| (*it).to_owned()).collect();
        assert_eq!(
            unhealthy(&found, &ours),
            [
                "10.80.0.2:30080 is unhealthy (Target.Timeout: Request timed out)",
                "10.80.0.3:30080 is initial (Elb.InitialHealthChecking)",
                "10.80.0.4:30080 is not registered any more",
            ]
        );
    }

    #[test]
    fn a_listener_without_tls_is_chosen() {
        let listener = |protocol: &str, port: i64, groups: &[&str]| elb::Listener {
            host: "web.elb.amazonaws.com".to_owned(),
            port,
            protocol: protocol.to_owned(),
            target_groups: groups.iter().map(|it| (*it).to_owned()).collect(),
        };
        let listeners = [listener("HTTPS", 443, &["g"]), listener("HTTP", 81, &[]), listener("HTTP", 80, &["g"])];
        let port = |listeners: &[elb::Listener]| chosen(listeners, "g").map(|listener| listener.port);
        assert_eq!(port(&listeners), Some(80));
        assert_eq!(port(&listeners[..2]), Some(81));
        assert_eq!(port(&listeners[..1]), None);
    }
}
