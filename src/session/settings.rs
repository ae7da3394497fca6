//! Converts the provider's arguments to the settings of the AWS clients.

use std::collections::BTreeSet;
use std::path::PathBuf;

use framework::model::{Maybe, Model, Secret, Text};
use secrecy::SecretString;

use super::config::{AssumeRole, AssumeRoleWithWebIdentity, Config, Endpoints, Registry};
use super::ignored_tags::Ignored;
use crate::{aws, charts};

/// The settings; the error is the first unknown argument.
pub(super) fn settings(config: &<Config as Model>::Planned) -> Result<aws::Settings, &'static str> {
    let names = Config::NAMES;
    Ok(aws::Settings {
        region: optional(&config.region, names.region)?.map(owned),
        profile: optional(&config.profile, names.profile)?.cloned(),
        access_key: optional(&config.access_key, names.access_key)?.map(secret),
        secret_key: optional(&config.secret_key, names.secret_key)?.map(secret),
        token: optional(&config.token, names.token)?.map(secret),
        shared_config_files: paths(optional(&config.shared_config_files, names.shared_config_files)?),
        shared_credentials_files: paths(optional(&config.shared_credentials_files, names.shared_credentials_files)?),
        assume_role: optional(&config.assume_role, names.assume_role)?
            .map(|roles| roles.iter().map(assume_role).collect())
            .unwrap_or_default(),
        assume_role_with_web_identity: optional(
            &config.assume_role_with_web_identity,
            names.assume_role_with_web_identity,
        )?
        .map(web_identity),
        allowed_account_ids: texts(optional(&config.allowed_account_ids, names.allowed_account_ids)?),
        forbidden_account_ids: texts(optional(&config.forbidden_account_ids, names.forbidden_account_ids)?),
        endpoints: optional(&config.endpoints, names.endpoints)?.map(endpoints).unwrap_or_default(),
        max_retries: optional(&config.max_retries, names.max_retries)?
            .and_then(|count| u32::try_from(count.get()).ok()),
        retry_mode: optional(&config.retry_mode, names.retry_mode)?.and_then(super::config::RetryMode::mode),
        http_proxy: optional(&config.http_proxy, names.http_proxy)?.map(owned),
        https_proxy: optional(&config.https_proxy, names.https_proxy)?.map(owned),
        no_proxy: optional(&config.no_proxy, names.no_proxy)?.cloned(),
        custom_ca_bundle: optional(&config.custom_ca_bundle, names.custom_ca_bundle)?.map(PathBuf::from),
        use_fips_endpoint: optional(&config.use_fips_endpoint, names.use_fips_endpoint)?.copied(),
        use_dualstack_endpoint: optional(&config.use_dualstack_endpoint, names.use_dualstack_endpoint)?.copied(),
        user_agent: optional(&config.user_agent, names.user_agent)?.into_iter().flatten().map(owned).collect(),
        skip_metadata_api_check: None,
        ec2_metadata_service_endpoint: None,
    })
}

/// The settings for downloading charts and manifests; the error is the first unknown argument.
pub(super) fn sources(config: &<Config as Model>::Planned) -> Result<charts::Settings, &'static str> {
    let names = Config::NAMES;
    let registries = || optional(&config.registries, names.registries).map(|all| all.into_iter().flatten());
    Ok(charts::Settings {
        http_proxy: optional(&config.http_proxy, names.http_proxy)?.map(owned),
        https_proxy: optional(&config.https_proxy, names.https_proxy)?.map(owned),
        no_proxy: optional(&config.no_proxy, names.no_proxy)?.cloned(),
        ca_bundle: optional(&config.custom_ca_bundle, names.custom_ca_bundle)?.map(PathBuf::from),
        logins: registries()?.filter_map(login).collect(),
        authorities: registries()?
            .filter_map(|registry| Some((registry.host.clone(), owned(registry.ca_certificate.as_ref()?))))
            .collect(),
        cache: None,
    })
}

/// The credentials of a registry; `None` if only its authority is named.
fn login(registry: &Registry) -> Option<charts::Login> {
    match (&registry.username, &registry.password, &registry.token) {
        (Some(username), Some(password), _) => {
            Some(charts::Login::with_password(&registry.host, username, secret(password)))
        }
        (_, _, Some(token)) => Some(charts::Login::with_token(&registry.host, secret(token))),
        _ => None,
    }
}

/// The ignored tags: those of the argument, and those of the environment as the AWS provider reads it.
pub(super) fn ignored_tags(config: &<Config as Model>::Planned) -> Maybe<Ignored> {
    let Maybe::Known(given) = &config.ignore_tags else { return Maybe::Unknown };
    let of = |set: Option<&BTreeSet<String>>, variable: &str| -> BTreeSet<String> {
        let listed = std::env::var(variable).unwrap_or_default();
        let listed = listed.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned);
        set.into_iter().flatten().cloned().chain(listed).collect()
    };
    let given = given.as_ref();
    Maybe::Known(Ignored {
        keys: of(given.and_then(|given| given.keys.as_ref()), "TF_AWS_IGNORE_TAGS_KEYS"),
        key_prefixes: of(given.and_then(|given| given.key_prefixes.as_ref()), "TF_AWS_IGNORE_TAGS_KEY_PREFIXES"),
    })
}

fn optional<'a, T>(argument: &'a Maybe<Option<T>>, name: &'static str) -> Result<Option<&'a T>, &'static str> {
    argument.known().map(Option::as_ref).ok_or(name)
}

fn owned<T: Text>(text: &T) -> String {
    text.text().to_owned()
}

fn secret(secret: &Secret<String>) -> SecretString {
    SecretString::from(secret.expose().clone())
}

fn paths(files: Option<&Vec<String>>) -> Vec<PathBuf> {
    files.into_iter().flatten().map(PathBuf::from).collect()
}

fn texts<'a, T: Text + 'a>(values: Option<impl IntoIterator<Item = &'a T>>) -> Vec<String> {
    values.into_iter().flatten().map(owned).collect()
}

fn assume_role(role: &AssumeRole) -> aws::AssumeRole {
    aws::AssumeRole {
        role_arn: owned(&role.role_arn),
        session_name: role.session_name.as_ref().map(owned),
        external_id: role.external_id.clone(),
        duration: role.duration.as_ref().map(super::config::SessionDuration::duration),
        policy: role.policy.clone(),
        policy_arns: texts(role.policy_arns.as_ref()),
        tags: role.tags.clone().unwrap_or_default(),
        transitive_tag_keys: role.transitive_tag_keys.iter().flatten().cloned().collect(),
        source_identity: role.source_identity.clone(),
    }
}

fn web_identity(role: &AssumeRoleWithWebIdentity) -> aws::AssumeRoleWithWebIdentity {
    aws::AssumeRoleWithWebIdentity {
        role_arn: role.role_arn.as_ref().map(owned),
        session_name: role.session_name.as_ref().map(owned),
        web_identity_token: role.web_identity_token.as_ref().map(secret),
        web_identity_token_file: role.web_identity_token_file.as_ref().map(PathBuf::from),
        duration: role.duration.as_ref().map(super::config::SessionDuration::duration),
        policy: role.policy.clone(),
        policy_arns: texts(role.policy_arns.as_ref()),
    }
}

fn endpoints(endpoints: &Endpoints) -> aws::Endpoints {
    aws::Endpoints {
        ec2: endpoints.ec2.as_ref().map(owned),
        ecr: endpoints.ecr.as_ref().map(owned),
        eks: endpoints.eks.as_ref().map(owned),
        elbv2: endpoints.elbv2.as_ref().map(owned),
        iam: endpoints.iam.as_ref().map(owned),
        sts: endpoints.sts.as_ref().map(owned),
        ssm: endpoints.ssm.as_ref().map(owned),
    }
}
