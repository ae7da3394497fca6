//! Hosts that are down, and connections that break.

use std::time::Duration;

use ekshybrid::host::ssh::{Connection, Login, Trust};
use ekshybrid::host::{Command, Host, Kind};
use serde_json::json;

use crate::ground::{Machine, PATIENCE, connect, refusal};

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_down() {
    let Some(machine) = Machine::start("down", &json!({"sshd": false})) else { return };
    let connection = Connection { connect_timeout: Duration::from_secs(2), ..machine.connection() };
    assert_eq!(refusal(&connection).await, Kind::Refused);
    machine.change(&json!({"sshd": true}));
    connect(&connection).await.unwrap_or_else(|error| panic!("{error}"));
    machine.change(&json!({"network": false}));
    let silent = refusal(&connection).await;
    assert!(matches!(silent, Kind::NoAnswer { .. } | Kind::Unreachable { .. }), "{silent}");
    let nowhere = Connection { host: "no-such-host.invalid".to_owned(), ..connection.clone() };
    assert!(matches!(refusal(&nowhere).await, Kind::Unresolved { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_answers_is_no_ssh_server() {
    let refused = async |server: Server| {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let server = tokio::spawn(serve(listener, server));
        let login = Login::default().password("x".into());
        let connection = Connection {
            port,
            connect_timeout: Duration::from_secs(1),
            ..Connection::new("127.0.0.1", "ann", login, Trust::Any)
        };
        let kind = refusal(&connection).await;
        server.abort();
        kind
    };
    let web = refused(Server::Web).await;
    assert!(matches!(web, Kind::Handshake { .. } | Kind::Dropped), "{web}");
    assert_eq!(refused(Server::HangsUp).await, Kind::Dropped);
    let silent = refused(Server::Silent).await;
    assert!(matches!(silent, Kind::NoAnswer { step: "waiting for the SSH handshake", .. }), "{silent}");
}

#[derive(Clone, Copy)]
enum Server {
    Web,
    HangsUp,
    Silent,
}

async fn serve(listener: tokio::net::TcpListener, server: Server) {
    use tokio::io::AsyncWriteExt as _;
    let mut kept = Vec::new();
    while let Ok((mut client, _)) = listener.accept().await {
        match server {
            Server::Web => client.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.expect("it is sent"),
            Server::HangsUp => {}
            Server::Silent => kept.push(client),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_in_mid_command() {
    let Some(machine) = Machine::start("cut", &json!({})) else { return };
    let host = connect(&machine.connection()).await.expect("it lets us in");
    let command = Command::script("sleep", "touch /tmp/begun; sleep 1000").as_root();
    let running = tokio::spawn(async move { (host.run(&command, &mut ()).await, host) });
    machine.wait_for("test -e /tmp/begun");
    machine.change(&json!({"cut": true}));
    let (ended, host) = tokio::time::timeout(PATIENCE, running).await.expect("it ends").expect("no panic");
    let error = ended.expect_err("it is lost");
    assert!(matches!(error.kind(), Kind::Lost { .. }) && error.is_absent(), "{error}");
    let again = host.run(&Command::new("true"), &mut ()).await.expect_err("the connection is gone");
    assert!(matches!(again.kind(), Kind::Lost { .. }), "{again}");

    // A host that vanishes without a word is noticed by its silence.
    let connection = Connection { keep_alive: Duration::from_secs(1), ..machine.connection() };
    let host = connect(&connection).await.expect("it lets us in again");
    let running =
        tokio::spawn(async move { host.run(&Command::script("sleep", "touch /tmp/again; sleep 1000"), &mut ()).await });
    machine.wait_for("test -e /tmp/again");
    machine.change(&json!({"network": false}));
    let ended = tokio::time::timeout(PATIENCE, running).await.expect("it ends").expect("no panic");
    let error = ended.expect_err("it is lost");
    assert!(error.to_string().contains("the server no longer answers"), "{error}");
}
