//! Faults that a test switches on: which calls they hit, and how often.

use serde::{Deserialize, Serialize};

use crate::moment::Moment;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Throttling,
    #[serde(rename = "http_500")]
    Http500,
    /// Of registries alone.
    #[serde(rename = "http_503")]
    Http503,
    Reset,
    Slow,
    DropAfterWork,
    /// The connection ends in the middle of the answer. Of registries alone.
    Cut,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Throttling => "throttling",
            Self::Http500 => "http_500",
            Self::Http503 => "http_503",
            Self::Reset => "reset",
            Self::Slow => "slow",
            Self::DropAfterWork => "drop_after_work",
            Self::Cut => "cut",
        }
    }
}

#[derive(Clone, Serialize)]
pub struct Fault {
    pub id: String,
    pub service: String,
    /// `*` matches every operation.
    pub operation: String,
    pub kind: Kind,
    /// Matching calls that are let through first.
    pub skip: u64,
    /// Calls that are left; `None` when the fault ends by time.
    pub times: Option<u64>,
    pub until: Option<Moment>,
    pub milliseconds: u64,
    /// What a registry asks for with `Retry-After`.
    pub retry_after_seconds: Option<u64>,
}

/// The fault that hits this call, if any. Takes one off its count; faults that are over are dropped.
pub fn strike(faults: &mut Vec<Fault>, service: &str, operation: &str, now: Moment) -> Option<Fault> {
    faults.retain(|fault| fault.times != Some(0) && fault.until.is_none_or(|until| now < until));
    for fault in faults.iter_mut() {
        let hits = (fault.service == "*" || fault.service == service)
            && (fault.operation == "*" || fault.operation == operation);
        if !hits {
            continue;
        }
        if fault.skip > 0 {
            fault.skip -= 1;
            continue;
        }
        if let Some(times) = &mut fault.times {
            *times -= 1;
        }
        return Some(fault.clone());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(operation: &str, skip: u64, times: Option<u64>, until: Option<Moment>) -> Fault {
        Fault {
            id: "fault-1".into(),
            service: "ssm".into(),
            operation: operation.into(),
            kind: Kind::Throttling,
            skip,
            times,
            until,
            milliseconds: 0,
            retry_after_seconds: None,
        }
    }

    #[test]
    fn faults_hit_what_they_name_as_often_as_they_say() {
        let now = Moment::of_millis(1000);
        let later = Some(Moment::of_millis(1500));
        for (name, fault, expected) in [
            ("once", fault("A", 0, Some(1), None), [true, false, false]),
            ("skips", fault("A", 1, Some(1), None), [false, true, false]),
            ("any", fault("*", 0, Some(2), None), [true, true, false]),
            ("other", fault("B", 0, Some(9), None), [false; 3]),
            ("by time", fault("A", 0, None, later), [true, true, false]),
        ] {
            let mut faults = vec![fault];
            let seen = [now, Moment::of_millis(1499), Moment::of_millis(1500)]
                .map(|at| strike(&mut faults, "ssm", "A", at).is_some());
            assert_eq!(seen, expected, "{name}");
        }
    }
}
