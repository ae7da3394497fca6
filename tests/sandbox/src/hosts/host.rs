//! One host: its processes, its interface, what is done to it from outside.

use std::{
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

use super::{
    Ground, files,
    network::hardware,
    run::{self, Done, ip},
    wanted::{Kind, Wanted},
    whole,
};
use crate::plane::children::{Child, Order};

const FAST: &str = include_str!("fast.sh");
/// Far more than it takes, for machines under load.
const PATIENCE: Duration = Duration::from_mins(2);
/// Pause between two looks.
const BETWEEN: Duration = Duration::from_millis(10);

pub struct Host {
    pub name: String,
    pub address: Ipv4Addr,
    pub account: String,
    /// The Node that its kubelet has registered.
    pub node: Mutex<Option<Registered>>,
    /// Whether packets reach it.
    connected: AtomicBool,
    /// What a client needs to know.
    told: Value,
    link: String,
    folder: PathBuf,
    /// The host's first process, as this machine counts it.
    first: u32,
    /// Its control groups, of a whole host.
    group: Option<String>,
    process: Mutex<Option<Child>>,
}

/// A Node, and where it is.
#[derive(Clone)]
pub struct Registered {
    pub region: String,
    pub cluster: String,
    pub node: String,
}

impl Host {
    /// Starts it and waits until it answers. The error is the text for the caller.
    pub(super) async fn start(
        ground: &Ground,
        account: &str,
        wanted: Wanted,
        address: Ipv4Addr,
    ) -> Result<Arc<Self>, String> {
        let begun = Instant::now();
        if let Some(why) = whole::obstacle(&ground.source).filter(|_| wanted.kind == Kind::Whole) {
            return Err(format!("there are no whole hosts: {why}"));
        }
        let keys = ground.keys().await?;
        let folder = ground.folder.path().join(format!("{account}-{}", wanted.name));
        // Of one that has been removed.
        let _ = std::fs::remove_dir_all(&folder);
        let told =
            tokio::task::block_in_place(|| files::lay_out(ground, keys, &folder, &wanted, &address.to_string()))?;
        let is_whole = wanted.kind == Kind::Whole;
        let group = is_whole.then(|| whole::group(&wanted.name));
        let script = folder.join("host.sh");
        std::fs::write(&script, if is_whole { whole::SCRIPT } else { FAST }).map_err(|error| error.to_string())?;
        let own: &[&str] = if is_whole {
            &["--mount", "--propagation", "private", "sh"]
        } else {
            &["--mount", "--pid", "--ipc", "--uts", "--net", "--fork", "--kill-child", "sh"]
        };
        let text = |path: &Path| path.display().to_string();
        let words = own.iter().map(|word| (*word).to_owned()).chain([text(&script)]);
        let words = words.chain(is_whole.then(|| "groups".to_owned()));
        let arguments = [
            text(&folder),
            text(&ground.rootfs()),
            wanted.name.clone(),
            address.to_string(),
            ground.network.gateway().to_string(),
            group.clone().unwrap_or_else(|| format!("{}m", wanted.disk_megabytes)),
            wanted.mtu.to_string(),
            text(&ground.source.join("bin")),
        ];
        let order = Order {
            name: "a host",
            program: run::program("unshare"),
            arguments: words.chain(arguments).collect(),
            log: folder.join("console"),
        };
        let mut process = ground.spawner.start(order).await.map_err(|error| format!("unshare: {error}"))?;
        let id = process.id();
        let network = |id: u32| std::fs::read_link(format!("/proc/{id}/ns/net")).ok();
        let this = network(std::process::id());
        until(&mut process, "namespaces of its own", || network(id).filter(|one| Some(one) != this.as_ref())).await?;
        let link = ground.network.link(address);
        tokio::task::block_in_place(|| {
            let own = hardware(address);
            ip(&format!("link add {link} type veth peer name eth0 address {own} netns {id}"))?;
            ip(&format!("link set {link} master {} up", ground.network.bridge()))
        })?;
        let first = until(&mut process, "a first process", || child_of(id)).await?;
        let root = PathBuf::from(format!("/proc/{first}/root"));
        let ready = root.join("run/sandbox/ready");
        until(&mut process, "set up", || ready.exists().then_some(())).await?;
        let host = Self {
            name: wanted.name.clone(),
            address,
            account: account.to_owned(),
            node: Mutex::default(),
            connected: AtomicBool::new(true),
            told: Value::Null,
            link,
            folder,
            first,
            group,
            process: Mutex::new(Some(process)),
        };
        if wanted.sshd {
            host.until_answering().await?;
        }
        if wanted.behind.is_some() {
            let machine = ground.network.machine();
            host.run(&format!("ip route add blackhole {machine}/32"))?;
        }
        let told = host.described(told, keys.describe()?, &wanted, begun);
        Ok(Arc::new(Self { told, ..host }))
    }

    fn described(&self, mut told: Value, keys: Value, wanted: &Wanted, begun: Instant) -> Value {
        told["name"] = self.name.clone().into();
        told["address"] = self.address.to_string().into();
        told["port"] = 22.into();
        let users: Vec<&str> = wanted.users.iter().map(|user| user.name.as_str()).collect();
        told["user"] = (*users.first().unwrap_or(&"root")).into();
        told["bastion"] = json!(wanted.behind);
        if let (Some(told), Value::Object(keys)) = (told.as_object_mut(), keys) {
            told.extend(keys);
        }
        told["started_in_milliseconds"] = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX).into();
        told
    }

    pub fn describe(&self) -> &Value {
        &self.told
    }

    /// Waits until its sshd greets.
    async fn until_answering(&self) -> Result<(), String> {
        let begun = Instant::now();
        while !self.greets().await {
            if begun.elapsed() > PATIENCE {
                return Err(format!("{} has no sshd after {} seconds", self.name, PATIENCE.as_secs()));
            }
            tokio::time::sleep(BETWEEN).await;
        }
        Ok(())
    }

    async fn greets(&self) -> bool {
        let mut greeting = [0; 4];
        match tokio::net::TcpStream::connect((self.address, 22)).await {
            Ok(mut stream) => stream.read_exact(&mut greeting).await.is_ok() && greeting == *b"SSH-",
            Err(_) => false,
        }
    }

    /// Runs a command on it as root, without SSH. Blocks.
    pub fn command(&self, command: &str) -> Result<Done, String> {
        let first = self.first.to_string();
        let host = ["--target", &first, "--mount", "--uts", "--ipc", "--net", "--pid"];
        let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        let shell = ["--", "/usr/bin/env", "-i", path, "HOME=/root", "LANG=C", "/bin/sh", "-c", command];
        run::output("nsenter", &[&host[..], &shell].concat())
    }

    /// A command that must succeed. Blocks.
    fn run(&self, command: &str) -> Result<String, String> {
        let done = tokio::task::block_in_place(|| self.command(command))?;
        if done.status == 0 {
            Ok(done.stdout)
        } else {
            Err(format!("`{command}` on {}: {}", self.name, done.stderr.trim()))
        }
    }

    /// Starts sshd, or ends it with all sessions.
    pub async fn set_sshd(&self, on: bool) -> Result<(), String> {
        if on {
            self.run("rm -f /run/sandbox/sshd-off")?;
            return self.until_answering().await;
        }
        self.run("touch /run/sandbox/sshd-off; pkill -KILL -x sshd; true")?;
        Ok(())
    }

    /// Ends every connection of SSH; the next one is let in.
    pub async fn cut(&self) -> Result<(), String> {
        self.run("pkill -KILL -x sshd; true")?;
        self.until_answering().await
    }

    /// Whether packets reach it. A host without a network is as dead as one that is switched off, for all others.
    pub fn set_network(&self, on: bool) -> Result<(), String> {
        tokio::task::block_in_place(|| ip(&format!("link set {} {}", self.link, if on { "up" } else { "down" })))?;
        self.connected.store(on, Ordering::Relaxed);
        Ok(())
    }

    pub fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    /// The text of a file on it; nothing if there is none.
    pub fn read(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(format!("/proc/{}/root/{path}", self.first)).ok()
    }

    /// Writes a file on it, with missing folders; only root can read it.
    pub fn write(&self, path: &str, text: &str) -> std::io::Result<()> {
        let file = PathBuf::from(format!("/proc/{}/root{path}", self.first));
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&file, text)?;
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o700))
    }

    pub fn registered(&self) -> Option<Registered> {
        self.node.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends it: nothing of it is left.
    pub fn end(&self) {
        // The namespaces, the interface in them and its other end go with the last process.
        self.process.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(group) = &self.group {
            whole::remove_group(group);
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A process that another one has started.
fn child_of(id: u32) -> Option<u32> {
    std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).ok()?.split_whitespace().next()?.parse().ok()
}

/// Asks until there is an answer, or the process has ended.
async fn until<T>(process: &mut Child, what: &str, mut ask: impl FnMut() -> Option<T>) -> Result<T, String> {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return Ok(answer);
        }
        if let Some(text) = process.ended() {
            return Err(text);
        }
        if begun.elapsed() > PATIENCE {
            return Err(format!("a host has not got {what} after {} seconds", PATIENCE.as_secs()));
        }
        tokio::time::sleep(BETWEEN).await;
    }
}
