//! Copying images between two registries, beside the command lines that people do it with.
//!
//! Both registries are Debian's docker-registry. Each tool gets an empty destination, and its copies run side by side;
//! ours is an apply of `ekshybrid_image_mirror`, Terraform's start included.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use harness::sandbox::Account;
use serde_json::json;

use crate::Fault;
use crate::runner::{APPLY, Bench, Cost, PLAN, run};

/// Images that are copied.
pub const IMAGES: usize = 20;
/// Bytes of each of the two layers of an image: 1 GiB in all.
const LAYER: usize = (1 << 30) / (2 * IMAGES);
/// Copies of the command lines at the same time.
const AT_ONCE: usize = 4;
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// What is needed from outside.
pub struct Tools {
    registry: PathBuf,
    /// Name and program.
    lines: Vec<(&'static str, PathBuf)>,
}

impl Tools {
    /// The registry by `EKSHYBRID_DOCKER_REGISTRY`, the command lines by `EKSHYBRID_CRANE`, `EKSHYBRID_REGCTL` and
    /// `EKSHYBRID_ORAS`; the text says what is missing.
    pub fn find() -> Result<Self, String> {
        let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
        let registry = variable("EKSHYBRID_DOCKER_REGISTRY").ok_or("EKSHYBRID_DOCKER_REGISTRY names no registry")?;
        let lines = [("crane", "EKSHYBRID_CRANE"), ("regctl", "EKSHYBRID_REGCTL"), ("oras", "EKSHYBRID_ORAS")];
        let lines: Vec<_> = lines.into_iter().filter_map(|(name, it)| Some((name, variable(it)?))).collect();
        if lines.is_empty() {
            return Err("none of EKSHYBRID_CRANE, EKSHYBRID_REGCTL and EKSHYBRID_ORAS names a program".to_owned());
        }
        Ok(Self { registry, lines })
    }
}

/// What copying took.
pub struct Copies {
    /// The apply.
    pub ours: Cost,
    /// Seconds of each command line.
    pub theirs: Vec<(&'static str, f64)>,
}

/// Copies all images by each tool in turn.
pub fn copies(bench: &Bench, tools: &Tools) -> Result<Copies, Fault> {
    let source = Registry::start(&tools.registry, "source")?;
    for at in 0..IMAGES {
        source.push(&format!("image-{at}"), at as u64)?;
    }
    let mut theirs = Vec::new();
    for (name, program) in &tools.lines {
        let target = Registry::start(&tools.registry, name)?;
        let started = Instant::now();
        side_by_side(name, program, &source, &target)?;
        theirs.push((*name, started.elapsed().as_secs_f64()));
    }
    let target = Registry::start(&tools.registry, "ours")?;
    let terraform = bench.folder(true, &configuration(&source.address, &target.address))?;
    let ours = run(&terraform, APPLY)?;
    Ok(Copies { ours, theirs })
}

/// Requests of the plan of unchanged images to the registry that holds them: those with HEAD, and all others.
pub fn unchanged(bench: &Bench, account: &Account<'_>) -> Result<(f64, f64), Fault> {
    let registry = || account.ask("POST", "/registries", Some(&json!({})));
    let (source, target) = (registry()?, registry()?);
    let [from, to] = [&source, &target].map(|it| it["host"].as_str().unwrap_or_default().to_owned());
    for at in 0..IMAGES {
        let image = json!({"repository": format!("image-{at}"), "tag": "v1"});
        let id = source["id"].as_str().unwrap_or_default();
        account.ask("POST", &format!("/registries/{id}/images"), Some(&image))?;
    }
    let terraform = bench.folder(true, &configuration(&from, &to))?;
    run(&terraform, APPLY)?;
    let count = || {
        let counters = account.counters()?;
        let all: u64 = counters.iter().filter(|(name, _)| name.starts_with("registry:")).map(|(_, count)| count).sum();
        // How the registry authenticates is asked for once.
        let greetings = counters.get("registry:Base").copied().unwrap_or_default();
        Ok::<_, Fault>((counters.get("registry:HeadManifest").copied().unwrap_or_default(), all - greetings))
    };
    let before = count()?;
    run(&terraform, PLAN)?;
    let after = count()?;
    let heads = after.0 - before.0;
    #[allow(clippy::cast_precision_loss, reason = "counts of requests are far below 2⁵²")]
    Ok((heads as f64, (after.1 - before.1 - heads) as f64))
}

fn configuration(from: &str, to: &str) -> String {
    let images: Vec<String> = (0..IMAGES).map(|at| format!("    \"{from}/image-{at}:v1\",\n")).collect();
    format!(
        "resource \"ekshybrid_image_mirror\" \"a\" {{\n  destination = \"{to}/mirror\"\n  images = [\n{}  ]\n}}\n",
        images.concat()
    )
}

/// All copies of one tool, a few at a time.
fn side_by_side(name: &str, program: &Path, source: &Registry, target: &Registry) -> Result<(), Fault> {
    let copy = |at: usize| -> Result<(), Fault> {
        let (from, to) =
            (format!("{}/image-{at}:v1", source.address), format!("{}/mirror/image-{at}:v1", target.address));
        let mut command = Command::new(program);
        match name {
            "crane" => command.args(["copy", "--insecure", &from, &to]),
            "regctl" => {
                let hosts = [&source.address, &target.address].map(|it| format!("reg={it},tls=disabled"));
                command.args(["--host", &hosts[0], "--host", &hosts[1], "image", "copy", &from, &to])
            }
            _ => command.args(["copy", "--from-plain-http", "--to-plain-http", &from, &to]),
        };
        let output = command.output()?;
        if output.status.success() {
            return Ok(());
        }
        Err(format!("{name} {at}: {}", String::from_utf8_lossy(&output.stderr)).into())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..AT_ONCE)
            .map(|first| scope.spawn(move || (first..IMAGES).step_by(AT_ONCE).try_for_each(copy)))
            .collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| "a copy panicked")?)
    })
}

/// A registry with a folder of its own, which goes with it.
struct Registry {
    process: Child,
    address: String,
    folder: PathBuf,
}

impl Drop for Registry {
    fn drop(&mut self) {
        // It may have ended by itself, and the folder may be gone.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Registry {
    fn start(program: &Path, name: &str) -> Result<Self, Fault> {
        let folder = std::env::temp_dir().join(format!("ekshybrid-bench-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let configuration = format!(
            "version: 0.1\nlog: {{accesslog: {{disabled: true}}}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n\
             http: {{addr: \"127.0.0.1:0\"}}\n",
            folder.join("data").display()
        );
        let file = folder.join("config.yml");
        fs::write(&file, configuration)?;
        let mut process = Command::new(program)
            .arg("serve")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut log = BufReader::new(process.stderr.take().ok_or("the registry's log is a pipe")?);
        let mut line = String::new();
        let address = loop {
            line.clear();
            if log.read_line(&mut line)? == 0 {
                return Err("the registry ended before it listened".into());
            }
            if let Some((_, rest)) = line.split_once("listening on ") {
                break rest.split(['"', ' ', '\n']).next().unwrap_or_default().to_owned();
            }
        };
        // Its pipe must not fill up.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Ok(Self { process, address, folder })
    }

    /// An image of two layers that no other image has.
    fn push(&self, repository: &str, seed: u64) -> Result<(), Fault> {
        let mut layers = Vec::new();
        for part in 0..2 {
            let digest = self.blob(repository, &noise(2 * seed + part, LAYER))?;
            layers.push(json!({
                "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest, "size": LAYER,
            }));
        }
        let config = format!("{{\"seed\":{seed}}}");
        let digest = self.blob(repository, config.as_bytes())?;
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": config.len(),
            },
            "layers": layers,
        });
        let target = format!("/v2/{repository}/manifests/v1");
        self.ask("PUT", &target, MANIFEST, manifest.to_string().as_bytes()).map(drop)
    }

    fn blob(&self, repository: &str, content: &[u8]) -> Result<String, Fault> {
        let answer = self.ask("POST", &format!("/v2/{repository}/blobs/uploads/"), "", &[])?;
        let place = answer.lines().find_map(|line| line.strip_prefix("Location: ")).ok_or("no location")?;
        let place = place.split_once(&self.address).map_or(place, |(_, rest)| rest);
        let digest = names::Sha256::of(content).to_string();
        self.ask("PUT", &format!("{place}&digest={digest}"), "application/octet-stream", content)?;
        Ok(digest)
    }

    fn ask(&self, method: &str, target: &str, kind: &str, body: &[u8]) -> Result<String, Fault> {
        let mut stream = TcpStream::connect(&self.address)?;
        let head = format!(
            "{method} {target} HTTP/1.1\r\nhost: {}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: \
             close\r\n\r\n",
            self.address,
            body.len()
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        if answer.split(' ').nth(1).is_some_and(|status| status.starts_with('2')) {
            return Ok(answer);
        }
        Err(format!("{method} {target}: {answer}").into())
    }
}

/// Bytes that no compression makes small, different for each seed.
fn noise(seed: u64, size: usize) -> Vec<u8> {
    let mut state = (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()
    };
    let mut bytes: Vec<u8> = (0..size.div_ceil(8)).flat_map(|_| next()).collect();
    bytes.truncate(size);
    bytes
}
