//! `ekshybrid_host_file`: a file on a host, over SSH or Run Command.
//!
//! `apply` writes and removes it, `read` compares it with the state, and `plan` says what is overwritten.

mod apply;
mod arguments;
mod plan;
mod read;

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::model::{Model, Secret, Text as _};
use framework::path::Path;
use framework::permission::Permissions;
use framework::resource::{Plan, Resource, State};

use crate::attributes::Region;
use crate::attributes::connection::Connection;
use crate::attributes::permissions::RUN_COMMAND;
use crate::attributes::run_command::RunCommand;
use crate::session::{Clients, Context, HostAccess};
use arguments::{FileMode, FileOwner, FilePath};

/// Arguments.
#[derive(Clone, Debug, Model)]
#[model(exactly_one_of(ssh, run_command))]
#[model(exactly_one_of(content, sensitive_content))]
pub struct Args {
    /// How to reach the host over SSH. What is not set comes from the provider's `ssh`; Terraform has no other
    /// configuration on destroy, so set keys there. Another `host` is another file. Conflicts with `run_command`.
    pub ssh: Option<Connection>,
    /// How to reach a host that is registered with Systems Manager, without a key and an open port. Systems Manager
    /// stores the content, and the agent keeps it in its own folders on the host; `sensitive_content` is therefore
    /// refused, and a file has at most 40 KiB. Conflicts with `ssh`.
    pub run_command: Option<RunCommand>,
    /// Absolute path of the file. Missing folders are created with mode 0755; destroy keeps them.
    #[attr(replace)]
    pub path: FilePath,
    /// Content of the file. Conflicts with `sensitive_content`.
    pub content: Option<String>,
    /// Content of the file that plans and logs never show, such as a kubeconfig with a key. It is stored in the state.
    /// Conflicts with `content`.
    pub sensitive_content: Option<Secret<String>>,
    /// Permissions in octal digits, such as `0644`. The file never has wider ones, not even while it is written.
    /// Default: `0600`.
    #[attr(default = FileMode::private())]
    pub mode: FileMode,
    /// Owner, as `chown` takes it: `USER`, `USER:GROUP`, or their numbers. Default: the user who writes it; changes by
    /// others are then ignored.
    pub owner: Option<FileOwner>,
    /// Write the file as root, by `sudo` if another user logs in. With false, the user who logs in writes it. Run
    /// Command always writes as root. Default: true.
    #[attr(default = true)]
    pub as_root: bool,
    /// Overwrite a file that already exists when this resource is created. **Its content is lost.** Default: false,
    /// which fails and keeps it.
    #[attr(default = false)]
    pub overwrite: bool,
    /// On destroy, remove the file from the state even if its host cannot be reached: it stays on the host. Default:
    /// false.
    #[attr(default = false)]
    pub force_destroy: bool,
    /// Region of the host's registration, for `run_command`. Default: the provider's.
    #[attr(replace)]
    pub region: Option<Region>,
}

/// Outputs.
#[derive(Clone, Debug, Model)]
pub struct Outputs {
    /// `HOST:PATH`.
    #[attr(keep)]
    pub id: String,
    /// Address of the host, or the id of its instance.
    #[attr(keep)]
    pub host: String,
    /// SHA-256 of the file on the host, in hexadecimal digits.
    #[attr(keep)]
    pub checksum: String,
}

/// Identity.
#[derive(Clone, Debug, Model)]
pub struct Identity {
    /// Address of the host for SSH, or the id of its instance (`mi-…`) for Run Command.
    pub host: String,
    /// Absolute path of the file.
    pub path: FilePath,
    /// Region of the host's registration, for Run Command. Default: the provider's.
    pub region: Option<Region>,
}

impl Args {
    fn access(&self) -> Result<HostAccess<'_>> {
        HostAccess::of(self.ssh.as_ref(), self.run_command.as_ref(), self.region.as_ref().map(Region::as_str))
    }

    fn outputs(&self, checksum: String) -> Result<Outputs> {
        let host = self.access()?.address().to_owned();
        Ok(Outputs { id: format!("{host}:{}", self.path.text()), host, checksum })
    }

    /// What the file is to contain.
    fn text(&self) -> &str {
        match (&self.content, &self.sensitive_content) {
            (Some(content), _) => content,
            (None, Some(content)) => content.expose(),
            // A rule of the model rejects this case.
            (None, None) => "",
        }
    }

    fn checksum(&self) -> String {
        names::Sha256::of(self.text().as_bytes()).hex()
    }
}

/// The resource.
#[derive(Debug)]
pub enum HostFile {}

impl Resource for HostFile {
    type Clients = Clients;
    type Args = Args;
    type Outputs = Outputs;
    type Identity = Identity;

    const NAME: &'static str = "ekshybrid_host_file";
    const DESCRIPTION: &'static str = "\
Writes a file on a host outside AWS, such as a kubeconfig on a bastion, over SSH or through Run Command of Systems \
Manager. The file is either complete, with its mode and owner, or unchanged.

A file that already exists is not overwritten, unless `overwrite` is set. Changes on the host to the content, the mode \
or the owner are shown by the next plan and undone by the apply; the content is compared by its SHA-256 (`checksum`) \
and never read back. Destroy removes the file if it still has the content that this resource wrote. A file that was \
changed since is kept, with a warning.

Each refresh looks at the file on its host, through Run Command by a command of its own. If the host is off, plans keep \
the file as it is in the state and warn. An apply that must write to it fails for this \
file only.

The host needs `sh`, `stat`, `sha256sum`, `base64` and `mktemp`, as every Linux distribution has them.";
    const IMPORT_ID: &'static str = "`HOST:PATH`; `HOST` is the address for SSH, with the provider's `ssh` for the rest, \
        or the `mi-…` id of a host for Run Command, then also `HOST:PATH@REGION` if it is in another region than the \
        provider's. Over SSH, the content is imported as `sensitive_content`";
    const PERMISSIONS: Permissions = &[RUN_COMMAND];

    fn validate(args: &<Args as Model>::Planned, faults: &mut Diagnostics) {
        let mut fault = |name: &str, summary: &str, cause: &str, remedy: &str| {
            faults.push(Diagnostic::error(summary, cause).remedy(remedy).at(Path::attribute(name)));
        };
        if args.run_command.set().is_some() && args.sensitive_content.set().is_some() {
            fault(
                Args::NAMES.sensitive_content,
                "Secrets cannot be sent with `run_command`",
                "Systems Manager stores each command, and whoever may read commands would read the content.",
                "Use `ssh` for this file.",
            );
        }
        if args.ssh.set().is_some() && args.region.set().is_some() {
            fault(
                Args::NAMES.region,
                "Region has no meaning",
                "A host that is reached over SSH is in no region.",
                "Remove `region`.",
            );
        }
        if args.owner.set().is_some() && args.as_root.known() == Some(&false) {
            fault(
                Args::NAMES.owner,
                "Owner cannot be set",
                "Only root can give a file to another user, and `as_root` is false.",
                "Remove `owner`, or `as_root`.",
            );
        }
    }

    async fn plan(plan: &mut Plan<Self>, cx: &Context) -> Result<()> {
        plan::plan(plan, cx).await
    }

    async fn create(args: &Args, cx: &Context) -> Result<Outputs> {
        apply::create(args, cx).await
    }

    async fn read(identity: &Identity, prior: Option<&State<Self>>, cx: &Context) -> Result<Option<State<Self>>> {
        read::read(identity, prior, cx).await
    }

    async fn update(_: &State<Self>, args: &Args, cx: &Context) -> Result<Outputs> {
        apply::update(args, cx).await
    }

    async fn delete(state: &State<Self>, cx: &Context) -> Result<()> {
        apply::delete(state, cx).await
    }

    fn import_id(id: &str) -> std::result::Result<Identity, String> {
        let form = |why: &str| format!("{why} Write it as {}.", Self::IMPORT_ID);
        let Some((host, path)) = id.split_once(":/").filter(|(host, _)| !host.is_empty()) else {
            return Err(form(&format!("`{id}` does not name a host and an absolute path.")));
        };
        let path = format!("/{path}");
        // Only registrations have regions, and a path may contain an `@`.
        let (path, region) = match path.rsplit_once('@') {
            Some((path, region)) if host.starts_with("mi-") && Region::parse(region).is_ok() => {
                (path.to_owned(), Region::parse(region).ok())
            }
            _ => (path, None),
        };
        let path = FilePath::parse(&path).map_err(|why| form(&why))?;
        Ok(Identity { host: host.to_owned(), path, region })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn import_ids() {
        let parts = |id: &str| {
            HostFile::import_id(id)
                .ok()
                .map(|it| (it.host, it.path.text().to_owned(), it.region.map(|region| region.to_string())))
        };
        let expected = |host: &str, path: &str, region: Option<&str>| {
            Some((host.to_owned(), path.to_owned(), region.map(str::to_owned)))
        };
        assert_eq!(parts("10.80.0.4:/etc/a:b"), expected("10.80.0.4", "/etc/a:b", None));
        assert_eq!(parts("fd00::4:/etc/a@us-west-2"), expected("fd00::4", "/etc/a@us-west-2", None));
        let instance = "mi-0123456789abcdef0";
        assert_eq!(parts(&format!("{instance}:/a@us-west-2")), expected(instance, "/a", Some("us-west-2")));
        for id in ["", "/etc/a", "host", "host:etc/a", ":/etc/a", "host:/"] {
            assert_eq!(parts(id), None, "{id}");
        }
    }
}
