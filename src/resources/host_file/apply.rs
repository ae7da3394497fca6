//! Writes and removes a file.
//!
//! | step | when it fails |
//! |---|---|
//! | look whether the file exists | nothing was changed |
//! | write it beside its place, then rename it | the former file, or none; if the connection breaks, the state has it, and the next apply continues |

use framework::diagnostic::{Diagnostic, Result};
use framework::model::Text as _;
use framework::path::Path;
use framework::resource::State;
use secrecy::SecretString;

use super::{Args, HostFile, Outputs, plan};
use crate::host::{File, FoundFile, Host, Kind, Removal};
use crate::session::Context;
use crate::session::explain::explain_host;

const SUMMARY: &str = "Could not write the file";

pub(super) async fn create(args: &Args, cx: &Context) -> Result<Outputs> {
    let access = args.access()?;
    let path = args.path.text();
    let host = cx.clients()?.host(access).await?;
    let found = host.look_at(path, args.as_root).await.map_err(|error| explain_host(SUMMARY, &error, None))?;
    if let Some(found) = found.filter(|found| !args.overwrite || found.sha256.is_none()) {
        return Err(Diagnostic::error("File already exists", plan::exists(path, access.address(), &found))
            .left("It was not changed.")
            .remedy(plan::REMEDY)
            .at(Path::attribute(Args::NAMES.path))
            .into());
    }
    let outputs = args.outputs(args.checksum())?;
    // If the connection breaks, nobody knows whether it is written.
    cx.save(&outputs);
    let written = write(args, &*host).await;
    if let Err(error) = written {
        if !matches!(error.kind(), Kind::Lost { .. } | Kind::Cancelled | Kind::TimedOut(_)) {
            cx.discard();
        }
        return Err(explain_host(SUMMARY, &error, None));
    }
    Ok(outputs)
}

pub(super) async fn update(args: &Args, cx: &Context) -> Result<Outputs> {
    let host = cx.clients()?.host(args.access()?).await?;
    let found = host.look_at(args.path.text(), args.as_root).await;
    let found = found.map_err(|error| explain_host(SUMMARY, &error, Some("The file is unchanged.")))?;
    if found.is_some_and(|found| is_written(args, &found)) {
        return args.outputs(args.checksum());
    }
    write(args, &*host).await.map_err(|error| explain_host(SUMMARY, &error, Some("The former file is unchanged.")))?;
    args.outputs(args.checksum())
}

/// Whether the file is as it is to be. After an import, or when only the way to the host changes, nothing is written.
fn is_written(args: &Args, found: &FoundFile) -> bool {
    found.sha256.as_deref() == Some(args.checksum().as_str())
        && found.mode == args.mode.bits()
        && args.owner.as_ref().is_none_or(|owner| owner.owns(found))
}

async fn write(args: &Args, host: &(dyn Host + '_)) -> crate::host::Result<()> {
    let mut file = File::new(args.path.text(), SecretString::from(args.text())).mode(args.mode.bits()).with_folders();
    if args.as_root {
        file = file.as_root();
    }
    if args.sensitive_content.is_none() {
        file = file.public();
    }
    if let Some(owner) = &args.owner {
        file = file.owner(owner.text());
    }
    host.upload(&file).await
}

pub(super) async fn delete(state: &State<HostFile>, cx: &Context) -> Result<()> {
    let summary = "Could not remove the file";
    let (args, outputs) = (&state.args, &state.outputs);
    // Not the recorded checksum: a refresh has recorded what others may have written.
    let removal = match cx.clients()?.try_host(args.access()?).await {
        Ok(Ok(host)) => host.remove_file(args.path.text(), &args.checksum(), args.as_root).await,
        Ok(Err(error)) => Err(error),
        Err(failure) if args.force_destroy => {
            let why = failure.0.first().map_or_else(String::new, Diagnostic::detail);
            cx.report(stays(outputs, &why));
            return Ok(());
        }
        Err(failure) => return Err(failure),
    };
    match removal {
        Ok(Removal::Done | Removal::Absent) => {}
        Ok(Removal::Changed) => cx.report(
            Diagnostic::warning(
                "File is kept on its host",
                format!("`{}` was changed since this resource wrote it.", outputs.id),
            )
            .remedy("Remove it on the host if nobody needs it."),
        ),
        Err(error) if args.force_destroy && !cx.cancel().is_cancelled() => {
            cx.report(stays(outputs, &format!("{error}.")));
        }
        Err(error) => {
            let left = "The file is still on the host, and recorded in the state.";
            return Err(explain_host(summary, &error, Some(left)).remedy(
                "If the host is gone for good, set `force_destroy = true` and apply, or run `terraform state rm` for this file.",
            ));
        }
    }
    Ok(())
}

fn stays(outputs: &Outputs, why: &str) -> Diagnostic {
    Diagnostic::warning("File is kept on its host", format!("`{}` could not be removed. {why}", outputs.id))
        .left("It is removed from the state, because `force_destroy` is set.")
}
