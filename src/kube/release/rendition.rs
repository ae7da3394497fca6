//! What a chart renders to, with its objects read once: for plans, which describe them, and for operations, which apply
//! them.

use std::sync::Arc;

use helm::{Capabilities, Hook, Manifest, Release, Rendered};
use serde_json::Value as Json;

use super::Rewrite;
use super::error::{Error, Result};
use super::objects::{json, read_text};

/// The objects of a rendered chart or of a revision. Lists are not expanded.
#[derive(Clone, Debug, Default)]
pub struct Objects {
    /// Those of the manifests in install order, each with the path of its template.
    pub manifests: Vec<(String, Json)>,
    /// Those of the hooks.
    pub hooks: Vec<Json>,
}

impl Objects {
    fn read<'h>(manifests: &[Manifest], hooks: impl IntoIterator<Item = &'h Hook>) -> Result<Self> {
        let mut found = Self { manifests: of_manifests(manifests)?, hooks: Vec::new() };
        for hook in hooks {
            found.hooks.extend(read_text(&hook.path, &hook.manifest)?);
        }
        Ok(found)
    }

    /// The objects of a revision.
    ///
    /// # Errors
    /// [`Error::Stored`] and [`Error::Manifest`] if its manifests cannot be read.
    pub fn of_release(release: &Release) -> Result<Self> {
        let manifests = release.manifests().map_err(|source| unreadable(release, source))?;
        Self::read(&manifests, release.hooks.iter().map(|run| &run.hook))
    }

    /// The objects of the manifests.
    pub fn manifests(&self) -> impl Iterator<Item = &Json> {
        self.manifests.iter().map(|(_, object)| object)
    }

    /// The same, each with the path of its template.
    pub(super) fn placed(&self) -> impl Iterator<Item = (&str, &Json)> {
        paths(&self.manifests)
    }

    /// All objects, hooks last.
    pub fn all(&self) -> impl Iterator<Item = &Json> {
        self.manifests().chain(&self.hooks)
    }
}

fn of_manifests(manifests: &[Manifest]) -> Result<Vec<(String, Json)>> {
    let mut found = Vec::new();
    for manifest in manifests {
        let objects = json(&manifest.path, manifest.objects())?;
        found.extend(objects.into_iter().map(|object| (manifest.path.clone(), object)));
    }
    Ok(found)
}

/// Objects with their paths, as they are read.
pub(super) fn paths(objects: &[(String, Json)]) -> impl Iterator<Item = (&str, &Json)> {
    objects.iter().map(|(path, object)| (path.as_str(), object))
}

/// The objects of a revision without its hooks, each with the path of its template.
pub(super) fn manifests_of(release: &Release) -> Result<Vec<(String, Json)>> {
    of_manifests(&release.manifests().map_err(|source| unreadable(release, source))?)
}

fn unreadable(release: &Release, source: helm::Error) -> Error {
    Error::Stored { secret: format!("{}/{}", release.namespace, release.secret_name()), source }
}

/// A rendered chart. An operation that gets one applies it if it would render the same, and renders anew otherwise: its
/// revision may have another number, and `crds/` may have added kinds that templates look for.
#[derive(Clone, Debug)]
pub struct Rendition {
    /// The texts, as a revision records them.
    pub rendered: Rendered,
    /// Their objects.
    pub objects: Arc<Objects>,
    made_for: MadeFor,
}

/// What templates can see of an operation.
#[derive(Clone, Debug, PartialEq)]
enum MadeFor {
    /// Nothing: there are no templates.
    Any,
    /// This revision of a release, as an upgrade or an installation, on a cluster with these capabilities.
    Revision { revision: i64, is_upgrade: bool, capabilities: Capabilities },
    /// A cluster as it is assumed to be. No operation applies it.
    Preview,
}

impl Rendition {
    /// What a chart renders to without its cluster, with the images of a mirror. No operation applies it.
    ///
    /// # Errors
    /// [`Error::Manifest`] if a manifest is not YAML.
    pub fn preview(rendered: Rendered, rewrite: Option<&Rewrite>) -> Result<Self> {
        Self::new(rendered, rewrite, MadeFor::Preview)
    }

    /// Manifests without templates: the same for each revision and cluster.
    ///
    /// # Errors
    /// [`Error::Manifest`] if a manifest is not YAML.
    pub fn as_written(rendered: Rendered, rewrite: Option<&Rewrite>) -> Result<Self> {
        Self::new(rendered, rewrite, MadeFor::Any)
    }

    /// What a chart renders to for a revision.
    pub(super) fn of_revision(
        rendered: Rendered,
        rewrite: Option<&Rewrite>,
        revision: i64,
        is_upgrade: bool,
        capabilities: Capabilities,
    ) -> Result<Self> {
        Self::new(rendered, rewrite, MadeFor::Revision { revision, is_upgrade, capabilities })
    }

    fn new(mut rendered: Rendered, rewrite: Option<&Rewrite>, made_for: MadeFor) -> Result<Self> {
        if let Some(rewrite) = rewrite {
            rewrite.apply(&mut rendered)?;
        }
        let objects = Arc::new(Objects::read(&rendered.manifests, &rendered.hooks)?);
        Ok(Self { rendered, objects, made_for })
    }

    /// Whether an operation would render the same.
    pub(super) fn is_for(&self, revision: i64, is_upgrade: bool, capabilities: &Capabilities) -> bool {
        match &self.made_for {
            MadeFor::Any => true,
            MadeFor::Preview => false,
            MadeFor::Revision { revision: number, is_upgrade: upgrade, capabilities: those } => {
                *number == revision && *upgrade == is_upgrade && those == capabilities
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use helm::Chart;

    use super::*;

    fn rendered(text: &str) -> Rendered {
        Rendered::of_manifest(Chart::default(), "c/templates/a.yaml", text.to_owned()).unwrap()
    }

    #[test]
    fn objects_are_those_of_the_manifests_and_hooks() {
        let hook = "kind: Job\nmetadata: {name: j, annotations: {helm.sh/hook: pre-install}}\n";
        let text =
            format!("kind: Pod\nmetadata: {{name: p}}\n---\n{hook}---\nkind: Namespace\nmetadata: {{name: n}}\n");
        let found = Rendition::as_written(rendered(&text), None).unwrap().objects;
        let kinds = |objects: Vec<&Json>| objects.iter().map(|one| one["kind"].to_string()).collect::<Vec<_>>();
        assert_eq!(kinds(found.manifests().collect()), ["\"Namespace\"", "\"Pod\""]);
        assert_eq!(kinds(found.all().collect()), ["\"Namespace\"", "\"Pod\"", "\"Job\""]);
        assert!(found.manifests.iter().all(|(path, _)| path == "c/templates/a.yaml"));
    }

    #[test]
    fn a_rewritten_manifest_is_read_afterwards() {
        let rewrite = |with: &'static str| Rewrite(Arc::new(move |text: &str| Ok(text.replace("old", with))));
        let found = Rendition::as_written(rendered("kind: Pod\nimage: old\n"), Some(&rewrite("new"))).unwrap();
        assert_eq!(found.objects.manifests[0].1["image"], "new");
        assert!(found.rendered.manifest_text().contains("image: new"));
        let broken = Rendition::as_written(rendered("kind: Pod\nimage: old\n"), Some(&rewrite("a: b: c")));
        assert!(matches!(broken, Err(Error::Manifest { path, .. }) if path == "c/templates/a.yaml"));
    }

    #[test]
    fn an_operation_uses_only_what_it_would_render_itself() {
        let seen = Capabilities::default();
        let more = Capabilities { api_versions: vec!["a.example/v1".to_owned()], ..seen.clone() };
        let one = Rendition::of_revision(rendered("kind: Pod\n"), None, 2, true, seen.clone()).unwrap();
        for (same, revision, is_upgrade, capabilities) in
            [(true, 2, true, &seen), (false, 3, true, &seen), (false, 2, false, &seen), (false, 2, true, &more)]
        {
            assert_eq!(one.is_for(revision, is_upgrade, capabilities), same, "{revision} {is_upgrade}");
        }
        assert!(Rendition::as_written(rendered("kind: Pod\n"), None).unwrap().is_for(7, true, &more));
        assert!(!Rendition::preview(rendered("kind: Pod\n"), None).unwrap().is_for(1, false, &seen));
    }
}
