//! Hosts over SSH, on real sshds: the fast hosts of the sandbox.
//!
//! Where hosts are not possible, each test says so and ends.

mod commands;
mod failures;
mod forward;
mod ground;
mod keys;
mod logins;
