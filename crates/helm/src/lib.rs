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

mod bytes;
mod capabilities;
mod caught;
mod chart;
mod data;
mod error;
mod go;
mod json;
mod lookup;
mod manifest;
mod regexp;
mod release;
mod render;
mod template;
mod values;
mod version;
mod yaml;

pub use capabilities::{Capabilities, KubeVersion};
pub use caught::is_catching;
pub use chart::{Chart, CustomResource, Dependency, File, Maintainer, Metadata};
pub use data::{Data, Map};
pub use error::{Error, Result, TemplateFault};
pub use lookup::{Lookup, NoCluster};
pub use manifest::{
    DeletePolicy, Hook, HookEvent, INSTALL_ORDER, Manifest, OutputLogPolicy, UNINSTALL_ORDER, read_objects,
};
pub use release::{
    ApplyMethod, HookPhase, HookRun, MAX_SECRET_BYTES, Release, SECRET_KEY, SECRET_TYPE, Status, Written,
};
pub use render::{RenderOptions, Rendered, render, render_templates, resolve};
pub use template::Place;
pub use values::Values;
pub use version::{Constraint, Version};
pub use yaml::{read_typed as from_yaml, write as to_yaml};
