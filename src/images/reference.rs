//! Names of images, as Docker and Kubernetes read them.

use std::fmt;

use names::Sha256;

use super::error::{Error, Result};
use crate::charts::OciReference;

/// An image in a registry. `nginx` is `docker.io/library/nginx:latest`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    /// Host, with the port if there is one.
    pub registry: String,
    /// Path of the repository.
    pub repository: String,
    /// Tag. `None` if only a digest names the image.
    pub tag: Option<String>,
    /// Digest of the manifest. Wins over the tag.
    pub digest: Option<Sha256>,
}

impl Reference {
    /// Reads a reference as it is written in a pod.
    ///
    /// # Errors
    /// [`Error::NoReference`].
    pub fn parse(text: &str) -> Result<Self> {
        let refuse = |problem: String| Error::NoReference { text: text.to_owned(), problem };
        if text.contains("://") {
            return Err(refuse("it is written without a scheme, such as `quay.io/cilium/cilium:v1.17.1`".to_owned()));
        }
        if text.is_empty() {
            return Err(refuse("it is empty".to_owned()));
        }
        let (host, path) = match text.split_once('/') {
            Some((host, path)) if host == "localhost" || host.contains(['.', ':']) => (host, path.to_owned()),
            Some(_) => ("docker.io", text.to_owned()),
            None => ("docker.io", format!("library/{text}")),
        };
        let host = if host == "index.docker.io" { "docker.io" } else { host };
        let path = if host == "docker.io" && !path.contains('/') { format!("library/{path}") } else { path };
        if path.contains('+') {
            return Err(refuse("a tag has no `+`".to_owned()));
        }
        let read = OciReference::parse(&format!("oci://{host}/{path}")).map_err(|error| {
            let text = error.to_string();
            refuse(text.rsplit_once("`: ").or(text.split_once(": ")).map_or(text.clone(), |(_, why)| why.to_owned()))
        })?;
        let latest = || "latest".to_owned();
        let tag = if read.digest.is_some() { read.tag } else { Some(read.tag.unwrap_or_else(latest)) };
        Ok(Self { registry: read.registry, repository: read.repository, tag, digest: read.digest })
    }

    /// What a request for its manifest names: the digest, otherwise the tag.
    pub(super) fn manifest(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.to_string(),
            (None, Some(tag)) => tag.clone(),
            // `parse` gives one of them.
            (None, None) => "latest".to_owned(),
        }
    }

    /// Registry and repository.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    /// The same image, by its digest in addition.
    #[must_use]
    pub fn at(&self, digest: Sha256) -> Self {
        Self { digest: Some(digest), ..self.clone() }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUM: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn references() {
        for (text, whole) in [
            ("nginx", "docker.io/library/nginx:latest"),
            ("nginx:1.27", "docker.io/library/nginx:1.27"),
            ("docker.io/nginx:1.27", "docker.io/library/nginx:1.27"),
            ("index.docker.io/calico/cni:v3.29.2", "docker.io/calico/cni:v3.29.2"),
            ("calico/cni:v3.29.2", "docker.io/calico/cni:v3.29.2"),
            ("localhost/a", "localhost/a:latest"),
            ("h:5000/a/b:1", "h:5000/a/b:1"),
            (&format!("quay.io/cilium/cilium:v1@{SUM}"), &format!("quay.io/cilium/cilium:v1@{SUM}")),
            (&format!("quay.io/cilium/cilium@{SUM}"), &format!("quay.io/cilium/cilium@{SUM}")),
        ] {
            assert_eq!(Reference::parse(text).expect(text).to_string(), whole);
        }
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        for (text, problem) in [
            ("", "it is empty"),
            ("https://h.example/a", "without a scheme"),
            ("h.example/A", "lower case"),
            ("h.example/a:1+2", "no `+`"),
            ("h.example/a@sha256:12", "64 hexadecimal digits"),
            ("h.example/a:-", "tag"),
        ] {
            let error = Reference::parse(text).expect_err(text).to_string();
            assert!(error.starts_with(&format!("`{text}` is not an image: ")) && error.contains(problem), "{error}");
        }
    }
}
