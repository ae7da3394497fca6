//! The parameter that holds an activation's code. Its tag says whose code it is, even if every note is lost: a
//! parameter whose tag names no activation of this state belongs to someone else, and is neither overwritten nor
//! deleted.

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::note::Noted;
use framework::path::Path;
use secrecy::{ExposeSecret, SecretString};

use crate::aws::ssm::{Client, ParameterSpec, Tags};
use crate::aws::{Error, Kind};
use crate::resources::activation::{Args, KeyId, Outputs, notes};
use crate::session::{Context, explain, explain_at};

/// Tag of the parameter: the id of the activation whose code it holds.
const TAG: &str = "ekshybrid:activation-id";
/// The key that Systems Manager uses by default.
const DEFAULT_KEY: &str = "alias/aws/ssm";
/// Tags available to the user: AWS allows 50, and one is [`TAG`].
pub(in crate::resources::activation) const MOST_TAGS: usize = 49;

/// Why the code could not be stored.
pub(in crate::resources::activation) struct Unstored {
    error: Error,
    /// The parameter with this name belongs to someone else.
    taken: Option<Taken>,
    /// The tag was changed from this owner, and the value may be unchanged.
    retagged_from: Option<String>,
}

/// A parameter that does not belong to this state.
struct Taken {
    /// The activation named by its tag, and whether that activation exists.
    owner: Option<(String, bool)>,
}

impl From<Error> for Unstored {
    fn from(error: Error) -> Self {
        Self { error, taken: None, retagged_from: None }
    }
}

/// Stores the code and returns the parameter's version. An existing parameter is overwritten only if its tag names
/// one of the `replaced` activations.
pub(in crate::resources::activation) async fn store(
    client: &Client,
    name: &str,
    key: Option<&KeyId>,
    code: SecretString,
    outputs: &Outputs,
    replaced: &[String],
) -> std::result::Result<i64, Unstored> {
    let mut tags = outputs.tags_all.clone();
    tags.insert(TAG.to_owned(), outputs.id.clone());
    let mut parameter = ParameterSpec {
        name: name.to_owned(),
        value: code,
        description: Some("Code of an SSM hybrid activation".to_owned()),
        key_id: key.map(|key| key.as_str().to_owned()),
        overwrite: false,
        tags,
    };
    let error = match client.put_parameter(&parameter).await {
        Err(error) if error.code() == Some("ParameterAlreadyExists") => error,
        other => return other.map_err(Unstored::from),
    };
    let owner = client.parameter_tags(name).await?.remove(TAG);
    let Some(owner) = owner else {
        return Err(Unstored { error, taken: Some(Taken { owner: None }), retagged_from: None });
    };
    if !replaced.contains(&owner) {
        let exists = client.describe_activation(&owner).await?.is_some();
        return Err(Unstored { error, taken: Some(Taken { owner: Some((owner, exists)) }), retagged_from: None });
    }
    // The tag first: the parameter never holds a code that its tag does not match.
    client.add_parameter_tags(name, &parameter.tags).await?;
    parameter.overwrite = true;
    client.put_parameter(&parameter).await.map_err(|error| Unstored { error, taken: None, retagged_from: Some(owner) })
}

/// Encrypts the code in the parameter with another key, and returns the new version. The parameter is written only while
/// it holds what this state has written; AWS keeps its tags.
pub(in crate::resources::activation) async fn encrypt_anew(
    client: &Client,
    name: &str,
    key: Option<&KeyId>,
    cx: &Context,
) -> Result<i64> {
    let summary = "Could not encrypt the activation code with another key";
    let left = "The activation and its parameter are unchanged.";
    let failed = |error: Error| explain_key(summary, &error, left);
    let Some(found) = client.parameter(name).await.map_err(failed)? else {
        let cause = format!("The parameter `{name}` does not exist any more.");
        return Err(Diagnostic::error(summary, cause)
            .remedy("Apply again: the plan then creates a new activation.")
            .into());
    };
    framework::wire::log::mask(found.value.expose_secret());
    if matches!(notes::parameter_version(cx), Noted::Says(own) if own != found.version) {
        let cause = format!("The parameter `{name}` was overwritten outside of this resource.");
        return Err(Diagnostic::error(summary, cause)
            .remedy("Apply again: the plan then creates a new activation.")
            .into());
    }
    let spec = ParameterSpec {
        name: name.to_owned(),
        value: found.value,
        description: None,
        // Without one, AWS would keep the former key.
        key_id: Some(key.map_or(DEFAULT_KEY, KeyId::as_str).to_owned()),
        overwrite: true,
        tags: Tags::new(),
    };
    client.put_parameter(&spec).await.map_err(failed)
}

/// Explains an error of a call that encrypts, and points at the key where the error is about it.
fn explain_key(summary: &str, error: &Error, left: &str) -> Diagnostics {
    let is_about_key =
        error.code() == Some("InvalidKeyId") || error.message().is_some_and(|text| text.contains("kms:"));
    if !is_about_key {
        return explain(summary, error, Some(left));
    }
    explain_at(Args::NAMES.kms_key_id, summary, error)
        .left(left)
        .remedy("Check that the key exists in this account and region, that it is enabled and symmetric, and that its policy and the caller's allow `kms:Encrypt` and `kms:Decrypt`.")
}

/// Reverts what a failed [`store`] may have written.
pub(in crate::resources::activation) async fn take_back(
    client: &Client,
    name: &str,
    id: &str,
    unstored: &Unstored,
) -> std::result::Result<(), Error> {
    match &unstored.retagged_from {
        // The value is still the replaced activation's.
        Some(owner) if !may_be_written(&unstored.error) => {
            client.add_parameter_tags(name, &Tags::from([(TAG.to_owned(), owner.clone())])).await
        }
        _ if unstored.taken.is_some() => Ok(()),
        _ => match look(client, name, &[id.to_owned()]).await? {
            Found::Ours(_) => client.delete_parameter(name).await,
            Found::Nothing | Found::Foreign => Ok(()),
        },
    }
}

/// Whether the call that wrote the value may have succeeded despite the error.
fn may_be_written(error: &Error) -> bool {
    error.may_exist() || matches!(error.kind(), Kind::Other)
}

impl Unstored {
    /// Explains what went wrong; `left` says what is left behind.
    pub(in crate::resources::activation) fn explain(
        &self,
        summary: &str,
        name: &str,
        outputs: &Outputs,
        left: &str,
    ) -> Diagnostics {
        let Some(Taken { owner }) = &self.taken else {
            return explain_key(summary, &self.error, left);
        };
        let region = outputs.region.as_ref().map(|region| format!(" --region {}", region.as_str())).unwrap_or_default();
        let delete = format!("aws ssm delete-parameter --name {name}{region}");
        let (whose, remedy) = match owner {
            Some((owner, true)) => (
                format!(
                    "Its tag `{TAG}` says that it holds the code of activation `{owner}`, which exists and is not managed by this resource."
                ),
                format!(
                    "If `{owner}` is left over from a run that was killed, delete both and apply again: `aws ssm delete-activation --activation-id {owner}{region}` and `{delete}`. If another configuration manages it, choose another name.\n\nWith `create_before_destroy`, Terraform before 1.16 does not tell a new activation which one it replaces; remove `create_before_destroy` or `store_code_in` there."
                ),
            ),
            Some((owner, false)) => (
                format!("Its tag `{TAG}` says that it holds the code of activation `{owner}`, which no longer exists."),
                format!(
                    "If nobody uses the parameter, delete it and apply again: `{delete}`. Otherwise choose another name."
                ),
            ),
            None => (
                format!("It has no tag `{TAG}`, so this provider has not written it."),
                "Choose another name, or delete the parameter if nobody uses it.".to_owned(),
            ),
        };
        Diagnostic::error(
            summary,
            format!("The parameter `{name}` already exists and is not overwritten. {whose}\n\n{left}\n\n{remedy}"),
        )
        .at(Path::attribute(Args::NAMES.store_code_in))
        .into()
    }
}

/// What exists under the parameter's name.
enum Found {
    /// No parameter.
    Nothing,
    /// The code of one of these activations, at this version; or a value that someone wrote over it.
    Ours(i64),
    /// Something else.
    Foreign,
}

async fn look(client: &Client, name: &str, ids: &[String]) -> std::result::Result<Found, Error> {
    let Some(version) = client.parameter_version(name).await? else { return Ok(Found::Nothing) };
    let tags = match client.parameter_tags(name).await {
        // Deleted in the meantime.
        Err(error) if error.is_not_found() => return Ok(Found::Nothing),
        other => other?,
    };
    Ok(if tags.get(TAG).is_some_and(|owner| ids.contains(owner)) { Found::Ours(version) } else { Found::Foreign })
}

/// Why the parameter does not hold the code; `None` if it does.
pub(in crate::resources::activation) async fn lost(
    client: &Client,
    name: &str,
    id: &str,
    cx: &Context,
) -> std::result::Result<Option<&'static str>, Error> {
    const ABSENT: &str = "does not exist: it was deleted outside of Terraform, or writing it failed";
    if let Noted::Says(own) = notes::parameter_version(cx) {
        return Ok(match client.parameter_version(name).await? {
            None => Some(ABSENT),
            Some(version) if version != own => Some("was overwritten outside of this resource"),
            Some(_) => None,
        });
    }
    // A state with no record of writing the parameter has only the tag to go by.
    Ok(match look(client, name, &[id.to_owned()]).await? {
        Found::Nothing => Some(ABSENT),
        Found::Ours(_) => None,
        Found::Foreign => Some("belongs to something else: its tag does not name this activation"),
    })
}

/// Deletes the parameter, unless it belongs to someone else or someone else has written to it since.
pub(in crate::resources::activation) async fn delete(
    client: &Client,
    name: &str,
    id: &str,
    cx: &Context,
) -> Result<()> {
    let summary = "Could not delete the parameter with the activation code";
    let left = "The activation and its parameter still exist and are recorded in the state.";
    let failed = |error: Error| explain(summary, &error, Some(left));
    let version = match look(client, name, &notes::family(id, cx)).await.map_err(failed)? {
        Found::Nothing => return Ok(()),
        Found::Foreign => {
            cx.report(stays(name, &format!("its tag `{TAG}` does not name activation `{id}`")));
            return Ok(());
        }
        Found::Ours(version) => version,
    };
    if matches!(notes::parameter_version(cx), Noted::Says(own) if own != version) {
        cx.report(stays(name, "it was overwritten outside of this resource"));
        return Ok(());
    }
    client.delete_parameter(name).await.map_err(failed)
}

fn stays(name: &str, why: &str) -> Diagnostic {
    Diagnostic::warning(
        "The parameter is not deleted",
        format!("The parameter `{name}` is kept, because {why}. Delete it yourself if nobody uses it."),
    )
}
