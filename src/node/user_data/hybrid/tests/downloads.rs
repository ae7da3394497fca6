//! How the script gets nodeadm: unreliable servers, checksums, images that include it.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::host::{Defect, Host, NODEADM};
use super::{and, by_ssm, ready};

fn sha256(host: &Host, name: &str) -> String {
    let output = Command::new("sha256sum").arg(host.path(name)).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

/// Responds with 503 `failures` times, then serves a directory.
struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn start(folder: &Path, failures: u32) -> Self {
        const SERVER: &str = "
import functools, http.server, sys
left = int(sys.argv[2])
class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        global left
        if left:
            left -= 1
            return self.send_error(503)
        if self.path == '/moved':
            self.send_response(302)
            self.send_header('Location', '/nodeadm')
            return self.end_headers()
        super().do_GET()
server = http.server.HTTPServer(('127.0.0.1', 0), functools.partial(Handler, directory=sys.argv[1]))
print('127.0.0.1:%d' % server.server_port, flush=True)
server.serve_forever()
";
        let mut process = Command::new("python3")
            .args(["-c", SERVER])
            .arg(folder)
            .arg(failures.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3 is a prerequisite of the tests");
        let mut address = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Self { process, address: address.trim().to_owned() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Either can fail only if the server has ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn from_server(host: &Host, server: &Server, name: &str) -> Value {
    and(
        by_ssm(),
        json!({"nodeadm": {
            "source": format!("http://{}/{name}", server.address),
            "sha256": sha256(host, "source/nodeadm").to_uppercase(),
        }}),
    )
}

fn leftovers(host: &Host) -> usize {
    let names = fs::read_dir(host.path("usr/local/bin")).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_string_lossy().contains("nodeadm.")).count()
}

#[test]
fn a_server_that_stumbles_is_asked_again_later_and_later() {
    let host = Host::new();
    let server = Server::start(&host.path("source"), 3);
    let boot = host.boot(from_server(&host, &server, "nodeadm"), Defect::None);
    boot.assert_joined("download failed (curl 22, HTTP 503), next try in 8 s");
    let pauses: Vec<u32> = host.calls("sleep").iter().map(|pause| pause.parse().unwrap()).collect();
    assert_eq!(pauses.len(), 3, "{pauses:?}");
    for (pause, least) in pauses.into_iter().zip([2, 4, 8]) {
        assert!((least..2 * least).contains(&pause), "{pause}");
    }
}

#[test]
fn a_server_that_never_answers_is_given_up() {
    let host = Host::new();
    let server = Server::start(&host.path("source"), 100);
    let boot = host.boot(from_server(&host, &server, "nodeadm"), Defect::None);
    boot.assert_failed("nodeadm could not be downloaded");
    assert_eq!(host.calls("sleep").len(), 7);
    assert_eq!(leftovers(&host), 0);
}

#[test]
fn what_is_not_there_is_not_asked_for_again() {
    let host = Host::new();
    let server = Server::start(&host.path("source"), 0);
    host.boot(from_server(&host, &server, "other"), Defect::None).assert_failed("there is no nodeadm at its source");
    assert_eq!(host.calls("sleep"), Vec::<String>::new());
    fs::remove_file(host.path("source/nodeadm")).unwrap();
    host.boot(host.local(by_ssm()), Defect::None).assert_failed("there is no nodeadm at its source");
}

/// A redirect must not lead to a location where the content can be tampered with in transit.
#[test]
fn a_redirection_to_http_is_not_followed() {
    let host = Host::new();
    let server = Server::start(&host.path("source"), 0);
    let boot = host.boot(from_server(&host, &server, "moved"), Defect::None);
    boot.assert_failed("nodeadm could not be downloaded");
    assert_eq!(host.calls("nodeadm"), Vec::<String>::new());
}

#[test]
fn a_wrong_checksum_is_never_run() {
    let host = Host::new();
    let mut input = host.local(by_ssm());
    input["nodeadm"]["sha256"] = json!("0".repeat(64));
    host.boot(input, Defect::None).assert_failed("nodeadm does not have the SHA-256 0000");
    assert_eq!(host.calls("nodeadm"), Vec::<String>::new());
    assert_eq!(leftovers(&host), 0);
}

#[test]
fn the_published_checksum_counts_when_no_other_is_given() {
    let host = Host::new();
    host.boot(host.local(by_ssm()), Defect::None).assert_joined("no checksum is published beside nodeadm");

    let host = Host::new();
    host.write("source/nodeadm.sha256", &format!("{}  nodeadm\n", sha256(&host, "source/nodeadm")));
    let boot = host.boot(host.local(by_ssm()), Defect::None);
    boot.assert_joined("joined as node");
    assert!(!boot.log.contains("no checksum"), "{}", boot.log);
    assert_eq!(leftovers(&host), 0);

    for (published, message) in [
        (format!("{}  nodeadm\n", "0".repeat(64)), "nodeadm does not have the SHA-256 0000"),
        ("<html>".to_owned(), "the checksum published beside nodeadm is not a SHA-256"),
    ] {
        let host = Host::new();
        host.write("source/nodeadm.sha256", &published);
        host.boot(host.local(by_ssm()), Defect::None).assert_failed(message);
        assert_eq!(host.calls("nodeadm"), Vec::<String>::new());
    }
}

#[test]
fn an_image_may_bring_nodeadm() {
    let host = Host::new();
    host.program("usr/local/bin/nodeadm", NODEADM);
    let gone = json!({"nodeadm": {"source": "file:///nowhere"}});
    host.boot(and(by_ssm(), gone), Defect::None).assert_joined("nodeadm is already there");

    // With a checksum, only the matching program is accepted.
    let host = Host::new();
    host.program("usr/local/bin/nodeadm", "#!/bin/bash\nexit 9\n");
    let mut input = host.local(by_ssm());
    input["nodeadm"]["sha256"] = json!(sha256(&host, "source/nodeadm"));
    host.boot(input, Defect::None).assert_joined("downloading nodeadm");
}

#[test]
fn the_source_follows_the_architecture_of_the_host() {
    for (machine, architecture) in [("x86_64", "amd64"), ("aarch64", "arm64")] {
        let host = Host::new();
        host.program("bin/uname", &format!("#!/bin/bash\necho {machine}\n"));
        host.program(&format!("source/{architecture}/nodeadm"), NODEADM);
        let source = format!("file://{}/{{architecture}}/nodeadm", host.path("source").display());
        host.boot(and(by_ssm(), json!({"nodeadm": {"source": source}})), Defect::None).assert_joined("joined as node");
    }
    let host = Host::new();
    host.program("bin/uname", "#!/bin/bash\necho riscv64\n");
    host.boot(host.local(by_ssm()), Defect::None).assert_failed("there is no nodeadm for the architecture riscv64");
}

#[test]
fn the_publisher_follows_the_partition() {
    for (region, publisher) in [
        ("us-west-2", "https://hybrid-assets.eks.amazonaws.com"),
        ("us-gov-west-1", "https://hybrid-assets.eks.amazonaws.com"),
        ("cn-north-1", "https://eks-hybrid-assets.awsstatic.cn"),
    ] {
        let mut input = by_ssm();
        input["node_config"]["cluster"]["region"] = json!(region);
        let script = crate::node::user_data::hybrid::script::render(&ready(input));
        let line = format!("nodeadm_source='{publisher}/releases/latest/bin/linux/{{architecture}}/nodeadm'\n");
        assert!(script.contains(&line), "{script}");
    }
}
