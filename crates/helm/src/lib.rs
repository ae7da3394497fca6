//! A chart engine that renders as Helm does, byte for byte: charts and values in, manifests and release objects out.
//!
//! It knows no network and no cluster. What it needs from a cluster comes in: [`Capabilities`] as data, and `lookup`
//! through the [`Lookup`] trait. What Helm does and this crate does not is in DIFFERENCES.md.
//!
//! ```text
//! folder, .tgz ─▶ chart ─▶ values ─▶ template ─▶ manifest ─▶ Rendered ─▶ release
//!                  │         │          │            └ split, hooks, install order
//!                  │         │          └ lexer ▶ parser ▶ evaluator, with functions
//!                  │         └ merged with defaults, checked against the schema
//!                  └ dependencies by condition, tags and alias
//! ```
//!
//! ```no_run
//! use helm::{Chart, RenderOptions, Values, render};
//!
//! let chart = Chart::load("cilium-1.17.1.tgz")?;
//! let values = Values::from_yaml("operator: {replicas: 1}")?;
//! let rendered = render(&chart, values, RenderOptions { name: "cilium", ..RenderOptions::default() })?;
//! for manifest in &rendered.manifests {
//!     println!("{} {}", manifest.kind, manifest.name);
//! }
//! # Ok::<(), helm::Error>(())
//! ```

mod api_versions;
mod bytes;
mod caught;
mod chart;
mod data;
mod error;
mod json;
mod manifest;
mod regexp;
mod release;
mod render;
mod template;
mod values;
mod version;
mod yaml;

pub use caught::is_catching;
pub use chart::{Chart, CustomResource, Dependency, File, Maintainer, Metadata};
pub use data::{Data, Map};
pub use error::{Error, Result};
pub use manifest::{
    DeletePolicy, Hook, HookEvent, INSTALL_ORDER, Manifest, OutputLogPolicy, UNINSTALL_ORDER, read_objects,
};
pub use release::{
    ApplyMethod, HookPhase, HookRun, MAX_SECRET_BYTES, Release, SECRET_KEY, SECRET_TYPE, Status, Written,
};
pub use render::{Capabilities, KubeVersion, RenderOptions, Rendered, render, render_templates, resolve};
pub use values::Values;
pub use version::{Constraint, Version};
pub use yaml::write as to_yaml;

/// A cluster that templates can look into.
pub trait Lookup: Sync {
    /// The object, or with an empty `name` the list, that `lookup` asks for; `None` where there is none.
    ///
    /// An empty `namespace` means all namespaces, or none for an object without one.
    ///
    /// # Errors
    /// A text for the user, where the cluster cannot be asked. The render fails with it.
    fn lookup(&self, api_version: &str, kind: &str, namespace: &str, name: &str) -> Result<Option<Data>, String>;
}

/// No cluster: every lookup is empty, as in `helm template`.
#[derive(Debug, Clone, Copy)]
pub struct NoCluster;

impl Lookup for NoCluster {
    fn lookup(&self, _: &str, _: &str, _: &str, _: &str) -> Result<Option<Data>, String> {
        Ok(None)
    }
}
