//! Host keys: which hosts are trusted, and what is said about the others.

use ekshybrid::host::Kind;
use ekshybrid::host::ssh::{Connection, Trust};
use serde_json::json;

use crate::ground::{Machine, connect, foreign_key, host_keys, refusal, text};
use crate::logins::fingerprint;

#[tokio::test(flavor = "multi_thread")]
async fn a_host_is_known_by_its_key() {
    let Some(machine) = Machine::start("known", &json!({"host_keys": ["ed25519", "ecdsa", "rsa"]})) else { return };
    let address = machine.address();
    let folder = machine.folder.path();
    let (_, foreign) = foreign_key("ed25519", folder);
    let (ed25519, rsa) = (machine.host_key("ssh-ed25519"), machine.host_key("ssh-rsa"));
    let with = |trust: Trust| Connection { trust, ..machine.connection() };
    for trust in [
        machine.known_hosts(&text(&machine.told["known_hosts"])),
        // The host presents the key that is known, although it prefers another.
        machine.known_hosts(&format!("{address} {rsa}\n")),
        machine.known_hosts(&format!("10.80.*,!10.81.* {}\n", machine.host_key("ecdsa-sha2-nistp256"))),
        // One of several keys is right.
        machine.known_hosts(&format!("{address} {foreign}\n{address} {ed25519}\n")),
        host_keys(&ed25519),
        host_keys(&rsa),
        host_keys(&fingerprint(&ed25519, folder)),
        Trust::Any,
    ] {
        connect(&with(trust.clone())).await.unwrap_or_else(|error| panic!("{trust:?}: {error}"));
    }

    let offered = fingerprint(&ed25519, folder);
    let expected = fingerprint(&foreign, folder);
    for trust in [machine.known_hosts(&format!("# old\n{address} {foreign}\n")), host_keys(&foreign)] {
        let changed = refusal(&with(trust)).await;
        let said = changed.to_string();
        assert!(matches!(changed, Kind::HostKeyChanged { .. }), "{said}");
        assert!(said.contains(&offered) && said.contains(&expected), "{said}");
    }
    let old = machine.known_hosts(&format!("# old\n{address} {foreign}\n"));
    let changed = refusal(&with(old.clone())).await;
    assert!(changed.to_string().contains(&format!("{} line 2", path(&old))), "{changed}");

    let empty = machine.known_hosts("");
    let unknown = refusal(&with(empty.clone())).await;
    assert!(matches!(unknown, Kind::HostKeyUnknown { .. }), "{unknown}");
    assert!(unknown.to_string().contains(&offered) && unknown.to_string().contains(&path(&empty)), "{unknown}");

    let trust = machine.known_hosts(&format!("{address} {ed25519}\n@revoked * {ed25519}\n"));
    let said = refusal(&with(trust)).await;
    assert!(matches!(said, Kind::HostKeyRevoked { .. }), "{said}");
    assert!(said.to_string().contains("line 2"), "{said}");
}

/// The file, as messages quote it.
fn path(trust: &Trust) -> String {
    match trust {
        Trust::KnownHosts(files) => format!("`{}`", files[0].display()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_is_known_by_its_authority() {
    let Some(machine) = Machine::start("signed", &json!({"host_certificate": true})) else { return };
    let (address, authority) = (machine.address(), text(&machine.told["host_authority"]));
    let authority = authority.split(' ').take(2).collect::<Vec<_>>().join(" ");
    let with = |trust: Trust| Connection { trust, ..machine.connection() };
    let (_, foreign) = foreign_key("ed25519", machine.folder.path());
    for trust in [
        machine.known_hosts(&format!("@cert-authority 10.80.* {authority}\n")),
        host_keys(&authority),
        // Its key is right, whoever has signed it.
        host_keys(&machine.host_key("ssh-ed25519")),
        machine.known_hosts(&format!("{address} {}\n", machine.host_key("ssh-ed25519"))),
    ] {
        connect(&with(trust.clone())).await.unwrap_or_else(|error| panic!("{trust:?}: {error}"));
    }
    let other = refusal(&with(machine.known_hosts(&format!("@cert-authority * {foreign}\n")))).await;
    assert!(matches!(other, Kind::HostKeyUnknown { .. }), "{other}");
    let elsewhere = refusal(&with(machine.known_hosts(&format!("@cert-authority *.example.com {authority}\n")))).await;
    assert!(matches!(elsewhere, Kind::HostKeyUnknown { .. }), "{elsewhere}");
    let revoked = machine.known_hosts(&format!("@cert-authority * {authority}\n@revoked * {authority}\n"));
    let revoked = refusal(&with(revoked)).await;
    assert!(matches!(revoked, Kind::HostKeyRevoked { .. }), "{revoked}");
}
