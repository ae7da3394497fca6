//! User data for cloud-init, by which a fresh machine joins a cluster at its first boot.
//!
//! Three kinds of machine, told apart by the attribute `os`: without it a hybrid node ([`hybrid`]), else a node in EC2
//! on Amazon Linux 2023 or on Amazon Linux 2 ([`ec2`]). Each kind has attributes of its own, and all give a MIME archive
//! ([`mime`]).

pub mod ec2;
pub mod hybrid;
mod mime;
#[cfg(test)]
mod taken_apart;

use super::shape::{self, choice};
use super::tree::{Faults, Parsed, Tree};

choice! {
    /// The system of a node in EC2.
    pub enum System {
        /// Amazon Linux 2023.
        Al2023 = "al2023",
        /// Amazon Linux 2.
        Al2 = "al2",
    }
}

/// What a machine shall do at its first boot.
#[derive(Clone, Debug, PartialEq)]
pub enum UserData {
    /// Join as a hybrid node.
    Hybrid(Box<hybrid::UserData>),
    /// Join from EC2, on Amazon Linux 2023.
    Al2023(Box<ec2::Al2023>),
    /// Join from EC2, on Amazon Linux 2.
    Al2(Box<ec2::Al2>),
}

impl UserData {
    /// The text for cloud-init. That of a hybrid node holds the activation code in clear text.
    #[must_use]
    pub fn render(&self) -> String {
        match self {
            Self::Hybrid(user_data) => user_data.render(),
            Self::Al2023(user_data) => user_data.render(),
            Self::Al2(user_data) => user_data.render(),
        }
    }
}

/// Reads what a machine shall do from an object in HCL.
///
/// # Errors
/// Every rule that the known part of the input breaks; an `os` that is wrong alone.
pub fn parse(tree: &Tree) -> Result<Parsed<UserData>, Faults> {
    match shape::parse_attribute::<System>(tree, "os")? {
        None => Ok(hybrid::parse(&tree.without("os"))?.map(|user_data| UserData::Hybrid(Box::new(user_data)))),
        Some(Parsed::Ready(System::Al2023)) => {
            Ok(shape::parse(tree)?.map(|user_data| UserData::Al2023(Box::new(user_data))))
        }
        Some(Parsed::Ready(System::Al2)) => Ok(shape::parse(tree)?.map(|user_data| UserData::Al2(Box::new(user_data)))),
        Some(Parsed::Pending) => Ok(Parsed::Pending),
    }
}

/// All attributes of each kind, their types and rules, as Markdown.
#[must_use]
pub fn description() -> String {
    format!(
        "### Hybrid node: without `os`\n\n{}\n### Node in EC2 on Amazon Linux 2023: `os = \"al2023\"`\n\n{}\n\
         ### Node in EC2 on Amazon Linux 2: `os = \"al2\"`\n\n{}",
        hybrid::description(),
        shape::description_without::<ec2::Al2023>(&["node_config"]),
        shape::description_without::<ec2::Al2>(&["bootstrap"]),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::node::tree::written::{LATER, tree};

    fn refused(input: Value) -> String {
        parse(&tree(input)).unwrap_err().to_string()
    }

    #[test]
    fn the_system_says_which_kind_it_is() {
        let hybrid = refused(json!({}));
        assert_eq!(hybrid, "node_config: is required\nkubernetes_version: is required");
        assert_eq!(refused(json!({"os": null})), hybrid);
        assert_eq!(refused(json!({"os": "al2023"})), "node_config: is required");
        assert_eq!(refused(json!({"os": "al2"})), "bootstrap: is required");
        assert_eq!(parse(&tree(json!({"os": LATER}))), Ok(Parsed::Pending));
        assert_eq!(parse(&Tree::Later), Ok(Parsed::Pending));
        assert_eq!(refused(json!("al2023")), "must be an object, not a string");
        // What else is there is judged when it is known by which rules.
        assert_eq!(
            refused(json!({"os": "ubuntu", "kubernetes_version": 1.34})),
            "os: must be `al2023` or `al2`, got `ubuntu`"
        );
        assert_eq!(refused(json!({"os": 2023})), "os: must be a string, not a number; put it in quotes");
    }

    #[test]
    fn the_page_has_every_kind() {
        let page = description();
        for line in [
            "- `kubernetes_version` (string, required) Version of Kubernetes",
            "- `os` (string, required) `\"al2023\"`.",
            "- `node_config` (object, required) The `NodeConfig`, as for the function `node_config` with",
            "- `bootstrap` (object, required) How the node joins, as for the function `bootstrap_arguments`.",
            "- `scripts_after` (list of string, optional) Scripts that run",
        ] {
            assert!(page.lines().any(|found| found.starts_with(line)), "{line}\n{page}");
        }
        for described_elsewhere in ["feature_gates", "aws_api_retry_attempts", "activation_code"] {
            assert!(!page.contains(described_elsewhere), "{described_elsewhere}");
        }
    }
}
