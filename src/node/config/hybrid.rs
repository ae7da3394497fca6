//! The `hybrid` part of a `NodeConfig`: where the host gets its AWS credentials from.

use std::fmt;

use names::{ActivationId, Arn, ProfileArn, RoleArn, TrustAnchorArn};
use serde::Serializer;

use crate::node::shape::{self, Known, Reader, Shape, holds, object, text};
use crate::node::tree::Tree;

object! {
    check = exactly_one_provider;
    /// How the host gets AWS credentials.
    pub struct Hybrid (HybridDraft) {
        /// Credentials from a Systems Manager activation. Conflicts with `iam_roles_anywhere`.
        pub ssm: Option<Ssm>,
        /// Credentials from a certificate and IAM Roles Anywhere. Conflicts with `ssm`.
        pub iam_roles_anywhere: Option<IamRolesAnywhere>,
        /// Keep a credentials file on the host at `/eks-hybrid/.aws/credentials`; the EKS Pod Identity agent on hybrid
        /// nodes requires it.
        pub enable_credentials_file: Option<bool>,
    }
}

object! {
    /// A Systems Manager activation.
    pub struct Ssm (SsmDraft) {
        /// Code of the activation. Sensitive: it appears only in the rendered file.
        pub activation_code: ActivationCode,
        /// ID of the activation, which must be in the cluster's region.
        pub activation_id: ActivationId,
    }
}

object! {
    check = one_region;
    /// A certificate for IAM Roles Anywhere.
    pub struct IamRolesAnywhere (IamRolesAnywhereDraft) {
        /// Name of the node in the cluster, which is also the name of the role session; the role's trust policy
        /// compares it with an attribute of the certificate.
        pub node_name: NodeName,
        /// ARN of the trust anchor.
        pub trust_anchor_arn: TrustAnchorArn,
        /// ARN of the profile.
        pub profile_arn: ProfileArn,
        /// ARN of the node's role.
        pub role_arn: RoleArn,
        /// Where nodeadm writes the AWS configuration. Default `/etc/aws/hybrid/config`.
        pub aws_config_path: Option<AbsolutePath>,
        /// The certificate on the host, which must exist before the host joins. Default `/etc/iam/pki/server.pem`.
        pub certificate_path: Option<AbsolutePath>,
        /// The certificate's private key on the host. Default `/etc/iam/pki/server.key`.
        pub private_key_path: Option<AbsolutePath>,
    }
}

fn exactly_one_provider(draft: &HybridDraft, reader: &mut Reader) {
    match (draft.ssm.given(), draft.iam_roles_anywhere.given()) {
        (Some(true), Some(true)) => {
            reader.fault("`ssm` and `iam_roles_anywhere` exclude each other; give one of them");
        }
        (Some(false), Some(false)) => {
            reader.fault("one of `ssm` and `iam_roles_anywhere` is required");
        }
        _ => {}
    }
}

/// The signing helper on the host rejects a trust anchor and a profile of different regions.
fn one_region(draft: &IamRolesAnywhereDraft, reader: &mut Reader) {
    let (Some(anchor), Some(profile)) = (draft.trust_anchor_arn.ready(), draft.profile_arn.ready()) else { return };
    let (Ok(anchor), Ok(profile)) = (Arn::parse(anchor.as_str()), Arn::parse(profile.as_str())) else { return };
    if anchor.region != profile.region {
        let message = format!("is of the region `{}`, but the trust anchor is of `{}`", profile.region, anchor.region);
        reader.fault_at(&["profile_arn"], message);
    }
}

text! {
    /// Name of a node, and of its role session.
    pub struct NodeName;
    rule = "a node name of 2 to 64 lowercase letters, digits, `-` and `.`, each part between dots beginning and \
            ending with a letter or digit";
    check = |text| {
        let edge = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        let letters = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
        let part = |part: &[u8]| edge(part.first()) && edge(part.last()) && part.iter().all(letters);
        let named = (2..=64).contains(&text.len()) && text.split('.').all(|piece| part(piece.as_bytes()));
        match text.len() {
            _ if named => Ok(()),
            length @ 65.. => Err(format!("that has {length} characters")),
            _ => Err(String::new()),
        }
    };
}

text! {
    /// A path on the host.
    pub struct AbsolutePath;
    rule = "an absolute path of a file on the host, without spaces, quotes and backslashes";
    check = |text| {
        // nodeadm puts the path unquoted into a `credential_process` line, which is split like a command.
        let splits = |letter: char| letter.is_whitespace() || letter.is_control() || "'\"\\".contains(letter);
        holds(text.starts_with('/') && !text.ends_with('/') && !text.contains(splits))
    };
}

/// Code of an activation: with it, any machine can register as one of the account's.
///
/// Cannot be printed; leaves this module only in a rendered file.
#[derive(Clone, PartialEq, Eq)]
pub struct ActivationCode(String);

impl ActivationCode {
    /// The code, for a file that carries it to the host.
    pub(in crate::node) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ActivationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[sensitive]")
    }
}

impl Shape for ActivationCode {
    type Draft = Self;

    fn noun() -> String {
        "string, sensitive".to_owned()
    }

    fn rule() -> String {
        "20 to 250 characters".to_owned()
    }

    fn draft(tree: &Tree, reader: &mut Reader) -> Known<Self> {
        let Some(text) = shape::text_of(tree, reader) else { return Known::Faulty };
        let length = text.chars().count();
        if text.contains(char::is_whitespace) {
            reader.fault("must not contain spaces or line breaks; `trimspace` removes those around it");
        } else if !(20..=250).contains(&length) {
            reader.fault(format!("must have 20 to 250 characters, has {length}"));
        } else {
            return Known::Ready(Self(text.to_owned()));
        }
        Known::Faulty
    }

    fn finish(draft: Self) -> Option<Self> {
        Some(draft)
    }

    fn emit<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}
