//! What the pod that asks reports, one letter per address. `check.sh` writes it.

use std::fmt;

/// What came back from one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// The answer that was expected.
    Good,
    /// Nothing, in time.
    Nothing,
    /// The connection was refused.
    Refused,
    /// There is no route, or a router says so.
    Unreachable,
    /// Small answers, but not large ones.
    OnlySmall,
    /// An answer of something else.
    Foreign,
    /// DNS says that the name does not exist.
    NoSuchName,
    /// Another error.
    Other,
}

impl Answer {
    fn of(letter: char) -> Option<Self> {
        Some(match letter {
            'o' => Self::Good,
            't' => Self::Nothing,
            'r' => Self::Refused,
            'u' => Self::Unreachable,
            'm' => Self::OnlySmall,
            'w' => Self::Foreign,
            'n' => Self::NoSuchName,
            'x' => Self::Other,
            _ => return None,
        })
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Good => "ok",
            Self::Nothing => "no answer",
            Self::Refused => "connection refused",
            Self::Unreachable => "no route",
            Self::OnlySmall => "only small packets pass",
            Self::Foreign => "something else answered",
            Self::NoSuchName => "no such name",
            Self::Other => "another error",
        })
    }
}

/// What the pod of one node saw. The lists are in the order of the nodes; `None` was not asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers {
    /// The pods of the nodes.
    pub pods: Vec<Option<Answer>>,
    /// The NodePort on the nodes.
    pub node_ports: Vec<Option<Answer>>,
    /// The service's cluster IP.
    pub service: Answer,
    /// The name of the API server, asked of the cluster's DNS.
    pub dns: Answer,
    /// The API server, at its cluster IP.
    pub api_server: Answer,
    /// What [`Answer::Other`] was, first of all.
    pub other: Option<String>,
}

impl Answers {
    /// Reads a termination message for this many nodes; `None` if it is not one of `check.sh`.
    pub(super) fn of(message: &str, nodes: usize) -> Option<Self> {
        let line = |key: &str| {
            message.lines().find_map(|line| line.split_once('=').filter(|(found, _)| *found == key)).map(|it| it.1)
        };
        let list = |key: &str| {
            let letters = line(key)?;
            let answer = |letter| if letter == '-' { Some(None) } else { Answer::of(letter).map(Some) };
            let answers: Option<Vec<Option<Answer>>> = letters.chars().map(answer).collect();
            answers.filter(|answers| answers.len() == nodes)
        };
        let one = |key: &str| line(key)?.chars().next().and_then(Answer::of);
        Some(Self {
            pods: list("p")?,
            node_ports: list("n")?,
            service: one("s")?,
            dns: one("d")?,
            api_server: one("a")?,
            other: line("e").map(|text| text.trim().to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_whole_or_not_at_all() {
        let read = Answers::of("p=o-t\nn=oru\ns=m\nd=n\na=w\ne=wget: odd \n", 3).expect("a message");
        let expected = Answers {
            pods: vec![Some(Answer::Good), None, Some(Answer::Nothing)],
            node_ports: vec![Some(Answer::Good), Some(Answer::Refused), Some(Answer::Unreachable)],
            service: Answer::OnlySmall,
            dns: Answer::NoSuchName,
            api_server: Answer::Foreign,
            other: Some("wget: odd".to_owned()),
        };
        assert_eq!(read, expected);
        for message in [
            "",
            "p=oo\nn=ooo\ns=o\nd=o\na=o",
            "p=o?o\nn=ooo\ns=o\nd=o\na=o",
            "p=ooo\nn=ooo\ns=o\nd=o",
            "sh: wget: not found",
        ] {
            assert_eq!(Answers::of(message, 3), None, "{message}");
        }
    }
}
