//! How an activation is made, looked at and removed.

use std::time::{Duration, Instant};

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::model::{Model, Secret, Text, Timestamp};
use framework::path::Path;
use framework::resource::State;
use jiff::SignedDuration;
use secrecy::{ExposeSecret, SecretString};

use super::{Activation, Args, Identity, Note, Outputs, RegistrationLimit, ssm};
use crate::attributes::{Region, RoleName, aws_region, explain, tags};
use crate::aws;
use crate::aws::ssm::{ActivationSpec, InstanceFilter, ParameterSpec};
use crate::provider::Context;

/// How long a role is waited for that IAM does not show to Systems Manager yet.
const CREATE_TIMEOUT: Duration = Duration::from_mins(2);
/// How long the deregistration of hosts may take.
const DELETE_TIMEOUT: Duration = Duration::from_mins(10);

/// Private note: the activation that this state is about. Whoever plans a creation and finds it plans a replacement.
const OWN: &str = "activation";
/// Private note of a plan that replaces an activation: its deletion leaves the hosts registered.
const REPLACING: &str = "replacing";
/// Private note: ids of activations that this one replaced, whose hosts a destroy deregisters too.
const EARLIER: &str = "earlier";
/// Private note: version of the parameter that holds the code.
const PARAMETER_VERSION: &str = "parameter_version";
/// Tag of that parameter: the activation whose code it holds.
const PARAMETER_TAG: &str = "ekshybrid:activation-id";

/// Notes in the plan that an activation is replaced, when it is. Terraform hands a plan's notes to both halves of a
/// replacement, and plans the making half with no prior state but the notes of the old object.
pub(super) fn remember_replacement(is_create: bool, cx: &Context) {
    if let (true, Some(own)) = (is_create, cx.private(OWN)) {
        cx.keep_private(REPLACING, own);
    }
}

/// Notes in the plan that the activation is destroyed, not replaced.
pub(super) fn forget_replacement(cx: &Context) {
    cx.drop_private(REPLACING);
}

/// What the two halves of a rotation have in common. The name of the parameter is not part of it, because a rotation
/// may come from its loss, nor is what AWS decides.
fn handover_key(args: &Args) -> String {
    let mut arguments = args.encode();
    for name in [Args::NAMES.expiration_date, Args::NAMES.region, Args::NAMES.store_code_in, Args::NAMES.timeouts] {
        arguments.remove(name);
    }
    format!("{arguments:?}")
}

/// The activations that the one to be made replaces, the newest last. Terraform 1.16 hands the plan's notes to the
/// making half; before that, the deleting half of the same run left them, found by equal arguments.
fn replaced(args: &Args, cx: &Context) -> Result<Vec<String>> {
    let noted = cx.private(REPLACING).map(|id| earlier(cx).into_iter().chain([id]).collect::<Vec<_>>());
    let left = cx.clients()?.take_over(&handover_key(args));
    Ok(noted.or_else(|| left.map(|ids| ids.split(',').map(str::to_owned).collect())).unwrap_or_default())
}

pub(super) async fn create(args: &Args, cx: &Context) -> Result<Outputs> {
    let replaced = replaced(args, cx)?;
    let tags_all = tags::merged_for(cx, args.tags.as_ref())?;
    let region = aws_region(args.region.as_ref(), cx).await?;
    let within = args.timeouts.as_ref().and_then(|timeouts| timeouts.create.as_ref());
    let within = within.map_or(CREATE_TIMEOUT, framework::model::Span::duration);
    let client = ssm(Some(&region), cx)?.settling_within(within);
    let spec = ActivationSpec {
        iam_role: args.iam_role.as_str().to_owned(),
        default_instance_name: written(args.default_instance_name.as_ref()),
        description: written(args.description.as_ref()),
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
                "The answer to a first attempt was lost. These activations look like it: {}. Nobody knows their codes; delete them when nothing else made them.",
                created.left_behind.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ")
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
    remember(&outputs.id, &replaced, cx);
    cx.save(&outputs);
    if let Some(name) = &args.store_code_in {
        outputs.activation_code = None;
        match store(&client, name.as_str(), created.code, &outputs, &replaced).await {
            Ok(version) => {
                cx.keep_private(PARAMETER_VERSION, version.to_string());
                outputs.code_parameter_name = Some(name.as_str().to_owned());
            }
            Err(error) => return Err(not_stored(&client, name.as_str(), &outputs, &error, cx).await),
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
    // AWS shows an activation at once; if it ever did not, what is known already is right and the refresh adds the rest.
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

/// When the activation is to expire; `None` leaves it to AWS, which says 24 hours.
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
    // Whole seconds: AWS keeps milliseconds at most, and a person reads the date.
    let later = later.unwrap_or(now);
    jiff::Timestamp::from_second(later.as_second()).unwrap_or(later)
}

/// Keeps, beside the state, which activation this is and which ones it replaced.
fn remember(id: &str, replaced: &[String], cx: &Context) {
    if !replaced.is_empty() {
        cx.keep_private(EARLIER, replaced.join(","));
    }
    cx.keep_private(OWN, id);
    cx.drop_private(REPLACING);
}

fn earlier(cx: &Context) -> Vec<String> {
    cx.private(EARLIER).map(|ids| ids.split(',').map(str::to_owned).collect()).unwrap_or_default()
}

fn not_created(args: &Args, error: &aws::Error) -> Diagnostics {
    if error.is_cancelled() && !error.may_exist() {
        return Diagnostic::error(
            "Could not create the activation",
            format!(
                "Terraform asked to stop before Systems Manager had accepted the activation for the role `{}`.\n\nNothing was created.\n\nApply again to go on.",
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

/// Stores the code and returns the parameter's version. A parameter that exists is overwritten only when it holds the
/// code of an activation that this one replaces, or of one that is gone.
async fn store(
    client: &aws::ssm::Client,
    name: &str,
    code: SecretString,
    outputs: &Outputs,
    replaced: &[String],
) -> std::result::Result<i64, aws::Error> {
    let mut tags = outputs.tags_all.clone();
    tags.insert(PARAMETER_TAG.to_owned(), outputs.id.clone());
    let mut parameter = ParameterSpec {
        name: name.to_owned(),
        value: code,
        description: Some("Code of an SSM hybrid activation".to_owned()),
        key_id: None,
        overwrite: false,
        tags,
    };
    let error = match client.put_parameter(&parameter).await {
        Err(error) if error.code() == Some("ParameterAlreadyExists") => error,
        other => return other,
    };
    let owner = client.parameter_tags(name).await?.remove(PARAMETER_TAG);
    let orphaned = match &owner {
        Some(owner) => replaced.contains(owner) || client.describe_activation(owner).await?.is_none(),
        None => false,
    };
    if !orphaned {
        return Err(error);
    }
    parameter.overwrite = true;
    client.put_parameter(&parameter).await
}

/// The code could not be stored, so the activation is of no use: it is taken back.
async fn not_stored(
    client: &aws::ssm::Client,
    parameter: &str,
    outputs: &Outputs,
    error: &aws::Error,
    cx: &Context,
) -> Diagnostics {
    let summary = "Could not store the activation code";
    match client.delete_activation(&outputs.id).await {
        Ok(()) => {
            cx.discard();
            let exists = error.code() == Some("ParameterAlreadyExists");
            let left = "The new activation was deleted again; nothing is left behind.";
            if exists {
                return Diagnostic::error(
                    summary,
                    format!("The parameter `{parameter}` exists already and does not hold the code of an activation that this one replaces, so it is not overwritten: {error}.\n\n{left}\n\nChoose another name, or delete the parameter. Under `create_before_destroy`, Terraform before 1.16 does not tell which activation is replaced; leave that setting or `store_code_in` away there."),
                )
                .at(Path::attribute(Args::NAMES.store_code_in))
                .into();
            }
            explain(summary, error, Some(left))
        }
        Err(second) => {
            // The next apply replaces it; the code is not kept, since the configuration wants it out of the state.
            cx.save(&Outputs { activation_code: None, ..outputs.clone() });
            let left = format!(
                "Activation `{}` exists without a usable code and is recorded in the state; deleting it failed too: {second}.",
                outputs.id
            );
            explain(summary, error, Some(&left))
        }
    }
}

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
    cx.keep_private(OWN, &found.id);
    let mut state = state(found, prior, region, cx)?;
    if let Some(name) = &state.args.store_code_in {
        let version = client.parameter_version(name.as_str()).await.map_err(|error| explain(summary, &error, None))?;
        if let Some(why) = parameter_lost(version, cx) {
            cx.report(Diagnostic::warning(
                "The parameter does not hold the activation code any more",
                format!(
                    "The parameter `{}` {why}. AWS tells the code of activation `{}` only once, so the plan makes a new activation.",
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

/// Why the parameter does not hold the code; `None` when it does. Of a parameter that was written before this state knew
/// its version, only the absence is seen.
fn parameter_lost(version: Option<i64>, cx: &Context) -> Option<&'static str> {
    match (version, cx.private(PARAMETER_VERSION)) {
        (None, _) => Some("does not exist: it was deleted outside of Terraform, or its writing failed"),
        (Some(version), Some(own)) if own != version.to_string() => Some("was overwritten outside of this resource"),
        _ => None,
    }
}

/// An activation that was deleted outside takes the memory of its hosts along: the state ends here.
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

/// A text for AWS, which takes no empty ones.
fn written(text: Option<&Note>) -> Option<String> {
    text.map(Text::text).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// A text from AWS. An empty one that the configuration writes stays: it means the same.
fn note(found: Option<&str>, prior: Option<&Note>) -> std::result::Result<Option<Note>, String> {
    match found.filter(|text| !text.is_empty()) {
        Some(text) => Note::parse(text).map(Some),
        None => Ok(prior.filter(|prior| prior.text().is_empty()).cloned()),
    }
}

/// The state that an activation as AWS shows it makes, with what only Terraform knows from `prior`.
///
/// # Errors
/// When AWS describes the activation in a way that cannot be represented.
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
            .map_err(|_| unreadable("an overlong name"))?;
    let description = note(found.description.as_deref(), prior_args.and_then(|args| args.description.as_ref()))
        .map_err(|_| unreadable("an overlong description"))?;
    let expiration_date = found.expiration_date.ok_or_else(|| unreadable("no expiration date"))?;
    Ok(State {
        args: Args {
            iam_role,
            registration_limit,
            expires_in: prior_args.and_then(|args| args.expires_in.clone()),
            expiration_date: Some(Timestamp::from(expiration_date)),
            default_instance_name,
            description,
            rotate_when_expired: prior_args.is_none_or(|args| args.rotate_when_expired),
            rotate_before: prior_args.and_then(|args| args.rotate_before.clone()),
            rotate_when_exhausted: prior_args.is_some_and(|args| args.rotate_when_exhausted),
            store_code_in: prior_args.and_then(|args| args.store_code_in.clone()),
            deregister_on_destroy: prior_args.is_some_and(|args| args.deregister_on_destroy),
            region: Some(region.clone()),
            tags: tags::own_for(cx, &found.tags, prior_args.and_then(|args| args.tags.as_ref()))?,
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
            tags_all: found.tags,
        },
    })
}

pub(super) async fn delete(state: &State<Activation>, cx: &Context) -> Result<()> {
    let id = &state.outputs.id;
    let client = ssm(state.outputs.region.as_ref(), cx)?;
    let replaced = cx.private(REPLACING).as_deref() == Some(id.as_str());
    let mut ids = earlier(cx);
    ids.push(id.clone());
    let deregisters = state.args.deregister_on_destroy && !replaced;
    if replaced {
        cx.clients()?.hand_over(&handover_key(&state.args), ids.join(","));
    }
    // The activation goes last: while it exists, a destroy that failed half-way is found again and goes on.
    let within = state.args.timeouts.as_ref().and_then(|timeouts| timeouts.delete.as_ref());
    let deadline = Instant::now() + within.map_or(DELETE_TIMEOUT, framework::model::Span::duration);
    if deregisters {
        deregister(&client, &ids, deadline, cx).await?;
    }
    if let Some(name) = &state.args.store_code_in {
        delete_parameter(&client, name.as_str(), cx).await?;
    }
    client.delete_activation(id).await.map_err(|error| {
        explain("Could not delete the activation", &error, Some("It is still recorded in the state."))
    })?;
    // Whoever registered between the first look and the deletion.
    if deregisters {
        deregister(&client, &ids, deadline, cx).await?;
    }
    Ok(())
}

/// Deletes the parameter, unless somebody has written it since: then it holds another code.
async fn delete_parameter(client: &aws::ssm::Client, name: &str, cx: &Context) -> Result<()> {
    let summary = "Could not delete the parameter with the activation code";
    let left = "Activation and parameter are still recorded in the state. Destroy again to go on.";
    let failed = |error: aws::Error| explain(summary, &error, Some(left));
    let Some(version) = client.parameter_version(name).await.map_err(failed)? else { return Ok(()) };
    let own = cx.private(PARAMETER_VERSION);
    if own.is_some_and(|own| own != version.to_string()) {
        tracing::info!(parameter = name, version, "the parameter was written anew since, and stays");
        return Ok(());
    }
    client.delete_parameter(name).await.map_err(failed)
}

/// Deregisters every host that registered with one of these activations.
async fn deregister(
    client: &aws::ssm::Client,
    activation_ids: &[String],
    deadline: Instant,
    cx: &Context,
) -> Result<()> {
    let summary = "Could not deregister the hosts of the activation";
    let left = "The activation stays in the state until its hosts are deregistered. Destroy again to go on.";
    let filter = InstanceFilter { activation_ids: activation_ids.to_vec(), ..InstanceFilter::default() };
    let hosts = client.instances(&filter).await.map_err(|error| explain(summary, &error, Some(left)))?;
    for (done, host) in hosts.iter().enumerate() {
        if Instant::now() >= deadline {
            return Err(Diagnostic::error(
                summary,
                format!("The time for it is over with {done} of {} hosts deregistered; `{}` was next.\n\n{left}\n\nRaise `timeouts.delete` if it only needs longer.", hosts.len(), host.id),
            )
            .into());
        }
        client.deregister_instance(&host.id).await.map_err(|error| {
            explain(
                summary,
                &error,
                Some(&format!("{left} {done} of {} were deregistered, `{}` was next.", hosts.len(), host.id)),
            )
        })?;
        cx.progress(format!("deregistered `{}` ({} of {})", host.id, done + 1, hosts.len())).await;
    }
    Ok(())
}
