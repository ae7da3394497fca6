//! Argument types that several Terraform types share. Pure: nothing here calls anything.

pub mod connection;
pub mod labels;
pub mod principal;
mod words;

pub use words::{AccountId, ActivationId, ClusterName, LabelKey, ObjectName, PolicyArn, Region, RoleArn, RoleName};
pub use words::{SecurityGroupId, SubnetId, TargetGroupArn, VpcCniVersion};

use framework::model::{Model, Span};

/// How long an operation may take, for types that wait when they are made and when they are removed.
#[derive(Clone, Debug, Model)]
pub struct Timeouts {
    /// Making the object, such as `10m`.
    pub create: Option<Span>,
    /// Removing the object.
    pub delete: Option<Span>,
}

/// How long an operation may take, for types that also wait when they are changed.
#[derive(Clone, Debug, Model)]
pub struct ChangeTimeouts {
    /// Making the object, such as `10m`.
    pub create: Option<Span>,
    /// Changing the object.
    pub update: Option<Span>,
    /// Removing the object.
    pub delete: Option<Span>,
}
