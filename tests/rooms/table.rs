//! The one map: what each room is, what it may use, and what is absent from it.

/// A folder of modules or a single file.
pub struct Room {
    /// Path from the root of the work tree.
    pub place: &'static str,
    /// What it is.
    pub what: &'static str,
    /// The crates of this work tree and the rooms of `src` that it may name.
    pub uses: &'static [&'static str],
    /// What a reader will not find in it.
    pub absent: &'static str,
    /// Beginnings of paths that never appear. A `*` at the end of a name matches any ending.
    pub never: &'static [&'static [&'static str]],
    /// Whether its files may name each other.
    pub files: Files,
}

/// Whether the files of a room may name each other.
pub enum Files {
    /// They may.
    Together,
    /// Each is on its own, a folder as a whole.
    Apart,
    /// The same, except that all may name this one.
    ApartBut(&'static str),
}

/// A place that Cargo or its language keeps apart.
pub struct Place {
    /// Path from the root of the work tree.
    pub path: &'static str,
    /// What it is.
    pub what: &'static str,
    /// What it uses.
    pub uses: &'static str,
    /// What a reader will not find in it.
    pub absent: &'static str,
}

/// Terraform's wire format.
const WIRE: &[&str] = &["prost*", "tonic*", "rmp*"];
/// A type reaches AWS and Kubernetes through the clients, and Terraform through the framework.
const SDK: &[&str] = &["aws_sdk_*", "aws_config", "aws_smithy_*", "hyper*", "http", "rustls"];
const AWS: &[&str] = &["aws_*"];
const NO_IO: &[&str] = &[
    "std::env",
    "std::fs",
    "std::net::Tcp*",
    "std::net::Udp*",
    "std::net::ToSocketAddrs",
    "std::os",
    "std::process",
    "hyper*",
    "reqwest",
    "tokio*",
];
const BESIDE_USES: &[&str] =
    &["framework", "names", "attributes", "aws", "charts", "host", "kube", "node", "resources", "session"];

/// The rooms that this test keeps.
pub const ROOMS: &[Room] = &[
    Room {
        place: "crates/declare/src",
        what: "how things are declared: values, paths, schemas, structs of attributes, messages in parts",
        uses: &[],
        absent: "planning, serving, a provider, I/O",
        never: &[WIRE, AWS, &["framework", "tokio*", "std::fs", "std::net"]],
        files: Files::Together,
    },
    Room {
        place: "crates/framework/src",
        what: "planning, states, notes, waiting, checks of declarations, the plugin process; any provider can be built on it",
        uses: &["declare"],
        absent: "AWS, Kubernetes, this provider's name",
        never: &[AWS, &["ekshybrid"]],
        files: Files::Together,
    },
    Room {
        place: "crates/helm/src",
        what: "charts rendered as Helm renders them: loading, values, templates, YAML, release objects",
        uses: &[],
        absent: "network, Kubernetes, Terraform",
        never: &[WIRE, AWS, &["ekshybrid", "hyper*", "reqwest"]],
        files: Files::Together,
    },
    Room {
        place: "crates/names/src",
        what: "the words of AWS and Kubernetes, each with one rule and one explanation: regions, ARNs, ranges, labels, versions",
        uses: &[],
        absent: "I/O, Terraform, clients",
        never: &[WIRE, AWS, NO_IO, &["ekshybrid", "kube"]],
        files: Files::Together,
    },
    Room {
        place: "src/net",
        what: "what the three clients have in common on the network: proxies, trusted certificates, local hosts, pauses, causes of errors",
        uses: &[],
        absent: "requests, and what an error means to a client",
        never: &[WIRE, AWS, &["kube", "tokio*"]],
        files: Files::Together,
    },
    Room {
        place: "src/aws",
        what: "a client per service and region, typed errors, sharing and retries of calls",
        uses: &["names", "net"],
        absent: "Terraform: no diagnostics, no schemas, no unknown values",
        never: &[WIRE],
        files: Files::Together,
    },
    Room {
        place: "src/kube",
        what: "one cluster's Kubernetes API: every request, its token, its repeats; typed errors; Helm releases in `release/`",
        uses: &["helm", "names", "net"],
        absent: "Terraform, and AWS: tokens come through a trait",
        never: &[WIRE, AWS],
        files: Files::Together,
    },
    Room {
        place: "src/host",
        what: "hosts outside AWS: commands with streamed output, files, over SSH; host keys, logins, bastions",
        uses: &["names"],
        absent: "Terraform, AWS, Kubernetes, and nodeadm",
        never: &[WIRE, AWS, &["kube"]],
        files: Files::Together,
    },
    Room {
        place: "src/charts",
        what: "charts and manifests from folders, files, chart repositories, OCI registries and addresses: checksums, cache, credentials, repeats; images of manifests, and their place in a mirror",
        uses: &["helm", "names", "net"],
        absent: "Terraform, Kubernetes, and AWS: passwords of ECR come through a trait",
        never: &[WIRE, AWS, &["kube"]],
        files: Files::Together,
    },
    Room {
        place: "src/images",
        what: "container images, copied between registries and from archives: manifests as raw bytes, blobs checked while they stream, uploads",
        uses: &["names", "net", "charts"],
        absent: "Terraform, Kubernetes and AWS; requests and credentials are those of `charts`",
        never: &[WIRE, AWS, &["kube"]],
        files: Files::Together,
    },
    Room {
        place: "src/node",
        what: "what a node is configured with: NodeConfig, user data, trust policies, networks, pods per node, arguments of bootstrap.sh",
        uses: &["declare", "names"],
        absent: "I/O, clients, the framework",
        never: &[WIRE, AWS, NO_IO],
        files: Files::Together,
    },
    Room {
        place: "src/cni",
        what: "Cilium and Calico: arguments, values, manifests, pools, what they bring to a cluster; the DaemonSet of the VPC CNI",
        uses: &["framework", "helm", "names", "net", "aws", "charts", "kube", "node"],
        absent: "plans, states and contexts of Terraform, the AWS SDK",
        never: &[WIRE, SDK, &["framework::resource", "framework::context"]],
        files: Files::Together,
    },
    Room {
        place: "src/attributes",
        what: "argument types that several types share, and their import ids",
        uses: &["framework", "names", "aws", "host", "node"],
        absent: "calls, protobuf, the AWS SDK",
        never: &[WIRE, SDK, NO_IO],
        files: Files::Together,
    },
    Room {
        place: "src/session",
        what: "what a call has at hand: configuration, clients, the place and the cluster of an object; how errors are explained in `explain/`",
        uses: &["framework", "names", "attributes", "aws", "charts", "host", "kube"],
        absent: "types, protobuf, the AWS SDK",
        never: &[WIRE, AWS],
        files: Files::Together,
    },
    Room {
        place: "src/resources",
        what: "managed resources, one file or folder per type",
        uses: &[
            "framework",
            "helm",
            "names",
            "net",
            "attributes",
            "aws",
            "charts",
            "cni",
            "host",
            "images",
            "kube",
            "node",
            "session",
        ],
        absent: "each other, protobuf, the AWS SDK",
        never: &[WIRE, SDK],
        files: Files::Apart,
    },
    Room {
        place: "src/data_sources",
        what: "data sources",
        uses: BESIDE_USES,
        absent: "each other, protobuf, the AWS SDK",
        never: &[WIRE, SDK],
        files: Files::Apart,
    },
    Room {
        place: "src/functions",
        what: "provider functions",
        uses: &["framework", "names", "attributes", "node"],
        absent: "clients and I/O: functions are pure and need no credentials",
        never: &[WIRE, SDK, NO_IO],
        files: Files::ApartBut("arguments"),
    },
    Room {
        place: "src/ephemeral",
        what: "ephemeral resources",
        uses: BESIDE_USES,
        absent: "each other, protobuf, the AWS SDK",
        never: &[WIRE, SDK],
        files: Files::Apart,
    },
    Room {
        place: "src/actions",
        what: "actions",
        uses: BESIDE_USES,
        absent: "each other, protobuf, the AWS SDK",
        never: &[WIRE, SDK],
        files: Files::Apart,
    },
    Room {
        place: "src/list",
        what: "list resources",
        uses: BESIDE_USES,
        absent: "each other, protobuf, the AWS SDK",
        never: &[WIRE, SDK],
        files: Files::Apart,
    },
    Room {
        place: "src/registry.rs",
        what: "the provider and the one list of its types",
        uses: &[
            "framework",
            "actions",
            "attributes",
            "data_sources",
            "ephemeral",
            "functions",
            "list",
            "resources",
            "session",
        ],
        absent: "behaviour",
        never: &[WIRE, SDK],
        files: Files::Together,
    },
    Room {
        place: "src/main.rs",
        what: "serves the provider to Terraform",
        uses: &["framework", "helm", "ekshybrid"],
        absent: "everything else",
        never: &[WIRE, SDK],
        files: Files::Together,
    },
];

/// The places that need no check here.
pub const PLACES: &[Place] = &[
    Place {
        path: "crates/declare/macros",
        what: "the derive that reads a declaration",
        uses: "nothing",
        absent: "behaviour: it writes calls to `declare`",
    },
    Place { path: "proto", what: "the wire contract", uses: "", absent: "" },
    Place {
        path: "tests/sandbox",
        what: "a program that answers as AWS (EC2, ECR, EKS, Elastic Load Balancing, IAM, SSM, STS), with real control planes",
        uses: "helm, whose YAML is go-yaml's",
        absent: "the provider: the two agree only through AWS's documents",
    },
    Place {
        path: "tests/harness",
        what: "runs acceptance cases in-process and by real Terraform",
        uses: "declare, framework",
        absent: "this provider: any provider can be hosted",
    },
    Place {
        path: "tests/bench",
        what: "measures start, memory, size, plans, the cluster side, and an upgrade of Cilium",
        uses: "framework, harness, helm, kube",
        absent: "judgement: it reports, and fails only when it cannot measure",
    },
    Place { path: "tests/tools", what: "the programs behind `make`", uses: "Python's standard library", absent: "" },
];

/// The files of a resource that is a folder.
pub const STEPS: &[&str] = &["mod", "arguments", "plan", "apply", "read", "notes"];

/// Resources that are still arranged otherwise. None is ever added.
pub const OTHER_FILES: &[&str] = &["cni", "vpc_cni"];

/// A folder whose every other source keeps away from some names: (folder, where they may be, names).
pub const ONLY_HERE: &[(&str, &str, &[&str])] = &[(
    "crates/framework/src",
    "crates/framework/src/wire",
    &["prost*", "tonic*", "rmp*", "rustls", "tokio_rustls", "crate::wire"],
)];

/// Crates of this work tree, as sources name them.
pub const CRATES: &[&str] = &["declare", "ekshybrid", "framework", "harness", "helm", "names", "sandbox"];

/// The largest circle of files that import each other, by folder. A limit is only ever lowered.
pub const CIRCLES: &[(&str, usize)] = &[
    ("crates/declare/src", 5),
    ("crates/framework/src", 5),
    ("crates/helm/src", 5),
    ("crates/names/src", 0),
    ("src", 0),
];
