//! Logging in: keys, certificates, passwords, the agent, bastions.

use std::process::Command as Program;

use ekshybrid::host::Kind;
use ekshybrid::host::ssh::{Connection, Login, Ssh, Trust};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::ground::{Machine, connect, foreign_key, printed, refusal, text};

#[tokio::test(flavor = "multi_thread")]
async fn each_type_of_key_opens_a_host() {
    let Some(machine) = Machine::start("keys", &json!({})) else { return };
    for key in ["ed25519", "ecdsa", "rsa", "encrypted"] {
        let connection = Connection { login: machine.login(key), ..machine.connection() };
        let host = connect(&connection).await.unwrap_or_else(|error| panic!("{key}: {error}"));
        assert_eq!(printed(&host, "id -un").await, "ubuntu", "{key}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_the_host_does_not_know_is_named_in_the_error() {
    let Some(machine) = Machine::start("wrong-key", &json!({})) else { return };
    let (private, public) = foreign_key("ed25519", machine.folder.path());
    let login = Login::default().key(&private.into(), None).expect("a key");
    let connection = Connection { login, ..machine.connection() };
    let Kind::Unauthorized { tried, accepts } = refusal(&connection).await else { panic!("another kind") };
    let fingerprint = fingerprint(&public, machine.folder.path());
    assert_eq!(tried, [format!("`private_key` {fingerprint} (ssh-ed25519)")]);
    assert_eq!(accepts, ["publickey"]);
    let no_user = Connection { user: "nobody-here".to_owned(), ..machine.connection() };
    assert!(matches!(refusal(&no_user).await, Kind::Unauthorized { .. }));
    let nothing = Connection { login: Login::default(), ..machine.connection() };
    let Kind::Unauthorized { tried, .. } = refusal(&nothing).await else { panic!("another kind") };
    assert!(tried.is_empty());
}

/// As `ssh-keygen -l` prints it.
pub fn fingerprint(public: &str, folder: &std::path::Path) -> String {
    let file = folder.join("printed.pub");
    std::fs::write(&file, format!("{public}\n")).expect("it is written");
    let output = Program::new("ssh-keygen").arg("-lf").arg(file).output().expect("ssh-keygen runs");
    String::from_utf8_lossy(&output.stdout).split(' ').nth(1).expect("a fingerprint").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_and_passwords_open_a_host_that_takes_nothing_else() {
    let more = json!({
        "authorized_keys": [], "user_certificates": true, "password_logins": true,
        "users": [{"name": "ann", "password": "s3cret"}],
    });
    let Some(machine) = Machine::start("certified", &more) else { return };
    for key in ["ed25519", "ecdsa", "rsa"] {
        let certificate = text(&machine.told["certificates"][key]);
        let login = machine.login(key).certificate(&certificate).expect("its certificate");
        let host = connect(&Connection { login, ..machine.connection() }).await;
        assert_eq!(printed(&host.unwrap_or_else(|error| panic!("{key}: {error}")), "id -un").await, "ann", "{key}");
    }
    let login = Login::default().password("s3cret".into());
    let host = connect(&Connection { login, ..machine.connection() }).await.expect("the password is right");
    assert_eq!(printed(&host, "id -un").await, "ann");
    // A key that is of no use comes first.
    let login = machine.login("ed25519").password("wrong".into());
    let Kind::Unauthorized { tried, accepts } = refusal(&Connection { login, ..machine.connection() }).await else {
        panic!("another kind")
    };
    assert_eq!((tried.len(), tried[1].as_str()), (2, "`password`"), "{tried:?}");
    assert!(accepts.iter().any(|method| method == "password"), "{accepts:?}");
}

const SOCKET: &str = "EKSHYBRID_TEST_AGENT";

/// The agent is found by the environment, which is the process's: the login runs in a process of its own.
#[test]
fn the_agent_opens_a_host() {
    let Some(machine) = Machine::start("agent", &json!({})) else { return };
    let folder = machine.folder.path();
    let socket = folder.join("socket");
    let mut agent = Program::new("ssh-agent")
        .arg("-D")
        .arg("-a")
        .arg(&socket)
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("ssh-agent runs");
    let key = folder.join("key");
    std::fs::write(&key, text(&machine.told["private_keys"]["ecdsa"])).expect("it is written");
    assert!(Program::new("chmod").arg("600").arg(&key).status().expect("chmod runs").success());
    let add =
        || Program::new("ssh-add").arg("-q").arg(&key).env("SSH_AUTH_SOCK", &socket).output().expect("ssh-add runs");
    let begun = std::time::Instant::now();
    while !add().status.success() {
        assert!(begun.elapsed() < crate::ground::PATIENCE, "{:?}", add());
    }
    let run = |socket: &str| {
        let arguments = ["--exact", "logins::with_the_agent", "--nocapture"];
        let place = format!("{} {}", machine.address(), machine.host_key("ssh-ed25519"));
        let output = Program::new(std::env::current_exe().expect("a path"))
            .args(arguments)
            .env("SSH_AUTH_SOCK", socket)
            .env(SOCKET, place)
            .output()
            .expect("it runs");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let opened = run(&socket.display().to_string());
    let absent = run("/nowhere");
    agent.kill().expect("it runs");
    agent.wait().expect("it ends");
    assert!(opened.contains("logged in as ubuntu"), "{opened}");
    assert!(absent.contains("does not accept `agent` ("), "{absent}");
}

/// The other process of the test above; in any other run it does nothing.
#[tokio::test(flavor = "multi_thread")]
async fn with_the_agent() {
    let Ok(place) = std::env::var(SOCKET) else { return };
    let (address, key) = place.split_once(' ').expect("address and key");
    let connection = Connection::new(address, "ubuntu", Login::default().agent(), crate::ground::host_keys(key));
    match connect(&connection).await {
        Ok(host) => eprintln!("logged in as {}", printed(&host, "id -un").await),
        Err(error) => eprintln!("{error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_behind_a_bastion_share_one_connection_to_it() {
    // It drops every login beyond three at a time.
    let Some(bastion) = Machine::start("bastion", &json!({"sshd_options": ["MaxStartups 3:100:3"]})) else { return };
    let more = json!({"behind": bastion.name, "sshd_options": ["MaxStartups 8:100:8"]});
    let Some(inner) = Machine::start("inner", &more) else { return };
    // The same known_hosts file for all: another one could trust another key.
    let (outer, behind) = (bastion.connection(), inner.connection());
    let through = |port: u16| Connection { bastion: Some(Box::new(outer.clone())), port, ..behind.clone() };
    let (ssh, cancel) = (Ssh::default(), CancellationToken::new());
    let logins = (0..20).map(|_| {
        let (ssh, cancel, connection) = (ssh.clone(), cancel.clone(), through(22));
        tokio::spawn(async move { ssh.connect(&connection, &cancel).await })
    });
    let mut hosts = Vec::new();
    for login in logins.collect::<Vec<_>>() {
        hosts.push(login.await.expect("no panic").unwrap_or_else(|error| panic!("{error}")));
    }
    assert_eq!(printed(&hosts[19], "hostname").await, "inner");
    let (_, sessions) = bastion.run("ps -eo args | grep -c '^sshd: ubuntu@notty\\|^sshd: ubuntu$'");
    assert_eq!(sessions, "1", "{}", bastion.run("ps -eo args").1);
    drop(hosts);

    // What fails is named: the way, or the bastion.
    let closed = ssh.connect(&through(2222), &cancel).await.expect_err("nothing listens there");
    assert!(matches!(closed.kind(), Kind::BastionRefused { .. }), "{closed}");
    assert!(closed.to_string().contains(&format!("through ubuntu@{}:22", bastion.address())), "{closed}");
    let mut untrusted = through(22);
    untrusted.bastion.as_mut().expect("it has one").trust = bastion.known_hosts("");
    let refused = ssh.connect(&untrusted, &cancel).await.expect_err("its key is not known");
    assert!(matches!(refused.kind(), Kind::HostKeyUnknown { .. }), "{refused}");
    assert_eq!(refused.place().host, bastion.address());
    // Without the bastion there is no answer.
    let direct =
        Connection { connect_timeout: std::time::Duration::from_secs(1), trust: Trust::Any, ..inner.connection() };
    assert!(matches!(refusal(&direct).await, Kind::NoAnswer { .. } | Kind::Unreachable { .. }));
}
