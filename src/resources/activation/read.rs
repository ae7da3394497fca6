//! Reads an activation: what AWS shows of it, and what only the state knows.

pub(super) mod moved;

use framework::diagnostic::{Diagnostic, Result};
use framework::model::{Text, Timestamp};
use framework::resource::State;

use super::apply::parameter;
use super::{Activation, Args, Identity, Outputs, RegistrationLimit, notes, ssm};
use crate::attributes::{Region, RoleName};
use crate::aws;
use crate::session::{Context, aws_region, explain, tags};

pub(super) async fn read(
    identity: &Identity,
    prior: Option<&State<Activation>>,
    cx: &Context,
) -> Result<Option<State<Activation>>> {
    let region = aws_region(identity.region.as_ref(), cx).await?;
    let client = ssm(Some(&region), cx)?;
    let summary = "Could not read the activation";
    let Some(found) = client.activation(identity.id.as_str()).await.map_err(|error| explain(summary, &error, None))?
    else {
        warn_of_hosts(prior, cx);
        return Ok(None);
    };
    notes::own(&found.id, cx);
    let mut state = state(found, prior, region, cx)?;
    if let Some(name) = &state.args.store_code_in {
        let lost = parameter::lost(&client, name.as_str(), &state.outputs.id, cx).await;
        if let Some(why) = lost.map_err(|error| explain(summary, &error, None))? {
            cx.report(Diagnostic::warning(
                "The parameter does not hold the activation code any more",
                format!(
                    "The parameter `{}` {why}. AWS returns the code of activation `{}` only once, so the plan creates a new activation and writes its code to the parameter.",
                    name.as_str(),
                    state.outputs.id
                ),
            ));
            state.args.store_code_in = None;
            state.outputs.code_parameter_name = None;
        }
    }
    Ok(Some(state))
}

/// Warns that an activation deleted outside Terraform takes the record of its hosts with it: the state ends here.
fn warn_of_hosts(prior: Option<&State<Activation>>, cx: &Context) {
    let Some(prior) = prior else { return };
    let count = prior.outputs.registrations_count;
    if count > 0 {
        cx.report(Diagnostic::warning(
            "The activation is gone, its hosts are not",
            format!(
                "Activation `{}` was deleted outside of Terraform. {count} host(s) have registered with it; those that still are stay so, and no destroy will deregister them; `orphaned_ids` of `ekshybrid_managed_instances` finds those that are silent, and the action `ekshybrid_deregister_instance` deregisters them.",
                prior.outputs.id
            ),
        ));
    }
}

/// A string from AWS. If the configuration sets an empty string, it is kept: it means the same as unset.
fn note<T: Text + Clone>(found: Option<&str>, prior: Option<&T>) -> std::result::Result<Option<T>, String> {
    match found.filter(|text| !text.is_empty()) {
        Some(text) => T::parse(text).map(Some),
        None => Ok(prior.filter(|prior| prior.text().is_empty()).cloned()),
    }
}

/// Builds the state of an activation from what AWS returns, plus what only Terraform knows, from `prior`.
///
/// # Errors
/// AWS describes the activation in a way that cannot be represented.
pub fn state(
    found: aws::ssm::Activation,
    prior: Option<&State<Activation>>,
    region: Region,
    cx: &Context,
) -> Result<State<Activation>> {
    let prior_args = prior.map(|prior| &prior.args);
    let unreadable = |what: &str| {
        Diagnostic::error(
            "Could not read the activation",
            format!("AWS describes activation `{}` with {what}, which this provider cannot represent.", found.id),
        )
    };
    let role = found.iam_role.as_deref().unwrap_or_default();
    let iam_role = RoleName::parse(role).map_err(|_| unreadable("an unexpected role name"))?;
    let registration_limit = RegistrationLimit::new(found.registration_limit.into())
        .ok_or_else(|| unreadable("an unexpected registration limit"))?;
    let default_instance_name =
        note(found.default_instance_name.as_deref(), prior_args.and_then(|args| args.default_instance_name.as_ref()))
            .map_err(|_| unreadable("an unexpected name"))?;
    let description = note(found.description.as_deref(), prior_args.and_then(|args| args.description.as_ref()))
        .map_err(|_| unreadable("an overlong description"))?;
    let expiration_date = found.expiration_date.ok_or_else(|| unreadable("no expiration date"))?;
    let tags_all = tags::managed_for(cx, found.tags)?;
    Ok(State {
        args: Args {
            iam_role,
            registration_limit,
            expires_in: prior_args.and_then(|args| args.expires_in.clone()),
            expiration_date: Some(Timestamp::from(expiration_date)),
            default_instance_name,
            description,
            rotate_when_expired: prior_args.is_some_and(|args| args.rotate_when_expired),
            rotate_before: prior_args.and_then(|args| args.rotate_before.clone()),
            rotate_when_exhausted: prior_args.is_some_and(|args| args.rotate_when_exhausted),
            store_code_in: prior_args.and_then(|args| args.store_code_in.clone()),
            kms_key_id: prior_args.and_then(|args| args.kms_key_id.clone()),
            deregister_on_destroy: prior_args.is_some_and(|args| args.deregister_on_destroy),
            region: Some(region.clone()),
            tags: tags::own_for(cx, &tags_all, prior_args.and_then(|args| args.tags.as_ref()))?,
            timeouts: prior_args.and_then(|args| args.timeouts.clone()),
        },
        outputs: Outputs {
            id: found.id,
            activation_code: prior.and_then(|prior| prior.outputs.activation_code.clone()),
            code_parameter_name: prior.and_then(|prior| prior.outputs.code_parameter_name.clone()),
            expired: found.expired,
            registrations_count: found.registrations_count.into(),
            expiration_date: Timestamp::from(expiration_date),
            created_date: found.created_date.map(Timestamp::from),
            region: Some(region),
            tags_all,
        },
    })
}
