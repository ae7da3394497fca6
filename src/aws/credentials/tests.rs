use std::path::PathBuf;

use aws_sdk_ssm::config::SharedHttpClient;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use serde_json::json;

use super::roles::ASSUME_ROLE;
use super::*;
use crate::aws::Clients;
use crate::aws::settings::{AssumeRole, RetryMode};
use crate::aws::stub::{Reply, Stub, assumed, caller};

/// Responds to every service; only who signed matters.
fn stub() -> Stub {
    Stub::new(|asked| match asked.operation.as_str() {
        "AssumeRole" => {
            assumed("AssumeRole", &format!("AKID{}", asked.body["RoleSessionName"].as_str().unwrap_or("?")))
        }
        "AssumeRoleWithWebIdentity" => assumed("AssumeRoleWithWebIdentity", "AKIDWEB"),
        "GetCallerIdentity" => caller("111122223333"),
        _ => Reply::json(&json!({ "ActivationList": [] })),
    })
}

/// The access key that signed each request.
fn signers(stub: &Stub) -> Vec<String> {
    let key = |signed: &str| Some(signed.split_once("Credential=")?.1.split_once('/')?.0.to_owned());
    stub.read(|asked| asked.iter().filter_map(|one| key(&one.signed)).collect())
}

async fn call(clients: &Clients) -> Result<()> {
    clients.ssm(None).describe_activation("a-1").await.map(|_| ())
}

struct Files(tempfile::TempDir);

impl Files {
    fn new(config: &str, credentials: &str) -> Self {
        let folder = tempfile::tempdir().expect("folder");
        for (name, text) in [("config", config), ("credentials", credentials), ("token", "a.b.c\n")] {
            std::fs::write(folder.path().join(name), text).expect("written");
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn settings(&self) -> Settings {
        Settings {
            shared_config_files: vec![self.path("config")],
            shared_credentials_files: vec![self.path("credentials")],
            ..Settings::default()
        }
    }
}

const CREDENTIALS: &str = "[default]\naws_access_key_id = AKIDDEFAULT\naws_secret_access_key = s\n\
    [other]\naws_access_key_id = AKIDOTHER\naws_secret_access_key = s\n";

#[tokio::test]
async fn order_of_the_sources() {
    let files = Files::new("", CREDENTIALS);
    let token = files.path("token").display().to_string();
    let environment = [("AWS_ACCESS_KEY_ID", "AKIDENV"), ("AWS_SECRET_ACCESS_KEY", "s")];
    let identity = [("AWS_WEB_IDENTITY_TOKEN_FILE", token.as_str()), ("AWS_ROLE_ARN", "arn:aws:iam::1:role/web")];
    let all: Vec<_> = environment.iter().chain(&identity).copied().collect();
    let given = |settings: Settings| Settings {
        access_key: Some("AKIDGIVEN".into()),
        secret_key: Some("s".into()),
        ..settings
    };
    let profile = |name: &str| Settings { profile: Some(name.to_owned()), ..files.settings() };
    let web = Settings {
        assume_role_with_web_identity: Some(AssumeRoleWithWebIdentity {
            role_arn: Some("arn:aws:iam::1:role/web".to_owned()),
            web_identity_token: Some("a.b.c".into()),
            ..AssumeRoleWithWebIdentity::default()
        }),
        ..files.settings()
    };
    for (settings, variables, signer) in [
        (given(profile("other")), &all[..], "AKIDGIVEN"),
        (web, &all, "AKIDWEB"),
        (profile("other"), &all, "AKIDOTHER"),
        (files.settings(), &all, "AKIDENV"),
        (files.settings(), &identity, "AKIDWEB"),
        (files.settings(), &[("AWS_PROFILE", "other")], "AKIDOTHER"),
        (files.settings(), &[], "AKIDDEFAULT"),
    ] {
        let stub = stub();
        call(&stub.clients_in(settings, variables)).await.expect(signer);
        assert_eq!(signers(&stub), [signer]);
    }
}

#[tokio::test]
async fn roles_are_assumed_one_after_the_other() {
    let stub = stub();
    let role = |name: &str| AssumeRole {
        role_arn: format!("arn:aws:iam::1:role/{name}"),
        session_name: Some(name.to_owned()),
        ..AssumeRole::default()
    };
    let second = AssumeRole {
        external_id: Some("e".to_owned()),
        duration: Some(Duration::from_mins(15)),
        source_identity: Some("me".to_owned()),
        policy_arns: vec!["arn-p".to_owned()],
        tags: [("k".to_owned(), "v".to_owned())].into(),
        transitive_tag_keys: vec!["k".to_owned()],
        ..role("TWO")
    };
    let settings = Settings {
        access_key: Some("AKIDGIVEN".into()),
        secret_key: Some("s".into()),
        assume_role: vec![role("ONE"), second],
        ..Settings::default()
    };
    let clients = stub.clients_with(settings);
    call(&clients).await.expect("answered");
    call(&clients).await.expect("answered with the same credentials");
    assert_eq!(signers(&stub), ["AKIDGIVEN", "AKIDONE", "AKIDTWO", "AKIDTWO"]);
    stub.read(|asked| {
        let body = &asked[1].body;
        for (field, value) in [
            ("ExternalId", "e"),
            ("DurationSeconds", "900"),
            ("SourceIdentity", "me"),
            ("PolicyArns.member.1.arn", "arn-p"),
            ("Tags.member.1.Key", "k"),
            ("TransitiveTagKeys.member.1", "k"),
        ] {
            assert_eq!(body[field], value, "{field} in {body}");
        }
    });
}

#[tokio::test]
async fn profiles_assume_the_roles_that_they_name() {
    let files = Files::new(
        "[profile one]\nrole_arn = arn:aws:iam::1:role/one\nrole_session_name = ONE\nsource_profile = default\n\
         [profile two]\nrole_arn = arn:aws:iam::1:role/two\nrole_session_name = TWO\nexternal_id = e\n\
         duration_seconds = 1800\nsource_profile = one\n\
         [profile self]\nrole_arn = arn:aws:iam::1:role/self\nrole_session_name = SELF\nsource_profile = self\n\
         aws_access_key_id = AKIDSELF\naws_secret_access_key = s\n",
        CREDENTIALS,
    );
    for (name, expected) in [
        ("one", &["AKIDDEFAULT", "AKIDONE"][..]),
        ("two", &["AKIDDEFAULT", "AKIDONE", "AKIDTWO"]),
        ("self", &["AKIDSELF", "AKIDSELF"]),
    ] {
        let stub = stub();
        let settings = Settings { profile: Some(name.to_owned()), ..files.settings() };
        call(&stub.clients_with(settings)).await.expect(name);
        assert_eq!(signers(&stub), expected, "{name}");
        if name == "two" {
            stub.read(|asked| {
                assert_eq!(
                    (&asked[1].body["ExternalId"], &asked[1].body["DurationSeconds"]),
                    (&json!("e"), &json!("1800"))
                );
            });
        }
    }
}

#[tokio::test]
async fn profiles_that_go_in_circles_are_told() {
    let role = |name: &str, source: &str| {
        format!("[profile {name}]\nrole_arn = arn:aws:iam::1:role/{name}\nsource_profile = {source}\n")
    };
    let files = Files::new(&[role("a", "b"), role("b", "c"), role("c", "a")].concat(), "");
    let settings = Settings { profile: Some("a".to_owned()), ..files.settings() };
    let error = call(&stub().clients_with(settings)).await.expect_err("a circle");
    let Kind::NoCredentials { tried } = error.kind() else { panic!("{error}") };
    assert!(tried.len() == 1 && tried[0].why.contains("loop"), "{tried:?}");
}

#[tokio::test]
async fn a_role_that_may_not_be_assumed() {
    let stub = Stub::new(|_| {
        Reply::Answer(
            403,
            "<ErrorResponse><Error><Code>AccessDenied</Code><Message>User: arn:aws:iam::1:user/me is not authorized \
             to perform: sts:AssumeRole on resource: arn:aws:iam::1:role/r</Message></Error>\
             </ErrorResponse>"
                .to_owned(),
        )
    });
    let role = AssumeRole { role_arn: "arn:aws:iam::1:role/r".to_owned(), ..AssumeRole::default() };
    let settings = Settings {
        access_key: Some("AKIDGIVEN".into()),
        secret_key: Some("s".into()),
        assume_role: vec![role],
        ..Settings::default()
    };
    let error = call(&stub.clients_with(settings)).await.expect_err("denied");
    assert_eq!(error.missing_permission(), Some("sts:AssumeRole"));
    assert_eq!((error.operation(), error.request_id()), (Some(ASSUME_ROLE), Some("r-9")));
}

#[tokio::test]
async fn nothing_found_says_what_was_tried_and_is_asked_once() {
    let files = Files::new("[profile half]\nregion = us-east-1\n", "");
    let stub = stub();
    let clients = stub.clients_in(files.settings(), &[("AWS_ACCESS_KEY_ID", "AKIDENV")]);
    let error = call(&clients).await.expect_err("nothing");
    let Kind::NoCredentials { tried } = error.kind() else { panic!("{error}") };
    let expected = [
        ("environment", "`AWS_SECRET_ACCESS_KEY` is not"),
        ("web identity", "`AWS_WEB_IDENTITY_TOKEN_FILE` is not set"),
        ("profile `default`", "no such profile"),
        ("container endpoint", "`AWS_CONTAINER_CREDENTIALS_RELATIVE_URI`"),
        ("EC2 metadata service", "disabled"),
    ];
    assert_eq!(tried.len(), expected.len(), "{tried:?}");
    for (one, (from, why)) in tried.iter().zip(expected) {
        assert!(one.from.starts_with(from) && one.why.contains(why), "{one:?}");
    }
    assert!(tried[2].from.contains(&files.path("config").display().to_string()));
    assert!(stub.read(<[_]>::is_empty), "nothing is sent without credentials");
}

#[tokio::test]
async fn a_profile_of_aws_login_says_what_to_do() {
    let files = Files::new(
        "[profile dev]\nlogin_session = arn:aws:iam::111122223333:user/me\nregion = us-west-2\n\
         [profile role]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = dev\n",
        "",
    );
    for name in ["dev", "role"] {
        let stub = stub();
        let settings = Settings { profile: Some(name.to_owned()), ..files.settings() };
        let error = call(&stub.clients_with(settings)).await.expect_err(name);
        let Kind::NoCredentials { tried } = error.kind() else { panic!("{error}") };
        // This source is configured: later ones must not replace it.
        let [one] = tried.as_slice() else { panic!("{tried:?}") };
        assert!(one.why.contains("profile `dev` was created by `aws login`"), "{one:?}");
        assert!(one.why.contains("aws configure export-credentials --profile dev --format process"), "{one:?}");
        assert!(stub.read(<[_]>::is_empty));
    }
}

const TEMPORARY: &str = r#"{"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": "AKIDTEMPORARY",
    "SecretAccessKey": "s", "Token": "t", "Expiration": "2999-01-01T00:00:00Z", "LastUpdated": "2026-01-01T00:00:00Z"}"#;

#[tokio::test]
async fn the_metadata_service_gives_credentials() {
    let stub = Stub::new(|asked| match asked.operation.as_str() {
        "PUT /latest/api/token" => {
            Reply::With(("x-aws-ec2-metadata-token-ttl-seconds", "21600"), "imds-token".to_owned())
        }
        list if list.ends_with("/security-credentials/") => Reply::Answer(200, "node-role".to_owned()),
        role if role.ends_with("/security-credentials/node-role") => Reply::Answer(200, TEMPORARY.to_owned()),
        path if path.contains("/latest/") => Reply::Answer(404, String::new()),
        _ => Reply::json(&json!({ "ActivationList": [] })),
    });
    let files = Files::new("", "");
    let settings = Settings {
        region: Some("us-west-2".to_owned()),
        retry_mode: Some(RetryMode::Standard),
        skip_metadata_api_check: Some(false),
        ..files.settings()
    };
    let env = Env::from_slice(&[("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1/")]);
    // The SDK's metadata client uses timeouts, which must be real.
    let sleep = SharedAsyncSleep::new(TokioSleep::new());
    let clients = Clients::assemble(settings, env, Some(SharedHttpClient::new(stub.clone())), sleep).expect("usable");
    call(&clients).await.expect("signed with the role's credentials");
    call(&clients).await.expect("signed with the same credentials");
    assert_eq!(signers(&stub), ["AKIDTEMPORARY", "AKIDTEMPORARY"]);
    assert_eq!(stub.count("PUT /latest/api/token"), 1);
}

/// The SDK reads the container's variables from the process environment, so this test re-executes itself with them.
#[test]
fn the_endpoint_of_a_container_gives_credentials() {
    const CHILD: &str = "EKSHYBRID_TEST_OF_A_CONTAINER";
    let variables = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1/credentials"),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "pod-token"),
    ];
    if std::env::var_os(CHILD).is_none() {
        let name = "aws::credentials::tests::the_endpoint_of_a_container_gives_credentials";
        let child = std::process::Command::new(std::env::current_exe().expect("a program"))
            .args(["--exact", name])
            .envs(variables)
            .env(CHILD, "1")
            .env_remove("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
            .env_remove("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
            .output()
            .expect("started");
        let told = String::from_utf8_lossy(&child.stdout);
        assert!(child.status.success() && told.contains("1 passed"), "{told}");
        return;
    }
    let stub = Stub::new(|asked| match asked.operation.as_str() {
        "GET /credentials" if asked.signed == "pod-token" => Reply::Answer(200, TEMPORARY.to_owned()),
        "GET /credentials" => Reply::Answer(401, String::new()),
        _ => Reply::json(&json!({ "ActivationList": [] })),
    });
    let files = Files::new("", "");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(call(&stub.clients_in(files.settings(), &variables))).expect("signed with the pod's credentials");
    assert_eq!(signers(&stub), ["AKIDTEMPORARY"]);
}

#[tokio::test]
async fn a_profile_without_credentials_falls_through_and_a_broken_one_does_not() {
    let files = Files::new(
        "[profile half]\nregion = us-east-1\n[profile loop]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = gone\n",
        "",
    );
    for (name, tried_to_the_end) in [("half", true), ("loop", false)] {
        let settings = Settings { profile: Some(name.to_owned()), ..files.settings() };
        let error = call(&stub().clients_with(settings)).await.expect_err(name);
        let Kind::NoCredentials { tried } = error.kind() else { panic!("{error}") };
        assert_eq!(tried.len() == 3, tried_to_the_end, "{name}: {tried:?}");
    }
}

#[tokio::test]
async fn unusable_settings_are_told_by_name() {
    let files = Files::new("", CREDENTIALS);
    let web = |identity: AssumeRoleWithWebIdentity| Settings {
        assume_role_with_web_identity: Some(identity),
        ..files.settings()
    };
    let role = Some("arn:aws:iam::1:role/web".to_owned());
    for (settings, variables, argument) in [
        (Settings { access_key: Some("A".into()), ..files.settings() }, &[][..], "secret_key"),
        (Settings { secret_key: Some("s".into()), ..files.settings() }, &[], "access_key"),
        (Settings { token: Some("t".into()), ..files.settings() }, &[], "access_key"),
        (Settings { profile: Some("gone".to_owned()), ..files.settings() }, &[], "profile"),
        (files.settings(), &[("AWS_PROFILE", "gone")], "AWS_PROFILE"),
        (web(AssumeRoleWithWebIdentity::default()), &[], "assume_role_with_web_identity.role_arn"),
        (
            web(AssumeRoleWithWebIdentity { role_arn: role.clone(), ..AssumeRoleWithWebIdentity::default() }),
            &[],
            "assume_role_with_web_identity.web_identity_token_file",
        ),
        (
            web(AssumeRoleWithWebIdentity {
                role_arn: role,
                web_identity_token_file: Some(files.path("gone")),
                ..AssumeRoleWithWebIdentity::default()
            }),
            &[],
            "web_identity_token_file",
        ),
    ] {
        let error = call(&stub().clients_in(settings, variables)).await.expect_err(argument);
        assert!(matches!(error.kind(), Kind::Configuration { argument: named, .. } if named == argument), "{error}");
    }
}

#[tokio::test]
async fn the_account_is_checked_before_anything_else() {
    for (allowed, forbidden, accepted) in
        [(&["111122223333"][..], &[][..], true), (&["999900001111"], &[], false), (&[], &["111122223333"], false)]
    {
        let list = |ids: &[&str]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
        let stub = stub();
        let clients = stub.clients_with(Settings {
            access_key: Some("AKIDGIVEN".into()),
            secret_key: Some("s".into()),
            allowed_account_ids: list(allowed),
            forbidden_account_ids: list(forbidden),
            ..Settings::default()
        });
        for _ in 0..2 {
            let done = clients.ssm(None).delete_activation("a-1").await;
            assert_eq!(done.is_ok(), accepted, "{done:?}");
            if let Err(error) = done {
                assert!(matches!(error.kind(), Kind::WrongAccount { .. }), "{error}");
            }
        }
        assert_eq!(stub.count("GetCallerIdentity"), 1);
        assert_eq!(stub.count("DeleteActivation"), if accepted { 2 } else { 0 });
    }
}

#[tokio::test]
async fn without_account_lists_nobody_asks_for_the_account() {
    let stub = stub();
    let clients = stub.clients();
    call(&clients).await.expect("answered");
    assert_eq!(stub.count("GetCallerIdentity"), 0);
    assert_eq!(clients.account_id().await.expect("account"), "111122223333");
    assert_eq!(clients.sts().caller().await.expect("caller").arn, "arn:aws:iam::111122223333:user/me");
    assert_eq!(stub.count("GetCallerIdentity"), 1);
}

#[test]
fn secrets_cannot_be_printed() {
    let settings = Settings {
        access_key: Some("hunter2-a".into()),
        secret_key: Some("hunter2-b".into()),
        token: Some("hunter2-c".into()),
        assume_role_with_web_identity: Some(AssumeRoleWithWebIdentity {
            web_identity_token: Some("hunter2-d".into()),
            ..AssumeRoleWithWebIdentity::default()
        }),
        ..Settings::default()
    };
    assert!(!format!("{settings:?}").contains("hunter2"));
    let clients = stub().clients_with(settings);
    assert!(!format!("{clients:?}").contains("hunter2"));
}
