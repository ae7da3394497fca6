//! Client certificates from a cluster's own signer: a CertificateSigningRequest is created, approved, and read until
//! the controller manager has signed it.
//!
//! Source: Kubernetes documentation, "Certificates and Certificate Signing Requests", signer
//! `kubernetes.io/kube-apiserver-client`.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};

use super::client::Client;
use super::error::{Attempt, Kind, Result, Verb};
use super::object::{Resource, name};
use super::request::Call;

/// The signer of client certificates.
const SIGNER: &str = "kubernetes.io/kube-apiserver-client";
/// How often an approval is repeated if the request has changed since it was read.
const ATTEMPTS: u32 = 5;

/// What is requested.
#[derive(Clone, Debug)]
pub struct SigningRequest {
    /// Name of the object. EKS never signs one whose name begins with `csr-`.
    pub name: String,
    /// PKCS #10 in PEM.
    pub request: String,
    /// What the certificate may be used for, such as `client auth`.
    pub usages: Vec<String>,
    /// How long it is to be valid; otherwise as long as the signer allows.
    pub duration: Option<Duration>,
}

/// What has become of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signing {
    /// Nothing yet.
    Pending,
    /// The certificate, and any intermediate ones, in PEM.
    Issued(String),
    /// Somebody denied it, for this reason.
    Denied(String),
    /// The signer refused it, for this reason.
    Failed(String),
    /// It no longer exists.
    Gone,
}

impl Client {
    /// Creates a request for a client certificate.
    ///
    /// # Errors
    /// Those of the request: [`Kind::Forbidden`] also where an admission plugin refuses what is requested.
    pub async fn request_certificate(&self, wanted: &SigningRequest) -> Result<()> {
        let mut spec = json!({
            "request": STANDARD.encode(&wanted.request), "signerName": SIGNER, "usages": wanted.usages,
        });
        if let Some(duration) = wanted.duration {
            spec["expirationSeconds"] = json!(i32::try_from(duration.as_secs()).unwrap_or(i32::MAX));
        }
        let kind = &Resource::CERTIFICATE_SIGNING_REQUEST;
        let object = json!({
            "apiVersion": kind.api_version(), "kind": kind.kind, "metadata": { "name": wanted.name }, "spec": spec,
        });
        self.create(kind, None, &object).await.map(drop)
    }

    /// Approves a request.
    ///
    /// # Errors
    /// Those of the request. It needs `update` on certificatesigningrequests/approval and `approve` on the signer.
    pub async fn approve_certificate(&self, request: &str) -> Result<()> {
        let kind = &Resource::CERTIFICATE_SIGNING_REQUEST;
        let approval = json!({
            "type": "Approved", "status": "True", "reason": "ApprovedByRequester",
            "message": "Requested and approved by the Terraform provider ekshybrid.",
        });
        let mut attempts = 0;
        loop {
            attempts += 1;
            let attempt = Attempt::new(Verb::Update, format!("{}/approval", kind.told(None, request)));
            let Some(mut object) = self.get(kind, None, request).await? else {
                return Err(self.error(Kind::NotFound, &call(attempt, kind, request, None)));
            };
            // Denied meanwhile, or approved by somebody else: both are final, and the next look shows which.
            if signing(&object) != Signing::Pending || has(&object, "Approved").is_some() {
                return Ok(());
            }
            if !object["status"]["conditions"].is_array() {
                object["status"] = json!({ "conditions": [] });
            }
            if let Some(conditions) = object["status"]["conditions"].as_array_mut() {
                conditions.push(approval.clone());
            }
            match self.call(call(attempt, kind, request, Some(object))).await {
                Err(error) if *error.kind() == Kind::Changed && attempts < ATTEMPTS => {}
                done => return done.map(drop),
            }
        }
    }

    /// What has become of a request.
    ///
    /// # Errors
    /// Those of the request.
    pub async fn signing(&self, request: &str) -> Result<Signing> {
        let found = self.get(&Resource::CERTIFICATE_SIGNING_REQUEST, None, request).await?;
        Ok(found.map_or(Signing::Gone, |object| signing(&object)))
    }
}

fn call(attempt: Attempt, kind: &Resource, request: &str, body: Option<Json>) -> Call {
    let path = format!("{}/approval", kind.path(None, Some(request)));
    Call { attempt, path, body: body.map(|body| ("application/json", body)) }
}

fn signing(object: &Json) -> Signing {
    if let Some(why) = has(object, "Denied") {
        return Signing::Denied(why);
    }
    if let Some(why) = has(object, "Failed") {
        return Signing::Failed(why);
    }
    let issued = object["status"]["certificate"].as_str().filter(|text| !text.is_empty());
    let text = issued.and_then(|text| STANDARD.decode(text).ok()).and_then(|text| String::from_utf8(text).ok());
    match (issued, text) {
        (None, _) => Signing::Pending,
        (Some(_), Some(text)) => Signing::Issued(text),
        (Some(_), None) => Signing::Failed(format!("the certificate of `{}` is not PEM in base64", name(object))),
    }
}

/// Reason and message of a condition, if the object has it.
fn has(object: &Json, condition: &str) -> Option<String> {
    let mut conditions = object["status"]["conditions"].as_array()?.iter();
    let found = conditions.find(|one| one["type"] == condition && one["status"] != "False")?;
    let text = |member: &str| found[member].as_str().unwrap_or_default().trim();
    Some(match (text("reason"), text("message")) {
        ("", message) => message.to_owned(),
        (reason, "") => reason.to_owned(),
        (reason, message) => format!("{message} (reason {reason})"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_becomes_of_a_request() {
        let condition = |kind: &str| json!([{ "type": kind, "status": "True", "reason": "No", "message": "not him" }]);
        for (status, expected) in [
            (json!({}), Signing::Pending),
            (json!({ "conditions": condition("Approved") }), Signing::Pending),
            (json!({ "conditions": condition("Denied") }), Signing::Denied("not him (reason No)".to_owned())),
            (json!({ "conditions": condition("Failed") }), Signing::Failed("not him (reason No)".to_owned())),
            (json!({ "certificate": "UEVN" }), Signing::Issued("PEM".to_owned())),
            (json!({ "certificate": "?" }), Signing::Failed("the certificate of `a` is not PEM in base64".to_owned())),
        ] {
            let object = json!({ "metadata": { "name": "a" }, "status": status });
            assert_eq!(signing(&object), expected, "{status}");
        }
    }
}
