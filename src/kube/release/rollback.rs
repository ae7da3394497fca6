//! Rollback: the state of an earlier revision as a new revision.

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use helm::{HookEvent, Release, Status};
use jiff::Timestamp;

use super::deploy::Course;
use super::error::{Error, Failure, Result};
use super::recover::History;
use super::rendition::Objects;
use super::store::Store;
use super::wait::Deadline;
use super::{Options, Outcome, Progress, Releases};

impl Releases {
    /// Restores the state of revision `to`, under the next number. Uses its manifests, not its chart: nothing is
    /// rendered.
    ///
    /// # Errors
    /// [`Error::Absent`], [`Error::NoRevision`]; any other of [`Error`].
    pub fn rollback<'a>(
        &'a self,
        to: i64,
        options: &'a Options,
        progress: Progress<'a>,
    ) -> BoxFuture<'a, std::result::Result<Outcome, Failure>> {
        async move {
            let deadline = Deadline::after(options.timeout);
            let store = self.store(&options.namespace, &options.name);
            let (history, warning) = self.settled(&store, store.entries().await?, deadline, progress).await?;
            let discovery = self.kinds_now().await?;
            let (release, mut course) = self.prepare_rollback(&store, &history, to, options, &discovery).await?;
            course.warnings.extend(warning);
            self.carry_out(&store, release, course, None, &discovery, options, deadline, progress).await
        }
        .boxed()
    }

    async fn prepare_rollback(
        &self,
        store: &Store,
        history: &History,
        to: i64,
        options: &Options,
        discovery: &super::super::discovery::Discovery,
    ) -> Result<(Release, Course)> {
        let Some(newest) = history.newest() else {
            return Err(Error::Absent { name: store.name.clone(), namespace: store.namespace.clone() });
        };
        let none = || Error::NoRevision { name: store.name.clone(), revision: to };
        let entry = history.0.iter().find(|entry| entry.revision == to).ok_or_else(none)?;
        let wanted = store.read(entry).await?.ok_or_else(none)?.release;
        let standing = self.standing(store, history).await?;
        let objects = Arc::new(Objects::of_release(&wanted)?);
        let course = self.course(store, history, &standing, objects, discovery, options).await?;
        let description = options.description.clone().unwrap_or_else(|| format!("Rollback to {to}"));
        let release = Release {
            revision: newest.revision + 1,
            status: Status::PendingRollback,
            first_deployed: standing.last().map_or(wanted.first_deployed, |last| last.release.first_deployed),
            last_deployed: Some(Timestamp::now()),
            deleted: None,
            description: description.clone(),
            rollback_revision: Some(to),
            apply_method: helm::ApplyMethod::ServerSide,
            ..wanted
        };
        let course = Course {
            before: HookEvent::PreRollback,
            after: HookEvent::PostRollback,
            done: description,
            failed: format!("Rollback {:?} failed", store.name),
            ..course
        };
        Ok((release, course))
    }
}
