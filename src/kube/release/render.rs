//! Renders charts for a cluster: with its version and kinds, and with `lookup` into it.

use std::sync::Arc;

use helm::{Capabilities, Chart, Data, KubeVersion, Lookup, RenderOptions, Values, render};
use serde_json::{Value as Json, json};
use tokio::runtime::Handle;

use super::super::client::Client;
use super::super::discovery::Discovery;
use super::Rewrite;
use super::error::{Error, Result};
use super::rendition::Rendition;

/// Maximum length of a release name. Source: Helm, chart/common/util/validate_name.go.
const LONGEST_NAME: usize = 53;

/// What to render, and for what.
#[derive(Clone, Copy, Debug)]
pub struct Rendering<'r> {
    /// Name of the release.
    pub name: &'r str,
    /// Its namespace.
    pub namespace: &'r str,
    /// The revision visible to templates, starting at 1.
    pub revision: i64,
    /// Whether templates see an upgrade rather than an installation.
    pub is_upgrade: bool,
    /// Whether to skip validating values against the chart's schema.
    pub skip_schema: bool,
    /// For previews of an operation: the cluster's version, if already known. Objects are then not looked up, unless
    /// the chart fails to render without: charts look up their own certificates and passwords.
    pub preview_for: Option<&'r str>,
    /// Modifies each rendered manifest.
    pub rewrite: Option<&'r Rewrite>,
}

/// Whether Helm allows a text as a release name.
#[must_use]
pub fn is_release_name(name: &str) -> bool {
    name.len() <= LONGEST_NAME && names::is_subdomain(name)
}

/// Refuses charts and names that Helm would not install.
pub(super) fn check(chart: &Chart, name: &str) -> Result<()> {
    if !is_release_name(name) {
        return Err(Error::Name(name.to_owned()));
    }
    let problem = |problem: String| Error::NotInstallable { chart: chart.name().to_owned(), problem };
    let kind = chart.metadata.kind.as_str();
    if !matches!(kind, "" | "application") {
        return Err(problem(format!("it is a {kind} chart, which only works as part of others")));
    }
    let missing = chart.missing_dependencies();
    if !missing.is_empty() {
        return Err(problem(format!("its charts/ has not the declared dependencies {}", missing.join(", "))));
    }
    Ok(())
}

/// The value of `.Capabilities` for a cluster.
pub(super) fn capabilities(discovery: &Discovery, version: &str) -> Result<Capabilities> {
    Ok(Capabilities {
        kube_version: KubeVersion::parse(version).map_err(Error::Render)?,
        api_versions: discovery.api_versions(),
        ..Capabilities::default()
    })
}

/// The same for the cluster as it is now.
pub(super) async fn capabilities_of(client: &Client, discovery: &Discovery) -> Result<Capabilities> {
    let version = client.server_version().await.map_err(Error::request("ask for the API server's version"))?;
    capabilities(discovery, &version)
}

/// Renders for a cluster.
pub(super) async fn render_for(
    client: &Client,
    discovery: &Arc<Discovery>,
    chart: &Chart,
    values: &Values,
    rendering: Rendering<'_>,
) -> Result<Rendition> {
    if let Some(version) = rendering.preview_for {
        let capabilities = capabilities(discovery, version)?;
        match render_with(None, capabilities, chart, values, rendering).await {
            // The chart may need what the lookup would have found.
            Err(Error::Render(helm::Error::Template(_) | helm::Error::KubeVersion(_))) => {}
            other => return other,
        }
    }
    let capabilities = capabilities_of(client, discovery).await?;
    let cluster = Cluster { client: client.clone(), discovery: Arc::clone(discovery), runtime: Handle::current() };
    render_with(Some(cluster), capabilities, chart, values, rendering).await
}

/// Renders on a separate thread: it is CPU-bound, and `lookup` blocks on the cluster.
async fn render_with(
    cluster: Option<Cluster>,
    capabilities: Capabilities,
    chart: &Chart,
    values: &Values,
    rendering: Rendering<'_>,
) -> Result<Rendition> {
    let (chart, values) = (chart.clone(), values.clone());
    let (name, namespace) = (rendering.name.to_owned(), rendering.namespace.to_owned());
    let Rendering { revision, is_upgrade, skip_schema, rewrite, .. } = rendering;
    let is_preview = cluster.is_none();
    let rewrite = rewrite.cloned();
    let work = tokio::task::spawn_blocking(move || {
        let options = RenderOptions {
            name: &name,
            namespace: &namespace,
            revision,
            is_upgrade,
            capabilities: Some(&capabilities),
            skip_schema,
            ..RenderOptions::default()
        };
        let options = match &cluster {
            Some(cluster) => RenderOptions { lookup: cluster, ..options },
            None => options,
        };
        let rendered = render(&chart, values, options).map_err(Error::Render)?;
        if is_preview {
            Rendition::preview(rendered, rewrite.as_ref())
        } else {
            Rendition::of_revision(rendered, rewrite.as_ref(), revision, is_upgrade, capabilities)
        }
    });
    match work.await {
        Ok(rendered) => rendered,
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down, and nobody waits for the result.
            Err(_) => std::future::pending().await,
        },
    }
}

/// The cluster visible to templates.
struct Cluster {
    client: Client,
    discovery: Arc<Discovery>,
    runtime: Handle,
}

impl Cluster {
    async fn look(
        &self,
        api_version: &str,
        kind: &str,
        namespace: &str,
        name: &str,
    ) -> super::super::error::Result<Json> {
        let Some(served) = self.discovery.served(api_version, kind) else { return Ok(Json::Null) };
        let namespace = (served.namespaced && !namespace.is_empty()).then_some(namespace);
        if name.is_empty() {
            let items = self.client.list(&served.resource, namespace, None).await?;
            let items: Vec<Json> = items
                .into_iter()
                .map(|mut item| {
                    // Items of a list omit the list's apiVersion and kind; Helm's include them.
                    item["apiVersion"] = api_version.into();
                    item["kind"] = kind.into();
                    item
                })
                .collect();
            return Ok(json!({ "apiVersion": api_version, "kind": format!("{kind}List"), "items": items }));
        }
        Ok(self.client.get(&served.resource, namespace, name).await?.unwrap_or_default())
    }
}

impl Lookup for Cluster {
    fn lookup(
        &self,
        api_version: &str,
        kind: &str,
        namespace: &str,
        name: &str,
    ) -> std::result::Result<Option<Data>, String> {
        match self.runtime.block_on(self.look(api_version, kind, namespace, name)) {
            Ok(Json::Null) => Ok(None),
            Ok(found) => Ok(Some(Data::from(found))),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_helm_allows_them() {
        for (name, allowed) in [
            ("cilium", true),
            ("a.b-c.1", true),
            (&"a".repeat(53), true),
            (&"a".repeat(54), false),
            ("", false),
            ("-a", false),
            ("a-", false),
            ("a..b", false),
            ("A", false),
            ("a_b", false),
        ] {
            assert_eq!(is_release_name(name), allowed, "{name}");
        }
    }

    #[test]
    fn charts_that_are_not_installed() {
        let chart = |kind: &str, dependencies: &str| {
            let text = format!("apiVersion: v2\nname: c\nversion: 1.0.0\ntype: {kind}\n{dependencies}");
            let file = helm::File { name: "Chart.yaml".to_owned(), data: text.into_bytes() };
            Chart::from_files(vec![file]).unwrap()
        };
        check(&chart("application", ""), "c").unwrap();
        let error = |chart: &Chart| check(chart, "c").unwrap_err().to_string();
        assert!(error(&chart("library", "")).contains("it is a library chart"));
        let missing =
            chart("application", "dependencies: [{name: sub, version: '1', repository: 'https://a.example'}]");
        assert!(error(&missing).contains("declared dependencies sub"));
    }
}
