//! The calls of the protocol: what each takes, does and answers, one file a call.
//!
//! [`Server`] is the whole protocol in terms of values and diagnostics. The other files hold each call's request and
//! answer, and what the call does with a declared type; [`resource`] and its like put the calls of one kind of type
//! together, so that types fit the provider's one list.

pub(crate) mod action;
mod answer;
mod apply;
pub(crate) mod data_source;
mod delete;
pub(crate) mod ephemeral;
pub(crate) mod function;
mod generate_config;
mod import;
pub(crate) mod list;
mod move_state;
mod plan;
mod protocol;
mod read;
pub(crate) mod resource;
mod step;
mod upgrade;

pub use answer::{Answer, Boxed, Host, Kept, Private, Sink, unknown_type};
pub use apply::ApplyRequest;
pub use ephemeral::Opened;
pub use import::{ImportRequest, Imported};
pub use list::ListRequest;
pub use move_state::MoveRequest;
pub use plan::{PlanRequest, Planned};
pub use protocol::Server;
pub use read::ReadRequest;

pub use crate::function::FunctionError;
pub use crate::list::Listed;
