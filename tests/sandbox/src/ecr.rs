//! Elastic Container Registry: the passwords of private registries, and what the registries hold. What speaks as a
//! registry is in `edge`.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    aws::{
        Call,
        error::{self, AwsError, Result},
        input::Json,
    },
    identity::Principal,
    random,
    world::Birth,
};

/// Beginning of `X-Amz-Target`.
pub const TARGET: &str = "AmazonEC2ContainerRegistry_V20150921.";
/// How long a password is good. Source: GetAuthorizationToken in the ECR API reference.
const GOOD_FOR_SECONDS: i64 = 12 * 3600;

/// What one account holds in one region.
#[derive(Default, Serialize, Deserialize)]
pub struct Store {
    /// By password.
    #[serde(default)]
    pub logins: BTreeMap<String, Login>,
    /// By name.
    #[serde(skip)]
    pub repositories: BTreeMap<String, Repository>,
    /// Signed addresses of the storage behind the registry: which repository and which blob, by signature.
    #[serde(skip)]
    pub links: BTreeMap<String, (String, String)>,
    /// Uploads that are not finished.
    #[serde(skip)]
    pub uploads: BTreeMap<String, Upload>,
}

/// An upload that is not finished.
#[derive(Default)]
pub struct Upload {
    pub bytes: Vec<u8>,
    /// Number of PATCH requests.
    pub parts: u32,
}

/// Whoever asked for a password.
#[derive(Clone, Serialize, Deserialize)]
pub struct Login {
    pub principal: Principal,
    pub born: Birth,
}

impl Login {
    pub fn is_over(&self, advanced: i64) -> bool {
        self.born.now(advanced) >= self.born.at.plus_seconds(GOOD_FOR_SECONDS)
    }
}

/// Contents are kept by digest, as a registry keeps them.
#[derive(Default)]
pub struct Repository {
    /// Digests of manifests, by tag.
    pub tags: BTreeMap<String, String>,
    pub manifests: BTreeMap<String, Vec<u8>>,
    pub blobs: BTreeMap<String, Vec<u8>>,
    /// Other accounts that the repository's policy lets pull.
    pub readers: BTreeSet<String>,
    pub is_immutable: bool,
}

pub fn answer(call: &mut Call<'_>, operation: &str, input: Json<'_>) -> Result<Value> {
    let resource = match (operation, input.text("repositoryName")) {
        ("CreateRepository", Ok(Some(name))) => {
            format!("arn:aws:ecr:{}:{}:repository/{name}", call.region, call.account)
        }
        _ => "*".to_owned(),
    };
    call.authorize(&format!("ecr:{operation}"), &resource)?;
    match operation {
        "GetAuthorizationToken" => password(call, input),
        "CreateRepository" => create(call, input),
        _ => Err(error::unknown_operation(call.service, operation)),
    }
}

fn password(call: &mut Call<'_>, input: Json<'_>) -> Result<Value> {
    let registries = input.texts("registryIds")?.unwrap_or_else(|| vec![call.account.clone()]);
    if registries.is_empty()
        || registries.len() > 10
        || registries.iter().any(|id| id.len() != 12 || !id.bytes().all(|byte| byte.is_ascii_digit()))
    {
        return Err(AwsError::client(
            "InvalidParameterException",
            "Invalid parameter at 'registryIds' failed to satisfy constraint: 'must be one to ten account ids'",
        ));
    }
    let password = random::secret(200);
    let born = call.account().birth();
    let login = Login { principal: call.principal.clone(), born };
    call.region().ecr.logins.insert(password.clone(), login);
    let token = STANDARD.encode(format!("AWS:{password}"));
    let expires = call.now.plus_seconds(GOOD_FOR_SECONDS).epoch();
    let told = registries.iter().map(|id| {
        json!({
            "authorizationToken": token,
            "expiresAt": expires,
            "proxyEndpoint": format!("https://{}", host(id, &call.region)),
        })
    });
    Ok(json!({"authorizationData": told.collect::<Vec<_>>()}))
}

fn create(call: &mut Call<'_>, input: Json<'_>) -> Result<Value> {
    let name = input.text("repositoryName")?.unwrap_or_default().to_owned();
    let id = input.text("registryId")?.map_or_else(|| call.account.clone(), str::to_owned);
    // Source: the pattern of RepositoryName in the ECR API reference.
    let is_part = |part: &str| {
        let is_end = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        is_end(part.bytes().next())
            && is_end(part.bytes().last())
            && part.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || matches!(it, b'.' | b'_' | b'-'))
    };
    if !(2..=256).contains(&name.len()) || !name.split('/').all(is_part) {
        return Err(AwsError::client(
            "InvalidParameterException",
            "Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must satisfy regular expression \
             '(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*''",
        ));
    }
    let is_immutable = input.text("imageTagMutability")? == Some("IMMUTABLE");
    if id != call.account {
        let message = format!("Repositories can be created only in the registry of the caller, not in '{id}'");
        return Err(AwsError::client("InvalidParameterException", message));
    }
    let (region, account) = (call.region.clone(), call.account.clone());
    let store = &mut call.region().ecr;
    if store.repositories.contains_key(&name) {
        return Err(AwsError::client(
            "RepositoryAlreadyExistsException",
            format!("The repository with name '{name}' already exists in the registry with id '{account}'"),
        ));
    }
    store.repositories.insert(name.clone(), Repository { is_immutable, ..Repository::default() });
    Ok(json!({"repository": {
        "repositoryArn": format!("arn:aws:ecr:{region}:{account}:repository/{name}"),
        "registryId": account,
        "repositoryName": name,
        "repositoryUri": format!("{}/{name}", host(&account, &region)),
        "imageTagMutability": if is_immutable { "IMMUTABLE" } else { "MUTABLE" },
    }}))
}

/// Host of an account's registry in a region.
pub fn host(account: &str, region: &str) -> String {
    format!("{account}.dkr.ecr.{region}.amazonaws.com")
}

/// Host of the storage to which registries of a region lead.
pub fn storage_host(region: &str) -> String {
    format!("prod-{region}-starport-layer-bucket.s3.{region}.amazonaws.com")
}
