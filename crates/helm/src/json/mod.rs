//! JSON as Go's `encoding/json` reads and writes it: its number format, its escapes, its error messages.

mod number;
mod read;
mod write;

pub(crate) use number::number;
pub(crate) use read::read;
pub(crate) use write::{Style, write};

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
