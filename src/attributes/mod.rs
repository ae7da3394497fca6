//! Argument types that several Terraform types share. Pure: nothing here calls anything.

pub mod connection;
pub mod labels;
pub mod permissions;
pub mod principal;
pub mod run_command;
mod words;

pub use words::{AccountId, ActivationId, ClusterName, LabelKey, ManagedNodeId, ObjectName};
pub use words::{OutpostArn, PolicyArn, Region, RoleArn, RoleName, RouteTableId};
pub use words::{SecurityGroupId, SubnetId, TargetGroupArn, VpcCniVersion, VpcId};

use framework::model::{Model, Span};

/// How long an operation may take, for types that wait while they are created and deleted.
#[derive(Clone, Debug, Model)]
pub struct Timeouts {
    /// Timeout for creating the object, such as `10m`.
    pub create: Option<Span>,
    /// Timeout for deleting the object.
    pub delete: Option<Span>,
}

/// How long an operation may take, for types that also wait while they are updated.
#[derive(Clone, Debug, Model)]
pub struct ChangeTimeouts {
    /// Timeout for creating the object, such as `10m`.
    pub create: Option<Span>,
    /// Timeout for updating the object.
    pub update: Option<Span>,
    /// Timeout for deleting the object.
    pub delete: Option<Span>,
}
