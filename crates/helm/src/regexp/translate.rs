//! A tree to what Rust's engine compiles.

use super::parse::parse;
use super::tree::{Node, Part};
use regex_syntax::hir::{Capture, Class, Hir, Look, Repetition};

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
            // Names are looked up beside the engine, which does not take one twice.
            Hir::capture(Capture { index: number, name: None, sub: Box::new(hir(*what)) })
        }
        Node::Sequence(parts) => Hir::concat(parts.into_iter().map(hir).collect()),
        Node::Choice(parts) => Hir::alternation(parts.into_iter().map(hir).collect()),
    }
}

/// The pattern in Rust's syntax, with groups that are not counted.
///
/// `\B` is Unicode's there: in text form Rust does not take that of ASCII.
///
/// # Errors
/// Go's text.
pub(crate) fn rust_pattern(pattern: &str) -> Result<String, String> {
    let mut parsed = parse(pattern)?;
    plain(&mut parsed.tree);
    Ok(hir(parsed.tree).to_string())
}

fn plain(part: &mut Part) {
    match &mut part.node {
        Node::Empty | Node::Set(_) => {}
        Node::Place(look) => {
            if *look == Look::WordAsciiNegate {
                *look = Look::WordUnicodeNegate;
            }
        }
        Node::Repeat { what, .. } => plain(what),
        Node::Group { what, .. } => {
            plain(what);
            let inner = std::mem::replace(&mut what.node, Node::Empty);
            part.node = inner;
        }
        Node::Sequence(parts) | Node::Choice(parts) => parts.iter_mut().for_each(plain),
    }
}
