//! The token that a cluster's API server accepts from AWS principals: a presigned STS request that names the cluster.
//!
//! EKS sends the request to STS and learns who signed it. Format and rules: the token format of
//! aws-iam-authenticator, which `aws eks get-token` uses too. Nothing is sent from here.

use std::fmt::Display;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;
use tracing::subscriber::NoSubscriber;

use crate::aws::clients::Clients;
use crate::aws::error::{Error, Result};
use names::Partition;

const PREFIX: &str = "k8s-aws-v1.";
/// The cluster that the token is for; part of the signed request.
const CLUSTER_HEADER: &str = "x-k8s-aws-id";
/// X-Amz-Expires. STS accepts the request for 15 minutes regardless; EKS's own clients use 60 seconds.
const EXPIRES: Duration = Duration::from_mins(1);

impl Clients {
    /// A token for a cluster's API server, valid for 15 minutes from now or until the credentials expire.
    ///
    /// `cluster` is the cluster's name; for a local cluster on an Outpost, it is the cluster's id (UUID). The token
    /// names STS's own host in the region even if a different STS endpoint is configured: nothing is sent there from
    /// here, and EKS accepts no other hosts.
    ///
    /// # Errors
    /// Those of finding credentials; [`Kind::UnknownRegion`](crate::aws::Kind::UnknownRegion),
    /// [`Kind::NoRegion`](crate::aws::Kind::NoRegion), [`Kind::WrongAccount`](crate::aws::Kind::WrongAccount), and
    /// [`Kind::Configuration`](crate::aws::Kind::Configuration) for a name that cannot be signed.
    pub async fn cluster_token(&self, cluster: &str, region: Option<&str>) -> Result<SecretString> {
        let region = self.region(region).await?;
        let credentials = self.credentials().await?;
        token(&region, cluster, credentials, SystemTime::now())
    }
}

fn token(region: &str, cluster: &str, credentials: Credentials, now: SystemTime) -> Result<SecretString> {
    let host = format!("sts.{region}.{}", Partition::of_region(region).dns_suffix());
    let url = format!("https://{host}/?Action=GetCallerIdentity&Version=2011-06-15");
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(EXPIRES);
    let identity = credentials.into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("sts")
        .time(now)
        .settings(settings)
        .build()
        .map_err(unsigned)?
        .into();
    let headers = [(CLUSTER_HEADER, cluster)];
    let request = SignableRequest::new("GET", url.as_str(), headers.into_iter(), SignableBody::Bytes(&[]));
    let request = request.map_err(unsigned)?;
    // At TRACE, the signer logs what it signs, including the session token.
    let signed = tracing::subscriber::with_default(NoSubscriber::default(), || sign(request, &params));
    let mut presigned = http::Request::new(());
    *presigned.uri_mut() = url.parse().map_err(unsigned)?;
    signed.map_err(unsigned)?.into_parts().0.apply_to_request_http1x(&mut presigned);
    Ok(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(presigned.uri().to_string())).into())
}

/// Only a name that is invalid in a header causes this.
fn unsigned(error: impl Display) -> Error {
    Error::configuration("cluster_name", format!("no token can be created for it: {error}"))
}

#[cfg(test)]
mod tests {
    use hmac::{Hmac, Mac};
    use secrecy::ExposeSecret;
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::aws::error::Kind;
    use crate::aws::settings::{Endpoints, Settings};
    use crate::aws::stub::{Reply, Stub, caller};

    fn hmac(key: &[u8], text: &str) -> Vec<u8> {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().to_vec()
    }

    /// The URL in a token: host and query parameters, verbatim and in order.
    fn taken_apart(token: &SecretString) -> (String, Vec<(String, String)>) {
        let encoded = token.expose_secret().strip_prefix("k8s-aws-v1.").expect("prefix");
        assert!(!encoded.contains(['=', '+', '/']), "{encoded}");
        let url = String::from_utf8(URL_SAFE_NO_PAD.decode(encoded).expect("base64")).expect("text");
        let (host, query) = url.strip_prefix("https://").and_then(|rest| rest.split_once("/?")).expect("a URL");
        let pairs = query.split('&').map(|pair| pair.split_once('=').expect("a pair"));
        (host.to_owned(), pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// The Signature Version 4 of the URL, recomputed as the AWS reference describes it.
    fn signature(host: &str, query: &[(String, String)], cluster: &str, secret: &str) -> String {
        let value = |wanted: &str| &query.iter().find(|(name, _)| name == wanted).expect(wanted).1;
        let mut signed: Vec<_> = query.iter().filter(|(name, _)| name != "X-Amz-Signature").collect();
        signed.sort();
        let canonical_query: Vec<_> = signed.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let canonical = format!(
            "GET\n/\n{}\nhost:{host}\nx-k8s-aws-id:{cluster}\n\nhost;x-k8s-aws-id\n{}",
            canonical_query.join("&"),
            hex::encode(Sha256::digest(""))
        );
        let credential = value("X-Amz-Credential").replace("%2F", "/");
        let (_, scope) = credential.split_once('/').expect("a scope");
        let time = value("X-Amz-Date");
        let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex::encode(Sha256::digest(canonical)));
        let start = format!("AWS4{secret}").into_bytes();
        let key = scope.split('/').fold(start, |key, part| hmac(&key, part));
        hex::encode(hmac(&key, &to_sign))
    }

    #[test]
    fn the_request_is_the_one_that_eks_expects() {
        let now = SystemTime::from("2026-11-21T18:00:00Z".parse::<jiff::Timestamp>().expect("a time"));
        for (region, host, session) in [
            ("us-west-2", "sts.us-west-2.amazonaws.com", None),
            ("cn-north-1", "sts.cn-north-1.amazonaws.com.cn", Some("to+k/en==")),
        ] {
            let credentials = Credentials::new("AKIDEXAMPLE", "secret", session.map(str::to_owned), None, "test");
            let token = token(region, "work_shop-1", credentials, now).expect("a token");
            let (found, query) = taken_apart(&token);
            assert_eq!(found, host);
            let credential = format!("AKIDEXAMPLE%2F20261121%2F{region}%2Fsts%2Faws4_request");
            let mut expected = vec![
                ("Action", "GetCallerIdentity"),
                ("Version", "2011-06-15"),
                ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
                ("X-Amz-Credential", credential.as_str()),
                ("X-Amz-Date", "20261121T180000Z"),
                ("X-Amz-Expires", "60"),
                ("X-Amz-SignedHeaders", "host%3Bx-k8s-aws-id"),
            ];
            expected.extend(session.map(|_| ("X-Amz-Security-Token", "to%2Bk%2Fen%3D%3D")));
            let signature = signature(host, &query, "work_shop-1", "secret");
            expected.push(("X-Amz-Signature", &signature));
            let mut query: Vec<_> = query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            query.sort_unstable();
            expected.sort_unstable();
            assert_eq!(query, expected);
        }
    }

    #[tokio::test]
    async fn nothing_is_sent_and_a_configured_address_does_not_count() {
        let stub = Stub::new(|_| Reply::refused("AccessDenied", "nobody may ask"));
        let clients = stub.clients_with(Settings {
            access_key: Some("AKIDEXAMPLE".into()),
            secret_key: Some("secret".into()),
            endpoints: Endpoints { sts: Some("http://127.0.0.1:1".to_owned()), ..Endpoints::default() },
            ..Settings::default()
        });
        let token = clients.cluster_token("workshop", Some("eu-north-1")).await.expect("a token");
        assert_eq!(taken_apart(&token).0, "sts.eu-north-1.amazonaws.com");
        let token = clients.cluster_token("workshop", None).await.expect("a token");
        assert_eq!(taken_apart(&token).0, "sts.us-west-2.amazonaws.com");
        assert_eq!(stub.read(<[_]>::len), 0);
        let error = clients.cluster_token("workshop", Some("nowhere")).await.expect_err("no region");
        assert!(matches!(error.kind(), Kind::UnknownRegion { .. }), "{error}");
    }

    #[tokio::test]
    async fn an_account_that_must_not_be_touched_gets_no_token() {
        let stub = Stub::new(|_| caller("111122223333"));
        let clients = stub.clients_with(Settings {
            access_key: Some("AKIDEXAMPLE".into()),
            secret_key: Some("secret".into()),
            forbidden_account_ids: vec!["111122223333".to_owned()],
            ..Settings::default()
        });
        for _ in 0..3 {
            let error = clients.cluster_token("workshop", None).await.expect_err("wrong account");
            assert!(matches!(error.kind(), Kind::WrongAccount { .. }), "{error}");
        }
        assert_eq!(stub.count("GetCallerIdentity"), 1);
    }

    #[tokio::test]
    async fn a_name_that_no_header_can_hold_is_refused() {
        let clients = Stub::new(|_| Reply::Silence).clients();
        let error = clients.cluster_token("work\nshop", None).await.expect_err("no name");
        assert!(matches!(error.kind(), Kind::Configuration { argument, .. } if argument == "cluster_name"), "{error}");
    }

    #[tokio::test]
    async fn temporary_credentials_bring_their_session_along() {
        let clients = Stub::new(|_| Reply::Silence).clients_with(Settings {
            access_key: Some("ASIAEXAMPLE".into()),
            secret_key: Some("secret".into()),
            token: Some("session".into()),
            ..Settings::default()
        });
        let token = clients.cluster_token("workshop", None).await.expect("a token");
        assert!(!format!("{token:?}").contains("k8s-aws"));
        let (_, query) = taken_apart(&token);
        assert!(query.contains(&("X-Amz-Security-Token".to_owned(), "session".to_owned())), "{query:?}");
    }
}
