//! Elastic Container Registry: the password of private registries, and new repositories.
//!
//! Two operations do not justify the SDK's crate with its sixty; see [`super::bare`].

use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::metadata::ErrorMetadata;
use aws_types::SdkConfig;
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::Value;
use tokio::sync::Mutex;

use super::bare::{self, Place};
use super::clients::{Clients, Effect};
use super::error::{Operation, Result};

const PASSWORD: Operation = Operation::new("ecr", "GetAuthorizationToken");
const CREATE: Operation = Operation::new("ecr", "CreateRepository");
/// Source: `targetPrefix` and `jsonVersion` of ECR's service model.
const TARGET: &str = "AmazonEC2ContainerRegistry_V20150921";
const CONTENT_TYPE: &str = "application/x-amz-json-1.1";
/// A password with less time left is renewed: it must outlast a download, and this machine's clock may be slightly
/// off.
const MARGIN: Duration = Duration::from_mins(5);

/// The password of a region's registries, once it has been requested.
#[derive(Debug, Default)]
pub(super) struct Password(Mutex<Option<Login>>);

/// ECR's response.
#[derive(Debug, Clone)]
struct Login {
    /// `AWS:` and the password, in base64.
    token: SecretString,
    expires: Timestamp,
}

impl Clients {
    /// User and password for the private registries of `region`, in the form of the `Basic` scheme: `AWS:` and the
    /// password, in base64. It is valid for everything the caller may pull, including from registries of other
    /// accounts.
    ///
    /// It is requested once, and again when it is about to expire; ECR's passwords are valid for 12 hours.
    ///
    /// # Errors
    /// Those of `ecr:GetAuthorizationToken` and of finding credentials;
    /// [`Kind::UnknownRegion`](super::Kind::UnknownRegion).
    pub async fn registry_password(&self, region: &str) -> Result<SecretString> {
        let regional = self.regional(Some(region)).await?;
        let password = regional.part::<Password>();
        let mut known = password.0.lock().await;
        if let Some(login) = known.as_ref().filter(|login| Timestamp::now() + MARGIN < login.expires) {
            return Ok(login.token.clone());
        }
        let config = &regional.config;
        let address = regional.ecr_address.clone().unwrap_or_else(|| address(config, region));
        let place = Place { service: "ecr", region, address: &address };
        let place = &place;
        let request = || asked(PASSWORD, "{}");
        let read = |response: &HttpResponse| answered(response, login);
        let ask = |probe| async move { bare::request(PASSWORD, config, place, probe, request, read).invoke(()).await };
        let login = self.run(PASSWORD, Effect::Read, region, ask).await?;
        Ok(known.insert(login).token.clone())
    }

    /// Creates a repository in a private registry, with ECR's default settings. `false`: it exists.
    ///
    /// # Errors
    /// Those of `ecr:CreateRepository`.
    pub async fn create_repository(&self, region: &str, registry: &str, name: &str) -> Result<bool> {
        let regional = self.regional(Some(region)).await?;
        let config = &regional.config;
        let address = regional.ecr_address.clone().unwrap_or_else(|| address(config, region));
        let place = Place { service: "ecr", region, address: &address };
        let place = &place;
        let body = serde_json::json!({ "registryId": registry, "repositoryName": name }).to_string();
        let request = move || asked(CREATE, &body);
        let read = |response: &HttpResponse| answered(response, created);
        let ask = |probe| async move { bare::request(CREATE, config, place, probe, request, read).invoke(()).await };
        match self.run(CREATE, Effect::Change, region, ask).await {
            Ok(()) => Ok(true),
            Err(error) if error.code() == Some("RepositoryAlreadyExistsException") => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// ECR's endpoint. Source: the endpoint rules of its service model.
fn address(config: &SdkConfig, region: &str) -> String {
    let (fips, dual) = (config.use_fips().unwrap_or(false), config.use_dual_stack().unwrap_or(false));
    let suffix = names::Partition::of_region(region).dns_suffix();
    let dual_suffix = match suffix {
        "amazonaws.com.cn" => "api.amazonwebservices.com.cn",
        "amazonaws.eu" => "api.amazonwebservices.eu",
        _ => "api.aws",
    };
    match (fips, dual) {
        (false, false) => format!("https://api.ecr.{region}.{suffix}"),
        (true, false) => format!("https://ecr-fips.{region}.{suffix}"),
        (false, true) => format!("https://ecr.{region}.{dual_suffix}"),
        (true, true) => format!("https://ecr-fips.{region}.{dual_suffix}"),
    }
}

fn asked(operation: Operation, body: &str) -> std::result::Result<HttpRequest, BoxError> {
    let mut request = HttpRequest::new(SdkBody::from(body));
    request.set_method("POST")?;
    request.set_uri("/")?;
    request.headers_mut().insert("content-type", CONTENT_TYPE);
    request.headers_mut().insert("x-amz-target", format!("{TARGET}.{}", operation.name));
    request.headers_mut().insert("content-length", body.len().to_string());
    Ok(request)
}

fn answered<T>(
    response: &HttpResponse,
    read: fn(&Value) -> Option<T>,
) -> std::result::Result<T, OrchestratorError<ErrorMetadata>> {
    let body: Value = serde_json::from_slice(response.body().bytes().unwrap_or_default()).unwrap_or_default();
    if !response.status().is_success() {
        return Err(OrchestratorError::operation(refused(response, &body)));
    }
    read(&body).ok_or_else(|| OrchestratorError::response("the answer lacks what was asked for".into()))
}

/// A password with its time of expiry.
fn login(body: &Value) -> Option<Login> {
    let login = &body["authorizationData"][0];
    let token = login["authorizationToken"].as_str().filter(|token| !token.is_empty())?;
    // Unix time in seconds, with a fraction.
    let expires = jiff::SignedDuration::try_from_secs_f64(login["expiresAt"].as_f64()?).ok()?;
    Some(Login { token: token.to_owned().into(), expires: Timestamp::from_duration(expires).ok()? })
}

fn created(body: &Value) -> Option<()> {
    body["repository"]["repositoryName"].as_str().map(drop)
}

/// An error in the format of the JSON protocols: its code may be prefixed with a namespace and followed by a URL.
fn refused(response: &HttpResponse, body: &Value) -> ErrorMetadata {
    let text = |name: &str| body[name].as_str().map(str::to_owned);
    let code = response.headers().get("x-amzn-errortype").map(str::to_owned).or_else(|| text("__type"));
    let code = code.or_else(|| text("code")).unwrap_or_default();
    let code = code.split(':').next().unwrap_or_default();
    let mut builder = ErrorMetadata::builder();
    if let Some(code) = code.rsplit('#').next().filter(|code| !code.is_empty()) {
        builder = builder.code(code);
    }
    if let Some(message) = text("message").or_else(|| text("Message")) {
        builder = builder.message(message);
    }
    builder.build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::error::Kind;
    use crate::aws::settings::{Endpoints, Settings};
    use crate::aws::stub::{Reply, Stub};

    fn login(token: &str, minutes: i64) -> Reply {
        let expires = Timestamp::now().as_second() + minutes * 60;
        Reply::json(&serde_json::json!({ "authorizationData": [
            { "authorizationToken": token, "expiresAt": expires, "proxyEndpoint": "https://1.dkr.ecr.us-west-2.amazonaws.com" },
        ] }))
    }

    fn text(secret: &SecretString) -> &str {
        use secrecy::ExposeSecret as _;
        secret.expose_secret()
    }

    #[tokio::test]
    async fn a_password_is_asked_for_once_in_a_region_until_it_expires() {
        let stub = Stub::new(
            |asked| if asked.signed.contains("/eu-west-1/") { login("short", 4) } else { login("long", 720) },
        );
        let clients = stub.clients();
        for (region, password, calls) in
            [("us-west-2", "long", 1), ("us-west-2", "long", 1), ("eu-west-1", "short", 2), ("eu-west-1", "short", 3)]
        {
            let found = clients.registry_password(region).await.expect(region);
            assert_eq!((text(&found), stub.count("GetAuthorizationToken")), (password, calls), "{region}");
            assert!(!format!("{found:?}").contains(password));
        }
        stub.read(|asked| {
            assert!(asked[0].signed.contains("/us-west-2/ecr/aws4_request"), "{}", asked[0].signed);
            assert!(asked.iter().all(|one| one.body == serde_json::json!({})));
        });
    }

    #[tokio::test]
    async fn what_ecr_refuses_is_told_with_action_and_region() {
        let stub = Stub::new(|_| {
            Reply::refused(
                "com.amazonaws.ecr#AccessDeniedException",
                "User: arn:aws:iam::111122223333:user/me is not authorized to perform: ecr:GetAuthorizationToken on resource: * because no identity-based policy allows the ecr:GetAuthorizationToken action",
            )
        });
        let error = stub.clients().registry_password("eu-west-1").await.expect_err("denied");
        assert_eq!(error.missing_permission(), Some("ecr:GetAuthorizationToken"));
        assert_eq!((error.code(), error.region()), (Some("AccessDeniedException"), Some("eu-west-1")));
        assert_eq!((error.status(), error.request_id()), (Some(400), Some("r-9")));
        assert_eq!(stub.count("GetAuthorizationToken"), 1);
        let error = stub.clients().registry_password("nowhere").await.expect_err("no region");
        assert!(matches!(error.kind(), Kind::UnknownRegion { .. }), "{error}");
    }

    #[tokio::test]
    async fn what_may_pass_is_tried_again() {
        let calls = std::sync::atomic::AtomicU32::new(0);
        let stub = Stub::new(move |_| match calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0 => Reply::refused("ThrottlingException", "Rate exceeded"),
            1 => Reply::Answer(500, r#"{"__type":"ServerException"}"#.to_owned()),
            2 => Reply::Broken,
            _ => login("late", 720),
        });
        let password = stub.clients().registry_password("us-west-2").await.expect("in the end");
        assert_eq!((text(&password), stub.count("GetAuthorizationToken")), ("late", 4));
    }

    #[tokio::test]
    async fn an_answer_without_a_password_is_an_error() {
        for body in ["", "<html>", "{}", r#"{"authorizationData":[{"authorizationToken":"hunter2"}]}"#] {
            let stub = Stub::new(move |_| Reply::Answer(200, body.to_owned()));
            let error = stub.clients().registry_password("us-west-2").await.expect_err(body);
            assert!(matches!(error.kind(), Kind::Other), "{error:?}");
            let text = format!("{error} {error:?}");
            assert!(!text.contains("hunter2") && text.contains("lacks what was asked for"), "{text}");
        }
    }

    #[tokio::test]
    async fn a_repository_is_created_once() {
        let created = serde_json::json!({"repository": {"repositoryName": "mirror/a"}});
        let stub = Stub::new(move |asked| match asked.body["repositoryName"].as_str() {
            Some("mirror/a") => Reply::json(&created),
            _ => Reply::refused("RepositoryAlreadyExistsException", "The repository already exists"),
        });
        for (name, is_new) in [("mirror/a", true), ("mirror/b", false)] {
            let found = stub.clients().create_repository("us-west-2", "111122223333", name).await.expect(name);
            assert_eq!(found, is_new, "{name}");
        }
        stub.read(|asked| {
            assert_eq!(asked[0].operation, "CreateRepository");
            assert_eq!(asked[0].body["registryId"], "111122223333");
        });
    }

    #[tokio::test]
    async fn addresses() {
        for (region, fips, dual, expected) in [
            ("us-west-2", false, false, "https://api.ecr.us-west-2.amazonaws.com"),
            ("us-gov-west-1", true, false, "https://ecr-fips.us-gov-west-1.amazonaws.com"),
            ("cn-north-1", false, false, "https://api.ecr.cn-north-1.amazonaws.com.cn"),
            ("cn-north-1", false, true, "https://ecr.cn-north-1.api.amazonwebservices.com.cn"),
            ("eu-west-1", false, true, "https://ecr.eu-west-1.api.aws"),
            ("us-east-1", true, true, "https://ecr-fips.us-east-1.api.aws"),
        ] {
            let stub = Stub::new(|_| Reply::refused("AccessDeniedException", ""));
            let clients = stub.clients_with(Settings {
                access_key: Some("AKIDEXAMPLE".into()),
                secret_key: Some("secret".into()),
                use_fips_endpoint: Some(fips),
                use_dualstack_endpoint: Some(dual),
                ..Settings::default()
            });
            let error = clients.registry_password(region).await.expect_err("denied");
            assert_eq!(error.endpoint(), Some(expected));
        }
        let stub = Stub::new(|_| Reply::refused("AccessDeniedException", ""));
        let own = "https://vpce-1.api.ecr.us-west-2.vpce.amazonaws.com";
        let clients = stub.clients_with(Settings {
            access_key: Some("AKIDEXAMPLE".into()),
            secret_key: Some("secret".into()),
            endpoints: Endpoints { ecr: Some(own.to_owned()), ..Endpoints::default() },
            ..Settings::default()
        });
        assert_eq!(clients.registry_password("us-west-2").await.expect_err("denied").endpoint(), Some(own));
    }
}
