//! Replacement of a CNI: what it costs, and a guard against accidents.

use framework::diagnostic::Diagnostic;
use framework::path::Path;
use framework::resource::State;

use crate::cni::product::Wanted;
use crate::resources::cni::Cni;

/// Why a plan that replaces the CNI of `prior` is refused.
pub(crate) fn refused(prior: &State<Cni>, wanted: &Wanted) -> Diagnostic {
    let outputs = &prior.outputs;
    let (namespace, release) = (&outputs.release_namespace, &outputs.release_name);
    let installed = prior.args.wanted();
    let product = installed.as_ref().map_or("the CNI", Wanted::name);
    let (at, change) = match &installed {
        Some(installed) if installed.is_like(wanted) => {
            let member = if namespace == wanted.namespace() { "release_name" } else { "namespace" };
            let change = format!("the release would be `{}/{}`", wanted.namespace(), wanted.release());
            (wanted.at(member), change)
        }
        Some(installed) if installed.name() == wanted.name() => {
            (wanted.at("method"), "it would be installed by another method".to_owned())
        }
        _ => (Path::attribute(wanted.attribute()), format!("{} would take its place", wanted.name())),
    };
    let definitions = match (prior.args.cleanup_on_destroy, prior.args.cleanup_objects_on_destroy) {
        (true, true) => " Its custom resource definitions go with all their objects, network policies included.",
        (true, false) => " Its custom resource definitions go, except those that hold objects of others.",
        (false, _) => "",
    };
    Diagnostic::error(
        "The CNI would be replaced",
        format!(
            "{product} is installed in cluster `{}` as release `{namespace}/{release}`, and {change}. The release is removed first: pods on every node that it serves lose their network until the new one is installed, and nodes may have to be restarted or replaced.{definitions}\n\nKeep what is installed, or set `allow_replacement = true` for this change.",
            outputs.cluster_name,
        ),
    )
    .at(at)
}
