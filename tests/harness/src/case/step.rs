//! The steps of a case: what is done, before what must be seen.

use super::{Expectation, Needs, OnHost};

/// One step.
#[derive(Debug)]
pub struct Step {
    /// The line of its heading, counted from one.
    pub line: usize,
    /// The heading as written, for messages.
    pub heading: String,
    /// What is done.
    pub kind: StepKind,
    /// The configuration from this step on; `None` keeps the one before.
    pub configuration: Option<String>,
    /// Where the step can run. Elsewhere it is left out, and that is printed.
    pub needs: Needs,
    /// Whether the state after the step is looked at: by its expectations, or by a place further down.
    pub looks_at_state: bool,
    /// What must be seen, each with its line.
    pub expectations: Vec<(usize, Expectation)>,
}

/// What a step does.
#[derive(Debug, PartialEq)]
#[allow(missing_docs, reason = "the heading that each variant quotes names its fields")]
pub enum StepKind {
    /// `=== validate`: errors of the configuration alone.
    Validate,
    /// `=== plan`: a plan that is thrown away.
    Plan,
    /// `=== apply`: plan, apply, and a plan again that must be empty.
    Apply,
    /// `=== destroy`: everything in the state is destroyed; `=== plan destroy` only plans it.
    Destroy,
    /// `=== plan destroy`.
    PlanDestroy,
    /// `=== refresh`: the state is brought up to date, nothing is changed.
    Refresh,
    /// `=== import ADDRESS by id TEXT`: the object is taken out of the state and imported.
    ImportById { address: String, id: String },
    /// `=== import ADDRESS by identity JSON`.
    ImportByIdentity { address: String, identity: String },
    /// `=== generate ADDRESS by id TEXT`: the object is taken out of the state and imported without a configuration,
    /// which is generated from its state.
    Generate { address: String, id: String },
    /// `=== taint ADDRESS`: the next plan replaces the object.
    Taint { address: String },
    /// `=== query`: the configuration is one of list blocks.
    Query,
    /// `=== invoke ADDRESS`: an action of the configuration is run.
    Invoke { address: String },
    /// `=== outside`: the world changes behind Terraform's back.
    Outside(Vec<(usize, Outside)>),
}

/// One change behind Terraform's back.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the line that each variant quotes names its fields")]
pub enum Outside {
    /// `clock +2d`: everything in the account gets older.
    Clock(Duration),
    /// `fault KIND SERVICE:OPERATION N times` or `… for 20s`, then maybe `after N`, `of 500ms`.
    Fault { kind: String, operation: String, repeat: Repeat, skip: u64, milliseconds: Option<u64> },
    /// `faults end`.
    FaultsEnd,
    /// `delete KIND NAME`: kind `activation`, `instance`, `parameter`, `role`, `cluster`, `access_entry`.
    Delete { kind: String, name: String },
    /// `register HOST from ACTIVATION at ADDRESS`: as the host's agent would; `@{HOST.instance_id}` from then on.
    Register { host: String, activation: String, ip_address: String },
    /// `METHOD PATH [JSON] [as NAME]`: any call of the sandbox's control API below the account; the answer's members
    /// are `@{NAME.…}` from then on.
    Call { method: String, path: String, body: Option<String>, name: Option<String> },
    /// `aws ec2 OPERATION [JSON] [as NAME]`, `aws elasticloadbalancing …`, `aws iam …` and `aws ssm …` likewise, or `aws eks METHOD PATH [JSON] [as NAME]`: a call of AWS with the
    /// account's own keys.
    Aws { service: String, what: String, body: Option<String>, name: Option<String> },
    /// `kube METHOD PATH [JSON] [as NAME]`: a request to the API server of the account's cluster with the
    /// administrator's certificate. METHOD is one of HTTP's, PATCH being a merge patch, or APPLY.
    Kube { method: String, path: String, body: Option<String>, name: Option<String> },
    /// `kube cluster NAME`: the lines `kube` from here on concern another cluster of the account.
    KubeCluster(String),
    /// `kube until refused METHOD PATH [JSON]`: the same request again and again until the API server forbids it or
    /// finds it invalid. For what the API server takes up some time after it has stored it, such as an admission
    /// policy; PATH should have `dryRun=All`.
    /// `kube until allowed …` is the same the other way round.
    KubeUntil { refused: bool, method: String, path: String, body: Option<String> },
    /// `kube until GET PATH JSON`, `aws eks until GET PATH JSON`: asked again and again until the answer has what JSON
    /// says, members that are not named being free. `null` is what does not exist. For what controllers, or EKS, do
    /// some time after a request.
    Until { of: Asked, path: String, wanted: String },
    /// `state JSON`: replaces Terraform's state file, for what another provider has left in it.
    State(String),
    /// `helm ARGUMENTS [as NAME]`: Helm's command line with the administrator's certificate.
    Helm { arguments: String, name: Option<String> },
    /// `host NAME …`: a machine that is reached over SSH.
    Host(OnHost),
}

/// Who answers a repeated question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The API server of the account's cluster.
    Kube,
    /// EKS.
    Eks,
}

/// How often a fault happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// So many calls.
    Times(u64),
    /// From now on, so long.
    For(Duration),
}

/// A length of time, written `500ms`, `20s`, `3m`, `36h`, `2d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duration {
    /// Its milliseconds.
    pub milliseconds: u64,
}

impl Duration {
    /// Reads a duration; a leading `+` is allowed.
    ///
    /// # Errors
    ///
    /// There is no number or no unit that is known.
    pub fn parse(text: &str) -> Result<Self, String> {
        let digits = text.strip_prefix('+').unwrap_or(text);
        let end = digits.find(|character: char| !character.is_ascii_digit()).unwrap_or(digits.len());
        let (number, unit) = digits.split_at(end);
        let factor = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(format!("`{text}` is no duration: write 500ms, 20s, 3m, 36h or 2d")),
        };
        let number: u64 = number.parse().map_err(|_| format!("`{text}` is no duration: it has no number"))?;
        Ok(Self { milliseconds: number * factor })
    }

    /// Whole seconds.
    pub fn seconds(self) -> u64 {
        self.milliseconds / 1_000
    }
}

impl StepKind {
    /// Reads a heading without its `===`.
    ///
    /// # Errors
    ///
    /// The heading names no step that is known.
    pub fn parse(heading: &str) -> Result<Self, String> {
        let (word, rest) = heading.split_once(' ').unwrap_or((heading, ""));
        let rest = rest.trim();
        let kind = match (word, rest) {
            ("validate", "") => Self::Validate,
            ("plan", "") => Self::Plan,
            ("plan", "destroy") => Self::PlanDestroy,
            ("apply", "") => Self::Apply,
            ("destroy", "") => Self::Destroy,
            ("refresh", "") => Self::Refresh,
            ("query", "") => Self::Query,
            ("outside", "") => Self::Outside(Vec::new()),
            ("invoke", address) if !address.is_empty() => Self::Invoke { address: address.to_owned() },
            ("taint", address) if !address.is_empty() => Self::Taint { address: address.to_owned() },
            ("generate", rest) => {
                let (address, id) = rest.split_once(" by id ").ok_or("write `generate ADDRESS by id TEXT`")?;
                Self::Generate { address: address.trim().to_owned(), id: id.trim().to_owned() }
            }
            ("import", rest) => {
                if let Some((address, id)) = rest.split_once(" by id ") {
                    Self::ImportById { address: address.trim().to_owned(), id: id.trim().to_owned() }
                } else if let Some((address, identity)) = rest.split_once(" by identity ") {
                    Self::ImportByIdentity { address: address.trim().to_owned(), identity: identity.trim().to_owned() }
                } else {
                    return Err("write `import ADDRESS by id TEXT` or `import ADDRESS by identity JSON`".to_owned());
                }
            }
            _ => return Err(format!("`{heading}` is no step that is known")),
        };
        Ok(kind)
    }
}

impl Outside {
    /// Reads one line of an `=== outside` step.
    ///
    /// # Errors
    ///
    /// The line is none of the forms above.
    pub fn parse(line: &str) -> Result<Self, String> {
        let refuse = || format!("`{line}` is no outside change that is known");
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["clock", by] => Ok(Self::Clock(Duration::parse(by)?)),
            ["faults", "end"] => Ok(Self::FaultsEnd),
            ["fault", kind, operation, rest @ ..] => {
                let (repeat, rest) = match rest {
                    [times, "times", rest @ ..] => (Repeat::Times(times.parse().map_err(|_| refuse())?), rest),
                    ["for", duration, rest @ ..] => (Repeat::For(Duration::parse(duration)?), rest),
                    _ => return Err(refuse()),
                };
                let (skip, rest) = match rest {
                    ["after", skip, rest @ ..] => (skip.parse().map_err(|_| refuse())?, rest),
                    _ => (0, rest),
                };
                let milliseconds = match rest {
                    ["of", duration] => Some(Duration::parse(duration)?.milliseconds),
                    [] => None,
                    _ => return Err(refuse()),
                };
                let (kind, operation) = ((*kind).to_owned(), (*operation).to_owned());
                Ok(Self::Fault { kind, operation, repeat, skip, milliseconds })
            }
            ["delete", kind, name] => Ok(Self::Delete { kind: (*kind).to_owned(), name: (*name).to_owned() }),
            ["register", host, "from", activation, "at", ip_address] => Ok(Self::Register {
                host: (*host).to_owned(),
                activation: (*activation).to_owned(),
                ip_address: (*ip_address).to_owned(),
            }),
            [method @ ("GET" | "POST" | "DELETE"), path, ..] if path.starts_with('/') => {
                let (body, name) = body_and_name(line, path);
                Ok(Self::Call { method: (*method).to_owned(), path: (*path).to_owned(), body, name })
            }
            ["aws", service @ "eks", method, path, ..] if path.starts_with('/') => {
                let (body, name) = body_and_name(line, path);
                Ok(Self::Aws { service: (*service).to_owned(), what: format!("{method} {path}"), body, name })
            }
            ["kube", "cluster", name] => Ok(Self::KubeCluster((*name).to_owned())),
            ["kube", "until", "GET", path, _, ..] if path.starts_with('/') => {
                let wanted = body_and_name(line, path).0.unwrap_or_default();
                Ok(Self::Until { of: Asked::Kube, path: (*path).to_owned(), wanted })
            }
            ["aws", "eks", "until", "GET", path, _, ..] if path.starts_with('/') => {
                let wanted = body_and_name(line, path).0.unwrap_or_default();
                Ok(Self::Until { of: Asked::Eks, path: (*path).to_owned(), wanted })
            }
            ["aws", service @ ("ec2" | "elasticloadbalancing" | "iam" | "ssm"), operation, ..] => {
                let (body, name) = body_and_name(line, operation);
                Ok(Self::Aws { service: (*service).to_owned(), what: (*operation).to_owned(), body, name })
            }
            ["kube", method @ ("GET" | "POST" | "PUT" | "PATCH" | "APPLY" | "DELETE"), path, ..]
                if path.starts_with('/') =>
            {
                let (body, name) = body_and_name(line, path);
                Ok(Self::Kube { method: (*method).to_owned(), path: (*path).to_owned(), body, name })
            }
            [
                "kube",
                "until",
                what @ ("refused" | "allowed"),
                method @ ("POST" | "PUT" | "PATCH" | "APPLY" | "DELETE"),
                path,
                ..,
            ] if path.starts_with('/') => {
                let (body, _) = body_and_name(line, path);
                let refused = *what == "refused";
                Ok(Self::KubeUntil { refused, method: (*method).to_owned(), path: (*path).to_owned(), body })
            }
            ["host", _, ..] => OnHost::parse(line).map(Self::Host),
            ["state", _, ..] => Ok(Self::State(line.trim().trim_start_matches("state").trim().to_owned())),
            ["helm", _, ..] => {
                let arguments = line.trim().trim_start_matches("helm").trim();
                let (arguments, name) = match arguments.rsplit_once(" as ") {
                    Some((arguments, name)) => (arguments.trim(), Some(name.trim().to_owned())),
                    None => (arguments, None),
                };
                Ok(Self::Helm { arguments: arguments.to_owned(), name })
            }
            _ => Err(refuse()),
        }
    }
}

/// What follows the path: `[JSON] [as NAME]`.
fn body_and_name(line: &str, path: &str) -> (Option<String>, Option<String>) {
    let rest = line.split_once(path).map_or("", |(_, rest)| rest).trim();
    let (body, name) = match rest.rsplit_once("as ") {
        Some((body, name)) if !name.contains(['}', '"', ' ']) => (body.trim(), Some(name.to_owned())),
        _ => (rest, None),
    };
    ((!body.is_empty()).then(|| body.to_owned()), name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_changes_are_read() {
        for (line, expected) in [
            ("clock +2d", Outside::Clock(Duration { milliseconds: 172_800_000 })),
            (
                "fault slow ssm:CreateActivation 3 times after 1 of 500ms",
                Outside::Fault {
                    kind: "slow".into(),
                    operation: "ssm:CreateActivation".into(),
                    repeat: Repeat::Times(3),
                    skip: 1,
                    milliseconds: Some(500),
                },
            ),
            (
                "fault throttling ssm:* for 20s",
                Outside::Fault {
                    kind: "throttling".into(),
                    operation: "ssm:*".into(),
                    repeat: Repeat::For(Duration { milliseconds: 20_000 }),
                    skip: 0,
                    milliseconds: None,
                },
            ),
            (
                "POST /principals {\"name\": \"limited\"} as limited",
                Outside::Call {
                    method: "POST".into(),
                    path: "/principals".into(),
                    body: Some("{\"name\": \"limited\"}".into()),
                    name: Some("limited".into()),
                },
            ),
            (
                "DELETE /faults",
                Outside::Call { method: "DELETE".into(), path: "/faults".into(), body: None, name: None },
            ),
            (
                "aws ec2 CreateVpc {\"CidrBlock\": \"10.0.0.0/16\"} as vpc",
                Outside::Aws {
                    service: "ec2".into(),
                    what: "CreateVpc".into(),
                    body: Some("{\"CidrBlock\": \"10.0.0.0/16\"}".into()),
                    name: Some("vpc".into()),
                },
            ),
            (
                "aws eks DELETE /clusters/a",
                Outside::Aws { service: "eks".into(), what: "DELETE /clusters/a".into(), body: None, name: None },
            ),
            (
                "kube PATCH /api/v1/nodes/a {\"metadata\": {\"labels\": null}} as node",
                Outside::Kube {
                    method: "PATCH".into(),
                    path: "/api/v1/nodes/a".into(),
                    body: Some("{\"metadata\": {\"labels\": null}}".into()),
                    name: Some("node".into()),
                },
            ),
            (
                "kube until refused DELETE /api/v1/nodes/a?dryRun=All",
                Outside::KubeUntil {
                    refused: true,
                    method: "DELETE".into(),
                    path: "/api/v1/nodes/a?dryRun=All".into(),
                    body: None,
                },
            ),
            (
                "aws eks until GET /clusters/a/addons/b {\"addon\": null}",
                Outside::Until {
                    of: Asked::Eks,
                    path: "/clusters/a/addons/b".into(),
                    wanted: "{\"addon\": null}".into(),
                },
            ),
            (
                "kube until GET /api/v1/nodes/a null",
                Outside::Until { of: Asked::Kube, path: "/api/v1/nodes/a".into(), wanted: "null".into() },
            ),
            ("kube cluster plant", Outside::KubeCluster("plant".into())),
            (
                "helm rollback cilium 1 -n kube-system as back",
                Outside::Helm { arguments: "rollback cilium 1 -n kube-system".into(), name: Some("back".into()) },
            ),
        ] {
            assert_eq!(Outside::parse(line), Ok(expected), "{line}");
        }
    }

    #[test]
    fn other_lines_are_refused() {
        for line in [
            "clock 2",
            "fault slow ssm:X",
            "fault slow ssm:X many times",
            "remove it",
            "POST principals",
            "kube EDIT /api/v1/nodes",
            "aws route53 ListHostedZones",
            "helm",
            "host",
            "host a of",
        ] {
            assert!(Outside::parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn headings_name_steps() {
        assert_eq!(StepKind::parse("plan destroy"), Ok(StepKind::PlanDestroy));
        assert_eq!(
            StepKind::parse("import x_y.a by id @{state.x_y.a.id}"),
            Ok(StepKind::ImportById { address: "x_y.a".into(), id: "@{state.x_y.a.id}".into() })
        );
        assert_eq!(
            StepKind::parse("generate x_y.a by id 1@r"),
            Ok(StepKind::Generate { address: "x_y.a".into(), id: "1@r".into() })
        );
        assert_eq!(StepKind::parse("taint x_y.a"), Ok(StepKind::Taint { address: "x_y.a".into() }));
        for heading in ["", "aply", "apply twice", "import x_y.a", "invoke", "generate x_y.a", "taint"] {
            assert!(StepKind::parse(heading).is_err(), "{heading}");
        }
    }
}
