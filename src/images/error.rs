//! Why an image could not be copied. Display covers this layer only; causes are in `source()`.

use std::path::PathBuf;

use names::Sha256;

use crate::charts;

/// Result of every operation in this room.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Which end of a copy failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Where the image comes from.
    Source,
    /// Where it goes.
    Destination,
}

/// Why an image could not be copied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text does not name an image.
    #[error("`{text}` is not an image: {problem}")]
    NoReference {
        /// The text.
        text: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The text does not name a platform.
    #[error("`{text}` is not a platform: write `OS/ARCHITECTURE` or `OS/ARCHITECTURE/VARIANT`, such as `linux/arm64`")]
    NoPlatform {
        /// The text.
        text: String,
    },
    /// A registry did not do what it was asked for.
    #[error("could not {what} `{image}`")]
    Registry {
        /// The end of the copy.
        side: Side,
        /// What was attempted: `read`, `write`.
        what: &'static str,
        /// The image, or one of its parts.
        image: String,
        /// Why.
        #[source]
        source: Box<charts::Error>,
    },
    /// A file or a folder could not be read.
    #[error("could not read `{}`", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file or a folder does not hold images in a form that is known.
    #[error("`{}` holds no images: {problem}", path.display())]
    NoArchive {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Content has another checksum than its name says.
    #[error(
        "the content of `{origin}` has the checksum {found}, and should have {expected}; nothing of it was written"
    )]
    Checksum {
        /// What was read.
        origin: String,
        /// The expected checksum.
        expected: Sha256,
        /// The checksum of what was read.
        found: Sha256,
    },
    /// Content has another size than its manifest says.
    #[error(
        "the content of `{origin}` has {found} bytes or more, and should have {expected}; nothing of it was written"
    )]
    Size {
        /// What was read.
        origin: String,
        /// The expected size.
        expected: u64,
        /// Bytes that came.
        found: u64,
    },
    /// A manifest cannot be understood.
    #[error("the manifest of `{image}` cannot be copied: {problem}")]
    Manifest {
        /// The image.
        image: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The image lacks a platform.
    #[error("`{image}` has nothing for {wanted}; it has {found}")]
    Platforms {
        /// The image.
        image: String,
        /// The wanted platforms.
        wanted: String,
        /// Those of the image.
        found: String,
    },
    /// A reference names the digest of all platforms, of which only some are wanted.
    #[error("`{image}` names the digest of an index, which would be another one with some of its platforms only")]
    Pinned {
        /// The image.
        image: String,
    },
    /// The tag of the destination holds another image.
    #[error("`{image}` already holds {found}, and not {wanted}")]
    TagTaken {
        /// The destination.
        image: String,
        /// Its digest.
        found: Sha256,
        /// That of the image to be copied.
        wanted: Sha256,
    },
    /// The registry reported success and did not keep the content.
    #[error("the registry reported that it stored `{blob}`, and does not have it")]
    Discarded {
        /// The blob.
        blob: String,
    },
    /// Terraform asked to stop.
    #[error("stopped while copying `{image}`")]
    Stopped {
        /// The image.
        image: String,
    },
}

impl Error {
    /// Whether the other images would fail the same way: the destination does not answer, is full, or the run is to
    /// stop.
    #[must_use]
    pub fn concerns_all(&self) -> bool {
        use charts::Error as E;
        match self {
            Self::Stopped { .. } | Self::Discarded { .. } => true,
            Self::Registry { side: Side::Destination, source, .. } => matches!(
                **source,
                E::Unreachable { .. } | E::Status { .. } | E::EcrLogin { .. } | E::ProxyPassword { .. }
            ),
            _ => false,
        }
    }
}
