//! Calls to the sandbox's AWS with the account's own keys: what a person, or another provider, makes there.
//!
//! Signature Version 4 of single requests with the header `host` and `x-amz-date` alone, which is enough for loopback.
//! Source: AWS, "Create a signed AWS API request".

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use hmac::{Hmac, Mac as _};
use serde_json::{Map, Value as Json};
use sha2::{Digest as _, Sha256};

/// Who signs, and where.
#[derive(Clone, Copy, Debug)]
pub struct Signer<'a> {
    /// Access key.
    pub access_key: &'a str,
    /// Secret key.
    pub secret_key: &'a str,
    /// Region.
    pub region: &'a str,
}

/// A request that is ready to be sent.
#[derive(Debug, PartialEq, Eq)]
pub struct Signed {
    /// HTTP's method.
    pub method: String,
    /// Path.
    pub path: String,
    /// Headers beside `host` and `content-length`.
    pub headers: Vec<(&'static str, String)>,
    /// Body.
    pub body: String,
}

impl Signer<'_> {
    /// A call of the query protocol of EC2, Elastic Load Balancing or IAM (`ec2 CreateVpc {"CidrBlock": "…"}`), of SSM's JSON (`ssm PutParameter {…}`), or of a
    /// service with paths
    /// (`eks POST /clusters {…}`: `what` is then method and path).
    pub fn sign(self, host: &str, service: &str, what: &str, body: &Json) -> Signed {
        let (method, path, content_type, body) = match what.split_once(' ') {
            Some((method, path)) => {
                let body = if body.is_null() { String::new() } else { body.to_string() };
                (method, path, "application/json", body)
            }
            None if service == "ssm" => ("POST", "/", "application/x-amz-json-1.1", body.to_string()),
            None => ("POST", "/", "application/x-www-form-urlencoded", form(service, what, body)),
        };
        let target = (service == "ssm").then(|| ("x-amz-target", format!("AmazonSSM.{what}")));
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let now = timestamp(seconds);
        let day = &now[..8];
        let canonical = format!(
            "{method}\n{}\n\nhost:{host}\nx-amz-date:{now}\n\nhost;x-amz-date\n{}",
            // What is encoded in the path is signed encoded once more.
            path.replace('%', "%25"),
            hex::encode(Sha256::digest(body.as_bytes()))
        );
        let scope = format!("{day}/{}/{service}/aws4_request", self.region);
        let text = format!("AWS4-HMAC-SHA256\n{now}\n{scope}\n{}", hex::encode(Sha256::digest(canonical.as_bytes())));
        let mut key = format!("AWS4{}", self.secret_key).into_bytes();
        for part in [day, self.region, service, "aws4_request"] {
            key = keyed(&key, part);
        }
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders=host;x-amz-date, Signature={}",
            self.access_key,
            hex::encode(keyed(&key, &text))
        );
        let mut headers =
            vec![("content-type", content_type.to_owned()), ("x-amz-date", now), ("authorization", authorization)];
        headers.extend(target);
        Signed { method: method.to_owned(), path: path.to_owned(), headers, body }
    }
}

/// The answer of EC2 as far as cases use it: the first text of each element by the element's name.
pub fn of_xml(text: &str) -> Json {
    let mut found = Map::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('<') {
        rest = after;
        let Some((name, after)) = after.split_once('>') else { break };
        let (content, end) = after.split_once('<').unwrap_or((after, ""));
        if !content.trim().is_empty() && end.starts_with('/') {
            found.entry(name).or_insert_with(|| content.into());
        }
    }
    Json::Object(found)
}

fn form(service: &str, action: &str, members: &Json) -> String {
    let version = match service {
        "ec2" => "2016-11-15",
        "iam" => "2010-05-08",
        _ => "2015-12-01",
    };
    let mut form = format!("Action={action}&Version={version}");
    for (name, value) in members.as_object().into_iter().flatten() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let _ = write!(form, "&{}={}", escaped(name), escaped(&value));
    }
    form
}

fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut whole, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            whole.push(byte.into());
        } else {
            let _ = write!(whole, "%{byte:02X}");
        }
        whole
    })
}

fn keyed(key: &[u8], text: &str) -> Vec<u8> {
    // HMAC takes keys of every length.
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap_or_else(|error| unreachable!("{error}"));
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// `20261121T153000Z`
fn timestamp(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Days since 0000-03-01, in eras of 400 years; source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
    let day = days + 719_468;
    let (era, of_era) = (day / 146_097, day % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let (day, month) = (of_year - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    let year = year + era * 400 + u64::from(month <= 2);
    format!("{year:04}{month:02}{day:02}T{:02}{:02}{:02}Z", second / 3_600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn moments_are_written_as_aws_does() {
        for (seconds, text) in
            [(0, "19700101T000000Z"), (951_827_696, "20000229T123456Z"), (1_795_274_999, "20261121T152959Z")]
        {
            assert_eq!(timestamp(seconds), text);
        }
    }

    #[test]
    fn forms_and_answers() {
        assert_eq!(
            form("ec2", "CreateVpc", &json!({ "CidrBlock": "10.0.0.0/16" })),
            "Action=CreateVpc&Version=2016-11-15&CidrBlock=10.0.0.0%2F16"
        );
        let answer = "<?xml?><R xmlns=\"u\"><requestId>r</requestId><vpc><vpcId>vpc-1</vpcId><x/><state>available</state></vpc></R>";
        assert_eq!(of_xml(answer), json!({ "requestId": "r", "vpcId": "vpc-1", "state": "available" }));
    }
}
