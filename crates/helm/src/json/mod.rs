//! JSON as Go's `encoding/json` reads and writes it: its number format, its escapes, its error messages.

mod number;
mod read;
mod write;

pub(crate) use number::number;
pub(crate) use read::read;
pub(crate) use write::{Style, write};

use crate::data::Data;

/// Whether Go's decoder puts the member `key` into the field `name`: in any case, by Unicode's simple folding.
pub(crate) fn is_field(key: &str, name: &str) -> bool {
    // Two letters beyond ASCII fold to one of it.
    let folded = key.chars().map(|letter| match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    });
    folded.eq(name.chars().map(|letter| letter.to_ascii_lowercase()))
}

/// The message of Go's decoder for a value of the wrong type. `place` is `Go value`, or `Go struct field NAME`.
pub(crate) fn cannot_unmarshal(data: &Data, place: &str, wanted: &str) -> String {
    let found = match data {
        Data::Map(_) => "object",
        Data::List(_) => "array",
        Data::Text(_) => "string",
        Data::Bool(_) => "bool",
        _ => "number",
    };
    format!("json: cannot unmarshal {found} into {place} of type {wanted}")
}

/// The same for what was read from YAML.
pub(crate) fn cannot_unmarshal_yaml(data: &Data, place: &str, wanted: &str) -> String {
    format!("error unmarshaling JSON: while decoding JSON: {}", cannot_unmarshal(data, place, wanted))
}
