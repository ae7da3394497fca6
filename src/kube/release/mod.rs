//! Helm releases on a cluster: installed, upgraded, rolled back and removed so that Helm's command line can go on with
//! them at any time, and the other way round.
//!
//! ```text
//! chart, values ─▶ render ─▶ objects ─▶ store (pending: the lock) ─▶ hooks ─▶ apply ─▶ remove ─▶ wait ─▶ hooks ─▶ store (deployed)
//! ```
//!
//! Objects are applied server-side under Helm's field manager and with its marks of ownership; the record is a Secret
//! for each revision in Helm's form. Source: Helm 4.3, pkg/action. What is different, and why:
//!
//! - An operation that was cut off leaves a pending revision, with which Helm refuses to go on. Here it is marked as
//!   failed, with a warning, when nobody works on it any more: `recover.rs` says how that is known.
//! - Objects of revisions that failed after the deployed one are removed too when a new revision has them no more.
//!   Helm forgets them.
//! - A failed installation is resumed as an installation, hooks included; Helm wants it removed first.
//! - A new revision is marked as deployed before the former one as superseded, so that there is one at any moment.
//! - The timeout is for a whole operation and not for each wait in it.
//! - Only what belongs to the release is removed, in an upgrade as in a removal.
//! - Custom resource definitions can be kept (`keep_definitions`): with one, every object of its kind is deleted.
//! - The record of a first installation is written before `crds/` are applied, so that a stop in between is not
//!   forgotten; until the chart is rendered it has no manifest.
//!
//! What is absent: where charts come from, and Terraform.

mod apply;
mod begun;
mod crds;
mod deploy;
mod drift;
mod error;
mod hooks;
mod migrate;
mod objects;
mod ready;
mod reason;
mod recover;
mod render;
mod rollback;
mod store;
mod uninstall;
mod wait;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use helm::{Capabilities, Chart, Release, Rendered, Status, Values};

pub use self::drift::{Comparison, Drifted};
pub use self::error::{Error, Failure, Left, NotOurs, Refusal, Result, UnknownKind, Unready};
pub use self::render::{Rendering, is_release_name};
use self::store::Store;
pub use self::store::{Entry, Revision};
pub use self::wait::PassedOver;
use super::client::Client;
use super::discovery::Discovery;

/// Helm's own field manager: with another one, its command line would conflict with what is applied here.
const FIELD_MANAGER: &str = "helm";
/// Helm's default for each of its waits.
const TIMEOUT: Duration = Duration::from_mins(5);
/// Helm's default.
const HISTORY_LIMIT: usize = 10;

/// Receives the progress of an operation, in short sentences without a period.
pub type Progress<'p> = &'p (dyn Fn(&str) + Send + Sync);

/// The releases of one cluster.
#[derive(Clone, Debug)]
pub struct Releases {
    client: Client,
    lease: Duration,
}

/// How to install, upgrade or roll back.
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own, as in Helm's command line")]
#[derive(Clone, Debug)]
pub struct Options {
    /// Name of the release.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Make the namespace when there is none. It stays when the release is removed.
    pub create_namespace: bool,
    /// When it fails: remove a new release again, or bring the last good revision back. Without `wait` that is when
    /// the API server refuses an object, or a hook fails.
    pub atomic: bool,
    /// Wait until the objects are ready.
    pub wait: bool,
    /// Do not wait for what lacks nothing but nodes that are off.
    pub pass_over_offline: bool,
    /// Wait also until Jobs are complete.
    pub wait_for_jobs: bool,
    /// For the whole operation. The way back of an `atomic` one has the same time again.
    pub timeout: Duration,
    /// Take fields from other field managers where they conflict; else a conflict is an error.
    pub force_conflicts: bool,
    /// What to do with the chart's `crds/`.
    pub crds: CustomResources,
    /// Run no hooks.
    pub disable_hooks: bool,
    /// Run no hooks when a failed installation is removed again (`atomic`): there is no node to run them.
    pub undo_without_hooks: bool,
    /// Do not check values against the chart's schema.
    pub skip_schema: bool,
    /// Line in the history instead of Helm's own.
    pub description: Option<String>,
    /// Labels of the record, beside those of the former revision.
    pub labels: BTreeMap<String, String>,
    /// Labels of the first revision's record. Later revisions take them over, those of Helm too; an installation that
    /// is resumed keeps what the first attempt has noted.
    pub first_labels: BTreeMap<String, String>,
    /// Keep custom resource definitions that a new revision has no more. With one, every object of its kind would go.
    pub keep_definitions: bool,
    /// Groups whose definitions several programs bring. One that exists is left to whoever applied it first.
    pub shared_groups: &'static [&'static str],
    /// How many revisions are kept, the new one included; 0 is all.
    pub history_limit: usize,
    /// Changes each rendered manifest, hooks included, before it is applied and recorded.
    pub rewrite: Option<Rewrite>,
}

/// What changes the text of a rendered manifest.
#[derive(Clone)]
pub struct Rewrite(pub Arc<dyn Fn(&str) -> std::result::Result<String, String> + Send + Sync>);

impl std::fmt::Debug for Rewrite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rewrite")
    }
}

impl Rewrite {
    /// Changes everything that a chart rendered to.
    ///
    /// # Errors
    /// [`Error::Manifest`] with what the change says against a manifest.
    pub fn apply(&self, rendered: &mut Rendered) -> Result<()> {
        let manifests = rendered.manifests.iter_mut().map(|one| (&one.path, &mut one.content));
        let hooks = rendered.hooks.iter_mut().map(|one| (&one.path, &mut one.manifest));
        for (path, text) in manifests.chain(hooks) {
            *text = (self.0)(text).map_err(|problem| Error::Manifest { path: path.clone(), problem })?;
        }
        Ok(())
    }
}

impl Options {
    /// Helm's defaults, except that it waits for objects.
    #[must_use]
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            namespace: namespace.into(),
            create_namespace: false,
            atomic: false,
            wait: true,
            pass_over_offline: false,
            wait_for_jobs: false,
            timeout: TIMEOUT,
            force_conflicts: false,
            crds: CustomResources::default(),
            disable_hooks: false,
            undo_without_hooks: false,
            skip_schema: false,
            description: None,
            labels: BTreeMap::new(),
            first_labels: BTreeMap::new(),
            keep_definitions: false,
            shared_groups: &[],
            history_limit: HISTORY_LIMIT,
            rewrite: None,
        }
    }
}

/// What to do with the files of a chart's `crds/`. They are no part of the release, and stay when it is removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CustomResources {
    /// Apply them before an installation, as Helm does.
    #[default]
    OnInstall,
    /// Apply them before an upgrade too, taking fields from whoever applied them before.
    Always,
    /// Leave them to others.
    Never,
}

/// How to remove a release.
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own, as in Helm's command line")]
#[derive(Clone, Debug)]
pub struct Removal {
    /// For the whole operation.
    pub timeout: Duration,
    /// Wait until the objects are gone.
    pub wait: bool,
    /// Run no hooks.
    pub disable_hooks: bool,
    /// How long the hooks before the removal may take, if that is less than `timeout`: what a hook leaves of the time
    /// is for a caller that can go on without it.
    pub hook_timeout: Option<Duration>,
    /// Keep custom resource definitions. With one, every object of its kind would go.
    pub keep_definitions: bool,
    /// Leave the record, as one that is being removed, until [`Releases::forget`]: for a caller who has more to do,
    /// and must not be forgotten before that.
    pub keep_record: bool,
}

impl Default for Removal {
    /// Helm's defaults, except that it waits for objects.
    fn default() -> Self {
        Self {
            timeout: TIMEOUT,
            wait: true,
            disable_hooks: false,
            hook_timeout: None,
            keep_definitions: false,
            keep_record: false,
        }
    }
}

/// A release that was installed, upgraded or rolled back.
#[derive(Debug)]
pub struct Outcome {
    /// The new revision, as it is recorded.
    pub release: Release,
    /// Objects that the new revision has no more, and that stay because they are marked to be kept.
    pub kept: Vec<String>,
    /// What the wait skipped, because all that is missing is on nodes that are off.
    pub passed_over: Vec<PassedOver>,
    /// What was noticed and does not end the operation.
    pub warnings: Vec<String>,
}

/// A release that was removed.
#[derive(Debug, Default)]
pub struct Uninstalled {
    /// Objects that stay because they are marked to be kept.
    pub kept: Vec<String>,
    /// Objects that stay because they belong to somebody else by now.
    pub not_ours: Vec<String>,
    /// What was noticed and does not end the operation.
    pub warnings: Vec<String>,
}

impl Releases {
    /// Nothing is sent.
    #[must_use]
    pub fn new(client: &Client) -> Self {
        Self { client: client.as_manager(FIELD_MANAGER), lease: recover::LEASE }
    }

    /// How long an unfinished revision of this provider must be without a sign of life until it counts as given up.
    #[must_use]
    pub fn with_lease(self, lease: Duration) -> Self {
        Self { lease, ..self }
    }

    /// The newest revision that is not superseded, in one request; `None` when there is none, or the release is
    /// removed. Its status says whether it is deployed, failed, or being worked on.
    ///
    /// # Errors
    /// [`Error::Request`]; [`Error::Stored`] when it cannot be read.
    pub async fn current(&self, namespace: &str, name: &str) -> Result<Option<Revision>> {
        let newest = self.store(namespace, name).newest().await?;
        Ok(newest.filter(|revision| revision.entry.status != Status::Uninstalled))
    }

    /// All revisions that are kept, oldest first, without their content, in one request.
    ///
    /// # Errors
    /// [`Error::Request`].
    pub async fn history(&self, namespace: &str, name: &str) -> Result<Vec<Entry>> {
        self.store(namespace, name).entries().await
    }

    /// One revision of [`Releases::history`]; `None` when it is gone meanwhile.
    ///
    /// # Errors
    /// [`Error::Request`]; [`Error::Stored`] when it cannot be read.
    pub async fn revision(&self, namespace: &str, name: &str, entry: &Entry) -> Result<Option<Revision>> {
        self.store(namespace, name).read(entry).await
    }

    /// What charts learn of the cluster. Requested once in a run.
    ///
    /// # Errors
    /// [`Error::Request`].
    pub async fn capabilities(&self) -> Result<Capabilities> {
        let discovery = self.kinds().await?;
        let version = self.client.server_version().await.map_err(Error::request("ask for the API server's version"))?;
        render::capabilities(&discovery, &version)
    }

    /// Renders a chart as an operation would now, and changes nothing. Templates look into the cluster.
    ///
    /// # Errors
    /// [`Error::Render`], [`Error::Name`], [`Error::NotInstallable`], [`Error::Request`].
    pub async fn render(&self, chart: &Chart, values: &Values, rendering: Rendering<'_>) -> Result<Rendered> {
        render::check(chart, rendering.name)?;
        let discovery = self.kinds().await?;
        render::render_for(&self.client, &discovery, chart, values, rendering).await
    }

    /// The kinds of what a chart has rendered to that neither the cluster serves nor the chart defines.
    ///
    /// # Errors
    /// [`Error::Render`], [`Error::Manifest`], [`Error::Request`].
    pub async fn unknown_kinds(&self, chart: &Chart, values: &Values, rendered: &Rendered) -> Result<Vec<UnknownKind>> {
        let discovery = self.kinds().await?;
        let whole = helm::resolve(chart, values).map_err(Error::Render)?;
        // Definitions first: what follows them may be of their kinds.
        let mut texts = crds::texts(&whole);
        texts.extend(rendered.manifests.iter().map(|manifest| (manifest.path.clone(), manifest.content.clone())));
        // The namespace makes no difference to the kind.
        let texts = texts.iter().map(|(path, content)| (path.as_str(), content.as_str()));
        objects::read_texts(texts, &discovery, "").map(|(_, unknown)| unknown)
    }

    /// The kinds that the cluster serves, as they were when they were asked for in this run.
    async fn kinds(&self) -> Result<Arc<Discovery>> {
        self.client.discovery().await.map_err(Error::request("ask which kinds the cluster serves"))
    }

    /// The same as they are now: before a change, because what runs in the cluster may have added some meanwhile.
    async fn kinds_now(&self) -> Result<Arc<Discovery>> {
        self.client.forget_discovery();
        self.kinds().await
    }

    fn store(&self, namespace: &str, name: &str) -> Store {
        Store::new(&self.client, namespace, name)
    }
}

/// An error with all its causes, on one line.
fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
