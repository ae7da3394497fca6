//! What a whole host has in addition: systemd's units, settings of containerd, and control groups of its own.

use std::path::Path;

use super::{files::Tree, run};

/// Runs the setup of a host by systemd, before sshd.
const SETUP: &str = "[Unit]
Description=What the sandbox wants of this host
DefaultDependencies=no
After=local-fs.target systemd-tmpfiles-setup.service
Before=ssh.service sysinit.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh /sandbox/setup
ExecStart=/usr/bin/touch /run/sandbox/ready
StandardOutput=journal+console
StandardError=journal+console

[Install]
WantedBy=sysinit.target
";
/// Pods start although root here may lack CAP_SYS_RESOURCE. containerd 1.6 replaces whole sections by those of an import,
/// so what nodeadm's file says in this one is repeated.
const CONTAINERD: &str = r#"version = 2
[plugins."io.containerd.grpc.v1.cri"]
  restrict_oom_score_adj = true
  sandbox_image = "602401143452.dkr.ecr.us-west-2.amazonaws.com/eks/pause:3.5"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "runc"
    discard_unpacked_layers = true
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = true
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "/etc/containerd/certs.d:/etc/docker/certs.d"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/opt/cni/bin"
    conf_dir = "/etc/cni/net.d"
"#;
/// Which whole hosts need besides the root file system.
const PROGRAMS: [&str; 3] = ["bin/kubelet", "bin/pause", "bin/aws-iam-authenticator"];
pub const SCRIPT: &str = include_str!("whole.sh");

/// Why there are none here; `None` when there can be.
pub fn obstacle(source: &Path) -> Option<String> {
    let missing = PROGRAMS.iter().find(|name| !source.join(name).exists());
    missing.map(|name| format!("{} lacks {name}; `make whole-hosts` builds the programs", source.display()))
}

/// The files that only whole hosts have. Blocks.
pub fn lay_out(tree: &Tree, gateway: &str) -> Result<(), String> {
    tree.write("etc/systemd/system/sandbox-setup.service", SETUP, 0o644)?;
    tree.link("etc/systemd/system/sysinit.target.wants/sandbox-setup.service", "../sandbox-setup.service")?;
    tree.write("etc/containerd/config.d/sandbox.toml", CONTAINERD, 0o644)?;
    // A kubelet that is told of Ubuntu hands this to pods.
    let resolved = format!("f+ /run/systemd/resolve/resolv.conf 0644 root root - nameserver\\x20{gateway}\n");
    tree.write("etc/tmpfiles.d/sandbox.conf", &resolved, 0o644)
}

/// Name of a host's control groups: its owner is in it, for those who sweep.
pub fn group(name: &str) -> String {
    format!("ekshybrid-{}-{name}", std::process::id())
}

/// Removes the control groups of a host whose processes have ended. Blocks; tried for a while, for they end one by one.
pub fn remove_group(group: &str) {
    let script = std::env::temp_dir().join(format!("ekshybrid-sweep-{}.sh", std::process::id()));
    if std::fs::write(&script, SCRIPT).is_err() {
        return;
    }
    let path = script.display().to_string();
    for _ in 0..50 {
        // A shell has read the script before it mounts over /tmp.
        let _ = run::output("unshare", &["--mount", "--propagation", "private", "sh", &path, "sweep", group]);
        if !groups().iter().any(|one| one == group) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let _ = std::fs::remove_file(script);
}

/// Removes the groups of processes that have ended. Blocks.
pub fn sweep() {
    for group in groups() {
        let owner = group.split('-').nth(1).and_then(|id| id.parse::<u32>().ok());
        if owner.is_some_and(|owner| !Path::new(&format!("/proc/{owner}")).exists()) {
            remove_group(&group);
        }
    }
}

/// The groups of all sandboxes, as one of the mounted hierarchies shows them.
fn groups() -> Vec<String> {
    let folders = ["/sys/fs/cgroup/systemd", "/sys/fs/cgroup/memory", "/sys/fs/cgroup"];
    let found = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten();
    let names = found.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| name.starts_with("ekshybrid-")).collect()
}
