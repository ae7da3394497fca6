//! Identity and Access Management: what a role trusts, and what it may do. Two operations, without the SDK's crate; see
//! [`super::bare`].

use std::borrow::Cow;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::metadata::ErrorMetadata;
use aws_smithy_xml::decode::{Document, ScopedDecoder, try_data};
use aws_types::SdkConfig;

use super::bare::{self, Place};
use super::clients::{Clients, Effect};
use super::error::{Operation, Result};

const GET_ROLE: Operation = Operation::new("iam", "GetRole");
const SIMULATE: Operation = Operation::new("iam", "SimulatePrincipalPolicy");
/// Source: IAM's service model.
const VERSION: &str = "2010-05-08";
const CONTENT_TYPE: &str = "application/x-www-form-urlencoded";

/// A role as AWS describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Role {
    /// ARN, with its path.
    pub arn: String,
    /// The trust policy: JSON.
    pub trust_policy: String,
}

/// Whether a role may do something, by all policies that apply to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    /// IAM action, such as `ecr:BatchGetImage`.
    pub action: String,
    /// Whether it is allowed.
    pub is_allowed: bool,
    /// The condition keys whose values the answer would depend on. The decision counts for a call without them.
    pub missing_context: Vec<String>,
}

/// Identity and Access Management. It is the same in every region of a partition.
#[derive(Debug, Clone)]
pub struct Client {
    clients: Clients,
    region: Option<String>,
}

impl Clients {
    /// Identity and Access Management, for the partition of `region` or of the provider's region.
    #[must_use]
    pub fn iam(&self, region: Option<&str>) -> Client {
        Client { clients: self.clone(), region: region.map(str::to_owned) }
    }
}

impl Client {
    /// A role by its name, without its path.
    ///
    /// # Errors
    /// Those of the call; [`Kind::NotFound`](super::Kind::NotFound) if it does not exist.
    pub async fn role(&self, name: &str) -> Result<Role> {
        let form = [("RoleName".to_owned(), name.to_owned())];
        self.send(GET_ROLE, &form, role).await
    }

    /// Whether a role may perform these actions on a resource, or on any.
    ///
    /// # Errors
    /// Those of the call; [`Kind::NotFound`](super::Kind::NotFound) if the role does not exist.
    pub async fn simulate(&self, role_arn: &str, actions: &[&str], resource: Option<&str>) -> Result<Vec<Decision>> {
        let mut form = vec![("PolicySourceArn".to_owned(), role_arn.to_owned())];
        form.extend(resource.map(|arn| ("ResourceArns.member.1".to_owned(), arn.to_owned())));
        let numbered = actions.iter().zip(1..);
        form.extend(numbered.map(|(action, number)| (format!("ActionNames.member.{number}"), (*action).to_owned())));
        // Source: IAM's service model, maxItemsType: at most 1000. One page then holds every action.
        form.push(("MaxItems".to_owned(), "1000".to_owned()));
        self.send(SIMULATE, &form, decisions).await
    }

    async fn send<T: std::fmt::Debug + Send + Sync + 'static>(
        &self,
        operation: Operation,
        form: &[(String, String)],
        read: fn(&str) -> Option<T>,
    ) -> Result<T> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let (host, signed_for) = endpoint(&regional.config, &regional.region);
        let address = regional.iam_address.clone().unwrap_or(host);
        let body = body(operation, form);
        let run = |probe| async {
            let place = Place { service: "iam", region: signed_for, address: &address };
            let answer = move |response: &HttpResponse| answered(response, read);
            bare::request(operation, &regional.config, &place, probe, move || asked(&body), answer).invoke(()).await
        };
        self.clients.run(operation, Effect::Read, &regional.region, run).await
    }
}

/// IAM's endpoint, and the region of its signatures. Source: the endpoint rules of its service model.
fn endpoint(config: &SdkConfig, region: &str) -> (String, &'static str) {
    let (fips, dual) = (config.use_fips().unwrap_or(false), config.use_dual_stack().unwrap_or(false));
    let partition = names::Partition::of_region(region);
    match partition.id() {
        "aws-cn" if dual => ("https://iam.global.api.amazonwebservices.com.cn".to_owned(), "cn-north-1"),
        "aws-cn" => ("https://iam.cn-north-1.amazonaws.com.cn".to_owned(), "cn-north-1"),
        "aws-us-gov" if dual => ("https://iam.us-gov.api.aws".to_owned(), "us-gov-west-1"),
        "aws-us-gov" => ("https://iam.us-gov.amazonaws.com".to_owned(), "us-gov-west-1"),
        "aws-eusc" => ("https://iam.eusc-de-east-1.amazonaws.eu".to_owned(), "eusc-de-east-1"),
        "aws" if fips && dual => ("https://iam-fips.global.api.aws".to_owned(), "us-east-1"),
        "aws" if fips => ("https://iam-fips.amazonaws.com".to_owned(), "us-east-1"),
        "aws" if dual => ("https://iam.global.api.aws".to_owned(), "us-east-1"),
        "aws" => ("https://iam.amazonaws.com".to_owned(), "us-east-1"),
        "aws-iso" => ("https://iam.us-iso-east-1.c2s.ic.gov".to_owned(), "us-iso-east-1"),
        "aws-iso-b" => ("https://iam.us-isob-east-1.sc2s.sgov.gov".to_owned(), "us-isob-east-1"),
        "aws-iso-e" => ("https://iam.eu-isoe-west-1.cloud.adc-e.uk".to_owned(), "eu-isoe-west-1"),
        _ => ("https://iam.us-isof-south-1.csp.hci.ic.gov".to_owned(), "us-isof-south-1"),
    }
}

fn body(operation: Operation, form: &[(String, String)]) -> String {
    let mut text = form_urlencoded::Serializer::new(String::new());
    text.append_pair("Action", operation.name).append_pair("Version", VERSION);
    for (name, value) in form {
        text.append_pair(name, value);
    }
    text.finish()
}

fn asked(body: &str) -> std::result::Result<HttpRequest, BoxError> {
    let mut request = HttpRequest::new(SdkBody::from(body));
    request.set_method("POST")?;
    request.set_uri("/")?;
    request.headers_mut().insert("content-type", CONTENT_TYPE);
    request.headers_mut().insert("content-length", body.len().to_string());
    Ok(request)
}

fn answered<T>(
    response: &HttpResponse,
    read: fn(&str) -> Option<T>,
) -> std::result::Result<T, OrchestratorError<ErrorMetadata>> {
    let text = std::str::from_utf8(response.body().bytes().unwrap_or_default()).unwrap_or_default();
    if !response.status().is_success() {
        return Err(OrchestratorError::operation(refused(text)));
    }
    read(text).ok_or_else(|| OrchestratorError::response("the answer is not as IAM documents it".into()))
}

fn refused(text: &str) -> ErrorMetadata {
    let mut builder = ErrorMetadata::builder();
    if let Some(code) = first(text, &["Error", "Code"]) {
        builder = builder.code(code);
    }
    if let Some(message) = first(text, &["Error", "Message"]) {
        builder = builder.message(message);
    }
    builder.build()
}

fn role(text: &str) -> Option<Role> {
    let member = |name: &str| first(text, &["GetRoleResult", "Role", name]);
    let document = member("AssumeRolePolicyDocument")?;
    let trust_policy = percent_encoding::percent_decode_str(&document).decode_utf8().ok()?.into_owned();
    Some(Role { arn: member("Arn")?, trust_policy })
}

fn decisions(text: &str) -> Option<Vec<Decision>> {
    let mut found = Vec::new();
    let path = ["SimulatePrincipalPolicyResult", "EvaluationResults", "member"];
    visit(text, &path, &mut |result| {
        let mut decision = Decision::default();
        while let Some(mut part) = result.next_tag() {
            let name = part.start_el().local().to_owned();
            match name.as_str() {
                "EvalActionName" => decision.action = try_data(&mut part).unwrap_or_default().into_owned(),
                "EvalDecision" => decision.is_allowed = try_data(&mut part).is_ok_and(|text| text == "allowed"),
                "MissingContextValues" => descend(part, &["member"], &mut |key| {
                    decision.missing_context.extend(try_data(key).map(Cow::into_owned));
                }),
                _ => {}
            }
        }
        found.push(decision);
    });
    // Every question gets an answer.
    (!found.is_empty()).then_some(found)
}

/// The text of the first element at `path` below the root.
fn first(text: &str, path: &[&str]) -> Option<String> {
    let mut found = None;
    visit(text, path, &mut |element| {
        if found.is_none() {
            found = try_data(element).ok().map(Cow::into_owned);
        }
    });
    found.filter(|text| !text.is_empty())
}

/// Calls `each` with every element at `path` below the root.
fn visit(text: &str, path: &[&str], each: &mut dyn FnMut(&mut ScopedDecoder<'_, '_>)) {
    let mut document = Document::new(text);
    if let Ok(root) = document.root_element() {
        descend(root, path, each);
    }
}

fn descend(mut element: ScopedDecoder<'_, '_>, path: &[&str], each: &mut dyn FnMut(&mut ScopedDecoder<'_, '_>)) {
    let Some((next, rest)) = path.split_first() else { return each(&mut element) };
    while let Some(child) = element.next_tag() {
        if child.start_el().matches(next) {
            descend(child, rest, each);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::stub::{Reply, Stub};

    #[tokio::test]
    async fn a_role_comes_with_its_trust_policy() {
        let stub = Stub::new(|_| {
            let policy = "%7B%22Statement%22%3A%5B%5D%7D";
            let role = format!(
                "<Role><Path>/p/</Path><Arn>arn:aws:iam::111122223333:role/p/r</Arn><AssumeRolePolicyDocument>{policy}</AssumeRolePolicyDocument></Role>"
            );
            Reply::Answer(
                200,
                format!(
                    "<GetRoleResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><GetRoleResult>{role}</GetRoleResult></GetRoleResponse>"
                ),
            )
        });
        let role = stub.clients().iam(None).role("r").await.expect("read");
        let expected = Role {
            arn: "arn:aws:iam::111122223333:role/p/r".to_owned(),
            trust_policy: r#"{"Statement":[]}"#.to_owned(),
        };
        assert_eq!(role, expected);
        stub.read(|asked| {
            assert_eq!(asked[0].body["RoleName"], "r");
            assert!(asked[0].signed.contains("/us-east-1/iam/aws4_request"), "{}", asked[0].signed);
        });
    }

    #[tokio::test]
    async fn decisions_come_with_what_they_depend_on() {
        let stub = Stub::new(|asked| {
            assert_eq!(asked.body["ActionNames.member.2"], "ssm%3ADeregisterManagedInstance");
            let member = |action: &str, decision: &str, keys: &str| {
                format!(
                    "<member><EvalActionName>{action}</EvalActionName><EvalResourceName>*</EvalResourceName><EvalDecision>{decision}</EvalDecision><MissingContextValues>{keys}</MissingContextValues></member>"
                )
            };
            let results = [
                member("ecr:BatchGetImage", "allowed", ""),
                member(
                    "ssm:DeregisterManagedInstance",
                    "implicitDeny",
                    "<member>ssm:resourceTag/EKSClusterARN</member>",
                ),
            ]
            .concat();
            Reply::Answer(
                200,
                format!(
                    "<SimulatePrincipalPolicyResponse><SimulatePrincipalPolicyResult><EvaluationResults>{results}</EvaluationResults><IsTruncated>false</IsTruncated></SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"
                ),
            )
        });
        let iam = stub.clients().iam(None);
        let found =
            iam.simulate("arn:r", &["ecr:BatchGetImage", "ssm:DeregisterManagedInstance"], None).await.expect("read");
        let decision = |action: &str, is_allowed, keys: &[&str]| Decision {
            action: action.to_owned(),
            is_allowed,
            missing_context: keys.iter().map(ToString::to_string).collect(),
        };
        assert_eq!(
            found,
            [
                decision("ecr:BatchGetImage", true, &[]),
                decision("ssm:DeregisterManagedInstance", false, &["ssm:resourceTag/EKSClusterARN"]),
            ]
        );
    }

    #[tokio::test]
    async fn refusals_are_told_apart() {
        for (status, code, is_missing, denied) in
            [(404, "NoSuchEntity", true, None), (403, "AccessDenied", false, Some("iam:GetRole"))]
        {
            let stub = Stub::new(move |_| {
                Reply::Answer(
                    status,
                    format!(
                        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>no</Message></Error><RequestId>r-1</RequestId></ErrorResponse>"
                    ),
                )
            });
            let error = stub.clients().iam(None).role("r").await.expect_err("refused");
            assert_eq!((error.is_not_found(), error.missing_permission()), (is_missing, denied), "{error}");
            assert_eq!((error.code(), error.status()), (Some(code), Some(status)));
        }
        for body in ["", "<html>", "<GetRoleResponse></GetRoleResponse>"] {
            let stub = Stub::new(move |_| Reply::Answer(200, body.to_owned()));
            assert!(stub.clients().iam(None).role("r").await.is_err(), "{body}");
        }
    }
}
