//! Creates and deletes an activation.
//!
//! | creation, step by step | when the step fails |
//! |---|---|
//! | create the activation | nothing was created; after a lost response, a second attempt reports what looks like it |
//! | note and save it | |
//! | store its code (`store_code_in`) | the activation and the parameter are deleted again; if that fails too, it is in the state, tainted |
//! | read it | it is in the state, tainted |
//!
//! | removal, step by step | when the step fails |
//! |---|---|
//! | deregister its hosts (`deregister_on_destroy`) | the activation stays in the state; another destroy continues |
//! | delete the parameter | the activation stays in the state; another destroy continues |
//! | delete the activation | it stays in the state; another destroy continues |
//! | deregister hosts that registered meanwhile | the message says how to deregister them |

pub(super) mod hosts;
pub(super) mod parameter;

use std::time::Duration;

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::model::{Secret, Text, Timestamp};
use framework::path::Path;
use framework::resource::State;
use jiff::SignedDuration;
use secrecy::ExposeSecret;

use super::notes::{self, Ending};
use super::{Activation, Args, KeyId, Outputs, ssm};
use crate::aws;
use crate::aws::ssm::ActivationSpec;
use crate::session::{Context, aws_region, explain, tags};
use parameter::Unstored;

/// How long to retry while a new IAM role propagates to Systems Manager.
const CREATE_TIMEOUT: Duration = Duration::from_mins(2);
/// How long deregistering the hosts may take.
const DELETE_TIMEOUT: Duration = Duration::from_mins(10);
/// How long reverting a failed creation may take after Terraform asked to stop.
const TAKING_BACK: Duration = Duration::from_secs(10);

pub(super) async fn create(args: &Args, cx: &Context) -> Result<Outputs> {
    let replaced = notes::replaced(args, cx)?;
    let tags_all = tags::merged_for(cx, args.tags.as_ref())?;
    let region = aws_region(args.region.as_ref(), cx).await?;
    let client = ssm(Some(&region), cx)?.settling_within(cx.timeout(CREATE_TIMEOUT));
    let spec = ActivationSpec {
        iam_role: args.iam_role.as_str().to_owned(),
        default_instance_name: written(args.default_instance_name.as_ref().map(Text::text)),
        description: written(args.description.as_ref().map(Text::text)),
        registration_limit: i32::try_from(args.registration_limit.get()).ok(),
        expiration_date: expiration(args),
        tags: tags_all.clone(),
    };
    let created = client
        .create_activation(&spec, |settling| {
            tracing::info!(
                waited_s = settling.waited.as_secs(),
                "waiting until Systems Manager knows the role `{}`",
                args.iam_role
            );
        })
        .await
        .map_err(|error| not_created(args, &error))?;
    framework::wire::log::mask(created.code.expose_secret());
    if !created.left_behind.is_empty() {
        cx.report(Diagnostic::warning(
            "An activation without a known code may be left behind",
            format!(
                "The answer to a first attempt was lost. These activations look like it: {}. Nobody knows their codes; delete them if nothing else created them: `aws ssm delete-activation --region {} --activation-id ID`.",
                created.left_behind.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", "),
                region.as_str()
            ),
        ));
    }

    let mut outputs = Outputs {
        id: created.id.clone(),
        activation_code: Some(Secret::new(created.code.expose_secret().to_owned())),
        code_parameter_name: None,
        expired: false,
        registrations_count: 0,
        expiration_date: Timestamp::from(spec.expiration_date.unwrap_or_else(|| now_and(super::DEFAULT_VALIDITY))),
        created_date: None,
        region: Some(region),
        tags_all,
    };
    notes::created(&outputs.id, &replaced, cx);
    cx.save(&outputs);
    if let Some(name) = &args.store_code_in {
        outputs.activation_code = None;
        let key = args.kms_key_id.as_ref();
        match parameter::store(&client, name.as_str(), key, created.code, &outputs, &replaced).await {
            Ok(version) => {
                notes::parameter_written(version, cx);
                outputs.code_parameter_name = Some(name.as_str().to_owned());
            }
            Err(unstored) => return Err(not_stored(name.as_str(), &outputs, &unstored, cx).await),
        }
        cx.save(&outputs);
    }
    let found = client.describe_activation(&outputs.id).await.map_err(|error| {
        explain(
            "Could not read the new activation",
            &error,
            Some("The activation exists and is recorded in the state; the next apply replaces it."),
        )
    })?;
    // AWS shows an activation at once; should it not, what is known is correct and the next refresh adds the rest.
    if let Some(found) = found {
        outputs.created_date = found.created_date.map(Timestamp::from);
        if args.expiration_date.is_none()
            && let Some(date) = found.expiration_date
        {
            outputs.expiration_date = Timestamp::from(date);
        }
    }
    Ok(outputs)
}

/// A string for AWS, which does not accept empty ones.
fn written(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(str::to_owned)
}

/// When the activation expires; `None` leaves it to AWS, which uses 24 hours.
fn expiration(args: &Args) -> Option<jiff::Timestamp> {
    match (&args.expiration_date, &args.expires_in) {
        (Some(date), _) => Some(date.moment()),
        (None, Some(expires_in)) => Some(now_and(expires_in.duration())),
        (None, None) => None,
    }
}

fn now_and(duration: Duration) -> jiff::Timestamp {
    let now = jiff::Timestamp::now();
    let later = SignedDuration::try_from(duration).ok().and_then(|duration| now.checked_add(duration).ok());
    // Whole seconds: AWS keeps milliseconds at most, and people read the date.
    let later = later.unwrap_or(now);
    jiff::Timestamp::from_second(later.as_second()).unwrap_or(later)
}

fn not_created(args: &Args, error: &aws::Error) -> Diagnostics {
    if error.is_cancelled() && !error.may_exist() {
        return Diagnostic::error(
            "Could not create the activation",
            format!(
                "Terraform was stopped before Systems Manager accepted the activation for the role `{}`.\n\nNothing was created.\n\nApply again to resume.",
                args.iam_role
            ),
        )
        .into();
    }
    let settling = error.message().is_some_and(|message| message.contains("Nonexistent role"));
    if settling {
        let role = &args.iam_role;
        return Diagnostic::error(
            "Could not create the activation",
            format!(
                "{error}.\n\nNothing was created.\n\nCheck that the role `{role}` exists in this account, with its path when it has one, and that its trust policy lets `ssm.amazonaws.com` assume it (the function `hybrid_node_trust_policy` writes that policy)."
            ),
        )
        .at(Path::attribute(Args::NAMES.iam_role))
        .into();
    }
    let left = if error.may_exist() { None } else { Some("Nothing was created.") };
    explain("Could not create the activation", error, left)
}

/// The code could not be stored, so the activation is useless: it is deleted again, even after a stop.
async fn not_stored(name: &str, outputs: &Outputs, unstored: &Unstored, cx: &Context) -> Diagnostics {
    let summary = "Could not store the activation code";
    let id = &outputs.id;
    let undone = async {
        // The clients were available a moment ago.
        let Ok(client) = super::ssm_past_stop(outputs.region.as_ref(), cx) else {
            return Err("the provider is not configured".to_owned());
        };
        client.delete_activation(id).await.map_err(|error| error.to_string())?;
        Ok(parameter::take_back(&client, name, id, unstored).await)
    };
    let limit = async {
        cx.cancel().cancelled().await;
        tokio::time::sleep(TAKING_BACK).await;
    };
    let undone = tokio::select! {
        biased;
        undone = undone => undone,
        () = limit => Err(format!("AWS did not answer within {} seconds of the stop", TAKING_BACK.as_secs())),
    };
    match undone {
        Ok(Ok(())) => {
            cx.discard();
            let left = "The new activation was deleted again; nothing is left behind.";
            unstored.explain(summary, name, outputs, left)
        }
        Ok(Err(error)) => {
            cx.discard();
            let left = format!(
                "The new activation was deleted again. Whether the parameter `{name}` holds its code, which is of no use now, could not be found out: {error}."
            );
            unstored.explain(summary, name, outputs, &left)
        }
        Err(why) => {
            // The next apply replaces it. The code is not kept, since the configuration wants it out of state.
            cx.save(&Outputs { activation_code: None, ..outputs.clone() });
            let left = format!(
                "Activation `{id}` exists without a usable code and is recorded in the state, so that the next apply replaces it; deleting it failed: {why}."
            );
            unstored.explain(summary, name, outputs, &left)
        }
    }
}

/// Changes what can be changed in place: arguments that AWS does not know, and the key of the parameter.
///
/// | step | when it fails |
/// |---|---|
/// | encrypt the parameter with another key | it has the former one; another apply tries again |
pub(super) async fn update(prior: &State<Activation>, args: &Args, cx: &Context) -> Result<Outputs> {
    let mut outputs = prior.outputs.clone();
    outputs.tags_all = tags::managed_for(cx, outputs.tags_all)?;
    let is_same = args.kms_key_id.as_ref().map(KeyId::as_str) == prior.args.kms_key_id.as_ref().map(KeyId::as_str);
    if let Some(name) = outputs.code_parameter_name.as_deref().filter(|_| !is_same) {
        let client = ssm(outputs.region.as_ref(), cx)?;
        let version = parameter::encrypt_anew(&client, name, args.kms_key_id.as_ref(), cx).await?;
        notes::parameter_written(version, cx);
    }
    Ok(outputs)
}

pub(super) async fn delete(state: &State<Activation>, cx: &Context) -> Result<()> {
    let id = &state.outputs.id;
    let client = ssm(state.outputs.region.as_ref(), cx)?;
    let ending = notes::ending(id, cx);
    if ending == Ending::Replaced {
        notes::hand_over(id, &state.args, cx)?;
    }
    let family = notes::family(id, cx);
    notes::deleting(id, cx);
    if state.args.deregister_on_destroy && ending == Ending::Unknown {
        cx.report(Diagnostic::warning(
            "Registered hosts stay registered",
            format!("It is not known whether activation `{id}` is destroyed or was replaced, so the hosts that registered with it were not deregistered."),
        ));
    }
    let deregisters = state.args.deregister_on_destroy && ending == Ending::Destroyed;
    // The activation is deleted last: while it exists, a destroy that failed half-way can be resumed.
    let deadline = cx.deadline(DELETE_TIMEOUT);
    if deregisters {
        let left = "The activation stays in the state until its hosts are deregistered.";
        hosts::deregister(&client, &family, deadline, left, cx).await?;
    }
    if let Some(name) = &state.args.store_code_in {
        parameter::delete(&client, name.as_str(), id, cx).await?;
    }
    client.delete_activation(id).await.map_err(|error| {
        explain("Could not delete the activation", &error, Some("It is still recorded in the state."))
    })?;
    // Hosts that registered between the first listing and the deletion.
    if deregisters {
        let left = format!(
            "Activation `{id}` is deleted. Hosts that registered with it at the last moment are still registered; the action `ekshybrid_deregister_instance` deregisters them."
        );
        hosts::deregister(&client, &family, deadline, &left, cx).await?;
    }
    Ok(())
}
