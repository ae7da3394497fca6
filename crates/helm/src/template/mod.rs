//! Go's text/template with sprig's and Helm's functions: lexer → parser → evaluator.

mod ast;
mod constant;
mod date;
mod eval;
mod explain;
mod failure;
pub(crate) mod format;
mod function;
mod functions;
mod glob;
mod lexer;
mod limits;
mod methods;
mod objects;
mod parser;
mod render;
mod set;
mod token;
mod value;

pub use failure::Place;
pub(crate) use limits::MAX_STEPS;
pub(crate) use render::{Scope, render};
