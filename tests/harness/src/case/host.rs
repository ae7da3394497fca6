//! What a case does to a host: the lines `host NAME …` of an outside step.

/// One line about a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnHost {
    /// The case's name for it.
    pub host: String,
    /// What is done.
    pub what: HostChange,
}

/// What is done to a host.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the line that each variant quotes names its fields")]
pub enum HostChange {
    /// `host NAME [JSON]`: it is started, as the JSON says; `@{NAME.…}` from then on.
    Start(String),
    /// `host NAME run COMMAND [as ANSWER]`: as root, without SSH. Without a name for its answer it must succeed.
    Run { command: String, name: Option<String> },
    /// `host NAME until COMMAND`: again and again until it succeeds.
    Until(String),
    /// `host NAME off`, `host NAME on`: whether any packet reaches it, or leaves it.
    Network(bool),
    /// `host NAME sshd off`, `host NAME sshd on`.
    Sshd(bool),
    /// `host NAME cut`: every session ends.
    Cut,
    /// `host NAME gone`: it is no more.
    Gone,
}

impl OnHost {
    /// Reads a line that begins with `host`.
    ///
    /// # Errors
    ///
    /// The line is none of the forms above.
    pub fn parse(line: &str) -> Result<Self, String> {
        let rest = line.trim().trim_start_matches("host").trim();
        let (host, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let (word, more) = rest.trim().split_once(char::is_whitespace).unwrap_or((rest.trim(), ""));
        let what = match (word, more.trim()) {
            ("", "") => HostChange::Start("{}".to_owned()),
            (json, _) if json.starts_with('{') => HostChange::Start(rest.trim().to_owned()),
            ("run", command) if !command.is_empty() => match command.rsplit_once(" as ") {
                Some((command, name)) if is_name(name) => {
                    HostChange::Run { command: command.trim().to_owned(), name: Some(name.to_owned()) }
                }
                _ => HostChange::Run { command: command.to_owned(), name: None },
            },
            ("until", command) if !command.is_empty() => HostChange::Until(command.to_owned()),
            ("off", "") => HostChange::Network(false),
            ("on", "") => HostChange::Network(true),
            ("sshd", "off") => HostChange::Sshd(false),
            ("sshd", "on") => HostChange::Sshd(true),
            ("cut", "") => HostChange::Cut,
            ("gone", "") => HostChange::Gone,
            _ => return Err(format!("`{line}` is nothing that can be done to a host")),
        };
        Ok(Self { host: host.to_owned(), what })
    }

    /// The same with the places of its texts filled in.
    ///
    /// # Errors
    ///
    /// Nothing has the name of a place.
    pub fn filled(&self, fill: impl Fn(&str) -> Result<String, String>) -> Result<Self, String> {
        let what = match &self.what {
            HostChange::Start(wanted) => HostChange::Start(fill(wanted)?),
            HostChange::Run { command, name } => HostChange::Run { command: fill(command)?, name: name.clone() },
            HostChange::Until(command) => HostChange::Until(fill(command)?),
            other => other.clone(),
        };
        Ok(Self { host: self.host.clone(), what })
    }
}

/// Whether a word can name an answer; what follows the last `as` of a command may be a part of it.
fn is_name(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|character| character.is_ascii_alphanumeric() || "_-".contains(character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_about_hosts_are_read() {
        let run = |command: &str, name: Option<&str>| HostChange::Run {
            command: command.to_owned(),
            name: name.map(ToOwned::to_owned),
        };
        for (line, what) in [
            ("host a", HostChange::Start("{}".into())),
            ("host a {\"os\": \"rhel-9\"}", HostChange::Start("{\"os\": \"rhel-9\"}".into())),
            ("host a run test -e /etc/eks", run("test -e /etc/eks", None)),
            ("host a run cat /etc/hosts as it", run("cat /etc/hosts", Some("it"))),
            ("host a run echo 'as one'", run("echo 'as one'", None)),
            ("host a until test -e /x", HostChange::Until("test -e /x".into())),
            ("host a off", HostChange::Network(false)),
            ("host a on", HostChange::Network(true)),
            ("host a sshd off", HostChange::Sshd(false)),
            ("host a cut", HostChange::Cut),
            ("host a gone", HostChange::Gone),
        ] {
            assert_eq!(OnHost::parse(line), Ok(OnHost { host: "a".into(), what }), "{line}");
        }
        for line in ["host a run", "host a until", "host a sshd", "host a off now", "host a gone now"] {
            assert!(OnHost::parse(line).is_err(), "{line}");
        }
    }
}
