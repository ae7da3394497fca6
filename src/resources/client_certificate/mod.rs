//! `ekshybrid_client_certificate`: a client certificate for the Kubernetes API of a local cluster, for times without
//! AWS.
//!
//! The certificate exists only in the state: the cluster keeps neither it nor the request. What can change in the
//! cluster is the role binding.

mod apply;
mod arguments;
mod notes;
mod plan;
mod read;

use std::collections::BTreeSet;
use std::time::Duration;

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::model::{Maybe, Model, Secret, Span, Timestamp};
use framework::path::Path;
use framework::permission::Permissions;
use framework::resource::{Plan, Resource, State};

pub use self::arguments::{CertificateRequest, SubjectName, Usage};
use crate::attributes::permissions::{CLUSTER, kube};
use crate::attributes::{ClusterName, Region};
use crate::session::place::{Place, placed};
use crate::session::{Clients, Context};

/// The shortest duration that the API server accepts. Source: Kubernetes API reference, CertificateSigningRequestSpec.
const SHORTEST: Duration = Duration::from_mins(10);
/// The group that no signer gives. Source: Kubernetes documentation, admission plugin CertificateSubjectRestriction.
const MASTERS: &str = "system:masters";

/// Arguments.
#[derive(Clone, Debug, Model)]
#[model(exactly_one_of(common_name, certificate_request))]
pub struct Args {
    /// EKS cluster: a local cluster on an Outpost. Default: the provider's `cluster_name`.
    #[attr(replace)]
    pub cluster_name: Option<ClusterName>,
    /// Common name: the Kubernetes user. At most 64 characters. With `certificate_request`, the request's.
    #[attr(replace)]
    pub common_name: Option<SubjectName>,
    /// Organizations: the Kubernetes groups of the user. `system:masters` is refused by every API server; use
    /// `cluster_role` instead. With `certificate_request`, the request's.
    #[attr(replace)]
    pub organizations: Option<BTreeSet<SubjectName>>,
    /// Certificate request (PKCS #10, PEM) of a key of your own, such as that of `tls_cert_request`. The private key
    /// then never enters the state of this resource, and a renewal certifies the same key.
    #[attr(replace)]
    pub certificate_request: Option<CertificateRequest>,
    /// What the key may be used for: `client auth`, which is required, `digital signature`, `key encipherment`. A
    /// change issues a new certificate. Default: `client auth` and `digital signature`.
    pub usages: Option<BTreeSet<Usage>>,
    /// How long the certificate is valid, such as `90d`; at least `10m`. The cluster may issue a shorter one. A change
    /// issues a new certificate. Default: as long as the cluster allows, usually one year.
    pub duration: Option<Span>,
    /// Plan a new certificate this long before the current one expires. Default: a third of its validity.
    pub renew_before: Option<Span>,
    /// ClusterRole to bind to the user, such as `cluster-admin` or `view`. Without it, the user may do what others
    /// have bound to it or to its groups, which is nothing at first.
    pub cluster_role: Option<String>,
    /// Region of the cluster. Default: the provider's.
    #[attr(replace)]
    pub region: Option<Region>,
    /// Operation timeouts.
    pub timeouts: Option<Timeouts>,
}

/// Operation timeouts. Deletion does not wait.
#[derive(Clone, Debug, Model)]
pub struct Timeouts {
    /// How long to wait for the cluster (default: 30 minutes while EKS creates it, 5 minutes if no cluster of this
    /// name exists) and for the certificate (default: `2m`).
    pub create: Option<Span>,
    /// The same for a renewal.
    pub update: Option<Span>,
}

/// Outputs.
#[derive(Clone, Debug, Model)]
pub struct Outputs {
    /// Name of the cluster.
    #[attr(keep)]
    pub cluster_name: ClusterName,
    /// The Kubernetes user.
    #[attr(keep)]
    pub common_name: SubjectName,
    /// The Kubernetes groups of the user.
    #[attr(keep)]
    pub organizations: BTreeSet<SubjectName>,
    /// The certificate, PEM, followed by intermediate ones if the cluster has any.
    #[attr(keep)]
    pub certificate: String,
    /// The private key, PKCS #8 in PEM (ECDSA, curve P-256). Null with `certificate_request`. **It is stored in the
    /// state**; each renewal creates a new one.
    #[attr(keep)]
    pub private_key: Option<Secret<String>>,
    /// Serial number of the certificate, hexadecimal.
    #[attr(keep)]
    pub serial_number: String,
    /// When the certificate becomes valid.
    #[attr(keep)]
    pub valid_from: Timestamp,
    /// When the certificate expires.
    #[attr(keep)]
    pub expiration_date: Timestamp,
    /// Name of the ClusterRoleBinding; null without `cluster_role`.
    #[attr(keep)]
    pub cluster_role_binding: Option<String>,
    /// Region of the cluster.
    #[attr(keep)]
    pub region: Region,
}

/// Identity.
#[derive(Clone, Debug, Model)]
pub struct Identity {
    /// EKS cluster.
    pub cluster_name: ClusterName,
    /// The Kubernetes user.
    pub common_name: SubjectName,
    /// Region of the cluster. Default: the provider's.
    pub region: Option<Region>,
}

/// The resource.
#[derive(Debug)]
pub enum ClientCertificate {}

placed!(ClientCertificate);

impl Resource for ClientCertificate {
    type Clients = Clients;
    type Args = Args;
    type Outputs = Outputs;
    type Identity = Identity;

    const NAME: &'static str = "ekshybrid_client_certificate";
    const DESCRIPTION: &'static str = "\
A client certificate for the Kubernetes API of a local cluster on an Outpost, for the times when the Outpost is \
disconnected from its Region: IAM authenticates nobody then. The function `kubeconfig` and the data source \
`ekshybrid_kubeconfig` write a kubeconfig with it. Try it while the cluster is connected.

The provider creates a private key (or takes your `certificate_request`), submits a CertificateSigningRequest for the \
signer `kubernetes.io/kube-apiserver-client`, approves it, waits for the certificate, and deletes the request. Only \
local clusters sign client certificates; for a cluster in the Region, use access entries.

**A certificate cannot be revoked.** Destroy removes the role binding, and the user then has no permissions from it; \
the certificate itself remains valid until it expires, and so does the one before a renewal. Keep `duration` short, \
and do not bind roles to the user or its groups elsewhere without need.

The certificate is renewed in place by a plan that finds it within `renew_before` of its end, or signed by an \
authority that the cluster no longer trusts, as after a rotation of the cluster's certificate authority. A renewal \
needs a connection to the cluster.";
    const IMPORT_ID: &'static str =
        "`CLUSTER/COMMON_NAME`, or `CLUSTER/COMMON_NAME@REGION` for another region than the provider's";
    const NOT_IMPORTABLE: Option<&'static str> = Some(
        "A client certificate cannot be imported: the cluster keeps neither the certificates that it has issued nor \
         their keys. A new resource issues a new certificate.",
    );
    const PERMISSIONS: Permissions = &[
        CLUSTER,
        &[
            kube(&["create", "get", "delete"], "certificatesigningrequests.certificates.k8s.io"),
            kube(&["update"], "certificatesigningrequests.certificates.k8s.io/approval"),
            kube(&["approve"], "signers.certificates.k8s.io")
                .only_if("resourceNames", "kubernetes.io/kube-apiserver-client"),
            kube(&["get", "bind"], "clusterroles.rbac.authorization.k8s.io").when("`cluster_role` is set"),
            kube(&["create", "get", "patch", "delete"], "clusterrolebindings.rbac.authorization.k8s.io")
                .when("`cluster_role` is set"),
        ],
    ];

    fn validate(args: &<Args as Model>::Planned, faults: &mut Diagnostics) {
        let mut fault = |name: &str, summary: &str, cause: String| {
            faults.push(Diagnostic::error(summary, cause).at(Path::attribute(name)));
        };
        let names = Args::NAMES;
        let masters = format!(
            "No signer issues a certificate of the group `{MASTERS}`: the API server refuses the request. Set `cluster_role = \"cluster-admin\"` to make the user an administrator."
        );
        if args.organizations.set().is_some_and(|all| all.iter().any(|one| one.as_str() == MASTERS)) {
            fault(names.organizations, "Group cannot be certified", masters.clone());
        }
        if let Some(request) = args.certificate_request.set() {
            let subject = request.subject();
            if subject.organizations.contains(MASTERS) {
                fault(names.certificate_request, "Group cannot be certified", masters);
            }
            if subject.common_name.is_empty() {
                let cause = "The request has no common name, which is the Kubernetes user.".to_owned();
                fault(names.certificate_request, "Request names no user", cause);
            }
            if args.organizations.set().is_some() {
                let cause = "The organizations are those of `certificate_request`. Remove `organizations`.".to_owned();
                fault(names.organizations, "Conflicting arguments", cause);
            }
        }
        if args.usages.set().is_some_and(|usages| !usages.iter().any(Usage::is_client_auth)) {
            let cause = "A client certificate needs the usage `client auth`.".to_owned();
            fault(names.usages, "Usage is missing", cause);
        }
        let duration = args.duration.set().map(Span::duration);
        if let (Some(span), Some(duration)) = (args.duration.set(), duration)
            && duration < SHORTEST
        {
            let cause = format!("`{span}` is shorter than ten minutes, the shortest duration that Kubernetes accepts.");
            fault(names.duration, "Duration is too short", cause);
        }
        if let (Some(before), Some(duration)) = (args.renew_before.set(), duration)
            && before.duration() >= duration
        {
            let cause = format!(
                "`renew_before` is `{before}`, and the certificate is valid for no longer than that, so every plan would renew it. Make `renew_before` shorter, or `duration` longer."
            );
            fault(names.renew_before, "Certificate would be renewed by every plan", cause);
        }
        if let Some(role) = args.cluster_role.set()
            && (role.is_empty() || role.contains(['/', '%']) || role == "." || role == "..")
        {
            let cause =
                format!("`{role}` is not the name of a ClusterRole: it must not be empty or contain `/` or `%`.");
            fault(names.cluster_role, "Invalid name of a ClusterRole", cause);
        }
    }

    async fn plan(plan: &mut Plan<Self>, cx: &Context) -> Result<()> {
        plan::plan(plan, cx).await
    }

    async fn plan_delete(state: &State<Self>, cx: &Context) -> Result<()> {
        plan::warn_of_validity(state, cx);
        Ok(())
    }

    async fn create(args: &Args, cx: &Context) -> Result<Outputs> {
        apply::create(args, cx).await
    }

    async fn read(identity: &Identity, prior: Option<&State<Self>>, cx: &Context) -> Result<Option<State<Self>>> {
        read::read(identity, prior, cx).await
    }

    async fn update(prior: &State<Self>, args: &Args, cx: &Context) -> Result<Outputs> {
        apply::update(prior, args, cx).await
    }

    async fn delete(state: &State<Self>, cx: &Context) -> Result<()> {
        apply::delete(state, cx).await
    }
}

fn place_of(outputs: &Outputs) -> Place {
    Place { cluster: outputs.cluster_name.clone(), region: outputs.region.clone() }
}

/// Why a cluster in the Region issues no client certificate.
fn not_local(place: &Place) -> Diagnostic {
    Diagnostic::error(
        "Cluster does not sign client certificates",
        format!(
            "The {place} runs in the Region, where the control plane does not sign for `kubernetes.io/kube-apiserver-client`. Only local clusters on Outposts do."
        ),
    )
    .remedy("Give people and programs access with access entries (`aws_eks_access_entry`), and remove this resource.")
    .at(Path::attribute(Args::NAMES.cluster_name))
}

/// Whether `usages` is given otherwise than by default.
fn usages_of(usages: Option<&BTreeSet<Usage>>) -> Vec<String> {
    match usages {
        Some(usages) => usages.iter().map(|usage| usage.as_str().to_owned()).collect(),
        None => arguments::USAGES[..2].iter().map(|usage| (*usage).to_owned()).collect(),
    }
}

/// What is planned for an attribute that a known argument decides.
fn known<T: Clone>(argument: &Maybe<Option<T>>) -> Option<T> {
    argument.set().cloned()
}
