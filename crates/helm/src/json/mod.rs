//! JSON as Go's `encoding/json` reads and writes it: its number format, its escapes, its error messages.

mod read;
mod write;

pub(crate) use read::read;
pub(crate) use write::{Style, write};
