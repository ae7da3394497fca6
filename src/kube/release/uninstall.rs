//! Uninstalls a release: its objects, and then its record.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use helm::{HookEvent, Release, Status};
use jiff::Timestamp;

use super::apply::{Removed, remove};
use super::deploy::former;
use super::error::{Error, Failure, Left, Result};
use super::hooks::Stage;
use super::objects::Object;
use super::recover::History;
use super::store::Record;
use super::wait::{Deadline, until_gone};
use super::{Progress, Releases, Removal, Uninstalled};

impl Releases {
    /// Uninstalls a release, or what is left of one; `None` if it does not exist. Resumes an interrupted
    /// uninstallation.
    ///
    /// # Errors
    /// Any of [`Error`](super::Error); the release then still exists, with the objects that could not be deleted.
    pub fn uninstall<'a>(
        &'a self,
        namespace: &'a str,
        name: &'a str,
        removal: &'a Removal,
        progress: Progress<'a>,
    ) -> BoxFuture<'a, std::result::Result<Option<Uninstalled>, Failure>> {
        async move {
            let deadline = Deadline::after(removal.timeout);
            let store = self.store(namespace, name);
            let mut entries = store.entries().await?;
            let mut warnings = Vec::new();
            // Two concurrent uninstallations do no harm; an installation and an uninstallation do.
            if entries.last().is_some_and(|newest| newest.status.is_pending()) {
                let (history, warning) = self.settled(&store, entries, deadline, progress).await?;
                entries = history.0;
                warnings.extend(warning);
            }
            let history = History(entries);
            let Some(newest) = history.newest() else { return Ok(None) };
            if newest.status == Status::Uninstalled {
                store.remove(&history.0).await?;
                return Ok(None);
            }
            let revision = newest.revision;
            let standing = self.standing(&store, &history).await?;
            let Some(last) = standing.last() else { return Err(Failure::from(store.another_writer(revision))) };
            let mut release = last.release.clone();
            let discovery = self.kinds_now().await?;
            let mut objects = former(&standing, &discovery, namespace)?;
            if removal.keep_definitions {
                objects.retain(|object| !object.is_definition());
            }
            release.status = Status::Uninstalling;
            release.deleted = Some(Timestamp::now());
            "Deletion in progress (or silently failed)".clone_into(&mut release.description);
            let record = store.adopt(&last.entry);
            record.write(&release).await?;
            let stage = Stage { client: &self.client, discovery: &discovery, deadline, progress };
            let worked = tokio::select! {
                biased;
                ended = record.keep_alive() => Err(ended),
                worked = self.take_away(&stage, &mut release, objects, removal, &record) => worked,
            };
            let left = Left::Failed { revision };
            match worked {
                Ok(removed) => {
                    if !removal.keep_record {
                        let forgotten = self.forget(namespace, name).await;
                        forgotten.map_err(|error| Failure { error, left, warnings: warnings.clone() })?;
                    }
                    Ok(Some(Uninstalled { kept: removed.kept, not_ours: removed.not_ours, warnings }))
                }
                Err(error) => Err(Failure { error, left, warnings }),
            }
        }
        .boxed()
    }

    /// Deletes every record of a release, including those written in the meantime: once its objects are deleted, the
    /// records have no use.
    ///
    /// # Errors
    /// [`Error::Request`](super::Error::Request).
    pub async fn forget(&self, namespace: &str, name: &str) -> Result<()> {
        let store = self.store(namespace, name);
        store.remove(&store.entries().await?).await
    }

    async fn take_away(
        &self,
        stage: &Stage<'_>,
        release: &mut Release,
        objects: Vec<Object>,
        removal: &Removal,
        record: &Record,
    ) -> Result<Removed> {
        let Stage { client, deadline, progress, .. } = *stage;
        if !removal.disable_hooks {
            let most = removal.hook_timeout.map_or(deadline.left(), |most| most.min(deadline.left()));
            let bounded = Stage { deadline: Deadline::after(most), ..*stage };
            let ran = bounded.run(release, HookEvent::PreDelete, record).await;
            if removal.hook_timeout.is_some()
                && let Err(Error::Hook { .. }) = ran
            {
                // It must not start to run when the release is installed again.
                stage.withdraw(release, HookEvent::PreDelete).await?;
            }
            ran?;
        }
        progress(&format!("removing {} objects", objects.len()));
        let removed = remove(client, objects, &release.name, &release.namespace).await?;
        if removal.wait {
            // A namespace is deleted only five seconds after its deletion was requested, whatever is in it. Only
            // someone creating a namespace of the same name needs that time, and waits then. Source: Kubernetes,
            // namespace controller, namespaceDeletionGracePeriod.
            let waited: Vec<_> = removed.objects.iter().filter(|object| !object.is_namespace()).cloned().collect();
            until_gone(client, &waited, deadline, progress).await?;
        }
        if !removal.disable_hooks {
            stage.run(release, HookEvent::PostDelete, record).await?;
        }
        Ok(removed)
    }
}
