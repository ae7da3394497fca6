//! The syntax tree of an expression, with the size and depth that Go limits.

use regex_syntax::hir::{ClassUnicode, Look};

/// Most instructions that Go compiles an expression to: 128 MiB of 40 bytes each.
const MAX_SIZE: u64 = (128 << 20) / 40;
/// Deepest nesting.
const MAX_HEIGHT: usize = 1_000;
/// Most times that something is repeated by counts, those around it included.
const MAX_COPIES: u32 = 1_000;

/// A part of an expression.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) node: Node,
    size: u64,
    height: usize,
}

#[derive(Debug)]
pub(super) enum Node {
    Empty,
    Set(ClassUnicode),
    Place(Look),
    Repeat { what: Box<Part>, count: Count, greedy: bool },
    Group { what: Box<Part>, number: u32 },
    Sequence(Vec<Part>),
    Choice(Vec<Part>),
}

/// How often something repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    /// `*`
    Any,
    /// `+`
    Some,
    /// `?`
    Maybe,
    /// `{2}`, `{2,}` and `{2,5}`
    Times { least: u32, most: Option<u32> },
}

/// A limit that an expression breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Excess {
    Size,
    Height,
}

impl Excess {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Size => "expression too large",
            Self::Height => "expression nests too deeply",
        }
    }
}

impl Count {
    pub(super) fn bounds(self) -> (u32, Option<u32>) {
        match self {
            Self::Any => (0, None),
            Self::Some => (1, None),
            Self::Maybe => (0, Some(1)),
            Self::Times { least, most } => (least, most),
        }
    }

    fn size(self, one: u64) -> u64 {
        match self {
            Self::Any | Self::Times { least: 0, most: None } => one.saturating_add(2),
            Self::Some | Self::Maybe => one.saturating_add(1),
            Self::Times { least, most: None } => one.saturating_mul(u64::from(least)).saturating_add(1),
            Self::Times { least, most: Some(most) } => {
                one.saturating_mul(u64::from(most)).saturating_add(u64::from(most.saturating_sub(least)))
            }
        }
    }
}

impl Part {
    pub(super) fn new(node: Node) -> Result<Self, Excess> {
        let (size, below) = match &node {
            Node::Empty | Node::Set(_) | Node::Place(_) => (1, 0),
            Node::Repeat { what, count, .. } => (count.size(what.size), what.height),
            Node::Group { what, .. } => (what.size.saturating_add(2), what.height),
            Node::Sequence(parts) => (sum(parts), tallest(parts)),
            Node::Choice(parts) => (sum(parts).saturating_add(parts.len() as u64 - 1), tallest(parts)),
        };
        if size > MAX_SIZE {
            return Err(Excess::Size);
        }
        if below >= MAX_HEIGHT {
            return Err(Excess::Height);
        }
        Ok(Self { node, size: size.max(1), height: below + 1 })
    }

    /// Whether the counts of repetitions inside each other stay within Go's bound. What is repeated by `*`, `+` and `?`
    /// does not count.
    pub(super) fn is_countable(&self) -> bool {
        self.fits(MAX_COPIES)
    }

    fn fits(&self, mut copies: u32) -> bool {
        match &self.node {
            Node::Empty | Node::Set(_) | Node::Place(_) => true,
            Node::Group { what, .. } => what.fits(copies),
            Node::Sequence(parts) | Node::Choice(parts) => parts.iter().all(|part| part.fits(copies)),
            Node::Repeat { what, count, .. } => {
                if let Count::Times { least, most } = count {
                    let times = match most {
                        Some(0) => return true,
                        Some(most) => *most,
                        None => *least,
                    };
                    if times > copies {
                        return false;
                    }
                    copies /= times.max(1);
                }
                what.fits(copies)
            }
        }
    }
}

fn sum(parts: &[Part]) -> u64 {
    parts.iter().fold(0, |sum, part| sum.saturating_add(part.size))
}

fn tallest(parts: &[Part]) -> usize {
    parts.iter().map(|part| part.height).max().unwrap_or(0)
}
