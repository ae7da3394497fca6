//! Tokens `k8s-aws-v1.…`: a presigned STS GetCallerIdentity request, in unpadded base64url, that names its cluster in
//! a signed header.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::super::ClusterKey;
use crate::{
    aws::{
        regions,
        sigv4::{self, Wire},
    },
    moment::Moment,
    world::World,
};

const PREFIX: &str = "k8s-aws-v1.";
const CLUSTER_HEADER: &str = "x-k8s-aws-id";
/// How long a token is accepted after the date in it, in milliseconds.
const LIFETIME: i64 = 15 * 60 * 1000;
/// Maximum value of X-Amz-Expires, in seconds.
const LONGEST_EXPIRES: i64 = 900;
/// The query parameters allowed in a token, in lowercase.
const PARAMETERS: [&str; 10] = [
    "action",
    "version",
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-security-token",
    "x-amz-signature",
    "x-amz-signedheaders",
    "x-amz-user-agent",
];

/// What is wrong with a token.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("the token does not begin with `k8s-aws-v1.`")]
    Prefix,
    #[error("the token is not base64 for URLs without padding")]
    Base64,
    #[error("the token is not an https URL with the path `/`")]
    Url,
    #[error("`{0}` is not a host of STS")]
    Host(String),
    #[error("the query parameter `{0}` is not one of a token, or is there twice")]
    Parameter(String),
    #[error("the action is not GetCallerIdentity")]
    Action,
    #[error("the header x-k8s-aws-id is not signed")]
    ClusterHeader,
    #[error("X-Amz-Expires is `{0}`, not a number of seconds up to 900")]
    Expires(String),
    #[error("the token is from {0} and was accepted until 15 minutes after that")]
    Expired(String),
    #[error("the access key is unknown")]
    UnknownKey,
    #[error("the credentials of the signer have expired")]
    SessionExpired,
    /// Also if the token names another cluster: its name is part of what is signed.
    #[error("STS refuses the signature for this cluster: {0}")]
    Signature(String),
}

/// The identity behind a token.
#[derive(Debug)]
pub struct Identity {
    /// As returned by GetCallerIdentity.
    pub arn: String,
    pub user_id: String,
    pub account: String,
    pub access_key: String,
    /// ARN of the user, or of the role behind a session, including its path.
    pub principal_arn: String,
    /// Name of the session; empty for users.
    pub session: String,
}

impl Identity {
    /// The principal's ARN as written in the aws-auth map: without a role's path.
    pub fn pathless_arn(&self) -> String {
        match (self.principal_arn.split_once(":role/"), self.principal_arn.rsplit_once('/')) {
            (Some((start, _)), Some((_, name))) => format!("{start}:role/{name}"),
            _ => self.principal_arn.clone(),
        }
    }
}

/// Verifies a token for a cluster.
pub fn verify(world: &World, token: &str, cluster: &ClusterKey, now: Moment) -> Result<Identity, Fault> {
    let encoded = token.strip_prefix(PREFIX).ok_or(Fault::Prefix)?;
    let url = URL_SAFE_NO_PAD.decode(encoded).ok().and_then(|url| String::from_utf8(url).ok()).ok_or(Fault::Base64)?;
    let (host, query) = take_apart(&url)?;
    let parameters = parameters(query)?;
    let parameter = |name: &str| parameters.get(name).map(String::as_str).unwrap_or_default();
    if parameter("action") != "GetCallerIdentity" {
        return Err(Fault::Action);
    }
    let headers = [("host".to_owned(), host.to_owned()), (CLUSTER_HEADER.to_owned(), audience(world, cluster))];
    let wire = Wire { method: "GET", path: "/", query, headers: &headers, body: &[] };
    let refused = |refusal: sigv4::Refusal| Fault::Signature(refusal.to_string());
    let mut claim = sigv4::claim(&wire).map_err(refused)?;
    if !claim.signed_headers.iter().any(|name| name == CLUSTER_HEADER) {
        return Err(Fault::ClusterHeader);
    }
    if !claim.expires.is_some_and(|seconds| (0..=LONGEST_EXPIRES).contains(&seconds)) {
        return Err(Fault::Expires(parameter("x-amz-expires").to_owned()));
    }
    let date = Moment::from_compact(&claim.time).ok_or_else(|| Fault::Expired(claim.time.clone()))?;
    if now.millis() - date.millis() + jumped_since(world, &cluster.account, date) > LIFETIME {
        return Err(Fault::Expired(claim.time.clone()));
    }
    let is_regional = host.split('.').nth(1).is_some_and(|region| region == claim.region);
    if claim.service != "sts" || !(is_regional || host == "sts.amazonaws.com" && regions::is_known(&claim.region)) {
        return Err(Fault::Signature("the credential's scope is not that of the host".to_owned()));
    }
    let credential = world.credentials.get(&claim.access_key).ok_or(Fault::UnknownKey)?;
    // STS treats X-Amz-Expires as at least 15 minutes.
    claim.expires = Some(LIFETIME / 1000);
    sigv4::verify(&wire, &claim, &credential.secret, now).map_err(refused)?;
    if credential.session_token != claim.session_token {
        return Err(Fault::UnknownKey);
    }
    if credential.expires.is_some_and(|expires| expires <= now) {
        return Err(Fault::SessionExpired);
    }
    let principal = &credential.principal;
    let role = principal.role_arn.as_ref();
    Ok(Identity {
        arn: principal.arn.clone(),
        user_id: principal.user_id.clone(),
        account: credential.account.clone(),
        access_key: claim.access_key,
        principal_arn: role.unwrap_or(&principal.arn).clone(),
        session: role.and_then(|_| principal.arn.rsplit('/').next()).unwrap_or_default().to_owned(),
    })
}

/// What tokens for a cluster name: the ID of a local cluster on EBS volumes, the name of any other.
fn audience(world: &World, cluster: &ClusterKey) -> String {
    let region = world.accounts.get(&cluster.account).and_then(|account| account.regions.get(&cluster.region));
    let found = region.and_then(|region| region.eks.clusters.get(&cluster.name));
    found.map_or(&*cluster.name, |found| found.audience()).to_owned()
}

/// Host and query string of the URL in a token.
fn take_apart(url: &str) -> Result<(&str, &str), Fault> {
    let rest = url.strip_prefix("https://").ok_or(Fault::Url)?;
    let (host, query) = rest.split_once("/?").or_else(|| rest.split_once('?')).ok_or(Fault::Url)?;
    if host.contains('/') || query.contains('#') {
        return Err(Fault::Url);
    }
    if is_sts(host) { Ok((host, query)) } else { Err(Fault::Host(host.to_owned())) }
}

fn is_sts(host: &str) -> bool {
    let parts: Vec<&str> = host.split('.').collect();
    match parts[..] {
        ["sts", "amazonaws", "com"] => true,
        ["sts" | "sts-fips", region, "amazonaws", "com"] | ["sts" | "sts-fips", region, "api", "aws"] => {
            regions::is_known(region)
        }
        _ => false,
    }
}

/// The parameters by lowercase name.
fn parameters(query: &str) -> Result<BTreeMap<String, String>, Fault> {
    let mut found = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let name = name.to_ascii_lowercase();
        if !PARAMETERS.contains(&name.as_str()) || found.insert(name.clone(), value.into_owned()).is_some() {
            return Err(Fault::Parameter(name));
        }
    }
    Ok(found)
}

/// Milliseconds by which the account's clock was advanced since a token was created. A date has whole seconds: a jump
/// within the token's own second counts as earlier, otherwise a token created just after it would be rejected.
fn jumped_since(world: &World, account: &str, date: Moment) -> i64 {
    let Some(account) = world.accounts.get(account) else {
        return 0;
    };
    let made_by = date.plus_seconds(1);
    account.jumps.iter().filter(|(at, _)| *at >= made_by).map(|(_, by)| by).sum()
}
