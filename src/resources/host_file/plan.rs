//! The plan of a file: what is replaced, and what would be overwritten.

use std::time::Duration;

use framework::diagnostic::{Diagnostic, Result};
use framework::model::{Maybe, Text as _};
use framework::path::Path;
use framework::resource::Plan;
use framework::value::Value;

use super::{Args, HostFile};
use crate::host::FoundFile;
use crate::session::{Context, HostAccess};

/// How long a plan waits for the host. One that is off is only known later.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn plan(plan: &mut Plan<HostFile>, cx: &Context) -> Result<()> {
    let text = |name: &str, member: &str| plan.value(name).attribute(member).and_then(Value::as_str).map(str::to_owned);
    let host = text(Args::NAMES.ssh, "host").or_else(|| text(Args::NAMES.run_command, "instance_id"));
    if let (Some(prior), Some(host)) = (&plan.prior, &host)
        && prior.outputs.host != *host
    {
        let name = if plan.configures(Args::NAMES.ssh) { Args::NAMES.ssh } else { Args::NAMES.run_command };
        plan.replace(name);
    }
    let checksum = match (&plan.args.content, &plan.args.sensitive_content) {
        (Maybe::Known(Some(content)), _) => Some(content.as_str()),
        (_, Maybe::Known(Some(content))) => Some(content.expose().as_str()),
        _ => None,
    };
    plan.outputs.checksum =
        checksum.map_or(Maybe::Unknown, |text| Maybe::Known(names::Sha256::of(text.as_bytes()).hex()));
    if let (Some(host), Some(path)) = (&host, plan.args.path.known()) {
        plan.outputs.id = Maybe::Known(format!("{host}:{}", path.text()));
        plan.outputs.host = Maybe::Known(host.clone());
    }
    if let (true, Maybe::Known(Some(connection)), Some(clients)) = (plan.is_create(), &plan.args.ssh, cx.try_clients())
    {
        clients.check_connection(connection)?;
    }
    if plan.is_create()
        && let Some(found) = existing(plan, cx).await
    {
        refuse(plan, &found, cx);
    }
    Ok(())
}

/// The file that exists already, as far as anybody can tell now.
async fn existing(plan: &Plan<HostFile>, cx: &Context) -> Option<FoundFile> {
    let path = plan.args.path.known()?;
    let as_root = *plan.args.as_root.known()?;
    let region = plan.args.region.set();
    let access = match (&plan.args.ssh, &plan.args.run_command) {
        (Maybe::Known(Some(ssh)), _) => HostAccess::Ssh(ssh),
        (_, Maybe::Known(Some(way))) => HostAccess::RunCommand {
            instance: way.instance_id.as_str(),
            region: region.map(crate::attributes::Region::as_str),
        },
        _ => return None,
    };
    let looking = async {
        let host = cx.try_clients()?.try_host(access).await.ok()?.ok()?;
        host.look_at(path.text(), as_root).await.ok()?
    };
    tokio::time::timeout(PATIENCE, looking).await.ok()?
}

fn refuse(plan: &mut Plan<HostFile>, found: &FoundFile, cx: &Context) {
    let path = plan.args.path.known().map_or("", |path| path.text()).to_owned();
    let host = plan.outputs.host.known().cloned().unwrap_or_default();
    if plan.args.overwrite.known() == Some(&true) && found.sha256.is_some() {
        cx.report(
            Diagnostic::warning(
                "File is overwritten",
                format!("`{path}` exists on host `{host}` ({} bytes). Its content is lost.", found.size),
            )
            .at(Path::attribute(Args::NAMES.overwrite)),
        );
    } else if plan.args.overwrite != Maybe::Unknown {
        let text = format!("{}\n\n{}", exists(&path, &host, found), REMEDY);
        plan.fault(Args::NAMES.path, "File already exists", text);
    }
}

pub(super) fn exists(path: &str, host: &str, found: &FoundFile) -> String {
    format!("`{path}` exists on host `{host}`: it is a {} of {} bytes.", found.kind, found.size)
}

pub(super) const REMEDY: &str =
    "Import it, choose another path, or set `overwrite = true`, which replaces a regular file and loses its content.";
