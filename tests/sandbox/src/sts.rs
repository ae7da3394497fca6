//! STS: who am I, and sessions of roles. Sessions live by real time.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    aws::{
        Call,
        constraints::Constraints,
        error::{self, AwsError, Result},
        input::Query,
    },
    iam::{
        Role,
        trust::{self, Asker},
    },
    identity::{Credential, Permissions, Principal},
    moment::Moment,
    random,
    world::Account,
};

/// A token of an identity provider that this sandbox issued.
#[derive(Clone, Serialize, Deserialize)]
pub struct WebIdentity {
    /// Without `https://`.
    pub issuer: String,
    pub audience: String,
    pub subject: String,
    pub expires: Moment,
}

impl WebIdentity {
    /// The token as a JWT, and what it represents.
    pub fn issue(account: &str, audience: &str, subject: &str, seconds: i64) -> (String, Self) {
        let now = Moment::now();
        let expires = now.plus_seconds(seconds);
        let issuer = format!("oidc.sandbox.invalid/{account}");
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let head = encode(&json!({"alg": "RS256", "typ": "JWT", "kid": "sandbox"}));
        let claims = encode(&json!({
            "iss": format!("https://{issuer}"),
            "sub": subject,
            "aud": [audience],
            "iat": now.millis() / 1000,
            "exp": expires.millis() / 1000,
            "jti": random::uuid(),
        }));
        // The token is known by its text, so the last part only has to be impossible to guess.
        let token = format!("{head}.{claims}.{}", URL_SAFE_NO_PAD.encode(random::secret(64)));
        let identity = Self { issuer, audience: audience.to_owned(), subject: subject.to_owned(), expires };
        (token, identity)
    }
}

/// The account that an unsigned call is about: that of the role.
pub fn account_of(query: &Query) -> Option<String> {
    query.text("RoleArn")?.split(':').nth(4).map(ToOwned::to_owned)
}

pub fn answer(call: &mut Call<'_>, operation: &str, query: &Query) -> Result<Value> {
    match operation {
        // Needs no permission, and cannot be denied.
        "GetCallerIdentity" => Ok(json!({
            "Arn": call.principal.arn,
            "UserId": call.principal.user_id,
            "Account": call.account,
        })),
        "AssumeRole" => assume_role(call, query),
        "AssumeRoleWithWebIdentity" => assume_with_web_identity(call, query),
        _ => Err(error::unknown_operation(call.service, operation)),
    }
}

fn checked(query: &Query) -> Result<(String, String, Option<i64>)> {
    let role_arn = query.text("RoleArn");
    let session = query.text("RoleSessionName");
    let duration = query.integer("DurationSeconds")?;
    let is_word = |text: &str, more: &str| {
        text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_' || more.contains(letter))
    };
    let mut constraints = Constraints::default();
    constraints.required("roleArn", role_arn);
    constraints.length("roleArn", role_arn, 20, 2048);
    constraints.required("roleSessionName", session);
    constraints.length("roleSessionName", session, 2, 64);
    constraints.pattern("roleSessionName", session, r"[\w+=,.@-]*", |text| is_word(text, "+=,.@-"));
    constraints.range("durationSeconds", duration, 900, 43200);
    let external_id = query.text("ExternalId");
    constraints.length("externalId", external_id, 2, 1224);
    constraints.pattern("externalId", external_id, r"[\w+=,.@:\/-]*", |text| is_word(text, "+=,.@:/-"));
    constraints.finish_as("ValidationError")?;
    let role_arn = role_arn.unwrap_or_default().to_owned();
    if !role_arn.starts_with("arn:aws:iam::") {
        return Err(AwsError::client("ValidationError", format!("{role_arn} is invalid")));
    }
    Ok((role_arn, session.unwrap_or_default().to_owned(), duration))
}

fn role_by_arn<'a>(call: &'a Call<'_>, arn: &str) -> Option<(&'a Account, &'a Role)> {
    let account = call.world.accounts.get(arn.split(':').nth(4)?)?;
    let role = account.roles.values().find(|role| role.arn(&account.id) == arn)?;
    Some((account, role))
}

/// The session policy of a request, when it has one.
fn session_policy(query: &Query) -> Result<Option<Permissions>> {
    query
        .text("Policy")
        .map(|text| {
            Permissions::of_policy(text).ok_or_else(|| {
                AwsError::client("MalformedPolicyDocument", "The policy is not in the valid JSON format.")
            })
        })
        .transpose()
}

fn assume_role(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let (role_arn, session, duration) = checked(query)?;
    let policy = session_policy(query)?;
    // A role that does not exist gets the same answer as one that may not be assumed.
    let denied = |call: &Call<'_>| {
        error::denied(
            call.service,
            &format!(
                "User: {} is not authorized to perform: sts:AssumeRole on resource: {role_arn}",
                call.principal.arn
            ),
        )
    };
    call.principal.may("sts:AssumeRole").map_err(|_| denied(call))?;
    let Some((account, role)) = role_by_arn(call, &role_arn) else {
        return Err(denied(call));
    };
    let asker = Asker::Principal {
        arn: &call.principal.arn,
        role_arn: call.principal.role_arn.as_deref(),
        account: &call.account,
        external_id: query.text("ExternalId"),
    };
    if !trust::trusts(&role.trust, &asker) {
        return Err(denied(call));
    }
    if duration.is_some_and(|duration| duration > role.max_session_seconds) {
        return Err(AwsError::client(
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    if call.principal.role_arn.is_some() && duration.is_some_and(|duration| duration > 3600) {
        return Err(AwsError::client(
            "ValidationError",
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
        ));
    }
    let made = Session::of(account, role, &session, duration, policy);
    let mut answer = made.describe();
    if let Some(identity) = query.text("SourceIdentity") {
        answer["SourceIdentity"] = identity.into();
    }
    made.keep(call);
    Ok(answer)
}

fn assume_with_web_identity(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let (role_arn, session, duration) = checked(query)?;
    let policy = session_policy(query)?;
    let token = query.text("WebIdentityToken");
    let mut constraints = Constraints::default();
    constraints.required("webIdentityToken", token);
    constraints.length("webIdentityToken", token, 4, 20000);
    constraints.finish_as("ValidationError")?;
    let token = token.unwrap_or_default();
    let denied = || AwsError::new(403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity");
    let Some((account, role)) = role_by_arn(call, &role_arn) else {
        return Err(denied());
    };
    let Some(identity) = account.web_identities.get(token) else {
        return Err(AwsError::client(
            "InvalidIdentityToken",
            "No OpenIDConnect provider found in your account for the issuer of the token",
        ));
    };
    if identity.expires <= call.now {
        return Err(AwsError::client(
            "ExpiredTokenException",
            format!(
                "Token expired: current date/time {} must be before the expiration date/time {}",
                call.now.millis() / 1000,
                identity.expires.millis() / 1000
            ),
        ));
    }
    let asker =
        Asker::WebIdentity { issuer: &identity.issuer, audience: &identity.audience, subject: &identity.subject };
    if !trust::trusts(&role.trust, &asker) {
        return Err(denied());
    }
    let made = Session::of(account, role, &session, duration, policy);
    let mut answer = made.describe();
    answer["SubjectFromWebIdentityToken"] = identity.subject.clone().into();
    answer["Audience"] = identity.audience.clone().into();
    answer["Provider"] = trust::provider_arn(&account.id, &identity.issuer).into();
    made.keep(call);
    Ok(answer)
}

/// A session of a role, not yet known to the world.
pub struct Session {
    access_key: String,
    credential: Credential,
    expires: Moment,
}

impl Session {
    pub fn of(account: &Account, role: &Role, name: &str, seconds: Option<i64>, policy: Option<Permissions>) -> Self {
        let mut permissions = vec![role.permissions.clone()];
        permissions.extend(policy);
        let expires = Moment::now().plus_seconds(seconds.unwrap_or(3600));
        Self {
            access_key: random::unique_id("ASIA", 16),
            expires,
            credential: Credential {
                account: account.id.clone(),
                secret: random::secret(40),
                session_token: Some(random::secret(356)),
                expires: Some(expires),
                principal: Principal {
                    arn: format!("arn:aws:sts::{}:assumed-role/{}/{name}", account.id, role.name),
                    user_id: format!("{}:{name}", role.id),
                    role_arn: Some(role.arn(&account.id)),
                    permissions,
                },
            },
        }
    }

    fn describe(&self) -> Value {
        json!({
            "AssumedRoleUser": {
                "AssumedRoleId": self.credential.principal.user_id,
                "Arn": self.credential.principal.arn,
            },
            "Credentials": {
                "AccessKeyId": self.access_key,
                "SecretAccessKey": self.credential.secret,
                "SessionToken": self.credential.session_token,
                "Expiration": self.expires.iso(),
            },
        })
    }

    /// The access key and what it opens.
    pub fn into_parts(self) -> (String, Credential) {
        (self.access_key, self.credential)
    }

    fn keep(self, call: &mut Call<'_>) {
        call.world.credentials.insert(self.access_key, self.credential);
    }
}
