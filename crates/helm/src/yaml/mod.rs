//! YAML as Helm reads and writes it: Go's go-yaml v2 behind sigs.k8s.io/yaml, and go-yaml v3 for `toYamlPretty`.

mod analyze;
mod emit;
mod load;
mod read;
mod scalar;

pub(crate) use emit::{Dialect, emit};
pub use read::read_typed;
pub(crate) use read::{float32, read, read_documents};

use crate::data::Data;
use crate::json;

/// `toYaml`: the output of `sigs.k8s.io/yaml.Marshal`, with its final line break.
///
/// # Errors
/// Go's text, for what JSON cannot hold.
pub fn write(data: &Data) -> Result<String, String> {
    if needs_json(data) {
        // Go goes through JSON text, which it reads as YAML again; that refuses or changes what is not plain YAML.
        let text = json::write(data, json::Style::default())
            .map_err(|error| format!("error marshaling into JSON: {error}"))?;
        return Ok(emit(&read::read_plain(&text)?, Dialect::V2));
    }
    Ok(emit(data, Dialect::V2))
}

/// Whether the way through JSON would change or refuse something.
fn needs_json(data: &Data) -> bool {
    match data {
        Data::Float(number) => !number.is_finite(),
        Data::Text(text) => is_odd(text),
        Data::List(list) => list.iter().any(needs_json),
        Data::Map(map) => map.iter().any(|(key, value)| is_odd(key) || key.len() > 150 || needs_json(value)),
        _ => false,
    }
}

fn is_odd(text: &str) -> bool {
    text.chars().any(|character| {
        matches!(character, '\u{7f}'..='\u{9f}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
            || crate::bytes::stray(character).is_some()
    })
}
