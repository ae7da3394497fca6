//! A tree to what Rust's engine compiles.

use super::tree::{Node, Part};
use regex_syntax::hir::{Capture, Class, Hir, Repetition};

pub(super) fn hir(part: Part) -> Hir {
    match part.node {
        Node::Empty => Hir::empty(),
        Node::Set(set) => Hir::class(Class::Unicode(set)),
        Node::Place(look) => Hir::look(look),
        Node::Repeat { what, count, greedy } => {
            let (min, max) = count.bounds();
            Hir::repetition(Repetition { min, max, greedy, sub: Box::new(hir(*what)) })
        }
        Node::Group { what, number } => {
            // Names are looked up outside the engine, which rejects duplicates.
            Hir::capture(Capture { index: number, name: None, sub: Box::new(hir(*what)) })
        }
        Node::Sequence(parts) => Hir::concat(parts.into_iter().map(hir).collect()),
        Node::Choice(parts) => Hir::alternation(parts.into_iter().map(hir).collect()),
    }
}
