//! Terraform's msgpack encoding of values: as go-cty writes and reads it.
//!
//! What goes over the wire has no types of its own, so both directions are led by a [`Type`](crate::value::Type).
//! Decoding is total: any bytes give a value or an error that says where.

mod decode;
mod encode;

pub use decode::{DecodeError, decode};
pub use encode::{EncodeError, encode};

/// Extension code of an unknown value of which nothing is promised.
const PLAIN_UNKNOWN: i8 = 0x00;
/// Extension code of an unknown value with promises; its body is a map with these keys.
const REFINED_UNKNOWN: i8 = 0x0c;
/// Keys of that map.
mod refinement {
    pub const NULLNESS: i64 = 1;
    pub const PREFIX: i64 = 2;
    pub const NUMBER_MIN: i64 = 3;
    pub const NUMBER_MAX: i64 = 4;
    pub const LENGTH_MIN: i64 = 5;
    pub const LENGTH_MAX: i64 = 6;
}

#[cfg(test)]
mod tests;
