//! Regular expressions as Go has them: Go's grammar, read by a parser of its own, and matched by Rust's engine, which
//! follows the same rules (leftmost-first, linear time).
//!
//! ```text
//! pattern ─▶ parse (with class, escape, flags) ─▶ tree, within Go's limits ─▶ translate ─▶ Hir ─▶ engine
//!                                                                                         └ text for the schema validator
//! ```
//!
//! Reference: <https://pkg.go.dev/regexp/syntax>, of Go 1.26. Templates use it, and patterns of values.schema.json.

mod class;
mod escape;
mod expand;
mod flags;
mod parse;
mod print;
mod property;
mod translate;
mod tree;

use regex_automata::meta;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

pub(crate) use print::common_pattern;

/// A compiled expression.
#[derive(Debug)]
pub(crate) struct Regexp {
    engine: meta::Regex,
    /// Names of the groups by number; several may have the same.
    names: Vec<Option<String>>,
}

/// Most memory of a compiled expression. Go bounds the number of instructions instead, of which a class is one.
const MAX_BYTES: usize = 32 << 20;

/// Compiled expressions of this thread: templates use a few again and again.
const KEPT: usize = 64;

/// What was compiled before, by pattern.
type Known = HashMap<String, Result<Rc<Regexp>, String>>;

thread_local! {
    static KNOWN: RefCell<Known> = RefCell::default();
}

impl Regexp {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// Go's text.
    pub(crate) fn new(pattern: &str) -> Result<Rc<Self>, String> {
        if let Some(known) = KNOWN.with_borrow(|known| known.get(pattern).cloned()) {
            return known;
        }
        let compiled = Self::compile(pattern).map(Rc::new);
        KNOWN.with_borrow_mut(|known| {
            if known.len() >= KEPT {
                known.clear();
            }
            known.insert(pattern.to_owned(), compiled.clone());
        });
        compiled
    }

    fn compile(pattern: &str) -> Result<Self, String> {
        let parsed = parse::parse(pattern)?;
        let hir = translate::hir(parsed.tree);
        let config = meta::Config::new().nfa_size_limit(Some(MAX_BYTES));
        let engine = meta::Builder::new()
            .configure(config)
            .build_from_hir(&hir)
            .map_err(|_| fault("expression too large", pattern))?;
        Ok(Self { engine, names: parsed.names })
    }

    pub(crate) fn is_match(&self, text: &str) -> bool {
        self.engine.is_match(text)
    }

    /// The first match.
    pub(crate) fn find<'t>(&self, text: &'t str) -> Option<&'t str> {
        self.engine.find(text).map(|found| &text[found.range()])
    }

    /// Where all matches are. An empty one right behind another is none.
    pub(crate) fn ranges(&self, text: &str) -> impl Iterator<Item = std::ops::Range<usize>> {
        self.engine.find_iter(text).map(|found| found.range())
    }

    /// All matches replaced by the same text.
    pub(crate) fn replace_literal(&self, text: &str, with: &str) -> String {
        let (mut replaced, mut end) = (String::with_capacity(text.len()), 0);
        for range in self.ranges(text) {
            replaced.push_str(&text[end..range.start]);
            replaced.push_str(with);
            end = range.end;
        }
        replaced.push_str(&text[end..]);
        replaced
    }
}

/// An error in Go's words.
fn fault(what: &str, at: &str) -> String {
    format!("error parsing regexp: {what}: `{at}`")
}

/// What of `text` has been read when `rest` is left.
fn read<'p>(text: &'p str, rest: &str) -> &'p str {
    &text[..text.len() - rest.len()]
}

#[cfg(test)]
mod tests;
