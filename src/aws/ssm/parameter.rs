//! The `SecureString` parameter that stores an activation's code, to keep the code out of Terraform's state.

use aws_sdk_ssm::types::{ParameterTier, ParameterType, ResourceTypeForTagging};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::{Client, Tags, tag_list, timestamp};
use crate::aws::clients::Effect;
use crate::aws::error::{Operation, Result};

const PUT: Operation = Operation::new("ssm", "PutParameter");
const FETCH: Operation = Operation::new("ssm", "GetParameter");
const DELETE: Operation = Operation::new("ssm", "DeleteParameter");

/// The arguments for creating a parameter. It is always a `SecureString` of the standard tier.
#[derive(Debug, Clone)]
pub struct ParameterSpec {
    /// Name, including its path.
    pub name: String,
    /// The secret.
    pub value: SecretString,
    /// Free text.
    pub description: Option<String>,
    /// KMS key. Default: the account's `alias/aws/ssm`.
    pub key_id: Option<String>,
    /// Whether to overwrite an existing parameter's value. Otherwise an existing one is an error.
    pub overwrite: bool,
    /// Tags.
    pub tags: Tags,
}

/// A parameter as AWS describes it.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// Name, including its path.
    pub name: String,
    /// The secret, decrypted.
    pub value: SecretString,
    /// Version; increases with each new value.
    pub version: i64,
    /// ARN.
    pub arn: Option<String>,
    /// Time of the last change of its value.
    pub last_modified: Option<Timestamp>,
}

impl Client {
    /// Writes a parameter and returns the version of its value. AWS accepts no tags for an overwrite: those of `spec`
    /// are then ignored.
    ///
    /// # Errors
    /// Those of the call. `ParameterAlreadyExists` is a [`Validation`](crate::aws::Kind::Validation).
    pub async fn put_parameter(&self, spec: &ParameterSpec) -> Result<i64> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let tags = if spec.overwrite { None } else { tag_list(&spec.tags)? };
        let request = regional
            .ssm()
            .put_parameter()
            .name(&spec.name)
            .value(spec.value.expose_secret())
            .r#type(ParameterType::SecureString)
            .tier(ParameterTier::Standard)
            .set_description(spec.description.clone())
            .set_key_id(spec.key_id.clone())
            .overwrite(spec.overwrite)
            .set_tags(tags);
        let run = |probe| request.customize().interceptor(probe).send();
        let written = self.clients.run(PUT, Effect::Create, &regional.region, run).await;
        match written {
            Ok(output) => Ok(output.version),
            // Only an earlier attempt of this same call can have written this very value.
            Err(error) if error.code() == Some("ParameterAlreadyExists") && error.attempts() > 1 => {
                match self.parameter(&spec.name).await? {
                    Some(found) if found.value.expose_secret() == spec.value.expose_secret() => Ok(found.version),
                    _ => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// A parameter with its decrypted value; `None` if it does not exist.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn parameter(&self, name: &str) -> Result<Option<Parameter>> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let request = regional.ssm().get_parameter().name(name).with_decryption(true);
        let run = |probe| request.customize().interceptor(probe).send();
        let found = match self.clients.run(FETCH, Effect::Read, &regional.region, run).await {
            Err(error) if error.is_not_found() => return Ok(None),
            other => other?,
        };
        Ok(found.parameter.map(|parameter| Parameter {
            name: parameter.name.unwrap_or_else(|| name.to_owned()),
            value: parameter.value.unwrap_or_default().into(),
            version: parameter.version,
            arn: parameter.arn,
            last_modified: timestamp(parameter.last_modified_date),
        }))
    }

    /// The version of a parameter's value; `None` if it does not exist. Nothing is decrypted.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn parameter_version(&self, name: &str) -> Result<Option<i64>> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let request = regional.ssm().get_parameter().name(name).with_decryption(false);
        let run = |probe| request.customize().interceptor(probe).send();
        match self.clients.run(FETCH, Effect::Read, &regional.region, run).await {
            Err(error) if error.is_not_found() => Ok(None),
            other => Ok(other?.parameter.map(|parameter| parameter.version)),
        }
    }

    /// Deletes a parameter. One that does not exist is no error.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn delete_parameter(&self, name: &str) -> Result<()> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let request = regional.ssm().delete_parameter().name(name);
        let run = |probe| request.customize().interceptor(probe).send();
        match self.clients.run(DELETE, Effect::Change, &regional.region, run).await {
            Err(error) if !error.is_not_found() => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// The tags of a parameter.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn parameter_tags(&self, name: &str) -> Result<Tags> {
        self.resource_tags(ResourceTypeForTagging::Parameter, name).await
    }

    /// Adds or changes tags of a parameter. Without tags, no call is made.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn add_parameter_tags(&self, name: &str, tags: &Tags) -> Result<()> {
        self.add_tags(ResourceTypeForTagging::Parameter, name, tags).await
    }

    /// Removes tags from a parameter. Without keys, no call is made.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn remove_parameter_tags(&self, name: &str, keys: &[String]) -> Result<()> {
        self.remove_tags(ResourceTypeForTagging::Parameter, name, keys).await
    }
}
