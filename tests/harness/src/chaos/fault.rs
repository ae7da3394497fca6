//! What can happen to a command.

use std::fmt;
use std::time::Duration;

use fastrand::Rng;

/// One misfortune.
#[derive(Clone, Debug)]
pub enum Fault {
    /// A signal some time after the command's start, maybe twice.
    Signal { name: &'static str, to: To, after: Duration, again: Option<Duration> },
    /// AWS answers so for some requests.
    Aws { kind: &'static str, times: u64, skip: u64 },
    /// So does the API server.
    Kube { kind: &'static str, times: u64, skip: u64 },
    /// The API server goes away for a while.
    Restart { after: Duration, down: Duration },
    /// The API server stops answering for a while; connections stay open.
    Pause { after: Duration, silent: Duration },
    /// The account's clock jumps.
    Clock { after: Duration, seconds: i64 },
    /// There is no room for temporary files.
    FullDisk,
}

/// Who gets a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// Terraform alone.
    Terraform,
    /// Terraform and the provider, as a terminal's Ctrl-C or a CI system does it.
    Group,
    /// The provider alone.
    Provider,
}

impl Fault {
    /// Draws one. `cluster` = there is an API server.
    pub fn draw(random: &mut Rng, cluster: bool) -> Self {
        let after = Duration::from_millis(random.u64(150..3_500));
        let few = |random: &mut Rng| (random.u64(1..4), random.u64(0..6));
        match random.u8(0..if cluster { 14 } else { 10 }) {
            0 => Self::Signal { name: "INT", to: To::Terraform, after, again: None },
            1 => Self::Signal { name: "INT", to: To::Group, after, again: None },
            2 => {
                let to = if random.bool() { To::Terraform } else { To::Group };
                let again = Some(Duration::from_millis(random.u64(50..1_500)));
                Self::Signal { name: "INT", to, after, again }
            }
            3 => Self::Signal { name: "TERM", to: To::Terraform, after, again: None },
            4 => Self::Signal { name: "TERM", to: To::Group, after, again: None },
            5 => Self::Signal { name: "HUP", to: To::Group, after, again: None },
            6 => {
                let to = [To::Terraform, To::Provider, To::Group][random.usize(0..3)];
                Self::Signal { name: "KILL", to, after, again: None }
            }
            7 | 8 => {
                let kinds = ["throttling", "http_500", "reset", "slow", "drop_after_work"];
                let (times, skip) = few(random);
                Self::Aws { kind: kinds[random.usize(0..kinds.len())], times, skip }
            }
            9 if random.bool() => Self::FullDisk,
            9 => Self::Clock { after, seconds: i64::from(random.u32(600..100_000)) },
            10 | 11 => {
                let kinds = ["throttling", "http_500", "http_503", "reset", "slow", "drop_after_work", "cut"];
                let (times, skip) = few(random);
                Self::Kube { kind: kinds[random.usize(0..kinds.len())], times, skip }
            }
            12 => Self::Restart { after, down: Duration::from_millis(random.u64(0..2_000)) },
            _ => Self::Pause { after, silent: Duration::from_millis(random.u64(500..8_000)) },
        }
    }

    /// Whether an answer may get lost with the process that waits for it, which no provider can help.
    pub fn loses_answers(&self) -> bool {
        match self {
            Self::Signal { name, again, .. } => *name == "KILL" || *name == "HUP" || again.is_some(),
            _ => false,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signal { name, to, after, again } => {
                write!(f, "SIG{name} to {to:?} after {after:?}")?;
                again.map_or(Ok(()), |again| write!(f, ", again after {again:?}"))
            }
            Self::Aws { kind, times, skip } => write!(f, "AWS {kind} {times} times after {skip}"),
            Self::Kube { kind, times, skip } => write!(f, "API server {kind} {times} times after {skip}"),
            Self::Restart { after, down } => write!(f, "restart of the API server after {after:?}, down {down:?}"),
            Self::Pause { after, silent } => write!(f, "API server silent after {after:?} for {silent:?}"),
            Self::Clock { after, seconds } => write!(f, "clock +{seconds}s after {after:?}"),
            Self::FullDisk => f.write_str("full disk"),
        }
    }
}
