//! The processes of Terraform and of its providers: watched until they end, and sent signals.

use std::fs;
use std::io;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// What the name of a provider's process begins with; the kernel cuts names to 15 characters.
const PROVIDER: &str = "terraform-provi";

/// How often a process is looked at, and for how long at most.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Between two looks.
    pub interval: Duration,
    /// Until it is killed. Far above what is normal: a hung command must not hang the test run.
    pub patience: Duration,
}

/// Waits until a process ends. `meanwhile` is called before each pause with the time since the start.
///
/// # Errors
///
/// `meanwhile` fails, or the process takes longer than the patience; it is killed then.
pub fn watch(
    child: &mut Child,
    pace: Pace,
    mut meanwhile: impl FnMut(&Child, Duration) -> io::Result<()>,
) -> io::Result<ExitStatus> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        let elapsed = started.elapsed();
        let went = if elapsed > pace.patience {
            Err(io::Error::new(io::ErrorKind::TimedOut, format!("no end after {:?}", pace.patience)))
        } else {
            meanwhile(child, elapsed)
        };
        if let Err(error) = went {
            // It may end by itself right now; either way it is over.
            let _ = child.kill();
            let _ = child.wait();
            return Err(error);
        }
        std::thread::sleep(pace.interval);
    }
}

/// Sends a signal to a process, or to a group when `receiver` begins with `-`. Uses the `kill` program, which does it
/// without unsafe code. A process that has ended gets none.
///
/// # Errors
///
/// The program cannot be started.
pub fn signal(name: &str, receiver: &str) -> io::Result<()> {
    Command::new("kill").args(["-s", name, "--", receiver]).stderr(Stdio::null()).status().map(drop)
}

/// The providers that a Terraform has started.
pub fn providers_of(terraform: u32) -> Vec<u32> {
    providers().filter(|process| parent_of(*process) == Some(terraform)).collect()
}

/// All providers on this machine.
pub fn providers() -> impl Iterator<Item = u32> {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let all = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    all.filter(|process| {
        // A process that has ended meanwhile has no file any more.
        fs::read_to_string(format!("/proc/{process}/comm")).is_ok_and(|name| name.starts_with(PROVIDER))
    })
}

/// `PID (NAME) STATE PARENT …`, where the name may hold anything.
fn parent_of(process: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}
