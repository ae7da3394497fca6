//! Where charts and manifests come from: a folder, a file, a chart repository, an OCI registry, or an address.
//!
//! [`Source`] names what to fetch, [`Client::fetch`] returns its bytes, checked against every known checksum: the user's
//! pin, the repository's index, the registry's manifest. Fetched content is kept in a [cache](`Settings::cache`) by its
//! checksum, and checked again when it is read.
//!
//! ```text
//! Source ─▶ Client ─▶ cache            (a pin is enough: no network)
//!             ├─▶ repository: index.yaml ▶ version ▶ archive
//!             ├─▶ registry: challenge ▶ token ▶ manifest ▶ layer
//!             └─▶ http: proxies, certificates, redirects, retries, resumed downloads
//! Ask ─▶ Client ─▶ registry: any request, with its token from the start, over kept connections (for `src/images`)
//! images: references in the pods of rendered manifests, and their place in a mirror. Pure.
//! ```
//!
//! Absent from this room: Terraform, AWS, Kubernetes and the templates of charts. A private ECR registry gets
//! its password through [`EcrLogin`], which the provider implements. Nothing is read or opened before the first fetch.

mod cache;
mod client;
mod error;
mod http;
pub mod images;
mod registry;
mod repository;
mod source;
#[cfg(test)]
mod stage;
mod version;

pub use client::{Artifact, Client, Content, Settings};
pub use error::{Cause, Checked, Error, Result, Tried};
pub use http::Answer;
pub use http::connect::{Body, Trusted, check_authorities};
pub use registry::exchange::{Ask, Reply, Sending, To, Unsent, passes};
pub use registry::{EcrLogin, EcrRegistry, Login, Proof};
pub use source::{Location, OciReference, Source};
