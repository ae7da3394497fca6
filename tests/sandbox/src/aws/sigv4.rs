//! Signature Version 4, the checking side: reads the signature of a request, builds the canonical request by
//! itself and compares. It decides nothing about accounts: the caller looks the key up and names its service's error.
//!
//! Source of the rules: AWS General Reference, "Create a signed AWS API request".

use std::fmt::Write as _;

use hmac::{Hmac, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::{Digest, Sha256};

use crate::moment::Moment;

/// Everything but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// How far a signature's time may be from real time, in milliseconds.
const SKEW: i64 = 15 * 60 * 1000;
/// The longest validity of a presigned request, in seconds.
const LONGEST_PRESIGNED: i64 = 604_800;
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The request as it came over the wire.
pub struct Wire<'a> {
    pub method: &'a str,
    /// Path as sent, still percent-encoded.
    pub path: &'a str,
    /// Query string as sent, without `?`.
    pub query: &'a str,
    /// Names in lower case, in the order in which they came.
    pub headers: &'a [(String, String)],
    pub body: &'a [u8],
}

impl Wire<'_> {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// What a signature claims, before anything of it has been checked.
#[derive(Debug, PartialEq, Eq)]
pub struct Claim {
    pub access_key: String,
    /// `yyyymmdd` of the credential scope.
    pub date: String,
    pub region: String,
    pub service: String,
    pub signed_headers: Vec<String>,
    pub signature: String,
    /// `yyyymmddThhmmssZ`.
    pub time: String,
    pub session_token: Option<String>,
    /// Seconds of validity: present on presigned requests only.
    pub expires: Option<i64>,
}

/// Why a signature was not accepted. The message is AWS's.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("Missing Authentication Token")]
    Missing,
    #[error("{0}")]
    Incomplete(String),
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
    )]
    Mismatch,
    #[error("{0}")]
    Time(String),
}

/// Reads the signature of a request from its headers or, when presigned, from its query.
pub fn claim(wire: &Wire<'_>) -> Result<Claim, Refusal> {
    if let Some(header) = wire.header("authorization") {
        return claim_of_header(wire, header);
    }
    let query: Vec<(String, String)> = form_urlencoded::parse(wire.query.as_bytes()).into_owned().collect();
    let find = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    if find("X-Amz-Algorithm").is_none() && find("X-Amz-Signature").is_none() {
        return Err(Refusal::Missing);
    }
    let need = |name: &str| {
        find(name).ok_or_else(|| {
            Refusal::Incomplete(format!(
                "AWS query-string parameters must include '{name}'. Re-examine the query-string parameters."
            ))
        })
    };
    if need("X-Amz-Algorithm")? != ALGORITHM {
        return Err(Refusal::Incomplete("Unsupported AWS 'algorithm' in the query string".into()));
    }
    let credential = need("X-Amz-Credential")?;
    // STS ignores the value, and old aws-iam-authenticators sign none of a second.
    let least = i64::from(credential.split('/').nth(3) != Some("sts"));
    let expires = need("X-Amz-Expires")?
        .parse::<i64>()
        .ok()
        .filter(|seconds| (least..=LONGEST_PRESIGNED).contains(seconds))
        .ok_or_else(|| Refusal::Incomplete("X-Amz-Expires must be between 1 and 604800 seconds".into()))?;
    scope(
        &credential,
        &need("X-Amz-SignedHeaders")?,
        need("X-Amz-Signature")?,
        need("X-Amz-Date")?,
        find("X-Amz-Security-Token"),
        Some(expires),
    )
}

fn claim_of_header(wire: &Wire<'_>, header: &str) -> Result<Claim, Refusal> {
    let Some(rest) = header.strip_prefix(ALGORITHM) else {
        return Err(Refusal::Incomplete(format!(
            "Unsupported AWS 'algorithm': '{}'.",
            header.split(' ').next().unwrap_or_default()
        )));
    };
    let mut credential = None;
    let mut headers = None;
    let mut signature = None;
    for part in rest.split(',') {
        match part.trim().split_once('=') {
            Some(("Credential", value)) => credential = Some(value.to_owned()),
            Some(("SignedHeaders", value)) => headers = Some(value.to_owned()),
            Some(("Signature", value)) => signature = Some(value.to_owned()),
            _ => {}
        }
    }
    let time = wire.header("x-amz-date").or_else(|| wire.header("date")).map(ToOwned::to_owned);
    let mut missing = String::new();
    for (name, absent) in
        [("Credential", credential.is_none()), ("Signature", signature.is_none()), ("SignedHeaders", headers.is_none())]
    {
        if absent {
            // Writing into a String does not fail, here and below.
            let _ = write!(missing, "Authorization header requires '{name}' parameter. ");
        }
    }
    if time.is_none() {
        missing.push_str("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ");
    }
    match (credential, headers, signature, time) {
        (Some(credential), Some(headers), Some(signature), Some(time)) => scope(
            &credential,
            &headers,
            signature,
            time,
            wire.header("x-amz-security-token").map(ToOwned::to_owned),
            None,
        ),
        _ => Err(Refusal::Incomplete(missing.trim_end().to_owned())),
    }
}

fn scope(
    credential: &str,
    headers: &str,
    signature: String,
    time: String,
    session_token: Option<String>,
    expires: Option<i64>,
) -> Result<Claim, Refusal> {
    let parts: Vec<&str> = credential.split('/').collect();
    let [access_key, date, region, service, "aws4_request"] = parts[..] else {
        return Err(Refusal::Incomplete(format!(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{credential}'"
        )));
    };
    Ok(Claim {
        access_key: access_key.to_owned(),
        date: date.to_owned(),
        region: region.to_owned(),
        service: service.to_owned(),
        signed_headers: headers.split(';').map(ToOwned::to_owned).collect(),
        signature,
        time,
        session_token,
        expires,
    })
}

/// Checks time and signature of a claim. The service of the scope must have been checked by the caller.
pub fn verify(wire: &Wire<'_>, claim: &Claim, secret: &str, real_now: Moment) -> Result<(), Refusal> {
    verify_with(wire, claim, real_now, |text| {
        constant_time_equal(signature(claim, secret, text).as_bytes(), claim.signature.as_bytes())
    })
}

/// The same with another way to decide whether the claim's signature is that of the string to sign.
pub fn verify_with(
    wire: &Wire<'_>,
    claim: &Claim,
    real_now: Moment,
    is_signed: impl Fn(&str) -> bool,
) -> Result<(), Refusal> {
    if !claim.signed_headers.iter().any(|name| name == "host") {
        return Err(Refusal::Incomplete(
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.".into(),
        ));
    }
    check_time(claim, real_now)?;
    // A header with the body's hash must be right.
    if let Some(told) = wire.header("x-amz-content-sha256")
        && told != "UNSIGNED-PAYLOAD"
        && told != hex::encode(Sha256::digest(wire.body))
    {
        return Err(Refusal::Mismatch);
    }
    if is_signed(&string_to_sign(wire, claim)) { Ok(()) } else { Err(Refusal::Mismatch) }
}

fn check_time(claim: &Claim, real_now: Moment) -> Result<(), Refusal> {
    let Some(signed_at) = Moment::from_compact(&claim.time) else {
        return Err(Refusal::Incomplete(format!(
            "Date must be in ISO-8601 'basic format'. Got '{}'. See http://en.wikipedia.org/wiki/ISO_8601",
            claim.time
        )));
    };
    if !claim.time.starts_with(&claim.date) {
        return Err(Refusal::Time(format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != '{}', from '{}'.",
            claim.date,
            claim.time.split('T').next().unwrap_or_default(),
            claim.time
        )));
    }
    let now = real_now.compact();
    let validity = claim.expires.map_or(SKEW, |seconds| seconds * 1000);
    if signed_at.millis() + validity < real_now.millis() {
        let limit = Moment::of_millis(real_now.millis() - validity).compact();
        return Err(Refusal::Time(format!(
            "Signature expired: {} is now earlier than {limit} ({now} - {}.)",
            claim.time,
            claim.expires.map_or("15 min".to_owned(), |seconds| format!("{seconds} sec"))
        )));
    }
    if signed_at.millis() - SKEW > real_now.millis() {
        let limit = Moment::of_millis(real_now.millis() + SKEW).compact();
        return Err(Refusal::Time(format!(
            "Signature not yet current: {} is still later than {limit} ({now} + 15 min.)",
            claim.time
        )));
    }
    Ok(())
}

fn string_to_sign(wire: &Wire<'_>, claim: &Claim) -> String {
    let scope = format!("{}/{}/{}/aws4_request", claim.date, claim.region, claim.service);
    let canonical = canonical_request(wire, claim);
    format!("{ALGORITHM}\n{}\n{scope}\n{}", claim.time, hex::encode(Sha256::digest(canonical.as_bytes())))
}

/// The signature that the holder of `secret` would create, in hex.
fn signature(claim: &Claim, secret: &str, string_to_sign: &str) -> String {
    let key = [claim.date.as_str(), claim.region.as_str(), claim.service.as_str(), "aws4_request"]
        .iter()
        .fold(format!("AWS4{secret}").into_bytes(), |key, part| hmac(&key, part.as_bytes()));
    hex::encode(hmac(&key, string_to_sign.as_bytes()))
}

fn canonical_request(wire: &Wire<'_>, claim: &Claim) -> String {
    let mut text = format!("{}\n{}\n{}\n", wire.method, canonical_path(wire.path), canonical_query(wire.query));
    for name in &claim.signed_headers {
        let values: Vec<String> =
            wire.headers.iter().filter(|(key, _)| key == name).map(|(_, value)| single_spaced(value)).collect();
        let _ = writeln!(text, "{name}:{}", values.join(","));
    }
    let payload = match wire.header("x-amz-content-sha256") {
        Some("UNSIGNED-PAYLOAD") => "UNSIGNED-PAYLOAD".to_owned(),
        _ => hex::encode(Sha256::digest(wire.body)),
    };
    let _ = write!(text, "\n{}\n{payload}", claim.signed_headers.join(";"));
    text
}

/// All services but S3 sign the path normalised and encoded once more than it is sent.
fn canonical_path(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            other => segments.push(other),
        }
    }
    let mut out = String::new();
    for segment in &segments {
        out.push('/');
        out.push_str(&utf8_percent_encode(segment, RESERVED).to_string());
    }
    if out.is_empty() || path.ends_with('/') {
        out.push('/');
    }
    out
}

fn canonical_query(query: &str) -> String {
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|part| !part.is_empty())
        .map(|part| part.split_once('=').unwrap_or((part, "")))
        // Of a presigned request all is signed but the signature itself.
        .filter(|(name, _)| *name != "X-Amz-Signature")
        .map(|(name, value)| (encode(name), encode(value)))
        .collect();
    pairs.sort();
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

fn encode(text: &str) -> String {
    let decoded: Vec<u8> = percent_decode_str(text).collect();
    percent_encoding::percent_encode(&decoded, RESERVED).to_string()
}

fn single_spaced(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn hmac(key: &[u8], data: &[u8]) -> Vec<u8> {
    // HMAC takes keys of every length, so this cannot fail.
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap_or_else(|_| unreachable!("any key length"));
    mac.update(data);
    mac.finalize().into_bytes().to_vec()
}

fn constant_time_equal(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len() && left.iter().zip(right).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    // AWS's published example credentials and time ("aws-sig-v4-test-suite").
    const KEY: &str = "AKIDEXAMPLE";
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    const AT: &str = "20150830T123600Z";

    /// Name, method, path, query, further headers, signed headers, signature as published.
    type Vector<'a> = (&'a str, &'a str, &'a str, &'a str, &'a [(&'a str, &'a str)], &'a str, &'a str);

    fn headers(extra: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut list =
            vec![("host".to_owned(), "example.amazonaws.com".to_owned()), ("x-amz-date".to_owned(), AT.to_owned())];
        list.extend(extra.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        list
    }

    fn authorization(signed: &str, signature: &str) -> String {
        format!(
            "{ALGORITHM} Credential={KEY}/20150830/us-east-1/service/aws4_request, SignedHeaders={signed}, Signature={signature}"
        )
    }

    #[test]
    fn published_vectors_verify() {
        let table: [Vector; 5] = [
            (
                "get-vanilla",
                "GET",
                "/",
                "",
                &[],
                "host;x-amz-date",
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                "get-vanilla-query-order-key-case",
                "GET",
                "/",
                "Param2=value2&Param1=value1",
                &[],
                "host;x-amz-date",
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            (
                "post-vanilla",
                "POST",
                "/",
                "",
                &[],
                "host;x-amz-date",
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (
                "post-header-key-sort",
                "POST",
                "/",
                "",
                &[("my-header1", "value1")],
                "host;my-header1;x-amz-date",
                "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
            ),
            (
                "get-unreserved",
                "GET",
                "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
                "",
                &[],
                "host;x-amz-date",
                "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
            ),
        ];
        for (name, method, path, query, extra, signed, signature) in table {
            let mut headers = headers(extra);
            headers.push(("authorization".into(), authorization(signed, signature)));
            let wire = Wire { method, path, query, headers: &headers, body: b"" };
            let now = Moment::from_compact(AT).unwrap();
            let claim = claim(&wire).unwrap();
            assert_eq!(verify(&wire, &claim, SECRET, now), Ok(()), "{name}");
            assert_eq!(verify(&wire, &claim, "another secret", now), Err(Refusal::Mismatch), "{name}");
        }
    }

    #[test]
    fn anything_tampered_is_refused() {
        let mut signed = headers(&[]);
        signed.push((
            "authorization".into(),
            authorization("host;x-amz-date", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        ));
        let mut other_host = signed.clone();
        other_host[0].1 = "other.amazonaws.com".into();
        for (name, method, path, query, headers, body) in [
            ("method", "GET", "/", "", &signed, &b""[..]),
            ("path", "POST", "/x", "", &signed, b""),
            ("query", "POST", "/", "a=b", &signed, b""),
            ("host", "POST", "/", "", &other_host, b""),
            ("body", "POST", "/", "", &signed, b"x"),
        ] {
            let wire = Wire { method, path, query, headers, body };
            let claim = claim(&wire).unwrap();
            let now = Moment::from_compact(AT).unwrap();
            assert_eq!(verify(&wire, &claim, SECRET, now), Err(Refusal::Mismatch), "{name}");
        }
    }

    #[test]
    fn time_is_judged_to_the_quarter_of_an_hour() {
        let mut headers = headers(&[]);
        headers.push((
            "authorization".into(),
            authorization("host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ));
        let wire = Wire { method: "GET", path: "/", query: "", headers: &headers, body: b"" };
        let claim = claim(&wire).unwrap();
        for (now, accepted) in [
            ("20150830T122100Z", true),
            ("20150830T122059Z", false),
            ("20150830T125100Z", true),
            ("20150830T125101Z", false),
        ] {
            let verdict = verify(&wire, &claim, SECRET, Moment::from_compact(now).unwrap());
            assert_eq!(verdict.is_ok(), accepted, "{now}: {verdict:?}");
        }
    }

    #[test]
    fn unreadable_signatures_say_what_is_missing() {
        for (header, expected) in [
            ("AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request, SignedHeaders=host", "requires 'Signature'"),
            ("AWS4-HMAC-SHA256 SignedHeaders=host, Signature=0", "requires 'Credential'"),
            ("AWS4-HMAC-SHA256 Credential=a/b/c, SignedHeaders=host, Signature=0", "exactly 5"),
            ("Bearer x", "algorithm"),
        ] {
            let mut list = headers(&[]);
            list.push(("authorization".into(), header.to_owned()));
            let wire = Wire { method: "GET", path: "/", query: "", headers: &list, body: b"" };
            match claim(&wire) {
                Err(Refusal::Incomplete(text)) => assert!(text.contains(expected), "{text}"),
                other => panic!("{header}: {other:?}"),
            }
        }
        let wire = Wire { method: "GET", path: "/", query: "", headers: &[], body: b"" };
        assert_eq!(claim(&wire), Err(Refusal::Missing));
    }

    #[test]
    fn paths_are_normalised_and_encoded_twice() {
        for (sent, canonical) in [
            ("/", "/"),
            ("", "/"),
            ("//a//b/", "/a/b/"),
            ("/a/../b/./c", "/b/c"),
            ("/clusters/x/access-entries/arn%3Aaws", "/clusters/x/access-entries/arn%253Aaws"),
        ] {
            assert_eq!(canonical_path(sent), canonical, "{sent}");
        }
    }
}
