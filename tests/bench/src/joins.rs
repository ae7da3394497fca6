//! What joining many hosts costs: one apply at full parallelism, beside Ansible doing the same commands on the same
//! hosts.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use harness::case::Outside;
use harness::sandbox::Account;
use serde_json::{Value as Json, json};

use crate::Fault;
use crate::runner::{Bench, Cost, run};

/// Hosts that join at once.
pub const HOSTS: usize = 50;

/// What the joins took.
pub struct Joins {
    /// One apply for all hosts.
    pub all: Cost,
    /// One apply for one host, with nothing else running.
    pub one: Cost,
    /// Ansible, for all hosts. `None`: it is not at hand.
    pub ansible: Option<Duration>,
}

impl Joins {
    /// Seconds of the slowest join in the apply for all hosts, as Terraform prints them.
    pub fn slowest(&self) -> Result<f64, Fault> {
        let lines = self.all.output.lines().filter(|line| line.starts_with("ekshybrid_node."));
        let times = lines.filter_map(|line| seconds(line.split_once("Creation complete after ")?.1));
        times.reduce(f64::max).ok_or_else(|| "Terraform printed no time of a join".into())
    }
}

/// Reads a duration of Terraform's, such as `1m12s [id=…]`.
fn seconds(text: &str) -> Option<f64> {
    let text = text.split_whitespace().next()?.strip_suffix('s')?;
    let (minutes, seconds) = text.split_once('m').unwrap_or(("0", text));
    Some(minutes.parse::<f64>().ok()? * 60.0 + seconds.parse::<f64>().ok()?)
}

/// Creates the hosts, joins one, then all, then all again by Ansible.
pub fn joins(bench: &Bench, account: &Account<'_>, ansible: Option<&Path>) -> Result<Joins, Fault> {
    let cluster = account.told["holds"]["cluster_names"][0].as_str().ok_or("the account holds no cluster")?;
    let folder = std::env::temp_dir().join(format!("ekshybrid-joins-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let outcome = in_folder(bench, account, ansible, cluster, &folder);
    std::fs::remove_dir_all(&folder)?;
    outcome
}

fn in_folder(
    bench: &Bench,
    account: &Account<'_>,
    ansible: Option<&Path>,
    cluster: &str,
    folder: &Path,
) -> Result<Joins, Fault> {
    let mut hosts = Vec::new();
    for number in 0..HOSTS {
        let wanted = json!({"name": format!("bench-{number}-{}", account.id()), "disk_megabytes": 2048});
        hosts.push(account.ask("POST", "/hosts", Some(&wanted))?);
    }
    let key = folder.join("key");
    write_private(&key, text(&hosts[0]["private_keys"], "ed25519"))?;

    let terraform = bench.folder(true, &configuration(cluster, &hosts[..1], &key))?;
    let one = run(&terraform, APPLY)?;
    run(&terraform, DESTROY)?;

    let terraform = bench.folder(true, &configuration(cluster, &hosts, &key))?;
    let all = run(&terraform, APPLY)?;
    // The hosts are as before, for Ansible to join them.
    run(&terraform, DESTROY)?;

    let ansible = match ansible {
        None => None,
        Some(python) => Some(playbook(python, account, cluster, &hosts, &key, folder)?),
    };
    Ok(Joins { all, one, ansible })
}

/// As many at a time as there are hosts.
const APPLY: &[&str] = &["apply", "-input=false", "-no-color", "-auto-approve", "-parallelism=50"];
const DESTROY: &[&str] = &["destroy", "-input=false", "-no-color", "-auto-approve", "-parallelism=50"];

fn configuration(cluster: &str, hosts: &[Json], key: &Path) -> String {
    let mut map = String::new();
    for host in hosts {
        let _ = writeln!(map, "    \"{}\" = \"{}\"", text(host, "address"), text(&host["host_keys"], 0));
    }
    format!(
        r#"
resource "ekshybrid_activation" "a" {{
  iam_role           = "hybrid-nodes"
  registration_limit = {HOSTS}
}}

resource "ekshybrid_node" "a" {{
  for_each = {{
{map}  }}

  cluster_name       = "{cluster}"
  kubernetes_version = "1.34"
  wait_for           = "registered"

  ssh = {{
    host             = each.key
    user             = "{user}"
    private_key_path = "{key}"
    host_key         = each.value
  }}
  ssm = {{
    activation_id   = ekshybrid_activation.a.id
    activation_code = ekshybrid_activation.a.activation_code
  }}
}}
"#,
        user = text(&hosts[0], "user"),
        key = key.display(),
    )
}

/// The same commands by Ansible, without what else the provider checks. `raw` needs no Python on the hosts, and is its
/// fastest module.
fn playbook(
    python: &Path,
    account: &Account<'_>,
    cluster: &str,
    hosts: &[Json],
    key: &Path,
    folder: &Path,
) -> Result<Duration, Fault> {
    let create = Outside::Aws {
        service: "ssm".to_owned(),
        what: "CreateActivation".to_owned(),
        body: Some(json!({"IamRole": "hybrid-nodes", "RegistrationLimit": HOSTS}).to_string()),
        name: Some("activation".to_owned()),
    };
    let (_, activation) = account.change(&create)?.ok_or("CreateActivation has no answer")?;
    let config = json!({
        "apiVersion": "node.eks.aws/v1alpha1",
        "kind": "NodeConfig",
        "spec": {
            "cluster": {"name": cluster, "region": account.told["region"]},
            "hybrid": {"ssm": {
                "activationId": activation["ActivationId"],
                "activationCode": activation["ActivationCode"],
            }},
        },
    });
    let nodeadm = text(&account.told["hosts"]["nodeadm"][0], "url");
    let steps = [
        format!(
            "curl --silent --show-error --fail --output /usr/local/bin/nodeadm {nodeadm} && chmod 755 /usr/local/bin/nodeadm"
        ),
        "nodeadm install 1.34 --credential-provider ssm".to_owned(),
        format!("umask 077; printf %s '{config}' >/root/node-config.yaml"),
        "nodeadm init --config-source file:///root/node-config.yaml".to_owned(),
        "rm /root/node-config.yaml".to_owned(),
    ];
    let tasks: Vec<Json> = steps.iter().map(|step| json!({"raw": step})).collect();
    let play = json!([{"hosts": "all", "gather_facts": false, "become": true, "tasks": tasks}]);
    let file = folder.join("playbook.json");
    std::fs::write(&file, play.to_string())?;
    let (mut inventory, mut known) = (String::new(), String::new());
    for host in hosts {
        let _ = writeln!(inventory, "{}", text(host, "address"));
        let _ = writeln!(known, "{} {}", text(host, "address"), text(&host["host_keys"], 0));
    }
    std::fs::write(folder.join("inventory"), inventory)?;
    std::fs::write(folder.join("known_hosts"), known)?;

    let mut command = Command::new(python);
    command
        .args(["-m", "ansible", "playbook", "--forks", "50", "--user", text(&hosts[0], "user")])
        .arg("--private-key")
        .arg(key)
        .arg("--inventory")
        .arg(folder.join("inventory"))
        .arg("--ssh-common-args")
        .arg(format!("-o UserKnownHostsFile={}", folder.join("known_hosts").display()))
        .arg(&file)
        .env("ANSIBLE_HOME", folder)
        .env("ANSIBLE_PIPELINING", "True")
        .env("LC_ALL", "C.UTF-8");
    let started = Instant::now();
    let output = command.output()?;
    let took = started.elapsed();
    if output.status.success() {
        return Ok(took);
    }
    let said = [output.stdout, output.stderr].concat();
    Err(format!("ansible: {}: {}", output.status, String::from_utf8_lossy(&said)).into())
}

/// Ansible's interpreter by `EKSHYBRID_ANSIBLE`; the text says what is missing.
pub fn ansible() -> Result<PathBuf, String> {
    std::env::var_os("EKSHYBRID_ANSIBLE")
        .map(PathBuf::from)
        .ok_or_else(|| "EKSHYBRID_ANSIBLE names no Python with ansible-core (`make bench` installs it)".to_owned())
}

fn text(json: &Json, member: impl serde_json::value::Index) -> &str {
    json[member].as_str().unwrap_or_default()
}

/// ssh refuses keys that others can read.
fn write_private(path: &Path, content: &str) -> Result<(), Fault> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(content.as_bytes())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_of_terraform() {
        for (text, expected) in [("7s [id=a]", Some(7.0)), ("1m12s [id=a]", Some(72.0)), ("later", None), ("", None)] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }
}
