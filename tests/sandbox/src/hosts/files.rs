//! The files of one host, which are laid over the root file system that all share.

use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use super::{
    Ground, artifacts,
    keys::{self, read},
    nodeadm,
    wanted::{Kind, Sudo, Wanted},
    whole,
};

const INIT: &str = include_str!("init.sh");
/// Programs of the stand-in besides nodeadm; each is the same archive, called by another name.
const STAND_INS: [&str; 2] = ["systemctl", "journalctl"];

/// Makes the folder `FOLDER/files`, and tells what a client needs to know of it. Blocks.
pub fn lay_out(
    ground: &Ground,
    keys: &keys::Keys,
    folder: &Path,
    wanted: &Wanted,
    address: &str,
) -> Result<Value, String> {
    let tree = Tree(folder.join("files"));
    for empty in ["layer", "root", "keys", "work", "containerd", "groups"] {
        std::fs::create_dir_all(folder.join(empty)).map_err(|error| error.to_string())?;
    }
    tree.write("sandbox/init", INIT, 0o755)?;
    tree.write("sandbox/setup", &setup(wanted), 0o600)?;
    let facts = json!({
        "kind": if wanted.kind == Kind::Whole { "whole" } else { "fast" },
        "time_scale": wanted.time_scale,
        "clock_offset_seconds": wanted.clock_offset_seconds,
        "architecture": wanted.architecture,
    });
    tree.write("sandbox/facts.json", &facts.to_string(), 0o644)?;
    let gateway = ground.network.gateway();
    tree.write("etc/os-release", &wanted.os_release(), 0o644)?;
    tree.write("etc/hostname", &format!("{}\n", wanted.name), 0o644)?;
    tree.write("etc/hosts", &format!("127.0.0.1 localhost\n127.0.1.1 {}\n", wanted.name), 0o644)?;
    tree.write("etc/resolv.conf", &format!("nameserver {gateway}\noptions timeout:2 attempts:2\n"), 0o644)?;
    tree.write("etc/machine-id", &format!("{}\n", crate::random::hex(32)), 0o444)?;
    let trusted = read(&ground.rootfs().join("etc/ssl/certs/ca-certificates.crt")).unwrap_or_default();
    tree.write("etc/ssl/certs/ca-certificates.crt", &(trusted + &ground.authority.certificate), 0o644)?;
    if wanted.kind == Kind::Whole {
        whole::lay_out(&tree, &gateway.to_string())?;
    }
    for name in STAND_INS.into_iter().filter(|_| wanted.kind == Kind::Fast) {
        tree.write_bytes(&format!("usr/bin/{name}"), &nodeadm::program(artifacts::LATEST), 0o755)?;
    }
    if let Some(architecture) = &wanted.architecture {
        tree.write(
            "sandbox/uname",
            &format!("#!/bin/sh\n[ \"$*\" = -m ] && exec echo {architecture}\nexec /usr/bin/uname.own \"$@\"\n"),
            0o755,
        )?;
    }
    if wanted.clock_offset_seconds != 0 {
        let offset = wanted.clock_offset_seconds;
        tree.write(
            "sandbox/date",
            &format!(
                "#!/bin/sh\nnow=$(($(/usr/bin/date.own +%s) + {offset}))\nexec /usr/bin/date.own -d \"@$now\" \"$@\"\n"
            ),
            0o755,
        )?;
    }
    let authorized: Result<String, String> = wanted.authorized_keys.iter().map(|name| keys.public(name)).collect();
    tree.write("etc/ssh/authorized_keys", &authorized?, 0o644)?;
    let mut told = ssh(ground, keys, folder, &tree, wanted, address)?;
    if wanted.user_certificates {
        tree.write("etc/ssh/user-authority.pub", &keys.public("user-authority")?, 0o644)?;
        let names: Vec<&str> = wanted.users.iter().map(|user| user.name.as_str()).chain(["root"]).collect();
        told["certificates"] = keys.certificates(&folder.join("keys"), &names.join(","))?;
    }
    Ok(told)
}

/// Host keys and the server's configuration.
fn ssh(
    ground: &Ground,
    keys: &keys::Keys,
    folder: &Path,
    tree: &Tree,
    wanted: &Wanted,
    address: &str,
) -> Result<Value, String> {
    let mut config = wanted.sshd_options.join("\n");
    config.push_str("\nUseDNS no\nUsePAM no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n");
    config.push_str("AuthorizedKeysFile /etc/ssh/authorized_keys\nSubsystem sftp internal-sftp\n");
    config.push_str(if wanted.password_logins {
        "PasswordAuthentication yes\n"
    } else {
        "PasswordAuthentication no\n"
    });
    if wanted.user_certificates {
        config.push_str("TrustedUserCAKeys /etc/ssh/user-authority.pub\n");
    }
    let mut public_keys = Vec::new();
    let mut authority = Value::Null;
    for kind in &wanted.host_keys {
        let name = format!("ssh_host_{kind}_key");
        let file = folder.join("keys").join(&name);
        // One that is switched on again keeps its keys.
        if !file.exists() {
            keys::generate(&file, kind, if kind == "rsa" { "2048" } else { "0" }, "")?;
        }
        let public = read(&file.with_extension("pub"))?;
        tree.write(&format!("etc/ssh/{name}"), &read(&file)?, 0o600)?;
        tree.write(&format!("etc/ssh/{name}.pub"), &public, 0o644)?;
        config.push_str(&format!("HostKey /etc/ssh/{name}\n"));
        if wanted.host_certificate {
            let certificate = keys.certify(&file.with_extension("pub"), true, &format!("{address},{}", wanted.name))?;
            tree.write(&format!("etc/ssh/{name}-cert.pub"), &certificate, 0o644)?;
            config.push_str(&format!("HostCertificate /etc/ssh/{name}-cert.pub\n"));
            authority = keys.public("host-authority")?.trim().into();
        }
        public_keys.push(public.split(' ').take(2).collect::<Vec<_>>().join(" "));
    }
    tree.write("etc/ssh/sshd_config", &config, 0o644)?;
    let known = public_keys.iter().fold(String::new(), |known, key| format!("{known}{address} {key}\n"));
    Ok(json!({
        "host_keys": public_keys,
        "known_hosts": known,
        "host_authority": authority,
        "ca_bundle": ground.authority.certificate,
    }))
}

/// What is done by the host's own programs, once.
fn setup(wanted: &Wanted) -> String {
    let mut script = "set -e\n".to_owned();
    for user in &wanted.users {
        let name = &user.name;
        // A star, where there is no password: an account that is locked would not be let in by key either.
        script.push_str(&format!("useradd --create-home --shell /bin/bash --password '*' {name}\n"));
        if let Some(password) = &user.password {
            script.push_str(&format!("echo '{name}:{password}' | chpasswd\n"));
        }
        let rule = match user.sudo {
            Sudo::Nopasswd => "NOPASSWD: ALL",
            Sudo::Password => "ALL",
            Sudo::None => continue,
        };
        script.push_str(&format!("echo '{name} ALL=(ALL) {rule}' >/etc/sudoers.d/{name}\n"));
    }
    for name in ["uname", "date"] {
        script.push_str(&format!(
            "if [ -e /sandbox/{name} ]; then mv /usr/bin/{name} /usr/bin/{name}.own; cp /sandbox/{name} /usr/bin/{name}; fi\n"
        ));
    }
    if !wanted.sshd {
        script.push_str("touch /run/sandbox/sshd-off\n");
    }
    script
}

/// A folder of files with modes.
pub struct Tree(PathBuf);

impl Tree {
    pub fn link(&self, path: &str, to: &str) -> Result<(), String> {
        let file = self.0.join(path);
        let made = file.parent().map_or(Ok(()), std::fs::create_dir_all);
        let made = made.and_then(|()| std::os::unix::fs::symlink(to, &file));
        made.map_err(|error| format!("{}: {error}", file.display()))
    }

    pub fn write(&self, path: &str, text: &str, mode: u32) -> Result<(), String> {
        self.write_bytes(path, text.as_bytes(), mode)
    }

    fn write_bytes(&self, path: &str, content: &[u8], mode: u32) -> Result<(), String> {
        let file = self.0.join(path);
        let written = file.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| {
            std::fs::write(&file, content)?;
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode))
        });
        written.map_err(|error| format!("{}: {error}", file.display()))
    }
}
