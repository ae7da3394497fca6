//! Discovers a cluster's kinds: once per cluster and run, and again when kinds have been added.
//!
//! Aggregated discovery takes two requests; clusters before 1.27 are queried group by group.
//! Source: Kubernetes documentation, The Kubernetes API, "Discovery API".

use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use serde_json::Value as Json;

use super::client::Client;
use super::discovery::Discovery;
use super::error::{Attempt, Result, Verb};
use super::request::Call;

/// The aggregated format, its beta version, and the classic format.
const ACCEPT: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
                      application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";
/// Groups requested concurrently, where they must be requested one by one.
const AT_ONCE: usize = 8;
/// Pause before looking again for kinds defined a moment ago.
const ASK_AGAIN: Duration = Duration::from_millis(500);

impl Client {
    /// The kinds that the cluster serves, cached since the first call in this run or the first after
    /// [`Client::forget_discovery`].
    ///
    /// # Errors
    /// Those of the requests.
    pub async fn discovery(&self) -> Result<Arc<Discovery>> {
        let cell = self.shared.discoveries.kinds();
        cell.get_or_try_init(|| async { self.discover_all().await.map(Arc::new) }).await.cloned()
    }

    /// Retries until the response includes the kinds defined in this run: another API server may respond than the one
    /// that accepted the definition.
    async fn discover_all(&self) -> Result<Discovery> {
        loop {
            let found = self.discover().await?;
            if !self.shared.defined.lacks(&found) {
                return Ok(found);
            }
            tokio::select! {
                biased;
                () = self.cancel.cancelled() => return Ok(found),
                () = tokio::time::sleep(ASK_AGAIN) => {}
            }
        }
    }

    /// The API server's version, such as `v1.34.3`, cached like [`Client::discovery`].
    ///
    /// # Errors
    /// Those of the request.
    pub async fn server_version(&self) -> Result<String> {
        let cell = self.shared.discoveries.version();
        cell.get_or_try_init(|| self.version()).await.cloned()
    }

    /// Kinds have been added or removed: the next caller queries again.
    pub fn forget_discovery(&self) {
        self.shared.discoveries.forget();
    }

    async fn discover(&self) -> Result<Discovery> {
        let (core, groups) = tokio::try_join!(self.about("/api"), self.about("/apis"))?;
        let mut found = Discovery::default();
        let mut classic = Vec::new();
        if core["kind"] == "APIGroupDiscoveryList" {
            found.add_aggregated(&core);
        } else {
            let versions = core["versions"].as_array().into_iter().flatten().filter_map(Json::as_str);
            classic.extend(versions.map(str::to_owned));
        }
        if groups["kind"] == "APIGroupDiscoveryList" {
            found.add_aggregated(&groups);
        } else {
            let groups = groups["groups"].as_array().into_iter().flatten();
            let versions = groups.flat_map(|group| group["versions"].as_array().into_iter().flatten());
            classic.extend(versions.filter_map(|version| version["groupVersion"].as_str()).map(str::to_owned));
        }
        let about = |api_version: String| {
            async move {
                let root = if api_version.contains('/') { "/apis" } else { "/api" };
                let list = match self.about(&format!("{root}/{api_version}")).await {
                    // A group whose own server is down has no kinds for now; the other groups do.
                    Err(error) if error.is_not_found() || error.is_unreachable() => Json::Null,
                    other => other?,
                };
                Ok((api_version, list))
            }
            .boxed()
        };
        let all: Vec<_> = classic.into_iter().map(about).collect();
        let lists: Vec<(String, Json)> = futures::stream::iter(all).buffer_unordered(AT_ONCE).try_collect().await?;
        for (api_version, list) in lists {
            found.add_classic(&api_version, &list);
        }
        Ok(found)
    }

    async fn about(&self, path: &str) -> Result<Json> {
        let attempt = Attempt::new(Verb::Get, format!("the kinds under {path}"));
        self.accepting(ACCEPT).call(Call { attempt, path: path.to_owned(), body: None }).await
    }
}
