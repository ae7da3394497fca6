//! User data for cloud-init, with which a new machine joins a cluster at first boot.
//!
//! Four kinds of machine, selected by the attribute `os`: without it, a hybrid node ([`hybrid`]), otherwise a hybrid
//! node on Bottlerocket ([`bottlerocket`]), or an EC2 node on Amazon Linux 2023 or Amazon Linux 2 ([`ec2`]). Each kind
//! has its own attributes. Bottlerocket reads settings in TOML; all others render to a MIME archive ([`mime`]).

pub mod bottlerocket;
pub mod ec2;
pub mod hybrid;
mod mime;
mod own;
mod shell;

use super::shape::{self, choice};
use super::tree::{Faults, Parsed, Tree};

choice! {
    /// The operating system of a machine whose user data differ.
    pub enum System {
        /// Amazon Linux 2023.
        Al2023 = "al2023",
        /// Amazon Linux 2.
        Al2 = "al2",
        /// Bottlerocket on VMware.
        Bottlerocket = "bottlerocket",
    }
}

/// What a machine does at first boot.
#[derive(Clone, Debug, PartialEq)]
pub enum UserData {
    /// Join as a hybrid node.
    Hybrid(Box<hybrid::UserData>),
    /// Join from EC2, on Amazon Linux 2023.
    Al2023(Box<ec2::Al2023>),
    /// Join from EC2, on Amazon Linux 2.
    Al2(Box<ec2::Al2>),
    /// Join as a hybrid node on Bottlerocket.
    Bottlerocket(Box<bottlerocket::Settings>),
}

impl UserData {
    /// The text for cloud-init. For a hybrid node, it contains the activation code in clear text.
    #[must_use]
    pub fn render(&self) -> String {
        match self {
            Self::Hybrid(user_data) => user_data.render(),
            Self::Al2023(user_data) => user_data.render(),
            Self::Al2(user_data) => user_data.render(),
            Self::Bottlerocket(settings) => settings.render(),
        }
    }
}

/// Parses user data settings from an HCL object.
///
/// # Errors
/// Every rule that the known part of the input breaks; if `os` is invalid, only that.
pub fn parse(tree: &Tree) -> Result<Parsed<UserData>, Faults> {
    match shape::parse_attribute::<System>(tree, "os")? {
        None => Ok(hybrid::parse(&tree.without("os"))?.map(|user_data| UserData::Hybrid(Box::new(user_data)))),
        Some(Parsed::Ready(System::Al2023)) => {
            Ok(shape::parse(tree)?.map(|user_data| UserData::Al2023(Box::new(user_data))))
        }
        Some(Parsed::Ready(System::Al2)) => Ok(shape::parse(tree)?.map(|user_data| UserData::Al2(Box::new(user_data)))),
        Some(Parsed::Ready(System::Bottlerocket)) => {
            Ok(bottlerocket::parse(tree)?.map(|settings| UserData::Bottlerocket(Box::new(settings))))
        }
        Some(Parsed::Pending) => Ok(Parsed::Pending),
    }
}

/// All attributes of each kind, their types and rules, as Markdown.
#[must_use]
pub fn description() -> String {
    format!(
        "### Hybrid node: without `os`\n\n{}\n### Node in EC2 on Amazon Linux 2023: `os = \"al2023\"`\n\n{}\n\
         ### Node in EC2 on Amazon Linux 2: `os = \"al2\"`\n\n{}\n\
         ### Hybrid node on Bottlerocket: `os = \"bottlerocket\"`\n\n{}",
        hybrid::description(),
        shape::description_without::<ec2::Al2023>(&["node_config"]),
        shape::description_without::<ec2::Al2>(&["bootstrap"]),
        shape::description_without::<bottlerocket::Settings>(&["node_config"]),
    )
}

#[cfg(test)]
mod tests;
