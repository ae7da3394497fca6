//! What the clients of AWS, Kubernetes and charts have in common on the network: proxies, trusted certificates, which
//! hosts are local, pauses between attempts, and the causes of an error.
//!
//! What is absent: requests, and what an error means to a client.

pub mod causes;
pub mod local;
pub mod pace;
pub mod proxy;
pub mod trust;

/// A setting that cannot be used. The problem never quotes a value, which may contain a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    /// The argument of the provider's configuration.
    pub argument: &'static str,
    /// What is wrong with it.
    pub problem: String,
}
