//! Hooks: objects that run at a point in a release's life cycle, one after the other.

use helm::{DeletePolicy, Hook, HookEvent, HookPhase, Release};
use jiff::Timestamp;

use super::super::client::Client;
use super::super::discovery::Discovery;
use super::Progress;
use super::apply::apply;
use super::error::{Error, Result, Unready};
use super::objects::{Object, read_texts};
use super::ready::Until;
use super::store::Record;
use super::wait::{Deadline, until_gone, until_ready};

/// Where hooks run.
pub(super) struct Stage<'s> {
    pub(super) client: &'s Client,
    pub(super) discovery: &'s Discovery,
    pub(super) deadline: Deadline,
    pub(super) progress: Progress<'s>,
}

impl Stage<'_> {
    /// Runs the hooks of one event, and records the result of each. They are not marked as part of the release: only
    /// their own policies delete them.
    pub(super) async fn run(&self, release: &mut Release, event: HookEvent, record: &Record) -> Result<()> {
        let order = release.hooks_for(event);
        for (place, index) in order.iter().enumerate() {
            let hook = release.hooks[*index].hook.clone();
            self.remove(&release.namespace, &hook, DeletePolicy::BeforeHookCreation).await?;
            let run = &mut release.hooks[*index];
            (run.started, run.completed, run.phase) = (Some(Timestamp::now()), None, Some(HookPhase::Running));
            record.write(release).await?;
            (self.progress)(&format!("{} hook {} {}", event.name(), hook.kind, hook.name));
            let ended = self.run_one(&release.namespace, &hook).await;
            let run = &mut release.hooks[*index];
            run.completed = Some(Timestamp::now());
            run.phase = Some(if ended.is_ok() { HookPhase::Succeeded } else { HookPhase::Failed });
            let Err(error) = ended else { continue };
            if !error.is_cancelled() {
                // The error that matters is the hook's.
                let _ = self.remove(&release.namespace, &hook, DeletePolicy::HookFailed).await;
                for earlier in &order[..place] {
                    let hook = release.hooks[*earlier].hook.clone();
                    let _ = self.remove(&release.namespace, &hook, DeletePolicy::HookSucceeded).await;
                }
            }
            return Err(failed(event, error));
        }
        for index in order.iter().rev() {
            let hook = release.hooks[*index].hook.clone();
            self.remove(&release.namespace, &hook, DeletePolicy::HookSucceeded).await?;
        }
        Ok(())
    }

    /// Deletes the objects of one event's hooks, whatever their policies.
    pub(super) async fn withdraw(&self, release: &Release, event: HookEvent) -> Result<()> {
        for index in release.hooks_for(event) {
            self.delete(&release.namespace, &release.hooks[index].hook).await?;
        }
        Ok(())
    }

    async fn run_one(&self, namespace: &str, hook: &Hook) -> Result<()> {
        let objects = self.objects(namespace, hook)?;
        let live = apply(self.client, &objects, false).await?;
        until_ready(self.client, &objects, live, Until::HookDone, self.deadline, self.progress).await
    }

    /// Deletes a hook's object if its policies ask for it, and waits until it no longer exists.
    async fn remove(&self, namespace: &str, hook: &Hook, policy: DeletePolicy) -> Result<()> {
        if hook.has_delete_policy(policy) { self.delete(namespace, hook).await } else { Ok(()) }
    }

    async fn delete(&self, namespace: &str, hook: &Hook) -> Result<()> {
        // This would delete every object of the kind.
        if hook.kind == "CustomResourceDefinition" {
            return Ok(());
        }
        let Ok(objects) = self.objects(namespace, hook) else { return Ok(()) };
        for object in &objects {
            let removed = self.client.delete(&object.resource, object.namespace.as_deref(), &object.name).await;
            removed.map_err(Error::request(format!("remove the hook {}", object.told())))?;
        }
        until_gone(self.client, &objects, self.deadline, self.progress).await
    }

    fn objects(&self, namespace: &str, hook: &Hook) -> Result<Vec<Object>> {
        let texts = [(hook.path.as_str(), hook.manifest.as_str())];
        let (objects, unknown) = read_texts(texts, self.discovery, namespace)?;
        if unknown.is_empty() { Ok(objects) } else { Err(Error::UnknownKinds(unknown)) }
    }
}

/// The hook's own error, with its event.
fn failed(event: HookEvent, error: Error) -> Error {
    match error {
        Error::NotReady { mut unready, .. } if !unready.is_empty() => Error::Hook { event, unready: unready.remove(0) },
        Error::Refused { refused, .. } if !refused.is_empty() => {
            let state = format!("the cluster refused it: {}", refused[0].error.kind());
            Error::Hook { event, unready: Unready { object: refused[0].object.clone(), state, reasons: Vec::new() } }
        }
        other => other,
    }
}
