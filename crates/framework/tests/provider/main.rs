//! The framework with a provider of every kind of type, driven as Terraform drives it but without a wire.

mod breaches;
mod changes;
mod cloud;
mod contract;
mod host;
mod objects;
mod others;
mod pages;
mod spoiled;
