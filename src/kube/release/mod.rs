//! Helm releases on a cluster: installed, upgraded, rolled back and uninstalled so that Helm's command line can
//! continue with them at any time, and vice versa.
//!
//! ```text
//! chart, values ─▶ render ─▶ objects ─▶ store (pending: the lock) ─▶ hooks ─▶ apply ─▶ remove ─▶ wait ─▶ hooks ─▶ store (deployed)
//! ```
//!
//! Objects are applied server-side with Helm's field manager and ownership metadata; each revision is recorded in a
//! Secret in Helm's format. Source: Helm 4.3, pkg/action. Differences, and why:
//!
//! - An interrupted operation leaves a pending revision, which makes Helm refuse to continue. Here it is marked as
//!   failed, with a warning, once nobody works on it any more: `recover.rs` describes how that is determined.
//! - Objects of revisions that failed after the deployed one are deleted too if a new revision no longer has them.
//!   Helm forgets them.
//! - A failed installation is resumed as an installation, hooks included; Helm requires uninstalling it first.
//! - A new revision is marked as deployed before the previous one as superseded, so that one is deployed at any
//!   moment.
//! - The timeout applies to the whole operation, not to each wait in it.
//! - Only objects that belong to the release are deleted, in an upgrade as in an uninstallation.
//! - Custom resource definitions can be kept (`keep_definitions`): deleting one deletes every object of its kind.
//! - The record of a first installation is written before `crds/` are applied, so that an interruption in between is
//!   not forgotten; until the chart is rendered, it has no manifest.
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
mod rendition;
mod rollback;
mod store;
mod uninstall;
mod wait;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use helm::{Capabilities, Chart, Release, Rendered, Status, Values};

pub use self::drift::{Comparison, Drifted};
pub use self::error::{Error, Failure, Left, NotOurs, Refusal, Result, UnknownKind, Unready};
pub use self::render::{Rendering, is_release_name};
pub use self::rendition::{Objects, Rendition};
use self::store::Store;
pub use self::store::{Entry, Revision};
pub use self::wait::PassedOver;
use self::wait::{Deadline, pause};
use super::client::Client;
use super::discovery::Discovery;

/// Helm's own field manager: with a different one, its command line would conflict with what is applied here.
const FIELD_MANAGER: &str = "helm";
/// Helm's default for each wait.
const TIMEOUT: Duration = Duration::from_mins(5);
/// How long the kinds of new definitions may take to be discovered.
const DISCOVERED: Duration = Duration::from_secs(10);
/// Helm's default.
const HISTORY_LIMIT: usize = 10;

/// Receives the progress of an operation, as short sentences without a period.
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
    /// Namespace of the release.
    pub namespace: String,
    /// Create the namespace if it does not exist. It is kept when the release is uninstalled.
    pub create_namespace: bool,
    /// On failure, uninstall a new release again, or roll back to the last good revision. Without `wait`, only a
    /// refusal by the API server or a failed hook counts as failure.
    pub atomic: bool,
    /// Wait until the objects are ready.
    pub wait: bool,
    /// Do not wait for objects that lack only nodes that are off.
    pub pass_over_offline: bool,
    /// Also wait until Jobs are complete.
    pub wait_for_jobs: bool,
    /// Timeout of the whole operation. The rollback of an `atomic` one has the same time again.
    pub timeout: Duration,
    /// Take conflicting fields from other field managers; otherwise a conflict is an error.
    pub force_conflicts: bool,
    /// How to handle the chart's `crds/`.
    pub crds: CustomResources,
    /// Do not run hooks.
    pub disable_hooks: bool,
    /// Do not run hooks when a failed installation is uninstalled again (`atomic`): there is no node to run them.
    pub undo_without_hooks: bool,
    /// Do not validate values against the chart's schema.
    pub skip_schema: bool,
    /// Description in the history instead of Helm's own.
    pub description: Option<String>,
    /// Labels of the record, in addition to those of the previous revision.
    pub labels: BTreeMap<String, String>,
    /// Labels of the first revision's record. Later revisions, including Helm's, inherit them; a resumed installation
    /// keeps the labels of the first attempt.
    pub first_labels: BTreeMap<String, String>,
    /// Keep custom resource definitions that a new revision no longer has. Deleting one would delete every object of
    /// its kind.
    pub keep_definitions: bool,
    /// Groups whose definitions several programs install. An existing definition is left to the first program that
    /// applied it.
    pub shared_groups: &'static [&'static str],
    /// How many revisions to keep, including the new one; 0 keeps all.
    pub history_limit: usize,
    /// Modifies each rendered manifest, hooks included, before it is applied and recorded.
    pub rewrite: Option<Rewrite>,
    /// What the chart renders to, if it is rendered already, `rewrite` included. Saves a second rendering as long as it
    /// would have the same result.
    pub rendition: Option<Arc<Rendition>>,
}

/// A function that modifies a rendered manifest.
#[derive(Clone)]
pub struct Rewrite(pub Arc<dyn Fn(&str) -> std::result::Result<String, String> + Send + Sync>);

impl std::fmt::Debug for Rewrite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rewrite")
    }
}

impl Rewrite {
    /// Modifies everything that a chart rendered.
    ///
    /// # Errors
    /// [`Error::Manifest`] with the function's objection to a manifest.
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
            rendition: None,
        }
    }
}

/// How to handle the files in a chart's `crds/`. They are not part of the release, and are kept when it is
/// uninstalled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CustomResources {
    /// Apply them before an installation, as Helm does.
    #[default]
    OnInstall,
    /// Apply them before an upgrade too, taking fields from whoever applied them before.
    Always,
    /// Do not apply them.
    Never,
}

/// How to uninstall a release.
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own, as in Helm's command line")]
#[derive(Clone, Debug)]
pub struct Removal {
    /// Timeout of the whole operation.
    pub timeout: Duration,
    /// Wait until the objects no longer exist.
    pub wait: bool,
    /// Do not run hooks.
    pub disable_hooks: bool,
    /// How long pre-delete hooks may take, if less than `timeout`: the remaining time is for a caller that can
    /// continue without them.
    pub hook_timeout: Option<Duration>,
    /// Keep custom resource definitions. Deleting one would delete every object of its kind.
    pub keep_definitions: bool,
    /// Keep the record, marked as uninstalling, until [`Releases::forget`]: for a caller that has more to do, and
    /// must not be forgotten before that.
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
    /// The new revision, as recorded.
    pub release: Release,
    /// Objects that the new revision no longer has, kept because they are marked to be kept.
    pub kept: Vec<String>,
    /// Objects that the wait skipped because they lack only pods on nodes that are off.
    pub passed_over: Vec<PassedOver>,
    /// Findings that did not end the operation.
    pub warnings: Vec<String>,
    /// The objects of the new revision.
    pub objects: Arc<Objects>,
}

/// A release that was uninstalled.
#[derive(Debug, Default)]
pub struct Uninstalled {
    /// Objects kept because they are marked to be kept.
    pub kept: Vec<String>,
    /// Objects kept because they now belong to someone else.
    pub not_ours: Vec<String>,
    /// Findings that did not end the operation.
    pub warnings: Vec<String>,
}

impl Releases {
    /// Sends nothing.
    #[must_use]
    pub fn new(client: &Client) -> Self {
        Self { client: client.as_manager(FIELD_MANAGER), lease: recover::LEASE }
    }

    /// How long an unfinished revision of this provider must be without a sign of life before it counts as abandoned.
    #[must_use]
    pub fn with_lease(self, lease: Duration) -> Self {
        Self { lease, ..self }
    }

    /// The newest revision that is not superseded, in one request; `None` if there is none, or the release is
    /// uninstalled. Its status says whether it is deployed, failed, or in progress.
    ///
    /// # Errors
    /// [`Error::Request`]; [`Error::Stored`] if it cannot be read.
    pub async fn current(&self, namespace: &str, name: &str) -> Result<Option<Revision>> {
        let newest = self.store(namespace, name).newest().await?;
        Ok(newest.filter(|revision| revision.entry.status != Status::Uninstalled))
    }

    /// Names of the releases that a namespace holds records of, in one request.
    ///
    /// # Errors
    /// [`Error::Request`].
    pub async fn names(&self, namespace: &str) -> Result<BTreeSet<String>> {
        store::names(&self.client, namespace).await
    }

    /// All stored revisions, oldest first, without their content, in one request.
    ///
    /// # Errors
    /// [`Error::Request`].
    pub async fn history(&self, namespace: &str, name: &str) -> Result<Vec<Entry>> {
        self.store(namespace, name).entries().await
    }

    /// One revision from [`Releases::history`]; `None` if it has been deleted in the meantime.
    ///
    /// # Errors
    /// [`Error::Request`]; [`Error::Stored`] if it cannot be read.
    pub async fn revision(&self, namespace: &str, name: &str, entry: &Entry) -> Result<Option<Revision>> {
        self.store(namespace, name).read(entry).await
    }

    /// The cluster's capabilities, for charts. Requested once per run.
    ///
    /// # Errors
    /// [`Error::Request`].
    pub async fn capabilities(&self) -> Result<Capabilities> {
        let discovery = self.kinds().await?;
        render::capabilities_of(&self.client, &discovery).await
    }

    /// Renders a chart as an operation would now, without changing anything. Templates can look up objects in the
    /// cluster.
    ///
    /// # Errors
    /// [`Error::Render`], [`Error::Name`], [`Error::NotInstallable`], [`Error::Manifest`], [`Error::Request`].
    pub async fn render(&self, chart: &Chart, values: &Values, rendering: Rendering<'_>) -> Result<Rendition> {
        render::check(chart, rendering.name)?;
        let discovery = self.kinds().await?;
        render::render_for(&self.client, &discovery, chart, values, rendering).await
    }

    /// The kinds in a rendered chart that neither the cluster serves nor the chart defines.
    ///
    /// # Errors
    /// [`Error::Manifest`], [`Error::Request`].
    pub async fn unknown_kinds(&self, rendition: &Rendition) -> Result<Vec<UnknownKind>> {
        let discovery = self.kinds().await?;
        let mut definitions = Vec::new();
        for file in &rendition.rendered.crds {
            let objects = objects::read_text(&file.path, &file.content)?;
            definitions.extend(objects.into_iter().map(|object| (file.path.clone(), object)));
        }
        // Definitions first: later objects may be of their kinds.
        let all = rendition::paths(&definitions).chain(rendition.objects.placed());
        // The namespace does not affect the kind.
        objects::read(all, &discovery, "").map(|(_, unknown)| unknown)
    }

    /// The kinds that the cluster serves, fetched once per run.
    async fn kinds(&self) -> Result<Arc<Discovery>> {
        self.client.discovery().await.map_err(Error::request("ask which kinds the cluster serves"))
    }

    /// The same, fetched anew: before a change, because programs in the cluster may have added kinds in the meantime.
    async fn kinds_now(&self) -> Result<Arc<Discovery>> {
        self.client.forget_discovery();
        self.kinds().await
    }

    /// The same, once the kinds of new definitions are among them: a definition is established a moment before its kind
    /// is discovered. A kind that is missing after [`DISCOVERED`] is reported by the object that needs it.
    async fn kinds_with(&self, wanted: &[(String, String)]) -> Result<Arc<Discovery>> {
        let deadline = Deadline::after(DISCOVERED);
        loop {
            let found = self.kinds_now().await?;
            let is_served = |(version, kind): &(String, String)| found.served(version, kind).is_some();
            if wanted.iter().all(is_served) || deadline.is_over() {
                return Ok(found);
            }
            pause(&self.client, Duration::from_millis(200), "for the kinds of new definitions").await?;
        }
    }

    fn store(&self, namespace: &str, name: &str) -> Store {
        Store::new(&self.client, namespace, name)
    }
}
