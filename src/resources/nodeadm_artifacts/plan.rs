//! Plans the files: what they are is known when the manifest has been read, which an apply does.

use framework::diagnostic::{Diagnostic, Diagnostics};
use framework::model::{Maybe, Model};
use framework::path::Path;
use framework::resource::Plan;

use super::{Args, NodeadmArtifacts};

pub(super) fn validate(args: &<Args as Model>::Planned, faults: &mut Diagnostics) {
    let name = Args::NAMES.architectures;
    if matches!(&args.architectures, Maybe::Known(architectures) if architectures.is_empty()) {
        let cause = format!("`{name}` is empty. Name at least one architecture, or leave it out for both.");
        faults.push(Diagnostic::error("No architecture is selected", cause).at(Path::attribute(name)));
    }
    if matches!(&args.destination, Maybe::Known(folder) if folder.is_empty() || folder.starts_with("s3://")) {
        let name = Args::NAMES.destination;
        let cause = format!(
            "`{name}` is a folder on the machine that runs Terraform. To fill a bucket, write to a folder, and upload it \
             with `aws s3 sync`; `base_url` is then the bucket's URL."
        );
        faults.push(Diagnostic::error("Destination is not a folder", cause).at(Path::attribute(name)));
    }
}

pub(super) fn plan(plan: &mut Plan<NodeadmArtifacts>) {
    let names = Args::NAMES;
    let decides = [names.kubernetes_version, names.base_url, names.architectures, names.source];
    let is_behind = plan.prior.as_ref().is_some_and(|prior| !prior.outputs.pending_files.is_empty());
    if decides.iter().any(|name| plan.changes(name)) {
        plan.outputs.version = Maybe::Unknown;
        plan.outputs.manifest_url = Maybe::Unknown;
        plan.outputs.files = Maybe::Unknown;
    }
    // A file that was changed has the same checksum again afterwards.
    if is_behind || plan.is_create() || plan.has_changes() {
        plan.outputs.pending_files = Maybe::Known(std::collections::BTreeSet::new());
    }
}
