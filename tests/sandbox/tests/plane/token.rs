//! Hand-built tokens: Signature Version 4 in the query string, implemented independently of the sandbox.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The signer.
#[derive(Clone)]
pub struct Key {
    pub id: String,
    pub secret: String,
    pub session: Option<String>,
}

/// The parts of a token that a case may vary.
pub struct Token<'a> {
    pub key: &'a Key,
    /// The cluster in the signed header; `None` leaves the header unsigned.
    pub cluster: Option<&'a str>,
    pub host: &'a str,
    pub action: &'a str,
    pub expires: u32,
    /// Seconds before now.
    pub age: i64,
    /// Parameters after the usual ones.
    pub more: &'a [(&'a str, &'a str)],
}

impl<'a> Token<'a> {
    /// A token as the AWS CLI creates it.
    pub fn usual(key: &'a Key, cluster: &'a str) -> Self {
        Self {
            key,
            cluster: Some(cluster),
            host: "sts.us-west-2.amazonaws.com",
            action: "GetCallerIdentity",
            expires: 60,
            age: 0,
            more: &[],
        }
    }

    /// The URL inside.
    pub fn url(&self) -> String {
        let mut parameters = vec![("Action", self.action), ("Version", "2011-06-15")];
        parameters.extend(self.more);
        let header = self.cluster.map(|cluster| ("x-k8s-aws-id", cluster));
        let query = presign(&Request {
            key: self.key,
            method: "GET",
            service: "sts",
            host: self.host,
            path: "/",
            parameters: &parameters,
            header,
            body: "",
            expires: self.expires,
            age: self.age,
        });
        format!("https://{}/?{query}", self.host)
    }

    pub fn text(&self) -> String {
        wrap(&self.url())
    }
}

/// A token around any URL.
pub fn wrap(url: &str) -> String {
    format!("k8s-aws-v1.{}", URL_SAFE_NO_PAD.encode(url))
}

/// A request to be signed in its query string.
pub struct Request<'a> {
    pub key: &'a Key,
    pub method: &'a str,
    pub service: &'a str,
    pub host: &'a str,
    pub path: &'a str,
    pub parameters: &'a [(&'a str, &'a str)],
    /// An additional signed header.
    pub header: Option<(&'a str, &'a str)>,
    pub body: &'a str,
    pub expires: u32,
    pub age: i64,
}

/// The signed query string.
pub fn presign(request: &Request<'_>) -> String {
    let at = Timestamp::from_second(Timestamp::now().as_second() - request.age).unwrap();
    let time = at.strftime("%Y%m%dT%H%M%SZ").to_string();
    let scope = format!("{}/us-west-2/{}/aws4_request", &time[..8], request.service);
    let signed_headers = request.header.map_or("host".to_owned(), |(name, _)| format!("host;{name}"));
    let credential = format!("{}/{scope}", request.key.id);
    let expires = request.expires.to_string();
    let mut pairs: Vec<(&str, &str)> = request.parameters.to_vec();
    pairs.extend([
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
        ("X-Amz-Credential", &credential),
        ("X-Amz-Date", &time),
        ("X-Amz-Expires", &expires),
        ("X-Amz-SignedHeaders", &signed_headers),
    ]);
    if let Some(token) = &request.key.session {
        pairs.push(("X-Amz-Security-Token", token));
    }
    let encode = |text: &str| utf8_percent_encode(text, UNRESERVED).to_string();
    let mut pairs: Vec<String> =
        pairs.into_iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    pairs.sort();
    let query = pairs.join("&");
    let header = request.header.map_or(String::new(), |(name, value)| format!("{name}:{value}\n"));
    // All services but S3 sign the path encoded once more than it is sent.
    let path: Vec<String> = request.path.split('/').map(encode).collect();
    let canonical = format!(
        "{}\n{}\n{query}\nhost:{}\n{header}\n{signed_headers}\n{}",
        request.method,
        path.join("/"),
        request.host,
        hex::encode(Sha256::digest(request.body))
    );
    let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex::encode(Sha256::digest(canonical)));
    let mut key = format!("AWS4{}", request.key.secret).into_bytes();
    for part in scope.split('/') {
        key = hmac(&key, part);
    }
    format!("{query}&X-Amz-Signature={}", hex::encode(hmac(&key, &to_sign)))
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}
