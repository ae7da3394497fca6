//! Integers in a range.

use serde::ser::Serializer;

use crate::node::shape::{Known, Reader, Shape};
use crate::node::tree::Tree;

/// An integer from `LEAST` to `MOST`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole<const LEAST: u32, const MOST: u32>(u32);

impl<const LEAST: u32, const MOST: u32> Whole<LEAST, MOST> {
    /// The number.
    #[must_use]
    pub fn number(self) -> u32 {
        self.0
    }
}

impl<const LEAST: u32, const MOST: u32> Shape for Whole<LEAST, MOST> {
    type Draft = Self;

    fn noun() -> String {
        "number".to_owned()
    }

    fn rule() -> String {
        format!("a whole number from {LEAST} to {MOST}")
    }

    fn draft(tree: &Tree, reader: &mut Reader) -> Known<Self> {
        let Tree::Number(text) = tree else {
            return reader.wrong_type("a number", tree);
        };
        match text.parse() {
            Ok(number) if (LEAST..=MOST).contains(&number) => Known::Ready(Self(number)),
            _ => {
                reader.fault(format!("must be {}, got `{text}`", Self::rule()));
                Known::Faulty
            }
        }
    }

    fn finish(draft: Self) -> Option<Self> {
        Some(draft)
    }

    fn emit<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.0)
    }
}
