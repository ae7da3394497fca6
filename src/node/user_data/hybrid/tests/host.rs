//! A host in a directory: the script really runs, with fakes for nodeadm, systemd, snap and the clock.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{and, ready};
use crate::node::user_data::hybrid::script;

/// A directory that represents a host's file system, with fakes for the programs that would change a real one.
pub(super) struct Host {
    root: tempfile::TempDir,
}

/// The simulated failure of nodeadm.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Defect {
    None,
    InstallDoesNothing,
    InstallFailsTwice,
    InstallFails,
    InitDoesNothing,
    InitFails,
    /// The activation is exhausted or unknown.
    InvalidActivation,
    ExpiredActivation,
    /// The agent cannot reach Systems Manager.
    Unreachable,
    NotRegistered,
    KubeletStops,
    NoNode,
}

impl Defect {
    fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::InstallDoesNothing => "install-does-nothing",
            Self::InstallFailsTwice => "install-fails-twice",
            Self::InstallFails => "install-fails",
            Self::InitDoesNothing => "init-does-nothing",
            Self::InitFails => "init-fails",
            Self::InvalidActivation => {
                "invalid SSM activation. Please use a valid activation code, activation id and region"
            }
            Self::ExpiredActivation => "SSM activation expired. Please use a valid activation",
            Self::Unreachable => {
                "failed to register machine with SSM after multiple attempts: context deadline exceeded"
            }
            Self::NotRegistered => "not-registered",
            Self::KubeletStops => "kubelet-stops",
            Self::NoNode => "no-node",
        }
    }
}

/// Imitates the flags, files and silent successes of `nodeadm`; each call is one line of `calls`.
pub(super) const NODEADM: &str = r#"#!/bin/bash
echo "nodeadm $*" >>"$HOST/calls"
umask >"$HOST/umask"
case "$1" in
  --version) echo v1.0.20 ;;
  install)
    [[ $DEFECT != install-fails ]] || exit 1
    [[ $DEFECT != install-fails-twice || $(grep -c '^nodeadm install' "$HOST/calls") -gt 2 ]] || exit 1
    [[ $DEFECT != install-does-nothing ]] || exit 0
    mkdir -p "$HOST/opt/nodeadm" "$HOST/usr/local/bin"
    echo "Artifacts: {}" >"$HOST/opt/nodeadm/tracker"
    printf '#!/bin/bash\necho "kubectl $*" >>"$HOST/calls"\n[[ $DEFECT != no-node ]] && echo "node/${@: -3:1}"\n' \
      >"$HOST/usr/local/bin/kubectl"
    chmod 0755 "$HOST/usr/local/bin/kubectl"
    ;;
  init)
    [[ $DEFECT != init-fails ]] || exit 1
    [[ $DEFECT != init-does-nothing ]] || exit 0
    if [[ $DEFECT == *SSM* ]]; then
      code=$(sed -n 's/ *activationCode: *//p' "$HOST/etc/nodeadm/nodeConfig.yaml" | tr -d '"')
      command="running command [/usr/bin/amazon-ssm-agent -register -y -region us-west-2 -code $code -id 0123]: exit status 1"
      for attempt in 1 2 3; do
        echo "{\"level\":\"warn\",\"msg\":\"Command failed, retrying\",\"error\":\"$command\"}" >&2
      done
      echo "{\"level\":\"fatal\",\"msg\":\"Command failed\",\"error\":\"configuring aws credentials with SSM: $DEFECT: $command\"}" >&2
      exit 1
    fi
    mkdir -p "$HOST/var/lib/kubelet" "$HOST/var/lib/amazon/ssm"
    echo "kind: Config" >"$HOST/var/lib/kubelet/kubeconfig"
    if [[ $DEFECT != not-registered && ! -e $HOST/var/lib/amazon/ssm/registration ]]; then
      echo '{"ManagedInstanceID":"mi-0123456789abcdef0","Region":"us-west-2"}' >"$HOST/var/lib/amazon/ssm/registration"
    fi
    [[ $DEFECT == kubelet-stops ]] || touch "$HOST/kubelet-runs"
    ;;
esac
"#;

impl Host {
    pub(super) fn new() -> Self {
        let host = Self { root: tempfile::tempdir().unwrap() };
        for folder in ["bin", "etc/nodeadm", "var/lib/cloud", "source"] {
            fs::create_dir_all(host.path(folder)).unwrap();
        }
        host.program("source/nodeadm", NODEADM);
        host.program(
            "bin/systemctl",
            "#!/bin/bash\necho \"systemctl $*\" >>\"$HOST/calls\"\n[[ $1 != is-active || -e $HOST/kubelet-runs ]]\n",
        );
        host.program("bin/sleep", "#!/bin/bash\necho \"sleep $*\" >>\"$HOST/calls\"\n");
        host.program("bin/snap", "#!/bin/bash\necho \"snap $*\" >>\"$HOST/calls\"\n");
        host.write("etc/nodeadm/nodeConfig.yaml", "kind: NodeConfig\n");
        host
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub(super) fn write(&self, name: &str, content: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), content).unwrap();
    }

    pub(super) fn program(&self, name: &str, content: &str) {
        self.write(name, content);
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub(super) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(super) fn mode(&self, name: &str) -> u32 {
        fs::metadata(self.path(name)).unwrap().permissions().mode() & 0o777
    }

    /// Calls of one program, without its name.
    pub(super) fn calls(&self, program: &str) -> Vec<String> {
        let calls = fs::read_to_string(self.path("calls")).unwrap_or_default();
        calls.lines().filter_map(|line| line.strip_prefix(program)?.strip_prefix(' ')).map(str::to_owned).collect()
    }

    /// The input with nodeadm from the host's own directory.
    pub(super) fn local(&self, input: Value) -> Value {
        and(input, json!({"nodeadm": {"source": format!("file://{}", self.path("source/nodeadm").display())}}))
    }

    /// Writes the input's NodeConfig to its path, as cloud-init does before the script.
    pub(super) fn write_node_config(&self, input: Value) {
        self.write("etc/nodeadm/nodeConfig.yaml", &ready(input).node_config.to_yaml());
    }

    /// Runs a line as a person does who pastes it into a shell.
    pub(super) fn paste(&self, line: &str, defect: Defect) -> Boot {
        self.program("pasted", &self.moved(line.to_owned()));
        self.run("pasted", defect)
    }

    /// Runs the script as cloud-init does; its paths are in the host's directory.
    pub(super) fn boot(&self, input: Value, defect: Defect) -> Boot {
        self.program("scripts/ekshybrid-join", &self.moved(script::render(&ready(input))));
        self.run("scripts/ekshybrid-join", defect)
    }

    /// A script whose paths are in the host's directory.
    fn moved(&self, mut script: String) -> String {
        for folder in ["/etc/", "/usr/", "/opt/", "/var/"] {
            // Only at the start of a path, so that URLs are unchanged.
            for before in ["=", "=(", " ", "\"", ">", " file://"] {
                script = script.replace(&format!("{before}{folder}"), &format!("{before}@host@{folder}"));
            }
        }
        script.replace("@host@", &self.root.path().display().to_string())
    }

    pub(super) fn run(&self, script: &str, defect: Defect) -> Boot {
        let path = format!("{}:/usr/bin:/bin", self.path("bin").display());
        let output = Command::new("/bin/bash")
            .arg(self.path(script))
            .env_clear()
            .envs([("PATH", path.as_str()), ("DEFECT", defect.word())])
            .env("HOST", self.root.path())
            .stdin(Stdio::null())
            .output()
            .expect("bash is a prerequisite of the tests");
        let log = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        Boot { joined: output.status.success(), log }
    }
}

pub(super) struct Boot {
    pub(super) joined: bool,
    pub(super) log: String,
}

impl Boot {
    pub(super) fn assert_joined(&self, message: &str) {
        assert!(self.joined && self.log.contains(message), "{}", self.log);
    }

    pub(super) fn assert_failed(&self, message: &str) {
        let error = format!("ekshybrid: error: {message}");
        assert!(!self.joined && self.log.contains(&error), "no `{error}` in\n{}", self.log);
    }
}
