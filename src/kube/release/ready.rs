//! When an object is ready: the rules by which Helm 4 waits.
//!
//! Source: kstatus (fluxcd/cli-utils, pkg/kstatus), on which Helm 4 is built. One difference: a crashing pod of a
//! workload does not end the wait at once, because it may recover; a failed Pod object does.

use serde_json::Value as Json;

/// Progress of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Readiness {
    /// As specified.
    Ready,
    /// In progress; the text says how far.
    Waiting(String),
    /// It will not become ready by itself.
    Failed(String),
}

use Readiness::{Failed, Ready, Waiting};

/// What to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// Objects of a release: ready.
    Ready,
    /// The same, and Jobs complete.
    JobsComplete,
    /// Hooks: Jobs and Pods completed; other objects need only exist.
    HookDone,
}

/// The readiness of `object`, as the API server returned it.
pub(super) fn readiness(object: &Json, until: Until) -> Readiness {
    let api_version = object["apiVersion"].as_str().unwrap_or_default();
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    let kind = object["kind"].as_str().unwrap_or_default();
    let job = |until| if until == Until::Ready { job_started(object) } else { job_complete(object) };
    if until == Until::HookDone {
        return match (group, kind) {
            ("batch", "Job") => job(until),
            ("", "Pod") => pod_ended(object),
            _ => Ready,
        };
    }
    if object.pointer("/metadata/deletionTimestamp").is_some() {
        return Waiting("it is being deleted".to_owned());
    }
    let generation = object.pointer("/metadata/generation").and_then(Json::as_i64);
    let observed = object.pointer("/status/observedGeneration").and_then(Json::as_i64);
    if let (Some(generation), Some(observed)) = (generation, observed)
        && generation != observed
    {
        return Waiting("its controller has not seen the newest specification".to_owned());
    }
    if let Some(condition) = true_condition(object, "Reconciling") {
        return Waiting(told(condition));
    }
    if let Some(condition) = true_condition(object, "Stalled") {
        return Failed(told(condition));
    }
    match (group, kind) {
        ("apps", "Deployment") => deployment(object),
        ("apps", "DaemonSet") => daemon_set(object, generation.is_some() && observed.is_some()),
        ("apps", "StatefulSet") => stateful_set(object),
        ("apps", "ReplicaSet") => replica_set(object),
        ("batch", "Job") => job(until),
        ("", "Pod") => pod(object),
        ("", "PersistentVolumeClaim") => claim(object),
        ("", "Service") => service(object),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => definition(object),
        // Their conditions do not express readiness.
        ("", "Secret" | "ConfigMap") | ("batch", "CronJob") | ("policy", "PodDisruptionBudget") => Ready,
        _ => match condition(object, "Ready") {
            Some(ready) if ready["status"] != "True" => Waiting(told(ready)),
            _ => Ready,
        },
    }
}

fn condition<'o>(object: &'o Json, kind: &str) -> Option<&'o Json> {
    let conditions = object.pointer("/status/conditions").and_then(Json::as_array);
    conditions.into_iter().flatten().find(|condition| condition["type"] == kind)
}

fn true_condition<'o>(object: &'o Json, kind: &str) -> Option<&'o Json> {
    condition(object, kind).filter(|condition| condition["status"] == "True")
}

/// `REASON: MESSAGE` of a condition, or whichever exists.
fn told(condition: &Json) -> String {
    let text = |member: &str| condition[member].as_str().map(str::trim).filter(|text| !text.is_empty());
    match (text("reason"), text("message")) {
        (Some(reason), Some(message)) => format!("{reason}: {message}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => format!("condition {} is {}", condition["type"], condition["status"]).replace('"', ""),
    }
}

fn number(object: &Json, pointer: &str) -> Option<i64> {
    object.pointer(pointer).and_then(Json::as_i64)
}

fn count(object: &Json, member: &str) -> i64 {
    object["status"][member].as_i64().unwrap_or_default()
}

/// The first count that is too low.
fn behind(wanted: i64, counts: &[(i64, &str)]) -> Option<Readiness> {
    counts
        .iter()
        .find(|(have, _)| *have < wanted)
        .map(|(have, what)| Waiting(format!("{have} of {wanted} pods {what}")))
}

fn deployment(object: &Json) -> Readiness {
    if let Some(progress) = condition(object, "Progressing")
        && progress["reason"] == "ProgressDeadlineExceeded"
    {
        return Failed(told(progress));
    }
    let wanted = number(object, "/spec/replicas").unwrap_or(1);
    let (all, updated) = (count(object, "replicas"), count(object, "updatedReplicas"));
    if let Some(waiting) = behind(wanted, &[(all, "created"), (updated, "updated")]) {
        return waiting;
    }
    if all > wanted {
        return Waiting(format!("{} old pods are still there", all - wanted));
    }
    let counts = [(count(object, "availableReplicas"), "available"), (count(object, "readyReplicas"), "ready")];
    if let Some(waiting) = behind(wanted, &counts) {
        return waiting;
    }
    // Without a deadline, its controller does not report progress.
    let has_deadline = number(object, "/spec/progressDeadlineSeconds").is_some_and(|seconds| seconds != 2_147_483_647);
    let new = |condition: &Json| condition["reason"] == "NewReplicaSetAvailable";
    if has_deadline && !true_condition(object, "Progressing").is_some_and(new) {
        return Waiting("its new ReplicaSet is not available".to_owned());
    }
    if true_condition(object, "Available").is_none() {
        return Waiting("it is not available".to_owned());
    }
    Ready
}

fn daemon_set(object: &Json, is_observed: bool) -> Readiness {
    let Some(wanted) = number(object, "/status/desiredNumberScheduled").filter(|_| is_observed) else {
        return Waiting("its controller has not seen it".to_owned());
    };
    let counts = [
        (count(object, "currentNumberScheduled"), "created"),
        // With the strategy OnDelete too: like Helm, this waits for an update that nobody may trigger.
        (count(object, "updatedNumberScheduled"), "updated"),
        (count(object, "numberAvailable"), "available"),
        (count(object, "numberReady"), "ready"),
    ];
    behind(wanted, &counts).unwrap_or(Ready)
}

fn stateful_set(object: &Json) -> Readiness {
    if object.pointer("/spec/updateStrategy/type").is_some_and(|kind| kind == "OnDelete") {
        return Ready;
    }
    let wanted = number(object, "/spec/replicas").unwrap_or(1);
    let all = count(object, "replicas");
    if let Some(waiting) = behind(wanted, &[(all, "created"), (count(object, "readyReplicas"), "ready")]) {
        return waiting;
    }
    if all > wanted {
        return Waiting(format!("{} old pods are still there", all - wanted));
    }
    let updated = count(object, "updatedReplicas");
    if let Some(partition) = number(object, "/spec/updateStrategy/rollingUpdate/partition").filter(|from| *from > 0) {
        return behind(wanted - partition, &[(updated, "updated")]).unwrap_or(Ready);
    }
    if let Some(waiting) = behind(wanted, &[(count(object, "currentReplicas"), "updated")]) {
        return waiting;
    }
    if object["status"]["currentRevision"] != object["status"]["updateRevision"] {
        return Waiting("its update is not at its end".to_owned());
    }
    Ready
}

fn replica_set(object: &Json) -> Readiness {
    if let Some(failure) = true_condition(object, "ReplicaFailure") {
        return Waiting(told(failure));
    }
    let wanted = number(object, "/spec/replicas").unwrap_or(1);
    let counts = [
        (count(object, "fullyLabeledReplicas"), "created"),
        (count(object, "availableReplicas"), "available"),
        (count(object, "readyReplicas"), "ready"),
    ];
    if let Some(waiting) = behind(wanted, &counts) {
        return waiting;
    }
    let all = count(object, "replicas");
    if all > wanted { Waiting(format!("{} old pods are still there", all - wanted)) } else { Ready }
}

fn job_started(object: &Json) -> Readiness {
    match job_complete(object) {
        Waiting(_) if object["status"]["startTime"].is_string() => Ready,
        other => other,
    }
}

fn job_complete(object: &Json) -> Readiness {
    if true_condition(object, "Complete").is_some() {
        return Ready;
    }
    if let Some(failure) = true_condition(object, "Failed") {
        return Failed(told(failure));
    }
    let wanted = number(object, "/spec/completions").or_else(|| number(object, "/spec/parallelism")).unwrap_or(1);
    let (succeeded, failed) = (count(object, "succeeded"), count(object, "failed"));
    Waiting(format!("{succeeded} of {wanted} pods succeeded, {failed} failed"))
}

fn phase(object: &Json) -> &str {
    object["status"]["phase"].as_str().unwrap_or("unknown")
}

fn pod(object: &Json) -> Readiness {
    match phase(object) {
        "Succeeded" => Ready,
        "Failed" => Failed("its phase is Failed".to_owned()),
        "Running" if true_condition(object, "Ready").is_some() => Ready,
        other => Waiting(format!("its phase is {other}, and it is not ready")),
    }
}

fn pod_ended(object: &Json) -> Readiness {
    match phase(object) {
        "Succeeded" => Ready,
        "Failed" => Failed("its phase is Failed".to_owned()),
        other => Waiting(format!("its phase is {other}")),
    }
}

fn claim(object: &Json) -> Readiness {
    match phase(object) {
        "Bound" => Ready,
        other => Waiting(format!("its phase is {other}")),
    }
}

fn service(object: &Json) -> Readiness {
    let text = |member: &str| object["spec"][member].as_str().unwrap_or_default();
    if text("type") == "LoadBalancer" && text("clusterIP").is_empty() {
        return Waiting("it has no address".to_owned());
    }
    Ready
}

fn definition(object: &Json) -> Readiness {
    if let Some(refused) = condition(object, "NamesAccepted").filter(|names| names["status"] == "False") {
        return Failed(told(refused));
    }
    match condition(object, "Established") {
        Some(established) if established["status"] == "True" => Ready,
        Some(refused) if refused["status"] == "False" && refused["reason"] != "Installing" => Failed(told(refused)),
        _ => Waiting("it is not established".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn waiting(text: &str) -> Readiness {
        Waiting(text.to_owned())
    }

    /// A status for generation 2 of an object.
    #[allow(clippy::needless_pass_by_value, reason = "the literals of the tests are handed over")]
    fn object(api_version: &str, kind: &str, spec: Json, status: Json) -> Json {
        json!({ "apiVersion": api_version, "kind": kind, "metadata": { "generation": 2 }, "spec": spec, "status": status })
    }

    #[test]
    fn workloads() {
        let condition = |kind: &str, reason: &str| json!({ "type": kind, "status": "True", "reason": reason });
        let running = json!([condition("Progressing", "NewReplicaSetAvailable"), condition("Available", "")]);
        let deadline = json!({ "replicas": 2, "progressDeadlineSeconds": 600 });
        for (kind, spec, status, expected) in [
            (
                "Deployment",
                json!({}),
                json!({ "observedGeneration": 1 }),
                waiting("its controller has not seen the newest specification"),
            ),
            ("Deployment", json!({}), json!({}), waiting("0 of 1 pods created")),
            (
                "Deployment",
                deadline.clone(),
                json!({ "replicas": 2, "updatedReplicas": 1 }),
                waiting("1 of 2 pods updated"),
            ),
            (
                "Deployment",
                deadline.clone(),
                json!({ "replicas": 3, "updatedReplicas": 2 }),
                waiting("1 old pods are still there"),
            ),
            (
                "Deployment",
                deadline.clone(),
                json!({ "replicas": 2, "updatedReplicas": 2, "availableReplicas": 1 }),
                waiting("1 of 2 pods available"),
            ),
            (
                "Deployment",
                deadline.clone(),
                json!({ "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2, "readyReplicas": 2 }),
                waiting("its new ReplicaSet is not available"),
            ),
            (
                "Deployment",
                deadline.clone(),
                json!({ "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2, "readyReplicas": 2, "conditions": running }),
                Ready,
            ),
            (
                "Deployment",
                deadline,
                json!({ "conditions": [{ "type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "too slow" }] }),
                Failed("ProgressDeadlineExceeded: too slow".to_owned()),
            ),
            ("DaemonSet", json!({}), json!({ "desiredNumberScheduled": 0 }), waiting("its controller has not seen it")),
            ("DaemonSet", json!({}), json!({ "observedGeneration": 2, "desiredNumberScheduled": 0 }), Ready),
            (
                "DaemonSet",
                json!({}),
                json!({ "observedGeneration": 2, "desiredNumberScheduled": 3, "currentNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 1 }),
                waiting("1 of 3 pods available"),
            ),
            (
                "StatefulSet",
                json!({ "replicas": 2 }),
                json!({ "replicas": 2, "readyReplicas": 1 }),
                waiting("1 of 2 pods ready"),
            ),
            (
                "StatefulSet",
                json!({ "replicas": 2 }),
                json!({ "replicas": 2, "readyReplicas": 2, "currentReplicas": 2, "currentRevision": "a", "updateRevision": "b" }),
                waiting("its update is not at its end"),
            ),
            ("StatefulSet", json!({ "updateStrategy": { "type": "OnDelete" } }), json!({}), Ready),
            ("ReplicaSet", json!({}), json!({ "fullyLabeledReplicas": 1 }), waiting("0 of 1 pods available")),
        ] {
            let object = object("apps/v1", kind, spec, status);
            assert_eq!(readiness(&object, Until::Ready), expected, "{object}");
        }
    }

    #[test]
    fn jobs_and_pods_by_what_is_waited_for() {
        let job = |status| object("batch/v1", "Job", json!({ "completions": 2 }), status);
        let pod = |status| object("v1", "Pod", json!({}), status);
        let failed =
            json!([{ "type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "twice" }]);
        let done = json!([{ "type": "Complete", "status": "True" }]);
        let ready = json!([{ "type": "Ready", "status": "True" }]);
        for (object, running, ended) in [
            (job(json!({})), waiting("0 of 2 pods succeeded, 0 failed"), waiting("0 of 2 pods succeeded, 0 failed")),
            (job(json!({ "startTime": "t", "failed": 1 })), Ready, waiting("0 of 2 pods succeeded, 1 failed")),
            (job(json!({ "conditions": done })), Ready, Ready),
            (
                job(json!({ "conditions": failed })),
                Failed("BackoffLimitExceeded: twice".to_owned()),
                Failed("BackoffLimitExceeded: twice".to_owned()),
            ),
            (
                pod(json!({ "phase": "Pending" })),
                waiting("its phase is Pending, and it is not ready"),
                waiting("its phase is Pending"),
            ),
            (pod(json!({ "phase": "Running", "conditions": ready })), Ready, waiting("its phase is Running")),
            (pod(json!({ "phase": "Succeeded" })), Ready, Ready),
            (
                pod(json!({ "phase": "Failed" })),
                Failed("its phase is Failed".to_owned()),
                Failed("its phase is Failed".to_owned()),
            ),
        ] {
            assert_eq!(readiness(&object, Until::Ready), running, "{object}");
            assert_eq!(readiness(&object, Until::HookDone), ended, "{object}");
        }
        let started = job(json!({ "startTime": "t" }));
        assert_eq!(readiness(&started, Until::JobsComplete), waiting("0 of 2 pods succeeded, 0 failed"));
    }

    #[test]
    fn other_objects() {
        let unready = json!({ "conditions": [{ "type": "Ready", "status": "False", "reason": "NoKey" }] });
        let stalled = json!({ "conditions": [{ "type": "Stalled", "status": "True", "message": "stuck" }] });
        let established = json!({ "conditions": [{ "type": "Established", "status": "True" }] });
        let refused =
            json!({ "conditions": [{ "type": "NamesAccepted", "status": "False", "reason": "ListKindConflict" }] });
        let definition = "apiextensions.k8s.io/v1";
        for (api_version, kind, spec, status, expected) in [
            ("v1", "PersistentVolumeClaim", json!({}), json!({ "phase": "Pending" }), waiting("its phase is Pending")),
            ("v1", "Service", json!({ "type": "LoadBalancer" }), json!({}), waiting("it has no address")),
            ("v1", "Service", json!({}), json!({}), Ready),
            (definition, "CustomResourceDefinition", json!({}), json!({}), waiting("it is not established")),
            (definition, "CustomResourceDefinition", json!({}), established, Ready),
            (definition, "CustomResourceDefinition", json!({}), refused, Failed("ListKindConflict".to_owned())),
            ("a.example/v1", "Thing", json!({}), unready, waiting("NoKey")),
            ("a.example/v1", "Thing", json!({}), stalled, Failed("stuck".to_owned())),
            ("a.example/v1", "Thing", json!({}), Json::Null, Ready),
        ] {
            let object = object(api_version, kind, spec, status);
            assert_eq!(readiness(&object, Until::Ready), expected, "{object}");
        }
    }
}
