//! Installation and upgrade, and the steps that both share with a rollback.

use std::collections::HashSet;
use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use helm::{ApplyMethod, Chart, HookEvent, Release, Status, Values, resolve};
use serde_json::json;

use super::super::client::Client;
use super::super::discovery::Discovery;
use super::super::error::Kind;
use super::super::object::Resource;
use super::apply::{apply, live, others, remove};
use super::begun::{Begun, new_release};
use super::crds::{after_definitions, apply_definitions, definitions, without_shared};
use super::error::{Error, Failure, Left, Result};
use super::hooks::Stage;
use super::migrate::take_over;
use super::objects::{Key, Object, read};
use super::ready::Until;
use super::recover::History;
use super::render::{Rendering, capabilities_of, check, render_for};
use super::rendition::{Objects, manifests_of, paths};
use super::store::{Entry, Record, Revision, Store};
use super::wait::{Deadline, PassedOver, until_gone, until_ready, until_ready_where_on};
use super::{CustomResources, Options, Outcome, Progress, Releases, Removal, Rendition};
use crate::net::causes::chain;

/// What an operation does between its two writes of the record.
pub(super) struct Course {
    pub(super) before: HookEvent,
    pub(super) after: HookEvent,
    pub(super) targets: Vec<Object>,
    /// The previous objects; those not among the targets are deleted.
    pub(super) former: Vec<Object>,
    /// Whether fields were previously set by patches.
    pub(super) take_over: bool,
    /// Description on success: `Install complete`.
    pub(super) done: String,
    /// Description on failure: `Upgrade "cilium" failed`.
    pub(super) failed: String,
    /// The history at the start of the operation.
    pub(super) entries: Vec<Entry>,
    pub(super) warnings: Vec<String>,
    /// The objects of the new revision, as read from its manifests.
    pub(super) objects: Arc<Objects>,
}

impl Releases {
    /// Installs a chart as a new release. Resumes an interrupted or failed installation by this provider.
    ///
    /// # Errors
    /// [`Error::Exists`] if the release exists; any other of [`Error`].
    pub fn install<'a>(
        &'a self,
        chart: &'a Chart,
        values: &'a Values,
        options: &'a Options,
        progress: Progress<'a>,
    ) -> BoxFuture<'a, std::result::Result<Outcome, Failure>> {
        async move {
            let store = self.store(&options.namespace, &options.name);
            let entries = store.entries().await?;
            if let Some(newest) = entries.last()
                && newest.status != Status::Uninstalled
                && (!newest.by_this_provider || History(entries.clone()).last_good().is_some())
            {
                return Err(Failure::from(Error::Exists {
                    name: store.name,
                    namespace: store.namespace,
                    revision: newest.revision,
                    status: newest.status,
                }));
            }
            self.deploy(&store, entries, chart, values, options, progress).await
        }
        .boxed()
    }

    /// Upgrades a release to a chart and values. Resumes from an interrupted or failed revision; if no revision ever
    /// succeeded, this is an installation.
    ///
    /// # Errors
    /// [`Error::Absent`] if the release does not exist; any other of [`Error`].
    pub fn upgrade<'a>(
        &'a self,
        chart: &'a Chart,
        values: &'a Values,
        options: &'a Options,
        progress: Progress<'a>,
    ) -> BoxFuture<'a, std::result::Result<Outcome, Failure>> {
        async move {
            let store = self.store(&options.namespace, &options.name);
            let entries = store.entries().await?;
            if entries.last().is_none_or(|newest| newest.status == Status::Uninstalled) {
                return Err(Failure::from(Error::Absent { name: store.name, namespace: store.namespace }));
            }
            self.deploy(&store, entries, chart, values, options, progress).await
        }
        .boxed()
    }

    async fn deploy(
        &self,
        store: &Store,
        entries: Vec<Entry>,
        chart: &Chart,
        values: &Values,
        options: &Options,
        progress: Progress<'_>,
    ) -> std::result::Result<Outcome, Failure> {
        let deadline = Deadline::after(options.timeout);
        check(chart, &options.name)?;
        let (history, warning) = self.settled(store, entries, deadline, progress).await?;
        let good = history.last_good().cloned();
        let is_upgrade = good.is_some();
        let mut begun = None;
        let prepared = self.prepare(store, &history, chart, values, options, &mut begun, progress).await;
        let carried = match prepared {
            Ok((release, mut course, discovery)) => {
                course.warnings.extend(warning);
                let record = begun.and_then(|begun| begun.record);
                self.carry_out(store, release, course, record, &discovery, options, deadline, progress).await
            }
            Err(error) => {
                let left = match begun {
                    // The abandoned revision is marked, and nothing else was changed.
                    None => Left::Nothing,
                    Some(begun) => begun.give_up(&error).await,
                };
                Err(Failure { error, left, warnings: warning.into_iter().collect() })
            }
        };
        let Err(mut failure) = carried else { return carried };
        let Left::Failed { revision } = failure.left else { return Err(failure) };
        if !options.atomic || failure.error.is_cancelled() {
            return Err(failure);
        }
        progress("going back");
        failure.left = if let Some(good) = good.filter(|_| is_upgrade) {
            let back = Options { atomic: false, description: None, ..options.clone() };
            match self.rollback(good.revision, &back, progress).await {
                Ok(outcome) => {
                    failure.warnings.extend(outcome.warnings);
                    Left::RolledBack { revision, to: good.revision }
                }
                Err(back) => Left::NotRolledBack { revision, why: Box::new(back.error) },
            }
        } else {
            let removal = Removal {
                timeout: options.timeout,
                disable_hooks: options.disable_hooks || options.undo_without_hooks,
                keep_definitions: options.keep_definitions,
                ..Removal::default()
            };
            match self.uninstall(&options.namespace, &options.name, &removal, progress).await {
                Ok(_) => Left::Removed,
                Err(back) => Left::NotRolledBack { revision, why: Box::new(back.error) },
            }
        };
        Err(failure)
    }

    /// Does everything that can be refused before an object of the release is touched. `crds/` are applied here: the
    /// chart may need their kinds. `begun` records that this has started; for a first installation it holds the
    /// record.
    #[allow(clippy::too_many_arguments, reason = "each is another thing, and there is one caller")]
    async fn prepare(
        &self,
        store: &Store,
        history: &History,
        chart: &Chart,
        values: &Values,
        options: &Options,
        begun: &mut Option<Begun>,
        progress: Progress<'_>,
    ) -> Result<(Release, Course, Arc<Discovery>)> {
        let is_upgrade = history.last_good().is_some();
        let standing = self.standing(store, history).await?;
        let last = standing.last().map(|last| &last.release);
        let mut release = new_release(store, history, chart, values, options, last);
        let mut discovery = self.kinds_now().await?;
        let (apply_crds, force) = match options.crds {
            CustomResources::Always => (true, true),
            CustomResources::OnInstall => (!is_upgrade, options.force_conflicts),
            CustomResources::Never => (false, false),
        };
        if apply_crds {
            let whole = resolve(chart, values).map_err(Error::Render)?;
            let found = definitions(&discovery, &whole, &store.namespace)?;
            if !found.is_empty() {
                progress(&format!("applying {} objects of crds/", found.len()));
                let record = if is_upgrade {
                    None
                } else {
                    let secret = store.new_secret(&release)?;
                    if options.create_namespace {
                        self.make_namespace(&store.namespace).await?;
                    }
                    Some(store.create(secret).await?)
                };
                let begun = begun.insert(Begun { record, release: release.clone() });
                let kinds: Vec<_> = found.iter().flat_map(Object::defined_kinds).collect();
                let applied = apply_definitions(&self.client, found, force, options.shared_groups, progress);
                begun.alive(applied).await?;
                discovery = self.kinds_with(&kinds).await?;
            }
        }
        let capabilities = capabilities_of(&self.client, &discovery).await?;
        let same = |one: &&Arc<Rendition>| one.is_for(release.revision, is_upgrade, &capabilities);
        let rendition = if let Some(rendition) = options.rendition.as_ref().filter(same) {
            Arc::clone(rendition)
        } else {
            let rendering = Rendering {
                name: &store.name,
                namespace: &store.namespace,
                revision: release.revision,
                is_upgrade,
                skip_schema: options.skip_schema,
                preview_for: None,
                rewrite: options.rewrite.as_ref(),
            };
            Arc::new(render_for(&self.client, &discovery, chart, values, rendering).await?)
        };
        let rendered = &rendition.rendered;
        release.notes.clone_from(&rendered.notes);
        release.manifest = rendered.manifest_text();
        release.hooks = rendered.hooks.iter().cloned().map(Into::into).collect();
        release.chart = rendered.chart.clone();
        let (before, after) = if is_upgrade {
            (HookEvent::PreUpgrade, HookEvent::PostUpgrade)
        } else {
            (HookEvent::PreInstall, HookEvent::PostInstall)
        };
        let done = if is_upgrade { "Upgrade complete" } else { "Install complete" };
        let failed = if is_upgrade { "Upgrade" } else { "Release" };
        let course = Course {
            before,
            after,
            done: options.description.clone().unwrap_or_else(|| done.to_owned()),
            failed: format!("{failed} {:?} failed", store.name),
            ..self.course(store, history, &standing, Arc::clone(&rendition.objects), &discovery, options).await?
        };
        Ok((release, course, discovery))
    }

    /// The revisions whose objects may be in the cluster, with their content, oldest first.
    pub(super) async fn standing(&self, store: &Store, history: &History) -> Result<Vec<Revision>> {
        let read = history.standing().iter().map(|entry| store.read(entry));
        Ok(futures::future::try_join_all(read).await?.into_iter().flatten().collect())
    }

    /// The objects of an operation, once it is known that they do not belong to others.
    pub(super) async fn course(
        &self,
        store: &Store,
        history: &History,
        standing: &[Revision],
        objects: Arc<Objects>,
        discovery: &Discovery,
        options: &Options,
    ) -> Result<Course> {
        let (targets, unknown) = read(objects.placed(), discovery, &store.namespace)?;
        if !unknown.is_empty() {
            return Err(Error::UnknownKinds(unknown));
        }
        let mut targets = without_shared(&self.client, targets, options.shared_groups).await?;
        for target in &mut targets {
            target.mark(&store.name, &store.namespace);
        }
        let revisions = revisions(standing, discovery, &store.namespace)?;
        // Objects that a failed revision tried to adopt are not known to be the release's.
        let deployed = revisions.iter().filter(|(status, _)| *status != Status::Failed);
        let known: HashSet<Key> = deployed.flat_map(|(_, objects)| objects.iter().map(Object::key)).collect();
        let former = newest_of_each(revisions);
        let others = others(&self.client, &targets, &known, &store.name, &store.namespace).await?;
        if !others.is_empty() {
            return Err(Error::NotOurs(others));
        }
        Ok(Course {
            before: HookEvent::PreUpgrade,
            after: HookEvent::PostUpgrade,
            targets,
            former,
            // Others write by patches, or apply as a field manager of their own.
            take_over: standing
                .iter()
                .any(|one| one.release.apply_method == ApplyMethod::ClientSide || !one.entry.by_this_provider),
            done: String::new(),
            failed: String::new(),
            entries: history.0.clone(),
            warnings: Vec::new(),
            objects,
        })
    }

    /// Runs from the first write of the record, if `record` does not exist yet, to the last.
    #[allow(clippy::too_many_arguments, reason = "each is another thing, and there is one caller for each operation")]
    pub(super) async fn carry_out(
        &self,
        store: &Store,
        mut release: Release,
        mut course: Course,
        record: Option<Record>,
        discovery: &Discovery,
        options: &Options,
        deadline: Deadline,
        progress: Progress<'_>,
    ) -> std::result::Result<Outcome, Failure> {
        let revision = release.revision;
        let record = if let Some(record) = record {
            if let Err(error) = record.write(&release).await {
                let left = Begun { record: Some(record), release }.give_up(&error).await;
                return Err(Failure { error, left, warnings: course.warnings });
            }
            record
        } else {
            let secret = store.new_secret(&release)?;
            if options.create_namespace {
                self.make_namespace(&store.namespace).await?;
            }
            store.create(secret).await?
        };
        let stage = Stage { client: &self.client, discovery, deadline, progress };
        let worked = tokio::select! {
            biased;
            ended = record.keep_alive() => Err(ended),
            worked = self.work(&stage, &mut release, &course, options, &record) => worked,
        };
        let mut warnings = std::mem::take(&mut course.warnings);
        let (kept, passed_over) = match worked {
            Ok(done) => done,
            Err(error @ Error::AnotherWriter { .. }) => {
                return Err(Failure { error, left: Left::Unfinished { revision }, warnings });
            }
            Err(error) => {
                release.status = Status::Failed;
                release.description = format!("{}: {}", course.failed, chain(&error));
                self.forget_old(store, &course.entries, options).await;
                let left = match record.write_at_last(&release).await {
                    Ok(()) => Left::Failed { revision },
                    Err(_) => Left::Unfinished { revision },
                };
                return Err(Failure { error, left, warnings });
            }
        };
        release.status = Status::Deployed;
        release.description.clone_from(&course.done);
        if let Err(error) = record.write_at_last(&release).await {
            return Err(Failure { error, left: Left::Unfinished { revision }, warnings });
        }
        for entry in course.entries.iter().filter(|entry| entry.status == Status::Deployed) {
            if let Err(error) = self.supersede(store, entry).await {
                warnings.push(format!(
                    "Revision {} of release `{}` is still marked as deployed, beside revision {revision}: {}",
                    entry.revision,
                    store.name,
                    chain(&error)
                ));
            }
        }
        self.forget_old(store, &course.entries, options).await;
        Ok(Outcome { release, kept, passed_over, warnings, objects: course.objects })
    }

    /// The work itself. Returns the objects kept because they are marked to be kept, and those the wait skipped.
    async fn work(
        &self,
        stage: &Stage<'_>,
        release: &mut Release,
        course: &Course,
        options: &Options,
        record: &Record,
    ) -> Result<(Vec<String>, Vec<PassedOver>)> {
        let Stage { client, deadline, progress, .. } = *stage;
        if !options.disable_hooks {
            stage.run(release, course.before, record).await?;
        }
        if course.take_over {
            take_over(client, &course.targets).await?;
        }
        let going = on_their_way_out(client, &course.targets).await?;
        until_gone(client, &going, deadline, progress).await?;
        progress(&format!("applying {} objects", course.targets.len()));
        let (first, rest) = course.targets.split_at(after_definitions(&course.targets));
        let mut applied = apply(client, first, options.force_conflicts).await?;
        if !first.is_empty() {
            let definitions: Vec<_> = first.iter().filter(|object| object.is_definition()).cloned().collect();
            let seen = applied.iter().filter(|object| object["kind"] == "CustomResourceDefinition").cloned().collect();
            until_ready(client, &definitions, seen, Until::Ready, deadline, progress).await?;
            client.forget_discovery();
        }
        applied.extend(apply(client, rest, options.force_conflicts).await?);
        let wanted: HashSet<Key> = course.targets.iter().map(Object::key).collect();
        let is_kept = |object: &Object| options.keep_definitions && object.is_definition();
        let is_gone = |object: &&Object| !wanted.contains(&object.key()) && !is_kept(object);
        let gone: Vec<_> = course.former.iter().filter(is_gone).cloned().collect();
        let removed = remove(client, gone, &release.name, &release.namespace).await?;
        let mut passed_over = Vec::new();
        if options.wait {
            let until = if options.wait_for_jobs { Until::JobsComplete } else { Until::Ready };
            if options.pass_over_offline {
                passed_over = until_ready_where_on(client, &course.targets, applied, until, deadline, progress).await?;
            } else {
                until_ready(client, &course.targets, applied, until, deadline, progress).await?;
            }
        }
        if !options.disable_hooks {
            stage.run(release, course.after, record).await?;
        }
        Ok((removed.kept, passed_over))
    }

    async fn make_namespace(&self, namespace: &str) -> Result<()> {
        const NAMESPACE: Resource = Resource::NAMESPACE;
        let doing = || format!("make namespace {namespace}");
        if self.client.get(&NAMESPACE, None, namespace).await.map_err(Error::request(doing()))?.is_some() {
            return Ok(());
        }
        let object = json!({
            "apiVersion": "v1", "kind": "Namespace",
            // Helm sets this label.
            "metadata": { "name": namespace, "labels": { "name": namespace } },
        });
        match self.client.create(&NAMESPACE, None, &object).await {
            Err(error) if *error.kind() == Kind::AlreadyExists => Ok(()),
            other => other.map(drop).map_err(Error::request(doing())),
        }
    }

    async fn supersede(&self, store: &Store, entry: &Entry) -> Result<()> {
        let Some(mut revision) = store.read(entry).await? else { return Ok(()) };
        revision.release.status = Status::Superseded;
        store.adopt(&revision.entry).write_at_last(&revision.release).await
    }

    /// Deletes the oldest revisions beyond the limit, which includes the new one. The last good one is kept.
    async fn forget_old(&self, store: &Store, entries: &[Entry], options: &Options) {
        let too_many = (entries.len() + 1).saturating_sub(options.history_limit);
        if options.history_limit == 0 || too_many == 0 {
            return;
        }
        let good = History(entries.to_vec()).last_good().map(|good| good.revision);
        let old: Vec<_> = entries.iter().filter(|entry| Some(entry.revision) != good).take(too_many).collect();
        // A leftover revision does no harm, and the next operation tries again.
        if let Err(error) = store.remove(old).await {
            tracing::info!("old revisions of release {} stay for now: {}", store.name, chain(&error));
        }
    }
}

/// The namespaces among the objects that are being deleted: they accept no new objects.
async fn on_their_way_out(client: &Client, objects: &[Object]) -> Result<Vec<Object>> {
    let mut going = Vec::new();
    for object in objects.iter().filter(|object| object.is_namespace()) {
        let found = live(client, object).await.map_err(Error::request(format!("look at {}", object.told())))?;
        if found.is_some_and(|found| found.pointer("/metadata/deletionTimestamp").is_some()) {
            going.push(object.clone());
        }
    }
    Ok(going)
}

/// The objects of the revisions, each once, in its newest form. Kinds that the cluster no longer serves have no
/// objects.
pub(super) fn former(standing: &[Revision], discovery: &Discovery, namespace: &str) -> Result<Vec<Object>> {
    revisions(standing, discovery, namespace).map(newest_of_each)
}

/// The status and the objects of each revision, the newest first.
fn revisions(standing: &[Revision], discovery: &Discovery, namespace: &str) -> Result<Vec<(Status, Vec<Object>)>> {
    let of = |revision: &Revision| {
        let (objects, _) = read(paths(&manifests_of(&revision.release)?), discovery, namespace)?;
        Ok((revision.entry.status, objects))
    };
    standing.iter().rev().map(of).collect()
}

fn newest_of_each(revisions: Vec<(Status, Vec<Object>)>) -> Vec<Object> {
    let mut seen = HashSet::new();
    let objects = revisions.into_iter().flat_map(|(_, objects)| objects);
    objects.filter(|object| seen.insert(object.key())).collect()
}
