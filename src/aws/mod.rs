//! Clients for the AWS services that the provider uses.
//!
//! [`Settings`] describes credentials and endpoints; [`Clients`] turns them into one client per service and region,
//! created on first use; [`Error`] is the error of the module. Nothing here opens a connection or reads a file before
//! the first call.
//!
//! What is absent from this module: Terraform. No diagnostics, no schemas, no unknown values; callers translate.

mod account;
mod bare;
mod call;
mod classify;
mod clients;
mod credentials;
pub mod ec2;
mod ecr;
pub mod eks;
pub mod elb;
mod error;
pub mod iam;
mod resolve;
mod settings;
mod settling;
mod shared;
pub mod ssm;
pub mod sts;
#[cfg(test)]
mod stub;
mod transport;

pub use clients::Clients;
pub use error::{Error, Kind, Operation, Tried, permission};
pub use settings::{AssumeRole, AssumeRoleWithWebIdentity, Endpoints, RetryMode, Settings};
