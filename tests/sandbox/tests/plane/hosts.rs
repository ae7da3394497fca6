//! Hosts over SSH, with the OpenSSH client.

use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::{Value, json};

use crate::sandbox::{Account, Sandbox, cannot_be, hosts, nothing_done, programs, shared, text, wait_for};

/// A sandbox that supports hosts, shared by the tests; if hosts are not supported, a test reports that and ends.
pub fn ground() -> Option<&'static Sandbox> {
    let programs = programs()?;
    if let Some(reason) = std::env::var("EKSHYBRID_NO_HOSTS").ok().filter(|reason| !reason.is_empty()) {
        cannot_be(&reason);
        return None;
    }
    if hosts().is_none() {
        nothing_done("there is nothing that hosts could run on; `make hosts` unpacks it, as root on Linux");
        return None;
    }
    let sandbox = shared(&programs);
    let told = sandbox.done("GET", "hosts", &Value::Null);
    if told["available"] == true {
        return Some(sandbox);
    }
    cannot_be(&format!("hosts: {}", text(&told["why"])));
    None
}

/// A host, and everything needed to log in.
pub struct Host<'a> {
    account: &'a Account<'a>,
    pub name: String,
    pub told: Value,
    folder: PathBuf,
}

impl Drop for Host<'_> {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
        self.account.sandbox.control("DELETE", &self.path(), &Value::Null);
    }
}

impl<'a> Host<'a> {
    pub fn start(account: &'a Account<'a>, name: &str, more: &Value) -> Self {
        // Names are unique across accounts: the network resolves them.
        let mut wanted = json!({"name": format!("{name}-{}", &account.id[..6])});
        wanted.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let name = text(&wanted["name"]);
        let told = account.sandbox.done("POST", &format!("accounts/{}/hosts", account.id), &wanted);
        let folder = std::env::temp_dir().join(format!("hosts-test-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let write = |file: &str, text: &str| {
            std::fs::write(folder.join(file), text).unwrap();
            std::fs::set_permissions(folder.join(file), std::fs::Permissions::from_mode(0o600)).unwrap();
        };
        for (key, content) in told["private_keys"].as_object().unwrap() {
            write(key, &text(content));
        }
        for (key, content) in told["certificates"].as_object().into_iter().flatten() {
            write(&format!("{key}-cert.pub"), &text(content));
        }
        write("known_hosts", &text(&told["known_hosts"]));
        Self { account, name, told, folder }
    }

    fn path(&self) -> String {
        format!("accounts/{}/hosts/{}", self.account.id, self.name)
    }

    pub fn address(&self) -> String {
        text(&self.told["address"])
    }

    fn change(&self, wanted: &Value) {
        self.account.sandbox.done("POST", &self.path(), wanted);
    }

    /// Runs a command as root, without SSH: status, and both outputs.
    pub fn run(&self, command: &str) -> (i64, String, String) {
        let path = format!("{}/run", self.path());
        let done = self.account.sandbox.done("POST", &path, &json!({"command": command}));
        (done["status"].as_i64().unwrap(), text(&done["stdout"]), text(&done["stderr"]))
    }

    /// The output of a command that must succeed.
    pub fn printed(&self, command: &str) -> String {
        let (status, stdout, stderr) = self.run(command);
        assert_eq!(status, 0, "{command}: {stdout}{stderr}");
        stdout.trim().to_owned()
    }

    fn file(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// OpenSSH's client, which must know the host key.
    fn ssh_with(&self, user: &str, key: &str, options: &[&str], command: &str) -> Output {
        let known = format!("UserKnownHostsFile={}", self.file("known_hosts"));
        let mut ssh = Command::new("ssh");
        ssh.args(["-F", "/dev/null", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", &known]);
        ssh.args(["-o", "IdentitiesOnly=yes", "-o", "ConnectTimeout=20", "-i", &self.file(key)]).args(options);
        ssh.arg(format!("{user}@{}", self.address())).arg(command).env_remove("SSH_AUTH_SOCK").output().unwrap()
    }

    fn ssh(&self, user: &str, command: &str) -> Result<String, String> {
        result(&self.ssh_with(user, "ed25519", &[], command))
    }
}

fn result(output: &Output) -> Result<String, String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

#[test]
fn a_host_lets_in_whom_it_was_told_to_and_is_what_it_was_told_to_be() {
    let Some(sandbox) = ground() else { return };
    let account = sandbox.account();
    let host = Host::start(
        &account,
        "various",
        &json!({
            "os": "rhel-9", "architecture": "aarch64", "clock_offset_seconds": -3600, "disk_megabytes": 8, "mtu": 1400,
            "host_keys": ["rsa", "ecdsa", "ed25519"],
            "users": [
                {"name": "free"},
                {"name": "asked", "password": "s3cret", "sudo": "password"},
                {"name": "plain", "sudo": "none"},
            ],
        }),
    );
    assert_eq!((text(&host.told["user"]), host.told["port"].as_u64()), ("free".to_owned(), Some(22)));
    for key in ["ed25519", "ecdsa", "rsa"] {
        assert_eq!(result(&host.ssh_with("free", key, &[], "sudo -n id -u")).as_deref(), Ok("0"), "{key}");
    }
    // An encrypted key requires its passphrase.
    assert!(result(&host.ssh_with("free", "encrypted", &[], "true")).unwrap_err().contains("Permission denied"));
    let opened = Command::new("ssh-keygen")
        .args(["-q", "-p", "-P", &text(&host.told["passphrase"]), "-N", "", "-f", &host.file("encrypted")])
        .output()
        .unwrap();
    assert!(opened.status.success());
    assert!(result(&host.ssh_with("free", "encrypted", &[], "true")).is_ok());
    // Each host key is the reported one.
    for kind in ["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512"] {
        let option = format!("HostKeyAlgorithms={kind}");
        assert_eq!(result(&host.ssh_with("root", "ed25519", &["-o", &option], "true")), Ok(String::new()), "{kind}");
    }
    assert!(host.ssh("asked", "sudo -n true").unwrap_err().contains("a password is required"));
    assert_eq!(host.ssh("asked", "echo s3cret | sudo -S id -u 2>/dev/null").as_deref(), Ok("0"));
    assert!(host.ssh("plain", "sudo -n true").is_err());
    assert!(host.ssh("nobody-here", "true").unwrap_err().contains("Permission denied"));

    assert_eq!(host.ssh("free", ". /etc/os-release; echo $ID $VERSION_ID").as_deref(), Ok("rhel 9.6"));
    assert_eq!(host.ssh("free", "uname -m").as_deref(), Ok("aarch64"));
    assert_eq!(host.ssh("free", "cat /sys/class/net/eth0/mtu").as_deref(), Ok("1400"));
    let clock: i64 = host.ssh("free", "sudo date +%s").unwrap().parse().unwrap();
    let behind = jiff::Timestamp::now().as_second() - clock;
    assert!((3600..3660).contains(&behind), "{behind}");
    let full = host.ssh("free", "sudo dd if=/dev/zero of=/opt/filler bs=1M count=9").unwrap_err();
    assert!(full.contains("No space left on device"), "{full}");
    // It continues, even though it is full.
    assert_eq!(host.ssh("free", "hostname"), Ok(host.name.clone()));
    // AWS host names resolve to the sandbox, and no other name exists.
    let page = "curl --silent --show-error --fail https://hybrid-assets.eks.amazonaws.com/manifest.yaml | head -n 1";
    assert_eq!(host.printed(page), "supported_eks_releases:");
    assert_eq!(host.run("getent hosts example.com").0, 2);
}

#[test]
fn passwords_and_certificates_open_a_host_where_it_takes_them() {
    let Some(sandbox) = ground() else { return };
    let account = sandbox.account();
    let more = json!({
        "authorized_keys": [], "user_certificates": true, "host_certificate": true, "password_logins": true,
        "users": [{"name": "ann", "password": "s3cret"}],
    });
    let host = Host::start(&account, "certified", &more);
    // By its CA alone.
    let known = format!("@cert-authority {} {}\n", host.address(), text(&host.told["host_authority"]));
    std::fs::write(host.folder.join("known_hosts"), known).unwrap();
    let certificate = format!("CertificateFile={}", host.file("ecdsa-cert.pub"));
    assert_eq!(result(&host.ssh_with("ann", "ecdsa", &["-o", &certificate], "id -un")).as_deref(), Ok("ann"));
    let no_certificate = Path::new(&host.file("ed25519-cert.pub")).to_owned();
    std::fs::remove_file(no_certificate).unwrap();
    assert!(host.ssh("ann", "true").unwrap_err().contains("Permission denied (publickey,password)"));
    // The password comes from a program, where there is no terminal.
    let asks = host.file("asks");
    std::fs::write(&asks, "#!/bin/sh\necho s3cret\n").unwrap();
    std::fs::set_permissions(&asks, std::fs::Permissions::from_mode(0o700)).unwrap();
    let run = Command::new("ssh")
        .args(["-F", "/dev/null", "-o", &format!("UserKnownHostsFile={}", host.file("known_hosts"))])
        .args(["-o", "PreferredAuthentications=password", &format!("ann@{}", host.address()), "id -un"])
        .env("SSH_ASKPASS", asks)
        .env("SSH_ASKPASS_REQUIRE", "force")
        .output()
        .unwrap();
    assert_eq!(result(&run).as_deref(), Ok("ann"));
}

#[test]
fn a_host_behind_a_bastion_answers_nobody_else() {
    let Some(sandbox) = ground() else { return };
    let account = sandbox.account();
    let bastion = Host::start(&account, "bastion", &json!({}));
    let inner = Host::start(&account, "inner", &json!({"behind": bastion.name}));
    assert_eq!(inner.told["bastion"], bastion.name.as_str());
    let direct = inner.ssh_with("ubuntu", "ed25519", &["-o", "ConnectTimeout=1"], "true");
    assert!(result(&direct).unwrap_err().contains("timed out"), "{direct:?}");
    let way = format!(
        "ProxyCommand=ssh -F /dev/null -o BatchMode=yes -o UserKnownHostsFile={} -i {} -W %h:%p ubuntu@{}",
        bastion.file("known_hosts"),
        bastion.file("ed25519"),
        bastion.address()
    );
    let run = inner.ssh_with("ubuntu", "ed25519", &["-o", &way], "hostname");
    assert_eq!(result(&run), Ok(inner.name.clone()));
    // It still reaches AWS.
    assert_eq!(inner.run("curl --silent --fail https://hybrid-assets.eks.amazonaws.com/manifest.yaml").0, 0);
}

#[test]
fn a_host_goes_down_in_every_way_and_comes_back() {
    let Some(sandbox) = ground() else { return };
    let account = sandbox.account();
    let host = Host::start(&account, "shaky", &json!({"sshd": false}));
    assert!(host.ssh("ubuntu", "true").unwrap_err().contains("Connection refused"));
    host.change(&json!({"sshd": true}));
    assert!(host.ssh("ubuntu", "true").is_ok());
    // A session in progress is cut off.
    std::thread::scope(|scope| {
        let session = scope.spawn(|| host.ssh("ubuntu", "touch /tmp/begun; sleep 1000"));
        wait_for("the session", || (host.run("test -e /tmp/begun").0 == 0).then_some(()));
        host.change(&json!({"cut": true}));
        assert!(session.join().unwrap().unwrap_err().contains("closed by remote host"));
    });
    assert!(host.ssh("ubuntu", "true").is_ok());
    host.change(&json!({"network": false}));
    let lost = result(&host.ssh_with("ubuntu", "ed25519", &["-o", "ConnectTimeout=1"], "true")).unwrap_err();
    assert!(lost.contains("timed out") || lost.contains("No route to host"), "{lost}");
    host.change(&json!({"network": true}));
    wait_for("the host's network", || host.ssh("ubuntu", "true").ok());
    host.change(&json!({"sshd": false}));
    assert!(host.ssh("ubuntu", "true").unwrap_err().contains("Connection refused"));
}

#[test]
fn the_gateway_stays_the_same_neighbour_whichever_hosts_come_and_go() {
    let Some(programs) = programs() else { return };
    let (Some(_), Some(source)) = (ground(), hosts()) else { return };
    // A network that no other test changes.
    let sandbox = Sandbox::start(&programs, &["--hosts", &source.display().to_string()]);
    let account = sandbox.account();
    let gateway = text(&sandbox.done("GET", "hosts", &Value::Null)["gateway"]);
    let neighbour = |host: &Host<'_>| {
        host.printed("getent hosts ssm.us-west-2.amazonaws.com");
        let shown = host.printed(&format!("ip neigh show {gateway}"));
        shown.split(' ').skip_while(|word| *word != "lladdr").nth(1).unwrap().to_owned()
    };
    let first = Host::start(&account, "first", &json!({}));
    let before = neighbour(&first);
    let second = Host::start(&account, "second", &json!({}));
    drop(first);
    assert_eq!(neighbour(&second), before);
    drop(second);
    sandbox.end();
}

#[test]
fn hosts_that_cannot_be_are_refused() {
    let Some(sandbox) = ground() else { return };
    let account = sandbox.account();
    let host = Host::start(&account, "first", &json!({}));
    let path = |rest: &str| format!("accounts/{}/hosts{rest}", account.id);
    for (method, rest, body, status, expected) in [
        ("POST", "", json!({"name": host.name}), 400, "there is a host"),
        ("POST", "", json!({"name": "other", "address": host.address()}), 400, "is taken"),
        ("POST", "", json!({"name": "other", "address": "192.0.2.1"}), 400, "not of the range"),
        ("POST", "", json!({"name": "other", "behind": "nobody"}), 400, "no host `nobody`"),
        ("POST", "", json!({"name": "other", "color": "red"}), 400, "unknown field"),
        ("POST", "/none", json!({"cut": true}), 404, "no host `none`"),
        ("POST", &format!("/{}", host.name), json!({"cut": false}), 400, "true or absent"),
    ] {
        let (was, answer) = sandbox.control(method, &path(rest), &body);
        let error = answer["error"].as_str().unwrap_or_default();
        assert!(was == status && error.contains(expected), "{was} {error} instead of {expected}");
    }
    let (status, answer) = sandbox.control("POST", "accounts/000000000000/hosts", &json!({"name": "other"}));
    assert_eq!((status, text(&answer["error"]).contains("no account")), (404, true));
}

#[test]
fn no_host_outlives_its_sandbox() {
    let Some(programs) = programs() else { return };
    let (Some(_), Some(source)) = (ground(), hosts()) else { return };
    let source = source.display().to_string();
    for signal in ["TERM", "KILL"] {
        let mut sandbox = Sandbox::start(&programs, &["--hosts", &source]);
        let (address, mark) = {
            let account = sandbox.account();
            let host = Host::start(&account, "short", &json!({}));
            let found = (host.address(), host.name.clone());
            // It must not be ended regularly.
            std::mem::forget(host);
            found
        };
        let network = address.rsplit_once('.').unwrap().0.to_owned();
        let id = sandbox.child.id().to_string();
        assert!(std::net::TcpStream::connect((address.as_str(), 22)).is_ok());
        assert!(Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
        sandbox.child.wait().unwrap();
        let has_network = || {
            let shown = Command::new("ip").args(["-brief", "address"]).output().unwrap();
            String::from_utf8(shown.stdout).unwrap().contains(&format!(" {network}."))
        };
        if signal == "KILL" {
            // The next sandbox removes what a killed one could not; the host itself no longer exists.
            let mut next = Sandbox::start(&programs, &["--hosts", &source]);
            Command::new("kill").args(["-s", "TERM", &next.child.id().to_string()]).status().unwrap();
            next.child.wait().unwrap();
        }
        wait_for("the end of the network", || (!has_network()).then_some(()));
        wait_for("the end of the host", || {
            let processes = Command::new("ps").args(["-eo", "args"]).output().unwrap();
            (!String::from_utf8_lossy(&processes.stdout).contains(&mark)).then_some(())
        });
    }
}
