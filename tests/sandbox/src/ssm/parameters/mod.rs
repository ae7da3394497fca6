//! Parameter Store: names, versions, `SecureString` values.

mod describe;
mod rules;

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
pub use describe::describe;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::tags::refuse_reserved;
use crate::{
    aws::{
        Call,
        constraints::{Constraints, tags},
        error::{AwsError, Result},
        input::Json,
    },
    ec2,
    moment::Moment,
    world::Birth,
};

#[derive(Clone, Serialize, Deserialize)]
pub struct Parameter {
    pub name: String,
    pub born: Birth,
    /// String, `StringList` or `SecureString`.
    pub kind: String,
    pub key_id: Option<String>,
    pub description: Option<String>,
    pub allowed_pattern: Option<String>,
    /// Standard or Advanced.
    pub tier: String,
    pub data_type: String,
    pub tags: BTreeMap<String, String>,
    pub modified: Moment,
    pub modified_by: String,
    /// Values by version; the newest hundred.
    pub versions: BTreeMap<u64, String>,
}

impl Parameter {
    fn version(&self) -> u64 {
        self.versions.keys().next_back().copied().unwrap_or_default()
    }

    /// The `GetParameter` output. Without decryption, a `SecureString` shows text that only KMS could decrypt.
    fn describe(&self, arn: &str, version: u64, selector: Option<&str>, decrypt: bool) -> Value {
        let value = self.versions.get(&version).cloned().unwrap_or_default();
        let value = if self.kind == "SecureString" && !decrypt {
            let mut text = b"\x01\x02\x02\x00x".to_vec();
            text.extend(Sha256::digest(format!("{}{version}{value}", self.born.at.millis())));
            STANDARD.encode(text)
        } else {
            value
        };
        let mut answer = json!({
            "Name": self.name,
            "Type": self.kind,
            "Value": value,
            "Version": version,
            "LastModifiedDate": self.modified.epoch(),
            "ARN": arn,
            "DataType": self.data_type,
        });
        if let Some(selector) = selector {
            answer["Selector"] = format!(":{selector}").into();
        }
        answer
    }
}

/// ARN of a parameter: a name that is a path adds no second slash.
pub fn arn(call: &Call<'_>, name: &str) -> String {
    call.arn("ssm", &format!("parameter/{}", name.trim_start_matches('/')))
}

/// How many versions are kept.
const HISTORY: usize = 100;

pub fn put(call: &mut Call<'_>, input: Json<'_>) -> Result<Value> {
    let name = input.text("Name")?;
    let value = input.text("Value")?;
    let kind = input.text("Type")?;
    let key = input.text("KeyId")?;
    let description = input.text("Description")?;
    let tier = input.text("Tier")?;
    let pattern = input.text("AllowedPattern")?;
    let data_type = input.text("DataType")?;
    let overwrite = input.boolean("Overwrite")?.unwrap_or(false);
    let given_tags = input.tags("Tags")?.unwrap_or_default();
    let mut constraints = Constraints::default();
    constraints.required("name", name);
    constraints.length("name", name, 1, 2048);
    constraints.required("value", value);
    constraints.length("description", description, 0, 1024);
    constraints.length("allowedPattern", pattern, 0, 1024);
    constraints.one_of("type", kind, &["String", "StringList", "SecureString"]);
    constraints.one_of("tier", tier, &["Standard", "Advanced", "Intelligent-Tiering"]);
    constraints.length("keyId", key, 1, 256);
    constraints.pattern("keyId", key, "^([a-zA-Z0-9:/_-]+)$", |key| {
        key.chars().all(|letter| letter.is_ascii_alphanumeric() || ":/_-".contains(letter))
    });
    tags(&mut constraints, &given_tags);
    constraints.finish()?;
    refuse_reserved(&given_tags)?;
    let (name, value) = (name.unwrap_or_default(), value.unwrap_or_default());
    rules::name(name)?;
    if overwrite && !given_tags.is_empty() {
        return Err(AwsError::validation(
            "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource.",
        ));
    }
    if key.is_some() && kind.is_some_and(|kind| kind != "SecureString") {
        return Err(AwsError::validation("KeyId is required for SecureString type parameter only."));
    }
    if let Some(key) = key {
        rules::key(call, key)?;
    }
    let data_type = data_type.unwrap_or("text");
    if data_type != "text" {
        return Err(AwsError::validation(format!(
            "The following data type is not supported: {data_type} (Data type names are all lowercase.)"
        )));
    }
    let existing = call.region().ssm.parameters.get(name).cloned();
    if existing.is_some() && !overwrite {
        return Err(AwsError::client(
            "ParameterAlreadyExists",
            "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.",
        ));
    }
    let kind = match (&existing, kind) {
        (None, None) => {
            return Err(AwsError::validation("A parameter type is required when you create a parameter."));
        }
        (Some(old), Some(kind)) if old.kind != kind => {
            return Err(AwsError::client(
                "HierarchyTypeMismatchException",
                "Parameter Store doesn't support changing a parameter type in a hierarchy. For example, you can't change a parameter from a String type to a SecureString type. You must create a new, unique parameter.",
            ));
        }
        (Some(old), None) => old.kind.clone(),
        (_, Some(kind)) => kind.to_owned(),
    };
    let tier = rules::tier(tier, existing.as_ref().map(|old| old.tier.as_str()), value)?;
    if value.is_empty() || (kind == "StringList" && value.split(',').any(str::is_empty)) {
        return Err(AwsError::validation("The parameter value must not be empty, nor an entry of a StringList."));
    }
    let key_id = (kind == "SecureString").then(|| {
        key.map(ToOwned::to_owned)
            .or_else(|| existing.as_ref().and_then(|old| old.key_id.clone()))
            .unwrap_or_else(|| "alias/aws/ssm".to_owned())
    });
    let mut parameter = match existing {
        Some(old) => old,
        None => Parameter {
            name: name.to_owned(),
            born: call.account().birth(),
            kind,
            key_id: None,
            description: None,
            allowed_pattern: None,
            tier: String::new(),
            data_type: data_type.to_owned(),
            tags: given_tags.into_iter().collect(),
            modified: call.now,
            modified_by: String::new(),
            versions: BTreeMap::new(),
        },
    };
    parameter.key_id = key_id;
    parameter.description = description.map(ToOwned::to_owned).or(parameter.description);
    parameter.allowed_pattern = pattern.map(ToOwned::to_owned).or(parameter.allowed_pattern);
    parameter.tier = tier;
    parameter.modified = call.now;
    parameter.modified_by.clone_from(&call.principal.arn);
    let version = parameter.version() + 1;
    parameter.versions.insert(version, value.to_owned());
    if parameter.versions.len() > HISTORY {
        parameter.versions.pop_first();
    }
    let answer = json!({"Version": version, "Tier": parameter.tier});
    call.region().ssm.parameters.insert(name.to_owned(), parameter);
    Ok(answer)
}

fn name_of(input: Json<'_>) -> Result<String> {
    let name = input.text("Name")?;
    let mut constraints = Constraints::default();
    constraints.required("name", name);
    constraints.length("name", name, 1, 2048);
    constraints.finish()?;
    Ok(name.unwrap_or_default().to_owned())
}

fn names_of(input: Json<'_>) -> Result<Vec<String>> {
    let names = input.texts("Names")?;
    let mut constraints = Constraints::default();
    constraints.required("names", names.as_ref());
    constraints.entries("names", names.as_deref().unwrap_or(&["x".to_owned()]), 1, 10);
    constraints.finish()?;
    Ok(names.unwrap_or_default())
}

/// A parameter by name, `name:version`, or ARN.
fn look_up(call: &mut Call<'_>, given: &str, decrypt: bool) -> Result<Value> {
    let prefix = call.arn("ssm", "parameter");
    let given = given.strip_prefix(&prefix).unwrap_or(given);
    let (name, selector) = match given.split_once(':') {
        Some((name, selector)) => (name, Some(selector)),
        None => (given, None),
    };
    if let Some(found) = public(call, name) {
        return Ok(found);
    }
    let arn = arn(call, name);
    let parameters = &call.region().ssm.parameters;
    // The ARN of a plain name contains a slash that the name does not.
    let Some(parameter) = parameters.get(name).or_else(|| parameters.get(name.trim_start_matches('/'))) else {
        return Err(AwsError::client("ParameterNotFound", ""));
    };
    let version = match selector {
        None => parameter.version(),
        Some(selector) => {
            selector.parse().ok().filter(|version| parameter.versions.contains_key(version)).ok_or_else(|| {
                AwsError::client(
                    "ParameterVersionNotFound",
                    format!(
                        "Systems Manager could not find version {selector} of {name}. Verify the version and try again."
                    ),
                )
            })?
        }
    };
    Ok(parameter.describe(&arn, version, selector, decrypt))
}

/// A public parameter of AWS: the ID of an image.
fn public(call: &mut Call<'_>, name: &str) -> Option<Value> {
    let value = ec2::images::of_public_parameter(call, name)?;
    Some(json!({
        "Name": name,
        "Type": "String",
        "Value": value,
        "Version": 1,
        "LastModifiedDate": call.now.epoch(),
        "ARN": format!("arn:aws:ssm:{}::parameter{name}", call.region),
        "DataType": "aws:ec2:image",
    }))
}

pub fn read(call: &mut Call<'_>, input: Json<'_>) -> Result<Value> {
    let name = name_of(input)?;
    let decrypt = input.boolean("WithDecryption")?.unwrap_or(false);
    Ok(json!({"Parameter": look_up(call, &name, decrypt)?}))
}

pub fn read_many(call: &mut Call<'_>, input: Json<'_>) -> Result<Value> {
    let decrypt = input.boolean("WithDecryption")?.unwrap_or(false);
    let mut found = Vec::new();
    let mut invalid = Vec::new();
    for name in names_of(input)? {
        match look_up(call, &name, decrypt) {
            Ok(parameter) => found.push(parameter),
            Err(_) => invalid.push(name),
        }
    }
    Ok(json!({"Parameters": found, "InvalidParameters": invalid}))
}

pub fn delete(call: &mut Call<'_>, input: Json<'_>) -> Result<Value> {
    let name = name_of(input)?;
    match call.region().ssm.parameters.remove(&name) {
        Some(_) => Ok(json!({})),
        None => Err(AwsError::client("ParameterNotFound", "")),
    }
}

pub fn delete_many(call: &mut Call<'_>, input: Json<'_>) -> Result<Value> {
    let mut deleted = Vec::new();
    let mut invalid = Vec::new();
    for name in names_of(input)? {
        match call.region().ssm.parameters.remove(&name) {
            Some(_) => deleted.push(name),
            None => invalid.push(name),
        }
    }
    Ok(json!({"DeletedParameters": deleted, "InvalidParameters": invalid}))
}
