//! Child processes that never outlive the sandbox.
//!
//! Two mechanisms ensure this. A [`Child`] is killed when its value is dropped, as in a regular exit. And on Linux,
//! each child asks the kernel to be killed when its parent exits, for whatever reason: the sandbox executes itself
//! with [`BECOME`], which sets that up and then executes the program. To the kernel, the parent is the *thread* that
//! started a child, so all are started by one thread that never ends.

use std::{
    ffi::OsString,
    fs::File,
    io,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    sync::mpsc,
};

use tokio::sync::oneshot;

/// First argument of the sandbox when it should become another program; the parent's process ID, the program and its
/// arguments follow.
pub const BECOME: &str = "--become";

/// How many bytes of a log an error quotes.
const QUOTED: usize = 1500;

/// A running program.
pub struct Child {
    name: &'static str,
    process: std::process::Child,
    log: PathBuf,
}

impl Child {
    /// The process ID.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Stops the process, with its connections open, or resumes it.
    pub fn set_paused(&self, paused: bool) -> io::Result<()> {
        use rustix::process::{Pid, Signal, kill_process};
        let signal = if paused { Signal::STOP } else { Signal::CONT };
        Ok(kill_process(Pid::from_child(&self.process), signal)?)
    }

    /// Whether it has exited by itself; if so, its last output.
    pub fn ended(&mut self) -> Option<String> {
        let status = self.process.try_wait().ok().flatten()?;
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text[text.len().saturating_sub(QUOTED)..]).into_owned();
        Some(format!("{} ended with {status}: {}", self.name, text.trim()))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // All of their data is in a temporary directory, so they need not save anything.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What to start.
pub struct Order {
    pub name: &'static str,
    pub program: PathBuf,
    pub arguments: Vec<String>,
    /// Receives both outputs; an existing file is appended to.
    pub log: PathBuf,
}

/// Starts children from the one thread that counts as their parent.
#[derive(Clone)]
pub struct Spawner(mpsc::Sender<(Order, oneshot::Sender<io::Result<Child>>)>);

impl Spawner {
    pub fn new() -> io::Result<Self> {
        let (orders, received) = mpsc::channel::<(Order, oneshot::Sender<io::Result<Child>>)>();
        std::thread::Builder::new().name("children".to_owned()).spawn(move || {
            for (order, answer) in received {
                // If the receiver was dropped, the child is dropped too, which kills it.
                let _ = answer.send(start(order));
            }
        })?;
        Ok(Self(orders))
    }

    pub async fn start(&self, order: Order) -> io::Result<Child> {
        let gone = || io::Error::other("the thread that starts programs has ended");
        let (answer, answered) = oneshot::channel();
        self.0.send((order, answer)).map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

fn start(order: Order) -> io::Result<Child> {
    let log = File::options().create(true).append(true).open(&order.log)?;
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg(BECOME)
        .arg(std::process::id().to_string())
        .arg(&order.program)
        .args(&order.arguments)
        // Not in the terminal's process group: an interrupt reaches the sandbox, which then ends them.
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    // Settings of the user's shell would send loopback calls through a proxy, or change features.
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy", "KUBECONFIG"] {
        command.env_remove(name);
    }
    Ok(Child { name: order.name, process: command.spawn()?, log: order.log })
}

/// Executes the program named by the arguments after [`BECOME`]. Returns only if that fails.
pub fn become_program(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let parent = arguments.next().and_then(|id| id.to_str()?.parse::<u32>().ok());
    let (Some(parent), Some(program)) = (parent, arguments.next()) else {
        eprintln!("sandbox: {BECOME} is for the sandbox's own use");
        return ExitCode::from(2);
    };
    if let Err(error) = die_with(parent) {
        eprintln!("sandbox: {error}");
        return ExitCode::FAILURE;
    }
    let error = Command::new(&program).args(arguments).exec();
    eprintln!("sandbox: cannot start {}: {error}", Path::new(&program).display());
    ExitCode::FAILURE
}

/// Requests a kill when the parent exits. The parent may have exited before that took effect, so it is checked
/// afterwards.
fn die_with(parent: u32) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    if std::os::unix::process::parent_id() == parent {
        Ok(())
    } else {
        Err(io::Error::other("the process that started this one has ended"))
    }
}
