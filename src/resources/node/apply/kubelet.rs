//! The kubelet as its host sees it, and the Node as the cluster does. nodeadm ends with status 0 although the kubelet is
//! refused or restarts forever, so the join waits for the Node itself.

use std::time::{Duration, Instant};

use framework::diagnostic::{Diagnostic, Result};
use framework::wait::{self, Seen, Wait};
use tokio::sync::Mutex;

use super::{Dyn, Site, access};
use crate::host::Command;
use crate::kube;
use crate::session::explain::explained;

/// How long a kubelet needs for its Node.
const NODE_TIMEOUT: Duration = Duration::from_mins(5);
/// How long a node needs to be Ready once it is registered.
const READY_TIMEOUT: Duration = Duration::from_mins(10);
/// Between two questions to the host.
const BETWEEN: Duration = Duration::from_secs(5);
/// How long a kubelet is refused until that counts as final: an access entry takes effect some seconds after its
/// creation.
const REFUSED_FOR: Duration = Duration::from_mins(1);
/// A kubelet that has been started again so often will not start.
const RESTARTS: u32 = 3;

const SCRIPT: &str = "\
systemctl show kubelet -p ActiveState -p NRestarts
printf 'Last='
journalctl -u kubelet -n 300 --no-pager -o cat 2>/dev/null | grep -E '(^|: )E[0-9]{4} |command failed|level=(fatal|error)' | tail -n 1
exit 0";

/// The kubelet's unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Unit {
    /// `active`, `activating`, …
    pub(super) state: String,
    pub(super) restarts: u32,
    /// Its last error.
    pub(super) last: Option<String>,
}

impl Unit {
    fn read(text: &str) -> Self {
        let mut unit = Self::default();
        for (name, value) in text.lines().filter_map(|line| line.split_once('=')) {
            match name {
                "ActiveState" => value.clone_into(&mut unit.state),
                "NRestarts" => unit.restarts = value.parse().unwrap_or_default(),
                "Last" => unit.last = Some(value.trim().to_owned()).filter(|last| !last.is_empty()),
                _ => {}
            }
        }
        unit
    }

    /// The API server does not know the host's role.
    fn is_refused(&self) -> bool {
        self.last.as_deref().is_some_and(|last| last.contains("Unauthorized"))
    }

    fn will_not_start(&self) -> bool {
        self.restarts >= RESTARTS && self.state != "active"
    }
}

impl std::fmt::Display for Unit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = if self.state.is_empty() { "unknown" } else { &self.state };
        write!(f, "kubelet.service is {state}, restarted {} times", self.restarts)?;
        match &self.last {
            Some(last) => write!(f, "; its last error is `{last}`"),
            None => f.write_str("; its journal has no error"),
        }
    }
}

/// Asks the host; `None`: it does not answer.
pub(super) async fn unit(host: Dyn<'_>) -> Option<Unit> {
    let command = Command::script("look at the kubelet", SCRIPT).as_root().timeout(Duration::from_secs(30));
    host.succeed(&command).await.ok().map(|captured| Unit::read(&captured.stdout))
}

struct Watch {
    asked: Option<Instant>,
    refused_since: Option<Instant>,
    unit: Option<Unit>,
}

/// Waits until the cluster has the Node and `is_done` finds it as it should be.
pub(super) async fn await_node(
    site: &Site<'_>,
    host: Dyn<'_>,
    name: &str,
    role: Option<&str>,
    is_done: impl Fn(&kube::Node) -> std::result::Result<(), String> + Sync,
) -> Result<kube::Node> {
    let watch = Mutex::new(Watch { asked: None, refused_since: None, unit: None });
    let wait = Wait {
        what: format!("Node `{name}` of cluster `{}`", site.place.cluster),
        timeout: site.cx.time_left(NODE_TIMEOUT),
        interval: Duration::from_millis(500),
        max_interval: Duration::from_secs(3),
    };
    let look = || async {
        let found = site.client.node(name).await;
        let found = explained(found, "Could not look for the Node", None, site.cx).await?;
        let seen = match &found {
            Some(node) => match is_done(node) {
                Ok(()) => return Ok(Seen::Done(node.clone())),
                Err(seen) => seen,
            },
            None => "it does not exist".to_owned(),
        };
        let mut watch = watch.lock().await;
        if watch.asked.is_none_or(|asked| asked.elapsed() >= BETWEEN) {
            watch.asked = Some(Instant::now());
            watch.unit = unit(host).await;
            let is_refused = watch.unit.as_ref().is_some_and(Unit::is_refused);
            watch.refused_since = watch.refused_since.or_else(|| is_refused.then(Instant::now)).filter(|_| is_refused);
        }
        if let Some(unit) = &watch.unit {
            if unit.will_not_start() {
                return Err(not_joined(site, host, name, unit, role).await.into());
            }
            if found.is_none() && watch.refused_since.is_some_and(|since| since.elapsed() >= REFUSED_FOR) {
                return Err(not_joined(site, host, name, unit, role).await.into());
            }
        }
        let unit = watch.unit.as_ref().map(|unit| format!("; {unit}")).unwrap_or_default();
        Ok(Seen::Pending(format!("{seen}{unit}")))
    };
    match wait::until(site.cx, &wait, look).await {
        // A timeout, of which the last look says why.
        Err(failure) if watch.lock().await.refused_since.is_some() => Err(failure.remedy(access::REMEDY)),
        other => other,
    }
}

/// The kubelet runs, or does not, and the cluster has no Node.
async fn not_joined(site: &Site<'_>, host: Dyn<'_>, name: &str, unit: &Unit, role: Option<&str>) -> Diagnostic {
    let cluster = &site.place.cluster;
    let message = Diagnostic::error(
        "Host did not join the cluster",
        format!("On host `{}`, {unit}. Cluster `{cluster}` has no Node `{name}`.", host.place().host),
    )
    .left("The host is registered, which is recorded in the state; the next apply continues.");
    if unit.is_refused() {
        let which = match (role, access::entry(site, role).await) {
            (Some(role), access::Entry::Missing) => format!("The cluster has no access entry for the role `{role}`. "),
            (Some(role), access::Entry::Exists) => {
                format!("The cluster has an access entry for the role `{role}`: check that its type is HYBRID_LINUX. ")
            }
            (Some(role), access::Entry::Unknown) => format!("Check the access of the role `{role}`. "),
            (None, _) => String::new(),
        };
        return message.remedy(format!("The API server does not accept the kubelet. {which}{}", access::REMEDY));
    }
    message.remedy("Correct what the kubelet complains about, in `kubelet` of this resource or on the host (`journalctl -u kubelet`), and apply again.")
}

/// Waits until the node is Ready, if that is wanted.
pub(super) async fn await_ready(site: &Site<'_>, name: &str) -> Result<kube::Node> {
    let wait = Wait {
        what: format!("Node `{name}` of cluster `{}` to be Ready", site.place.cluster),
        timeout: site.cx.time_left(READY_TIMEOUT),
        interval: Duration::from_millis(500),
        max_interval: Duration::from_secs(5),
    };
    let look = || async {
        let found = site.client.node(name).await;
        Ok(match explained(found, "Could not look for the Node", None, site.cx).await? {
            Some(node) if node.ready => Seen::Done(node),
            Some(node) => Seen::Pending(node.trouble.unwrap_or_else(|| "it is not Ready".to_owned())),
            None => Seen::Pending("it does not exist".to_owned()),
        })
    };
    let ready = wait::until(site.cx, &wait, look).await;
    ready.map_err(|failure| {
        failure.remedy("A hybrid node is Ready once a CNI runs on it (`ekshybrid_cni`); to join nodes before the CNI is installed, set `wait_for = \"registered\"`.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_says_why_it_does_not_run() {
        let unit = Unit::read(
            "ActiveState=activating\nNRestarts=37\nLast=E1130 12:00:00.0 1 run.go:72] \"command failed\" err=\"imageGCHighThresholdPercent=80\"\n",
        );
        assert!(unit.will_not_start() && !unit.is_refused());
        assert!(unit.to_string().contains("imageGCHighThresholdPercent=80"), "{unit}");
        let fine = Unit::read("ActiveState=active\nNRestarts=0\nLast=\n");
        assert_eq!(fine, Unit { state: "active".to_owned(), restarts: 0, last: None });
        let refused = Unit { last: Some("Unable to register node err=\"Unauthorized\"".to_owned()), ..fine };
        assert!(refused.is_refused() && !refused.will_not_start());
    }
}
