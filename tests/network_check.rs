//! The scripts of the network check, run by a shell with stand-ins for busybox's network programs: what they ask, what they
//! make of the answers, and the message that comes of it.

// A test fails by panicking, including in its helpers.
#![allow(clippy::unwrap_used)]
#![cfg(unix)]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

const CHECK: &str = include_str!("../src/kube/check/check.sh");
const SERVE: &str = include_str!("../src/kube/check/serve.sh");

/// The last two arguments of `wget -q -O FILE URL` decide. Texts are busybox's.
const WGET: &str = r#"
file=$3 url=$4
echo "$url" >>"$ASKED"
case $url in
  http://10.0.0.1:*/large | http://172.20.0.9:80/large) printf 'run\nxxxx' >"$file" ;;
  http://10.0.0.2:*) echo "wget: can't connect to remote host (10.0.0.2): Connection refused" >&2; exit 1 ;;
  http://10.0.0.3:*/large) exit 143 ;;
  http://10.0.0.3:*/small) printf 'run\n' >"$file" ;;
  http://10.0.0.4:*) exit 143 ;;
  http://10.0.0.5:*) echo "wget: can't connect to remote host (10.0.0.5): No route to host" >&2; exit 1 ;;
  http://10.0.0.6:*) printf 'another\n' >"$file" ;;
  http://10.0.0.7:*) echo 'wget: server returned error: HTTP/1.1 503 Unavailable' >&2; exit 1 ;;
  http://10.0.0.8:*) kill -KILL "$PPID" ;;
  'http://[fd00::1]:8080/large') printf 'run\nxxxx' >"$file" ;;
  http://172.20.0.1:443/) echo 'wget: server returned error: HTTP/1.0 400 Bad Request' >&2; exit 1 ;;
esac
"#;

/// One folder of programs, and what a script left.
struct Scene {
    folder: TempDir,
}

impl Scene {
    fn new(programs: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().unwrap();
        for (name, text) in programs {
            let path = folder.path().join(name);
            std::fs::write(&path, format!("#!/bin/sh\n{text}")).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        Self { folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn run(&self, script: &str, variables: &[(&str, &str)]) {
        let path = format!("{}:{}", self.folder.path().display(), std::env::var("PATH").unwrap());
        let status = Command::new("/bin/sh")
            .args(["-c", script])
            .envs(variables.iter().copied())
            .env("PATH", path)
            .env("TMPDIR", self.folder.path())
            .env("MESSAGE", self.path("message"))
            .env("ASKED", self.path("asked"))
            .status()
            .unwrap();
        assert!(status.success(), "{status}");
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(Path::new(&self.path(name))).unwrap()
    }
}

/// `sleep` and the limits of time take no time here.
fn asker(nslookup: &'static str) -> Scene {
    Scene::new(&[("wget", WGET), ("nslookup", nslookup), ("timeout", "shift; exec \"$@\"\n"), ("sleep", "exit 0\n")])
}

const RESOLVES: &str = "printf 'Server:\\t172.20.0.10\\n\\nName:\\t%s\\nAddress: 172.20.0.1\\n' \"$1\"\n";

fn variables<'a>(pods: &'a str, node_ports: &'a str) -> Vec<(&'static str, &'a str)> {
    vec![
        ("RUN", "run"),
        ("PODS", pods),
        ("NODE_PORTS", node_ports),
        ("SERVICE", "172.20.0.9:80"),
        ("WAIT", "3"),
        ("ATTEMPTS", "3"),
        ("KUBERNETES_SERVICE_HOST", "172.20.0.1"),
        ("KUBERNETES_SERVICE_PORT", "443"),
    ]
}

#[test]
fn each_kind_of_answer_has_its_letter() {
    let scene = asker(RESOLVES);
    let pods: Vec<String> = (1..=7).map(|number| format!("10.0.0.{number}:8080")).collect();
    let pods = format!("{} - [fd00::1]:8080", pods.join(" "));
    scene.run(CHECK, &variables(&pods, "10.0.0.1:31234 10.0.0.2:31234"));
    let message = scene.read("message");
    let lines: Vec<&str> = message.lines().map(str::trim_end).collect();
    let odd = "e=wget: server returned error: HTTP/1.1 503 Unavailable";
    assert_eq!(lines, ["p=ormtuwx-o", "n=or", "s=o", "d=o", "a=o", odd]);
    // A good answer is enough once; others are asked for again.
    let asked = scene.read("asked");
    let times = |url: &str| asked.lines().filter(|line| *line == url).count();
    assert_eq!((times("http://10.0.0.1:8080/large"), times("http://10.0.0.2:8080/large")), (1, 3));
    assert_eq!((times("http://10.0.0.4:8080/small"), times("http://10.0.0.2:8080/small")), (3, 0));
}

/// As the kernel does when the pod's memory is used up.
#[test]
fn a_question_that_is_killed_is_no_success() {
    let scene = asker(RESOLVES);
    scene.run(CHECK, &variables("10.0.0.1:8080 - 10.0.0.8:8080", "10.0.0.8:31234"));
    let message = scene.read("message");
    assert_eq!(message.lines().take(2).collect::<Vec<_>>(), ["p=o-x", "n=x"]);
}

#[test]
fn many_nodes_fit_into_a_message() {
    let scene = asker(RESOLVES);
    let servers = vec!["10.0.0.1:8080"; 200].join(" ");
    scene.run(CHECK, &variables(&servers, &servers));
    let message = scene.read("message");
    assert!(message.starts_with(&format!("p={}\n", "o".repeat(200))), "{message}");
    // The limit of Kubernetes.
    assert!(message.len() < 4096, "{}", message.len());
}

#[test]
fn dns_is_right_only_with_the_address_of_the_api_server() {
    for (nslookup, letter) in [
        (RESOLVES, "d=o"),
        // Only the name server's address begins like the API server's.
        ("printf 'Server:\\t172.20.0.10\\n'\n", "d=t"),
        ("echo '** server cannot find it: NXDOMAIN'; exit 1\n", "d=n"),
        ("echo ';; connection timed out; no servers could be reached'; exit 1\n", "d=t"),
        ("echo 'nslookup: write to 172.20.0.10: Connection refused'; exit 1\n", "d=r"),
    ] {
        let scene = asker(nslookup);
        scene.run(CHECK, &variables("10.0.0.1:8080", "10.0.0.1:31234"));
        assert_eq!(scene.read("message").lines().nth(3), Some(letter), "{nslookup}");
    }
}

#[test]
fn the_server_has_a_file_that_no_packet_holds() {
    let scene = Scene::new(&[("httpd", "cp small large \"$TMPDIR\"; echo \"$*\" >\"$MESSAGE\"\n")]);
    scene.run(SERVE, &[("RUN", "run")]);
    assert_eq!(scene.read("message").trim(), "-f -p 8080 -h .");
    assert_eq!(scene.read("small"), "run\n");
    let large = scene.read("large");
    // More than a jumbo frame of 9001 bytes.
    assert!(large.starts_with("run\nx") && large.len() > 9001, "{}", large.len());
}
