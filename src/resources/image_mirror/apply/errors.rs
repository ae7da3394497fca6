//! How errors of copies are explained.

use framework::diagnostic::{Diagnostic, Diagnostics, sentence};
use framework::path::Path;

use crate::aws;
use crate::charts;
use crate::images::{Error, Side};
use crate::net::causes::chain;
use crate::resources::image_mirror::Args;
use crate::session::explain;

/// Why images could not be copied, read or deleted; `image` as the configuration names it.
pub(crate) fn explained(summary: &str, image: Option<&str>, error: &Error, left: Option<&str>) -> Diagnostics {
    let why = match image {
        Some(image) => format!("`{image}`: {}.", chain(error)),
        None => sentence(&chain(error)),
    };
    let mut fault = one(summary, why, error);
    if let Some(left) = left {
        fault = fault.left(left);
    }
    fault.into()
}

fn one(summary: &str, why: String, error: &Error) -> Diagnostic {
    let names = Args::NAMES;
    let (at, remedy) = match error {
        Error::Registry { side, source, .. } => return registry(summary, why, *side, source),
        Error::TagTaken { .. } => (
            Some(names.destination),
            "Nothing was changed. Mirror to another path, delete the tag, or set `overwrite_tags = true` to replace what \
             it holds.",
        ),
        Error::Checksum { .. } | Error::Size { .. } => (
            Some(names.images),
            "What was read is damaged, or was changed on the way. Check the source, and push the image there again.",
        ),
        Error::Discarded { .. } => (
            Some(names.destination),
            "Look into the registry's log and its storage, or into what is between here and the registry.",
        ),
        Error::Platforms { .. } => (Some(names.platforms), "Set `platforms` to those of the image."),
        Error::Pinned { .. } => (Some(names.platforms), "Remove `platforms`, or name the image by tag."),
        Error::Stopped { .. } => (None, "Apply again to continue."),
        Error::Manifest { .. } | Error::NoArchive { .. } | Error::Read { .. } => {
            (Some(names.images), "Check the image that is named above.")
        }
        _ => (Some(names.images), "Check the image."),
    };
    let fault = Diagnostic::error(summary, why).remedy(remedy);
    match at {
        Some(at) => fault.at(Path::attribute(at)),
        None => fault,
    }
}

fn registry(summary: &str, why: String, side: Side, source: &charts::Error) -> Diagnostic {
    use charts::Error as E;
    let names = Args::NAMES;
    let at = if side == Side::Source { names.images } else { names.destination };
    let remedy = match (source, side) {
        (E::EcrLogin { source: cause, .. }, _) => {
            let cause = cause.downcast_ref::<aws::Error>();
            let more = cause.and_then(|cause| explain(summary, cause, None).0.pop()).map(|it| it.detail());
            let cause = format!("{why}\n\n{}", more.unwrap_or_default());
            return Diagnostic::error(summary, cause.trim_end().to_owned()).at(Path::attribute(at));
        }
        (E::Refused { tried: charts::Tried::Ecr { .. }, .. }, Side::Source) => {
            "Allow `ecr:BatchGetImage` and `ecr:GetDownloadUrlForLayer` on the repository in a policy of the caller; the \
             repository of another account must allow the same to the caller in its repository policy."
        }
        (E::Refused { tried: charts::Tried::Ecr { .. }, .. }, Side::Destination) => {
            "Allow `ecr:BatchCheckLayerAvailability`, `ecr:InitiateLayerUpload`, `ecr:UploadLayerPart`, \
             `ecr:CompleteLayerUpload`, `ecr:PutImage`, `ecr:BatchGetImage` and `ecr:GetDownloadUrlForLayer` on the \
             repository in a policy of the caller."
        }
        (E::Refused { .. } | E::PasswordInTheClear { .. }, Side::Source) => {
            "Check the name of the image: many registries report one that does not exist the same way. If it is private, \
             set user and password for this host in `registries` of the provider's configuration."
        }
        (E::Refused { .. } | E::PasswordInTheClear { .. }, Side::Destination) => {
            "Set a user who may push, and the password, for this host in `registries` of the provider's configuration."
        }
        (E::NotFound { .. }, Side::Source) => "Check the name and the tag of the image.",
        (E::NotFound { .. }, Side::Destination) => {
            "Create the repository first; in a private Amazon ECR registry, `create_repositories = true` does that."
        }
        (E::Status { status: 429, .. }, _) => {
            "Apply again later to continue. A registry that limits how much may be pulled allows more to a user: set user \
             and password for this host in `registries` of the provider's configuration."
        }
        (E::Status { .. }, Side::Destination) => {
            "Look into the registry's log: it may be full or read-only. Apply again to continue."
        }
        (E::Status { .. }, Side::Source) => "Apply again when the registry has recovered.",
        (E::ProxyPassword { .. }, _) => {
            "Set a user and a password that the proxy accepts in `https_proxy` of the provider's configuration, or name \
             the host in `no_proxy`."
        }
        (E::Unreachable { .. } | E::Cut { .. }, _) => {
            "Check that the registry can be reached from here, through `https_proxy` of the provider's configuration if a \
             proxy is needed. Apply again to continue."
        }
        _ => "Check the registry.",
    };
    Diagnostic::error(summary, why).remedy(remedy).at(Path::attribute(at))
}
