//! Types of the fields of `KubeletConfiguration`: converts values that HCL carries in another type, and rejects
//! values with which the kubelet would not start.
//!
//! Terraform converts all values of a map to one type, so a number or a bool easily becomes a string. The kubelet
//! does not convert, and restarts forever. Source: `config/v1beta1/types.go` of github.com/kubernetes/kubelet; a
//! field that is not in the table passes unchanged.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

use crate::node::shape::Reader;
use crate::node::tree::{Step, Tree};

/// Type of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Bool,
    /// int32 or int64.
    Whole,
    /// float64.
    Float,
    /// A Go duration.
    Duration,
    Text,
    /// Map of string to bool.
    Bools,
    /// Map of string to string.
    Texts,
}

const FIELDS: &[(Kind, &[&str])] = &[
    (
        Kind::Bool,
        &[
            "cgroupsPerQOS",
            "cpuCFSQuota",
            "enableContentionProfiling",
            "enableControllerAttachDetach",
            "enableDebugFlagsHandler",
            "enableDebuggingHandlers",
            "enableProfilingHandler",
            "enableServer",
            "enableSystemLogHandler",
            "enableSystemLogQuery",
            "failCgroupV1",
            "failSwapOn",
            "kernelMemcgNotification",
            "localStorageCapacityIsolation",
            "makeIPTablesUtilChains",
            "mergeDefaultEvictionSettings",
            "protectKernelDefaults",
            "registerNode",
            "rotateCertificates",
            "runOnce",
            "seccompDefault",
            "serializeImagePulls",
            "serverTLSBootstrap",
            "singleProcessOOMKill",
        ],
    ),
    (
        Kind::Whole,
        &[
            "containerLogMaxFiles",
            "containerLogMaxWorkers",
            "eventBurst",
            "eventRecordQPS",
            "evictionMaxPodGracePeriod",
            "healthzPort",
            "imageGCHighThresholdPercent",
            "imageGCLowThresholdPercent",
            "iptablesDropBit",
            "iptablesMasqueradeBit",
            "kubeAPIBurst",
            "kubeAPIQPS",
            "maxOpenFiles",
            "maxParallelImagePulls",
            "maxPods",
            "nodeLeaseDurationSeconds",
            "nodeStatusMaxImages",
            "oomScoreAdj",
            "podPidsLimit",
            "podsPerCore",
            "port",
            "readOnlyPort",
            "registryBurst",
            "registryPullQPS",
        ],
    ),
    (Kind::Float, &["memoryThrottlingFactor"]),
    (
        Kind::Duration,
        &[
            "containerLogMonitorInterval",
            "cpuCFSQuotaPeriod",
            "cpuManagerReconcilePeriod",
            "evictionPressureTransitionPeriod",
            "fileCheckFrequency",
            "httpCheckFrequency",
            "imageMaximumGCAge",
            "imageMinimumGCAge",
            "nodeStatusReportFrequency",
            "nodeStatusUpdateFrequency",
            "runtimeRequestTimeout",
            "shutdownGracePeriod",
            "shutdownGracePeriodCriticalPods",
            "streamingConnectionIdleTimeout",
            "syncFrequency",
            "volumeStatsAggPeriod",
        ],
    ),
    (
        Kind::Text,
        &[
            "address",
            "cgroupDriver",
            "cgroupRoot",
            "clusterDomain",
            "containerLogMaxSize",
            "containerRuntimeEndpoint",
            "contentType",
            "cpuManagerPolicy",
            "hairpinMode",
            "healthzBindAddress",
            "imageServiceEndpoint",
            "kubeReservedCgroup",
            "kubeletCgroups",
            "memoryManagerPolicy",
            "podCIDR",
            "podLogsDir",
            "providerID",
            "reservedSystemCPUs",
            "resolvConf",
            "showHiddenMetricsForVersion",
            "staticPodPath",
            "staticPodURL",
            "systemCgroups",
            "systemReservedCgroup",
            "tlsCertFile",
            "tlsMinVersion",
            "tlsPrivateKeyFile",
            "topologyManagerPolicy",
            "topologyManagerScope",
            "volumePluginDir",
        ],
    ),
    (Kind::Bools, &["featureGates"]),
    (
        Kind::Texts,
        &[
            "cpuManagerPolicyOptions",
            "evictionHard",
            "evictionMinimumReclaim",
            "evictionSoft",
            "evictionSoftGracePeriod",
            "kubeReserved",
            "qosReserved",
            "systemReserved",
            "topologyManagerPolicyOptions",
        ],
    ),
];

/// As Go's `time.ParseDuration` reads it.
static DURATION: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^[+-]?(0|((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+)$")
        .unwrap_or_else(|error| unreachable!("a constant expression: {error}"))
});

/// The value of a field in the field's own type. A value that cannot be converted is a fault, and is returned
/// unchanged.
pub(super) fn typed(field: &str, value: &Tree, reader: &mut Reader) -> Tree {
    let kind = FIELDS.iter().find(|(_, names)| names.contains(&field)).map(|(kind, _)| *kind);
    match (kind, value) {
        (None, _) | (_, Tree::Null | Tree::Later) => value.clone(),
        (Some(Kind::Bools), Tree::Map(entries)) => members(entries, Kind::Bool, reader),
        (Some(Kind::Texts), Tree::Map(entries)) => members(entries, Kind::Text, reader),
        (Some(kind), value) => scalar(kind, value, reader),
    }
}

fn members(entries: &BTreeMap<String, Tree>, kind: Kind, reader: &mut Reader) -> Tree {
    let member = |(key, value): (&String, &Tree)| {
        let value = match value {
            Tree::Null | Tree::Later => value.clone(),
            value => reader.inside(Step::Key(key.clone()), |reader| scalar(kind, value, reader)),
        };
        (key.clone(), value)
    };
    Tree::Map(entries.iter().map(member).collect())
}

fn scalar(kind: Kind, value: &Tree, reader: &mut Reader) -> Tree {
    let whole = |text: &str| text.parse::<i64>().is_ok();
    let found = match (kind, value) {
        (Kind::Bool, Tree::Bool(_)) | (Kind::Float, Tree::Number(_)) | (Kind::Text, Tree::Text(_)) => {
            Some(value.clone())
        }
        (Kind::Bool, Tree::Text(text)) => text.parse().ok().map(Tree::Bool),
        (Kind::Whole, Tree::Number(text) | Tree::Text(text)) if whole(text) => Some(Tree::Number(text.clone())),
        (Kind::Float, Tree::Text(text)) if text.parse::<f64>().is_ok_and(f64::is_finite) => {
            Some(Tree::Number(text.clone()))
        }
        (Kind::Duration, Tree::Text(text)) if DURATION.is_match(text) => Some(value.clone()),
        (Kind::Text, Tree::Number(text)) => Some(Tree::Text(text.clone())),
        (Kind::Text, Tree::Bool(value)) => Some(Tree::Text(value.to_string())),
        _ => None,
    };
    found.unwrap_or_else(|| {
        let expected = match kind {
            Kind::Bool => "true or false",
            Kind::Whole => "a whole number",
            Kind::Float => "a number",
            Kind::Duration => "a duration with a unit such as `90s` or `1h30m`; Go knows no days",
            Kind::Text => "a string",
            Kind::Bools => "a map of true and false",
            Kind::Texts => "a map of strings",
        };
        reader.fault(format!("must be {expected}: the kubelet does not start otherwise"));
        value.clone()
    })
}

/// Checks the two limits of image garbage collection against each other, as the kubelet does at startup. Its defaults
/// are 85 and 80.
pub(super) fn check_image_limits(fields: &BTreeMap<String, Tree>, reader: &mut Reader) {
    let (high_name, low_name) = ("imageGCHighThresholdPercent", "imageGCLowThresholdPercent");
    let given = |name: &str| fields.get(name).filter(|value| **value != Tree::Null);
    let number = |name: &str, default: i64| match given(name) {
        None => Some(default),
        Some(Tree::Number(text)) => text.parse::<i64>().ok(),
        Some(_) => None,
    };
    let (Some(high), Some(low)) = (number(high_name, 85), number(low_name, 80)) else { return };
    if low < high {
        return;
    }
    let at = if given(high_name).is_some() { high_name } else { low_name };
    reader.inside(Step::Key(at.to_owned()), |reader| {
        reader.fault(format!(
            "makes `{high_name}` {high} and `{low_name}` {low}: the kubelet does not start unless the low one is less"
        ));
    });
}
