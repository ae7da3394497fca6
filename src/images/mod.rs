//! Container images, copied between registries, and from archives into registries.
//!
//! ```text
//! Reference ─┐
//!            ├▶ Source ▶ manifests, as raw bytes ▶ blobs, checked while they stream ▶ Repository (the destination)
//! Archive ───┘
//! ```
//!
//! [`Client::copy`] copies one image. Manifests and indexes keep their bytes, so digests stay the same; whatever the
//! destination holds already is not sent again. Nothing is kept on this machine: blobs pass through in pieces.
//!
//! Absent from this room: Terraform and AWS. Requests, credentials and proxies are those of [`charts`](crate::charts).

mod archive;
mod copy;
mod error;
mod manifest;
mod reference;
mod repository;
mod source;
mod stream;
mod upload;

pub use archive::{Archive, Entry};
pub use copy::{Client, Copied, Job, Settings};
pub use error::{Error, Result, Side};
pub use manifest::Platform;
pub use reference::Reference;
pub use source::Source;
