//! Hosts over SSH, on russh.
//!
//! [`Connection`] describes a host and how to log in; [`Ssh`] holds what the connections of one run share, and
//! opens them. The host's key is always verified, unless [`Trust::Any`] says otherwise.

mod authentication;
mod client;
mod connect;
mod forward;
mod handler;
mod known_hosts;
mod pool;
mod session;
mod settings;
mod trust;

pub use forward::Stream;
pub use pool::Ssh;
pub use session::SshHost;
pub use settings::{Connection, HostKey, Login, Trust};
