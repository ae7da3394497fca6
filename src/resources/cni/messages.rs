//! How errors of sources, charts and releases are explained to users.

use framework::diagnostic::{Diagnostic, Diagnostics, sentence};
use framework::path::Path;
use helm::Status;

use crate::attributes::{ClusterName, Region};
use crate::aws;
use crate::charts;
use crate::cni::{
    calico,
    definitions::OPERATOR_GROUP,
    product::{self, Product, Wanted},
};
use crate::kube::release::{Error, Failure, Left, UnknownKind};
use crate::net::causes::chain;
use crate::resources::cni::Args;
use crate::session::{Context, explain, explain::explain_kube};

const CONTINUE: &str = "Run the same command again to continue.";

/// Why a chart could not be prepared.
pub(crate) fn unprepared(error: product::Error, wanted: &Wanted) -> Diagnostics {
    match error {
        product::Error::Source { error, at: None } => source(&error, wanted).into(),
        product::Error::Source { error, at: Some(at) } => source(&error, wanted).at(at).into(),
        product::Error::Faults(faults) => faults,
        product::Error::Render(error) => match *error {
            Error::Render(error) => render(&error, wanted).into(),
            error => Diagnostic::error(unrendered(wanted), format!("{}.", capital(&chain(&error)))).into(),
        },
    }
}

/// The same, if a cluster took part: it may be what failed.
pub(crate) async fn unprepared_for(error: product::Error, wanted: &Wanted, cx: &Context) -> Diagnostics {
    match error {
        product::Error::Render(error) => failed(&unrendered(wanted), &Failure::from(*error), Some(wanted), cx).await,
        error => unprepared(error, wanted),
    }
}

fn unrendered(wanted: &Wanted) -> String {
    format!("Could not render the chart of {}", wanted.name())
}

/// Why the objects of a release could not be read.
pub(crate) fn unreadable(error: &Error) -> Diagnostics {
    Diagnostic::error(
        "Could not read the manifests of the CNI",
        format!(
            "{}. Images, checksums and what is planned come from there, so nothing is assumed instead.\n\nLook at the release with `helm get manifest`, and correct the chart or its values.",
            capital(&chain(error))
        ),
    )
    .into()
}

/// Why a chart or manifest could not be fetched.
pub(crate) fn source(error: &charts::Error, wanted: &Wanted) -> Diagnostic {
    use charts::Error as E;
    if let E::EcrLogin { source, .. } = error {
        return no_password(error, source.downcast_ref(), wanted);
    }
    let place = if matches!(wanted.product, Product::Cilium(_)) { "chart" } else { "source" };
    let (member, remedy) = match error {
        E::Stopped { .. } => (None, CONTINUE),
        E::NoSuchVersion { .. } | E::NoVersion { .. } => (Some("version"), "Set `version` to one that exists."),
        E::NoSuchChart { .. } => (Some(place), "Check the name of the chart and the repository."),
        E::Checksum { .. } | E::NoChecksum { .. } | E::FolderPinned { .. } => (
            Some("sha256"),
            "If the publisher has changed the file, find out why before you change `sha256`. Nothing was used of what came.",
        ),
        // ECR's message names the caller and the action; for a registry of another account, that account must grant
        // access as well.
        E::Refused { tried: charts::Tried::Ecr { .. }, .. } => (
            Some(place),
            "Allow `ecr:BatchGetImage` and `ecr:GetDownloadUrlForLayer` on the repository in a policy of the caller, and `ecr:ListImages` where a range of versions is looked for. The repository of another account must allow the same to the caller in its repository policy. To pull as somebody else, set user and password for this host in `registries` of the provider's configuration.",
        ),
        E::Refused { .. } | E::PasswordInTheClear { .. } => (
            None,
            "Set user and password, or a token, for this host in `registries` of the provider's configuration, or check those that are there.",
        ),
        E::Status { .. } => (
            None,
            "Try again when the server has recovered. One that limits how much may be fetched may allow more to a user: set user and password for this host in `registries` of the provider's configuration, or use a mirror of your own.",
        ),
        E::ProxyPassword { .. } => (
            None,
            "Give the proxy a user and a password that it accepts in `https_proxy` of the provider's configuration (or `HTTPS_PROXY`), `http://USER:PASSWORD@proxy.example:3128`, or name the host in `no_proxy` if it can be reached without it.",
        ),
        E::Unreachable { .. } | E::Cut { .. } => (
            None,
            "Check that the host can be reached from here, through `https_proxy` of the provider's configuration where one is needed. In a closed network give a file or a folder instead.",
        ),
        E::Read { .. } | E::NoSource { .. } | E::NotFound { .. } => (Some(place), "Check the path or the address."),
        _ => (None, "Check where the chart comes from."),
    };
    let at = member.map_or_else(|| Path::attribute(wanted.attribute()), |member| wanted.at(member));
    let summary = format!("Could not get the chart of {}", wanted.name());
    Diagnostic::error(summary, format!("{}.\n\n{remedy}", capital(&chain(error)))).at(at)
}

/// Why AWS returned no password for an ECR registry.
fn no_password(error: &charts::Error, cause: Option<&aws::Error>, wanted: &Wanted) -> Diagnostic {
    let summary = format!("Could not get the chart of {}", wanted.name());
    let cause = match cause {
        Some(cause) => {
            let explained = explain(&summary, cause, None).0.pop().map(|it| it.detail()).unwrap_or_default();
            format!("{}\n\n{explained}", sentence(&error.to_string()))
        }
        None => sentence(&chain(error)),
    };
    Diagnostic::error(summary, cause).at(Path::attribute(wanted.attribute()))
}

/// Why a chart does not render with these values.
pub(crate) fn render(error: &helm::Error, wanted: &Wanted) -> Diagnostic {
    let text = chain(error);
    let summary = unrendered(wanted);
    let values = || wanted.at("values");
    match error {
        helm::Error::Schema(_) => {
            Diagnostic::error(summary, format!("{}\n\nCorrect the values that are named.", capital(&text))).at(values())
        }
        helm::Error::SchemaElsewhere { .. } => {
            let remedy = "Unpack the chart into a folder, put what its schema refers to into its `values.schema.json`, or remove that file so that values are not checked, and use the folder as the chart.";
            Diagnostic::error(summary, format!("{}.\n\n{remedy}", capital(&text)))
                .at(Path::attribute(wanted.attribute()))
        }
        helm::Error::KubeVersion(_) => {
            let remedy = "Choose a version of the chart that supports the cluster's Kubernetes.";
            Diagnostic::error(summary, format!("{}.\n\n{remedy}", capital(&text))).at(wanted.at("version"))
        }
        helm::Error::Template(fault) => {
            let detail = if fault.is_from_chart {
                // The chart author's message comes first; Helm's text repeats it, with the location.
                format!("{}\n\nThe chart says so: {text}", fault.message.trim())
            } else {
                format!("{text}\n\nCorrect the values that this template reads.")
            };
            Diagnostic::error(summary, detail).at(values())
        }
        _ => Diagnostic::error(summary, format!("{}.", capital(&text))).at(values()),
    }
}

/// Kinds that a chart needs and that neither it nor the cluster defines.
pub(crate) fn unknown_kinds(unknown: &[UnknownKind], wanted: &Wanted, cluster: &str) -> Diagnostic {
    let kinds: Vec<String> = unknown.iter().map(ToString::to_string).collect();
    let what = format!(
        "The chart of {} has objects of these kinds, and neither the chart nor cluster `{cluster}` defines them: {}.",
        wanted.name(),
        kinds.join(", ")
    );
    let is_operators = |one: &UnknownKind| one.api_version.split('/').next() == Some(OPERATOR_GROUP);
    match &wanted.product {
        Product::Operator(calico) if unknown.iter().any(is_operators) => {
            let version = calico.version.as_ref().map(|version| format!(" --version {version}")).unwrap_or_default();
            Diagnostic::error(
                "The definitions of Calico's operator are missing",
                format!(
                    "{what} From v3.32 on the chart `tigera-operator` comes without them: they are in the chart `crd.projectcalico.org.v1` of the same version.\n\nInstall that chart first: `helm install calico-crds crd.projectcalico.org.v1 --repo {}{version} --namespace {} --create-namespace`. Where this configuration installs it too, apply that part first (`-target`).",
                    calico::REPOSITORY,
                    calico::NAMESPACE,
                ),
            )
            .at(Path::attribute(wanted.attribute()))
        }
        _ => Diagnostic::warning(
            "Kinds that the cluster does not have",
            format!(
                "{what} The apply fails unless something that it does before creates the definitions.\n\nInstall what defines these kinds, or turn the feature off that needs them."
            ),
        )
        .at(wanted.at("values")),
    }
}

/// Why a release could not be changed or removed.
pub(crate) async fn failed(summary: &str, failure: &Failure, wanted: Option<&Wanted>, cx: &Context) -> Diagnostics {
    why(summary, failure, left(&failure.left, "the next apply continues from there"), wanted, cx).await
}

/// Why a release could not be installed. If Terraform failed to create a resource, it replaces it.
pub(crate) async fn not_installed(summary: &str, failure: &Failure, wanted: &Wanted, cx: &Context) -> Diagnostics {
    let next = "the next apply removes it and installs it anew, or continues from there after `terraform untaint`";
    why(summary, failure, left(&failure.left, next), Some(wanted), cx).await
}

/// Why a release could not be removed.
pub(crate) async fn not_removed(summary: &str, failure: &Failure, wanted: &Wanted, cx: &Context) -> Diagnostics {
    let left = match &failure.left {
        Left::Nothing | Left::Definitions => "Nothing was removed.",
        _ => "What is not removed yet stays, and the release is recorded as uninstalling.",
    };
    let faults = why(summary, failure, left.to_owned(), Some(wanted), cx).await;
    match &failure.error {
        Error::StillThere { .. } => faults.remedy(
            "Objects that finalizers hold go when the programs that the finalizers are named after have taken them away.",
        ),
        _ => faults,
    }
}

async fn why(summary: &str, failure: &Failure, left: String, wanted: Option<&Wanted>, cx: &Context) -> Diagnostics {
    if failure.error.is_cancelled() {
        let what = format!("Terraform was stopped: {}.", chain(&failure.error));
        return Diagnostic::error(summary, what).left(left).remedy(CONTINUE).into();
    }
    if let Error::Render(error) = &failure.error
        && let Some(wanted) = wanted
    {
        return render(error, wanted).into();
    }
    if let Some(error) = failure.error.api_error() {
        let faults = explain_kube(summary, error, Some(&left), cx).await;
        return faults.with_first_error(|fault| {
            let cause = format!("{}.\n\n{}", capital(&failure.error.to_string()), fault.cause);
            Diagnostic { cause, ..fault }
        });
    }
    let what = format!("{}.", capital(&chain(&failure.error)));
    Diagnostic::error(summary, what).left(left).remedy(remedy(&failure.error, wanted)).into()
}

fn remedy(error: &Error, wanted: Option<&Wanted>) -> String {
    let name = wanted.map_or("the CNI", Wanted::name);
    match error {
        Error::NotOurs(_) => format!(
            "{name} seems to be installed by other means. Import its release if it has one, or remove it first."
        ),
        Error::NotReady { .. } => {
            "Find out why the pods named above are not ready, fix that, and apply again; raise `timeouts` if they only need longer.".to_owned()
        }
        Error::Hook { .. } => "Find out why the hook fails, fix that, and apply again.".to_owned(),
        Error::TooLarge { .. } => "Make the values smaller.".to_owned(),
        Error::UnknownKinds(_) => "Install what defines these kinds first, or turn the feature off that needs them.".to_owned(),
        _ => CONTINUE.to_owned(),
    }
}

/// What a failure leaves, and what the next apply does with it.
fn left(left: &Left, next: &str) -> String {
    match left {
        Left::Nothing => "Nothing was changed.".to_owned(),
        Left::Definitions => {
            "The custom resource definitions of the chart may have been changed, and nothing else.".to_owned()
        }
        Left::Failed { revision } => format!(
            "What is applied so far stays, recorded as revision {revision} of the release with status {}; {next}.",
            Status::Failed.name()
        ),
        Left::Unfinished { revision } => format!("Revision {revision} of the release is not finished; {next}."),
        Left::RolledBack { revision, to } => {
            format!("Revision {revision} failed, and what revision {to} was is back.")
        }
        Left::Removed => "The installation is removed again.".to_owned(),
        Left::NotRolledBack { revision, why } => {
            format!("Revision {revision} failed, and the way back failed too: {}.", chain(why.as_ref()))
        }
    }
}

/// The text with an uppercase first letter, if it begins with a word.
pub(crate) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

/// Reports the warnings of an operation.
pub(crate) fn warn(warnings: &[String], cx: &Context) {
    for warning in warnings {
        cx.report(Diagnostic::warning("Helm release warning", format!("{}.", capital(warning))));
    }
}

/// Reports which objects could not be compared with what the release created.
pub(crate) fn not_compared(refused: &[(String, String)], cx: &Context) {
    const MOST: usize = 5;
    let Some((_, first)) = refused.first() else { return };
    let mut names: Vec<&str> = refused.iter().take(MOST).map(|(object, _)| object.as_str()).collect();
    let more = format!("and {} more", refused.len().saturating_sub(MOST));
    if refused.len() > MOST {
        names.push(&more);
    }
    cx.report(
        Diagnostic::warning(
            "Objects were not compared",
            format!(
                "`detect_drift` sends each object of the release as a dry run. The API server refused it for {}: {}.\n\nWhether these objects have changed is not known. Allow the caller to `patch` them, and use admission webhooks and policies that support dry runs; or set `detect_drift = false`.",
                names.join(", "),
                first
            ),
        )
        .at(Path::attribute(Args::NAMES.detect_drift)),
    );
}

/// A release of this name already exists.
pub(crate) fn exists(wanted: &Wanted, cluster: &ClusterName, region: &Region) -> Diagnostic {
    let (namespace, release) = (wanted.namespace(), wanted.release());
    Diagnostic::error(
        format!("{} is installed already", wanted.name()),
        format!(
            "Cluster `{cluster}` in {region} has a release `{release}` in namespace `{namespace}`. Nothing was changed.\n\nTo manage it here, import it: `terraform import ekshybrid_cni.NAME {cluster}/{namespace}/{release}@{region}`."
        ),
    )
    .at(Path::attribute(wanted.attribute()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_is_not_there_is_told_on_its_attribute() {
        let cilium = crate::cni::cilium::tests::plain();
        let wanted = Wanted::new(Some(&cilium), None, None).expect("one of the two");
        let missing = charts::Error::NoSuchVersion {
            origin: "https://helm.example.com/".to_owned(),
            wanted: "1.17.99".to_owned(),
            nearest: vec!["1.17.9-0".to_owned()],
        };
        let told = source(&missing, &wanted);
        assert_eq!(told.at.to_string(), "cilium.version");
        assert!(told.detail().contains("1.17.9-0"), "{}", told.detail());
    }

    #[test]
    fn a_sentence_begins_with_a_capital() {
        assert_eq!(capital("could not"), "Could not");
    }
}
