//! Go's text/template with sprig's and Helm's functions: lexer → parser → evaluator.

mod call;
mod date;
mod engine;
mod eval;
mod failure;
pub(crate) mod format;
mod functions;
mod glob;
mod lexer;
mod methods;
mod node;
pub(crate) mod number;
mod objects;
mod parser;
pub(crate) mod path_pattern;
mod run;
pub(crate) mod text;
mod token;
mod value;

pub(crate) use engine::MAX_STEPS;
pub(crate) use functions::{base as path_base, clean as clean_path};
pub(crate) use run::{Scope, run};
pub(crate) use text::is_space;

use crate::data::Data;

/// `%v` of plain data.
pub(crate) fn plain_text(data: &Data) -> String {
    format::plain(&value::Value::from(data))
}

/// `%#v` of plain data as go-yaml decodes it.
pub(crate) fn go_syntax(data: &Data) -> String {
    let text = format::printf("%#v", &[value::Value::from(data)]);
    text.replace("map[string]interface {}{", "map[interface {}]interface {}{")
}
