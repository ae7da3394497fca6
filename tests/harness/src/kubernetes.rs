//! The API server of a case's cluster, as its administrator: what a person with `kubectl` would change and see.
//!
//! One request at a time over a TLS connection of its own, with the client certificate of the sandbox's kubeconfig.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde_json::{Map, Value as Json, json};

/// How long a busy API server is asked again.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long to wait for an answer: far longer than any takes, so that a case that hangs ends.
const ANSWER_PATIENCE: Duration = Duration::from_mins(2);

/// How long the API server may take to act by what it has stored.
pub(crate) const EFFECT_PATIENCE: Duration = Duration::from_mins(1);

/// The administrator of one cluster.
#[derive(Debug)]
pub struct Administrator {
    address: String,
    tls: Arc<rustls::ClientConfig>,
}

/// The API server did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum AdministratorError {
    /// The sandbox's kubeconfig cannot be used.
    #[error("the administrator's kubeconfig cannot be used: {0}")]
    Kubeconfig(String),
    /// The connection broke.
    #[error("could not reach the API server for {call}")]
    Connection {
        /// Method and path.
        call: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It refused.
    #[error("the API server refused {call}: {status} {answer}")]
    Refused {
        /// Method and path.
        call: String,
        /// The HTTP status.
        status: u16,
        /// What it said.
        answer: String,
    },
    /// It still accepts what it should refuse.
    #[error("the API server still accepts {call} after {} s", EFFECT_PATIENCE.as_secs())]
    NotRefused {
        /// Method and path.
        call: String,
    },
}

impl Administrator {
    /// From the sandbox's kubeconfig, which is JSON.
    ///
    /// # Errors
    ///
    /// It is not the sandbox's form.
    pub fn new(kubeconfig: &str) -> Result<Self, AdministratorError> {
        let unusable = AdministratorError::Kubeconfig;
        let config: Json = serde_json::from_str(kubeconfig).map_err(|error| unusable(error.to_string()))?;
        let part = |pointer: &str| {
            let text = config.pointer(pointer).and_then(Json::as_str);
            text.ok_or_else(|| unusable(format!("it has no {pointer}")))
        };
        let pem = |pointer: &str| STANDARD.decode(part(pointer)?).map_err(|error| unusable(error.to_string()));
        let authority = pem("/clusters/0/cluster/certificate-authority-data")?;
        let certificate = pem("/users/0/user/client-certificate-data")?;
        let key = pem("/users/0/user/client-key-data")?;
        let address = part("/clusters/0/cluster/server")?;
        let address = address.strip_prefix("https://").ok_or_else(|| unusable(format!("{address} is not https")))?;
        let tls = || -> Result<rustls::ClientConfig, Box<dyn std::error::Error>> {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(&authority)?)?;
            let ring = Arc::new(rustls::crypto::ring::default_provider());
            Ok(rustls::ClientConfig::builder_with_provider(ring)
                .with_safe_default_protocol_versions()?
                .with_root_certificates(roots)
                .with_client_auth_cert(
                    vec![CertificateDer::from_pem_slice(&certificate)?],
                    PrivateKeyDer::from_pem_slice(&key)?,
                )?)
        };
        let tls = tls().map_err(|error| unusable(error.to_string()))?;
        Ok(Self { address: address.to_owned(), tls: Arc::new(tls) })
    }

    /// One request, repeated while the API server is busy with itself. `method` is GET, POST, PUT, DELETE, PATCH (a merge patch) or APPLY (a server-side apply, whose
    /// field manager is in the path's query). Something that does not exist is null.
    ///
    /// # Errors
    ///
    /// The API server refuses or is gone.
    pub fn call(&self, method: &str, path: &str, body: Option<&str>) -> Result<Json, AdministratorError> {
        let started = Instant::now();
        loop {
            match self.once(method, path, body) {
                // The storage of a kind is not ready in the first moments.
                Err(AdministratorError::Refused { status: 429 | 503, .. }) if started.elapsed() < PATIENCE => {
                    std::thread::sleep(Duration::from_millis(200));
                }
                other => return other,
            }
        }
    }

    /// Repeats a request until the API server forbids it or finds it invalid, or until it does not any more.
    ///
    /// # Errors
    ///
    /// Nothing changes for a minute, it refuses the request for another reason, or is gone.
    pub fn until(&self, refused: bool, method: &str, path: &str, body: Option<&str>) -> Result<(), AdministratorError> {
        let started = Instant::now();
        loop {
            let is_late = started.elapsed() >= EFFECT_PATIENCE;
            match self.call(method, path, body) {
                Err(AdministratorError::Refused { status: 403 | 422, .. }) if refused => return Ok(()),
                Err(AdministratorError::Refused { status: 403 | 422, .. }) if !is_late => {}
                Err(other) => return Err(other),
                Ok(_) if !refused => return Ok(()),
                Ok(_) if is_late => return Err(AdministratorError::NotRefused { call: format!("{method} {path}") }),
                Ok(_) => {}
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn once(&self, method: &str, path: &str, body: Option<&str>) -> Result<Json, AdministratorError> {
        let call = || format!("{method} {path}");
        let broken = |source| AdministratorError::Connection { call: call(), source };
        let (verb, content_type) = match method {
            "PATCH" => ("PATCH", "application/merge-patch+json"),
            "APPLY" => ("PATCH", "application/apply-patch+yaml"),
            other => (other, "application/json"),
        };
        let host = self.address.rsplit_once(':').map_or(self.address.as_str(), |(host, _)| host).to_owned();
        let name = ServerName::try_from(host).map_err(|error| broken(std::io::Error::other(error)))?;
        let connection = rustls::ClientConnection::new(Arc::clone(&self.tls), name);
        let connection = connection.map_err(|error| broken(std::io::Error::other(error)))?;
        let stream = TcpStream::connect(&self.address).map_err(broken)?;
        stream.set_read_timeout(Some(ANSWER_PATIENCE)).map_err(broken)?;
        let mut stream = rustls::StreamOwned::new(connection, stream);
        let body = body.unwrap_or_default();
        write!(
            stream,
            "{verb} {path} HTTP/1.1\r\nhost: {}\r\naccept: application/json\r\ncontent-type: {content_type}\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n{body}",
            self.address,
            body.len()
        )
        .map_err(broken)?;
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer) {
            // Go's server closes the connection without TLS's own farewell.
            Err(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => return Err(broken(error)),
            _ => {}
        }
        let (status, body) = parts(&answer);
        let refused = |answer: String| AdministratorError::Refused { call: call(), status, answer };
        match status {
            200..300 => serde_json::from_slice(&body).map_err(|error| refused(format!("no JSON: {error}"))),
            404 => Ok(Json::Null),
            _ => Err(refused(String::from_utf8_lossy(&body).into_owned())),
        }
    }

    /// What a case must leave as it was: the objects that types of this provider change, without what the API server
    /// and its controllers write into them. Nodes are not among them, since cases make some.
    ///
    /// # Errors
    ///
    /// The API server refuses or is gone.
    pub fn dump(&self) -> Result<Json, AdministratorError> {
        let mut objects = Map::new();
        for list in
            ["/apis/crd.k8s.amazonaws.com/v1alpha1/eniconfigs", "/apis/apps/v1/namespaces/kube-system/daemonsets"]
        {
            if let Json::Array(items) = self.call("GET", list, None)?["items"].take() {
                for item in items {
                    let name = item["metadata"]["name"].as_str().unwrap_or_default();
                    objects.insert(format!("{list}/{name}"), told(&item));
                }
            }
        }
        for path in
            ["aws-auth", "amazon-vpc-cni"].map(|name| format!("/api/v1/namespaces/kube-system/configmaps/{name}"))
        {
            match self.call("GET", &path, None)? {
                Json::Null => {}
                found => drop(objects.insert(path, told(&found))),
            }
        }
        Ok(Json::Object(objects))
    }
}

/// The lasting part of an object.
fn told(object: &Json) -> Json {
    let mut object = object.clone();
    let is_manager = |entry: &&Json| entry["subresource"].is_null();
    let managers: Vec<&str> = object["metadata"]["managedFields"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(is_manager)
        .filter_map(|entry| entry["manager"].as_str())
        .filter(|manager| !manager.starts_with("kube-") && !manager.starts_with("kwok"))
        .collect();
    let mut managers: Vec<String> = managers.into_iter().map(str::to_owned).collect();
    managers.sort();
    managers.dedup();
    let metadata = &object["metadata"];
    let mut annotations = metadata["annotations"].clone();
    if let Json::Object(annotations) = &mut annotations {
        annotations.remove("deprecated.daemonset.template.generation");
    }
    let lasting = json!({ "labels": metadata["labels"], "annotations": annotations, "managers": managers });
    let Json::Object(members) = &mut object else { return object };
    members.remove("status");
    members.insert("metadata".to_owned(), lasting);
    object
}

/// Status and body of an answer; a body in chunks is put together.
fn parts(answer: &[u8]) -> (u16, Vec<u8>) {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(answer.len());
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let body = answer.get(end + 4..).unwrap_or_default();
    if head.contains("transfer-encoding: chunked") { (status, unchunked(body)) } else { (status, body.to_vec()) }
}

fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(line) = body.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&body[..line]).ok().and_then(|text| usize::from_str_radix(text.trim(), 16).ok());
        let Some(chunk) = size.filter(|size| *size > 0).and_then(|size| body.get(line + 2..line + 2 + size)) else {
            break;
        };
        whole.extend_from_slice(chunk);
        body = body.get(line + 2 + chunk.len() + 2..).unwrap_or_default();
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_whole_and_in_chunks() {
        for (answer, expected) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", (200, "{}")),
            (
                "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{\"a\r\nA\r\n\":[1,2,3]}\r\n0\r\n\r\n",
                (201, "{\"a\":[1,2,3]}"),
            ),
            ("nonsense", (0, "")),
        ] {
            let (status, body) = parts(answer.as_bytes());
            assert_eq!((status, String::from_utf8_lossy(&body).as_ref()), expected, "{answer}");
        }
    }

    #[test]
    fn only_what_lasts_is_compared() {
        let object = json!({
            "kind": "DaemonSet",
            "metadata": {
                "name": "a", "resourceVersion": "7", "labels": { "k": "v" },
                "managedFields": [{ "manager": "eks" }, { "manager": "kube-controller-manager" }, { "manager": "eks" }],
            },
            "spec": { "x": 1 }, "status": { "n": 2 },
        });
        let metadata = json!({ "labels": { "k": "v" }, "annotations": null, "managers": ["eks"] });
        assert_eq!(told(&object), json!({ "kind": "DaemonSet", "metadata": metadata, "spec": { "x": 1 } }));
    }
}
