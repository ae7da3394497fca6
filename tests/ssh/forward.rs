//! Streams through a host to others.

use ekshybrid::host::Kind;
use ekshybrid::host::ssh::{Connection, Ssh};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::ground::{Machine, PATIENCE};

/// The first line that comes through: the host's own sshd introduces itself.
async fn greeting(ssh: &Ssh, through: &Connection) -> Result<String, Kind> {
    let stream = ssh.forward(through, "localhost", 22).await.map_err(|error| error.kind().clone())?;
    let mut line = String::new();
    let reading = async { BufReader::new(stream).read_line(&mut line).await };
    tokio::time::timeout(PATIENCE, reading).await.expect("a line in time").expect("a line");
    Ok(line)
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_share_a_connection_that_is_opened_again() {
    let Some(machine) = Machine::start("forwards", &json!({})) else { return };
    let (ssh, through) = (Ssh::default(), machine.connection());
    for _ in 0..2 {
        let line = greeting(&ssh, &through).await.expect("a stream");
        assert!(line.starts_with("SSH-2.0-"), "{line}");
    }
    // One process of sshd with the user's rights for each connection.
    let (_, before) = machine.run("ps -eo args | grep -c '^sshd: ubuntu$\\|^sshd: ubuntu@'");
    machine.change(&json!({"cut": true}));
    // The end of the connection may be noticed a moment later: the first attempt may still meet it.
    let again = match greeting(&ssh, &through).await {
        Err(Kind::Lost { .. }) => greeting(&ssh, &through).await,
        other => other,
    };
    assert!(again.expect("a stream").starts_with("SSH-2.0-"));
    assert_eq!(before.trim(), "1", "two streams share a connection");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_cannot_or_must_not_connect() {
    let Some(machine) = Machine::start("closed", &json!({"sshd_options": ["PermitOpen localhost:1"]})) else { return };
    let ssh = Ssh::default();
    for (port, expected) in [(1, "the connection failed"), (22, "does not forward connections")] {
        let Err(error) = ssh.forward(&machine.connection(), "localhost", port).await else {
            panic!("a stream to port {port}");
        };
        let Kind::NotForwarded { target, cause } = error.kind() else { panic!("{error:?}") };
        assert_eq!(*target, format!("localhost:{port}"));
        assert!(cause.contains(expected), "{cause}");
    }
}
