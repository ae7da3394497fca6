//! Reads a file: its checksum, mode and owner. A host that is off never holds up a plan.

use framework::diagnostic::{Diagnostic, Result};
use framework::model::{Secret, Text as _};
use framework::resource::State;
use secrecy::ExposeSecret as _;

use super::arguments::{FileMode, FileOwner};
use super::{Args, HostFile, Identity};
use crate::attributes::connection::{Connection, HostName};
use crate::attributes::run_command::{ManagedInstanceId, RunCommand};
use crate::host::FoundFile;
use crate::session::Context;
use crate::session::explain::explain_host;

const SUMMARY: &str = "Could not read the file";

pub(super) async fn read(
    identity: &Identity,
    prior: Option<&State<HostFile>>,
    cx: &Context,
) -> Result<Option<State<HostFile>>> {
    let Some(prior) = prior else { return import(identity, cx).await };
    let args = &prior.args;
    let path = args.path.text();
    let host = match cx.clients()?.try_host(args.access()?).await {
        Ok(Ok(host)) => host,
        Ok(Err(error)) if error.is_absent() => return Ok(Some(kept(prior, &format!("{error}."), cx))),
        Ok(Err(error)) => return Err(explain_host(SUMMARY, &error, None)),
        Err(failure) if cx.cancel().is_cancelled() => return Err(failure),
        // The provider's configuration is not known yet, or lacks what the connection needs.
        Err(failure) => {
            let why = failure.0.first().map_or_else(String::new, Diagnostic::detail);
            return Ok(Some(kept(prior, &why, cx)));
        }
    };
    let found = match host.look_at(path, args.as_root).await {
        Ok(found) => found,
        Err(error) if error.is_absent() => return Ok(Some(kept(prior, &format!("{error}."), cx))),
        Err(error) => return Err(explain_host(SUMMARY, &error, None)),
    };
    // A folder or a link in its place is not the file.
    let Some((found, checksum)) = found.and_then(|found| Some((found.clone(), found.sha256?))) else { return Ok(None) };
    let mut state = prior.clone();
    state.outputs.checksum = checksum;
    if state.args.mode.bits() != found.mode {
        state.args.mode = FileMode::of(found.mode);
    }
    if state.args.owner.as_ref().is_some_and(|owner| !owner.owns(&found)) {
        state.args.owner = Some(FileOwner::of(&found));
    }
    Ok(Some(state))
}

/// The state as it is: the host, or the way to it, is down or not known.
fn kept(prior: &State<HostFile>, why: &str, cx: &Context) -> State<HostFile> {
    cx.report(
        Diagnostic::warning(
            "Host does not answer",
            format!("`{}` could not be compared with the state. {why}", prior.outputs.id),
        )
        .left("The plan takes the file as the state has it.")
        .remedy("Plan again when the host can be reached."),
    );
    prior.clone()
}

async fn import(identity: &Identity, cx: &Context) -> Result<Option<State<HostFile>>> {
    let summary = "Could not import the file";
    let refused = |why: String| Diagnostic::error(summary, why);
    let managed = ManagedInstanceId::parse(&identity.host).ok();
    let ssh = match &managed {
        Some(_) => None,
        None => Some(Connection::unset(HostName::parse(&identity.host).map_err(refused)?)),
    };
    let mut args = Args {
        ssh,
        run_command: managed.map(|instance_id| RunCommand { instance_id }),
        path: identity.path.clone(),
        content: None,
        sensitive_content: None,
        mode: FileMode::private(),
        owner: None,
        as_root: true,
        overwrite: false,
        force_destroy: false,
        region: identity.region.clone(),
    };
    let path = identity.path.text();
    let host = cx.clients()?.host(args.access()?).await?;
    let failed = |error: crate::host::Error| explain_host(summary, &error, None);
    let Some(found) = host.look_at(path, true).await.map_err(failed)? else { return Ok(None) };
    let FoundFile { sha256: Some(checksum), mode, .. } = &found else {
        return Err(
            refused(format!("`{path}` on host `{}` is a {}, no regular file.", identity.host, found.kind)).into()
        );
    };
    args.mode = FileMode::of(*mode);
    // As root, who writes it where no owner is set.
    args.owner = Some(FileOwner::of(&found)).filter(|owner| owner.text() != "root:root");
    // What Run Command prints, AWS stores: the file may be a secret.
    if args.run_command.is_none()
        && let Some(content) = host.read_file(path, true).await.map_err(failed)?
    {
        args.sensitive_content = content.text().map(|text| Secret::new(text.expose_secret().to_owned()));
    }
    let outputs = args.outputs(checksum.clone())?;
    Ok(Some(State { args, outputs }))
}
