//! Manifests and indexes: <https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md>, and Docker's, which are
//! older and alike.
//!
//! They are read, never written, with two exceptions: the index that remains of another when only some platforms are
//! wanted, and the manifest of an image that `docker save` stored without one.

use std::fmt;

use names::Sha256;
use serde::Deserialize;
use serde_json::{Value, json};

/// What a client accepts.
pub(super) const ACCEPTED: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json";
const INDEXES: &[&str] =
    &["application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"];
const IMAGES: &[&str] =
    &["application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"];
/// Ties an attestation to the image that it is about. Source: BuildKit, attestation storage.
const ABOUT: &str = "vnd.docker.reference.digest";

/// A platform, as `linux/arm64/v8`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Platform {
    os: String,
    architecture: String,
    variant: Option<String>,
}

impl Platform {
    /// Reads `OS/ARCHITECTURE[/VARIANT]`.
    ///
    /// # Errors
    /// [`NoPlatform`](super::Error::NoPlatform).
    pub fn parse(text: &str) -> super::Result<Self> {
        let refuse = || super::Error::NoPlatform { text: text.to_owned() };
        let is_word = |word: &&str| {
            !word.is_empty() && word.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'.' | b'_' | b'-'))
        };
        let words: Vec<&str> = text.split('/').collect();
        if !words.iter().all(is_word) {
            return Err(refuse());
        }
        let (os, architecture, variant) = match words[..] {
            [os, architecture] => (os, architecture, None),
            [os, architecture, variant] => (os, architecture, Some(variant.to_owned())),
            _ => return Err(refuse()),
        };
        Ok(Self { os: os.to_owned(), architecture: architecture.to_owned(), variant })
    }

    /// Whether this platform of an image is meant by `wanted`, which may leave out the variant.
    fn is(&self, wanted: &Self) -> bool {
        self.os == wanted.os
            && self.architecture == wanted.architecture
            && wanted.variant.as_ref().is_none_or(|variant| self.variant.as_ref() == Some(variant))
    }

    /// Of whatever is no platform, such as an attestation.
    fn is_unknown(&self) -> bool {
        self.os == "unknown" && self.architecture == "unknown"
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.as_ref().map_or(Ok(()), |variant| write!(f, "/{variant}"))
    }
}

/// A manifest or an index, as its registry holds it.
#[derive(Debug, Clone)]
pub(super) struct Manifest {
    pub(super) bytes: Vec<u8>,
    pub(super) media_type: String,
    pub(super) digest: Sha256,
}

/// What names a part of an image.
#[derive(Debug, Clone)]
pub(super) struct Descriptor {
    pub(super) media_type: String,
    pub(super) digest: Sha256,
    pub(super) size: u64,
    platform: Option<Platform>,
    about: Option<String>,
    raw: Value,
}

/// What a manifest consists of.
#[derive(Debug)]
pub(super) enum Parts {
    /// Configuration and layers.
    Blobs(Vec<Descriptor>),
    /// Other manifests.
    Manifests(Vec<Descriptor>),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    schema_version: Option<i64>,
    media_type: Option<String>,
    config: Option<Value>,
    layers: Option<Vec<Value>>,
    manifests: Option<Vec<Value>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawDescriptor {
    media_type: Option<String>,
    digest: String,
    size: u64,
    platform: Option<RawPlatform>,
    #[serde(default)]
    annotations: std::collections::BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct RawPlatform {
    os: String,
    architecture: String,
    variant: Option<String>,
}

impl Manifest {
    pub(super) fn new(bytes: Vec<u8>, media_type: impl Into<String>) -> Self {
        let digest = Sha256::of(&bytes);
        Self { bytes, media_type: media_type.into(), digest }
    }

    /// What it consists of; the error is what is wrong with it.
    pub(super) fn parts(&self) -> Result<Parts, String> {
        let raw: Raw = serde_json::from_slice(&self.bytes).map_err(|error| error.to_string())?;
        if raw.schema_version == Some(1) {
            return Err("it is in Docker's first format, which registries no longer accept; push the image again \
                        with a current client"
                .to_owned());
        }
        let media_type = raw.media_type.as_deref().unwrap_or(&self.media_type);
        let all = |values: Vec<Value>| values.into_iter().map(descriptor).collect::<Result<Vec<_>, _>>();
        match (raw.manifests, raw.config, raw.layers) {
            (Some(manifests), None, None) if !IMAGES.contains(&media_type) => Ok(Parts::Manifests(all(manifests)?)),
            (None, Some(config), layers) if !INDEXES.contains(&media_type) => {
                let blobs = std::iter::once(config).chain(layers.unwrap_or_default()).collect();
                Ok(Parts::Blobs(all(blobs)?))
            }
            _ => Err(format!("a manifest of type `{media_type}` is neither that of an image nor an index of images")),
        }
    }
}

impl Descriptor {
    /// Whether registries do not hold it: the base layers of Windows may not be distributed.
    pub(super) fn is_foreign(&self) -> bool {
        self.media_type == "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
            || self.media_type.starts_with("application/vnd.oci.image.layer.nondistributable.")
    }
}

/// What one index becomes if only some platforms are wanted.
pub(super) enum Reduced {
    /// Everything is wanted.
    Same,
    /// One image, with nothing beside it.
    One(Box<Descriptor>),
    /// Some of its images.
    Index(Manifest),
    /// None is wanted; the platforms that there are.
    Nothing(Vec<String>),
}

/// Keeps the images for some platforms, in their order, and the attestations about them.
pub(super) fn reduce(index: &Manifest, manifests: Vec<Descriptor>, wanted: &[Platform]) -> Result<Reduced, String> {
    let is_wanted = |one: &Descriptor| {
        one.platform.as_ref().is_some_and(|platform| wanted.iter().any(|wanted| platform.is(wanted)))
    };
    let kept: Vec<String> = manifests.iter().filter(|it| is_wanted(it)).map(|it| it.digest.to_string()).collect();
    let missing = wanted
        .iter()
        .any(|wanted| !manifests.iter().filter_map(|one| one.platform.as_ref()).any(|platform| platform.is(wanted)));
    if missing {
        let there = manifests.iter().filter_map(|one| one.platform.as_ref()).filter(|it| !it.is_unknown());
        return Ok(Reduced::Nothing(there.map(ToString::to_string).collect()));
    }
    let all = manifests.len();
    let mut rest: Vec<Descriptor> = manifests
        .into_iter()
        .filter(|one| is_wanted(one) || one.about.as_ref().is_some_and(|about| kept.contains(about)))
        .collect();
    if rest.len() == all {
        return Ok(Reduced::Same);
    }
    if rest.len() == 1
        && let Some(one) = rest.pop()
    {
        return Ok(Reduced::One(Box::new(one)));
    }
    let mut value: Value = serde_json::from_slice(&index.bytes).map_err(|error| error.to_string())?;
    value["manifests"] = rest.into_iter().map(|one| one.raw).collect();
    let bytes = serde_json::to_vec(&value).map_err(|error| error.to_string())?;
    Ok(Reduced::Index(Manifest::new(bytes, index.media_type.clone())))
}

/// The manifest of an image that an archive holds without one: its layers lie there unpacked.
pub(super) fn written(config: (Sha256, u64), layers: &[(Sha256, u64)]) -> Manifest {
    let layers: Vec<Value> = layers
        .iter()
        .map(|(digest, size)| {
            let media_type = "application/vnd.docker.image.rootfs.diff.tar";
            json!({"mediaType": media_type, "size": size, "digest": digest.to_string()})
        })
        .collect();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": IMAGES[1],
        "config": {
            "mediaType": "application/vnd.docker.container.image.v1+json",
            "size": config.1,
            "digest": config.0.to_string(),
        },
        "layers": layers,
    });
    Manifest::new(manifest.to_string().into_bytes(), IMAGES[1])
}

/// Reads what names a part; the error is what is wrong with it.
pub(super) fn descriptor(raw: Value) -> Result<Descriptor, String> {
    let read = RawDescriptor::deserialize(&raw).map_err(|error| error.to_string())?;
    let digest = read.digest.parse::<Sha256>().ok().filter(|_| read.digest.starts_with("sha256:"));
    let digest = digest.ok_or_else(|| format!("`{}` is not a SHA-256 digest", read.digest))?;
    let platform = read.platform.map(|it| Platform { os: it.os, architecture: it.architecture, variant: it.variant });
    Ok(Descriptor {
        media_type: read.media_type.unwrap_or_default(),
        digest,
        size: read.size,
        platform,
        about: read.annotations.get(ABOUT).cloned(),
        raw,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, platform: &str, about: Option<&str>) -> Value {
        let mut words = platform.split('/');
        let mut entry = json!({
            "mediaType": IMAGES[0], "size": 1, "digest": Sha256::of(name.as_bytes()).to_string(),
            "platform": {"os": words.next(), "architecture": words.next()},
        });
        if let Some(variant) = words.next() {
            entry["platform"]["variant"] = variant.into();
        }
        if let Some(about) = about {
            entry["annotations"] = json!({ABOUT: Sha256::of(about.as_bytes()).to_string()});
        }
        entry
    }

    fn index(entries: &[Value]) -> (Manifest, Vec<Descriptor>) {
        let text = json!({"schemaVersion": 2, "mediaType": INDEXES[0], "manifests": entries}).to_string();
        let manifest = Manifest::new(text.into_bytes(), INDEXES[0]);
        let Ok(Parts::Manifests(parts)) = manifest.parts() else { panic!("an index") };
        (manifest, parts)
    }

    #[test]
    fn some_platforms_keep_what_is_about_them() {
        let amd = entry("amd", "linux/amd64", None);
        let arm = entry("arm", "linux/arm64/v8", None);
        let proof = entry("proof", "unknown/unknown", Some("arm"));
        let (whole, parts) = index(&[amd.clone(), arm.clone(), proof.clone()]);
        let reduced = |wanted: &[&str]| {
            let wanted: Vec<Platform> = wanted.iter().map(|it| Platform::parse(it).expect(it)).collect();
            reduce(&whole, parts.clone(), &wanted).expect("an index")
        };
        assert!(matches!(reduced(&["linux/amd64"]), Reduced::One(one) if one.digest == Sha256::of(b"amd")));
        let Reduced::Index(rest) = reduced(&["linux/arm64"]) else { panic!("an index") };
        assert_eq!(serde_json::from_slice::<Value>(&rest.bytes).expect("JSON")["manifests"], json!([arm, proof]));
        assert!(matches!(reduced(&["linux/arm64", "linux/amd64"]), Reduced::Same));
        assert!(matches!(reduced(&["linux/amd64", "linux/s390x"]), Reduced::Nothing(there) if there.len() == 2));
        assert!(matches!(reduced(&["linux/arm64/v7"]), Reduced::Nothing(_)));
    }

    #[test]
    fn manifests_that_cannot_be_copied() {
        for (text, problem) in [
            ("", "EOF"),
            (r#"{"schemaVersion":1,"fsLayers":[]}"#, "first format"),
            (r#"{"schemaVersion":2}"#, "neither that of an image"),
            (r#"{"schemaVersion":2,"config":{"digest":"sha512:00","size":1}}"#, "not a SHA-256 digest"),
        ] {
            let error = Manifest::new(text.as_bytes().to_vec(), IMAGES[0]).parts().expect_err(text);
            assert!(error.contains(problem), "{error}");
        }
    }

    #[test]
    fn platforms() {
        for text in ["linux", "linux/", "/amd64", "a/b/c/d", "linux/amd 64"] {
            assert!(Platform::parse(text).is_err(), "{text}");
        }
        assert_eq!(Platform::parse("linux/arm/v7").expect("a platform").to_string(), "linux/arm/v7");
    }
}
