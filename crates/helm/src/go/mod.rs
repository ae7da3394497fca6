//! Go's standard library, as far as charts and messages show it: `strconv`, `unicode`, `path`, `path/filepath`.

mod characters;
mod float;
mod number;
pub(crate) mod path;
pub(crate) mod path_pattern;
mod quote;

pub(crate) use characters::{is_digit, is_letter, is_print, is_space};
pub(crate) use float::float;
pub(crate) use number::{NumberError, parse_float, parse_signed, parse_unsigned};
pub(crate) use quote::{can_backquote, quote, quote_character, quote_to_ascii, unquote, unquote_character};
