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
}

pub fn answer(call: &mut Call<'_>, operation: &str, input: Json<'_>) -> Result<Value> {
    call.authorize(&format!("ecr:{operation}"), "*")?;
    match operation {
        "GetAuthorizationToken" => password(call, input),
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

/// Host of an account's registry in a region.
pub fn host(account: &str, region: &str) -> String {
    format!("{account}.dkr.ecr.{region}.amazonaws.com")
}

/// Host of the storage to which registries of a region lead.
pub fn storage_host(region: &str) -> String {
    format!("prod-{region}-starport-layer-bucket.s3.{region}.amazonaws.com")
}
