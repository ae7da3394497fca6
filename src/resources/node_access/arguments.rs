//! How access is granted.

use framework::model::Text;
use framework::text_field;

/// How access is granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Depends on the cluster's authentication mode.
    Auto,
    /// An EKS access entry.
    AccessEntry,
    /// An entry in the ConfigMap aws-auth.
    AwsAuth,
}

impl Text for Method {
    const NOUN: &'static str = "method";

    fn parse(text: &str) -> std::result::Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "access_entry" => Ok(Self::AccessEntry),
            "aws_auth" => Ok(Self::AwsAuth),
            _ => Err(format!("`{text}` is none of `auto`, `access_entry` and `aws_auth`.")),
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Auto => "auto",
            Self::AccessEntry => "access_entry",
            Self::AwsAuth => "aws_auth",
        }
    }
}

text_field!(Method);
