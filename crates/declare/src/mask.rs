//! The secrets of this process, and how they are kept out of everything that it prints.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{LazyLock, PoisonError, RwLock};

use crate::value::Value;

/// What a secret is replaced by.
const MASK: &str = "[sensitive]";

/// Shorter ones stay: replacing `a` everywhere would only destroy the text and confirm the secret.
const SHORTEST: usize = 4;

/// The forms of every secret, each once.
#[derive(Default)]
struct Secrets {
    known: BTreeSet<String>,
    /// Longest first, so that a secret that contains another is replaced as a whole.
    longest_first: Vec<String>,
}

static SECRETS: LazyLock<RwLock<Secrets>> = LazyLock::new(RwLock::default);

/// From now on replaces `secret` by `[sensitive]` in log lines, diagnostics and panic messages, also where it is
/// quoted with escapes. Secrets of fewer than four characters are not replaced.
///
/// Fields of the types [`Secret`](crate::model::Secret) and [`WriteOnly`](crate::model::WriteOnly) get here by
/// themselves; this is for secrets that have no such field, such as what an API has just answered.
pub fn mask(secret: &str) {
    if secret.chars().count() < SHORTEST
        || SECRETS.read().unwrap_or_else(PoisonError::into_inner).known.contains(secret)
    {
        return;
    }
    let quoted = format!("{secret:?}");
    let json = serde_json::Value::from(secret).to_string();
    // A text often loses its last line break on the way into a message.
    let trimmed = secret.trim();
    // Both forms begin and end with a quotation mark.
    let forms = [secret, &quoted[1..quoted.len() - 1], &json[1..json.len() - 1], trimmed];
    let mut secrets = SECRETS.write().unwrap_or_else(PoisonError::into_inner);
    for form in forms.into_iter().filter(|form| form.chars().count() >= SHORTEST) {
        if secrets.known.insert(form.to_owned()) {
            let at = secrets.longest_first.partition_point(|known| known.len() >= form.len());
            secrets.longest_first.insert(at, form.to_owned());
        }
    }
}

/// The same for every text and number in a value.
pub(crate) fn mask_value(value: &Value) {
    each_text(value, &mut |text| mask(text));
}

/// Hands over every text and number in a value. The keys of maps are the person's own words or the schema's.
pub(crate) fn each_text(value: &Value, take: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) => take(text),
        Value::Number(number) => take(number.as_str()),
        Value::List(elements) | Value::Set(elements) => elements.iter().for_each(|element| each_text(element, take)),
        Value::Map(entries) => entries.values().for_each(|entry| each_text(entry, take)),
        Value::Dynamic(inner) => each_text(&inner.1, take),
        Value::Null | Value::Unknown(_) | Value::Bool(_) => {}
    }
}

/// `text` without the secrets.
pub fn masked(text: &str) -> Cow<'_, str> {
    let secrets = SECRETS.read().unwrap_or_else(PoisonError::into_inner);
    let mut text = Cow::Borrowed(text);
    for secret in &secrets.longest_first {
        if text.contains(secret.as_str()) {
            text = Cow::Owned(text.replace(secret.as_str(), MASK));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    // The registry is the process's: each test has secrets that no other text has.

    #[test]
    fn replaced_in_every_form() {
        mask("qz\"7\nπk\n");
        for text in ["code qz\"7\nπk.", "code qz\\\"7\\nπk\\n.", "code qz\"7\nπk\n."] {
            assert_eq!(masked(text), "code [sensitive].", "{text}");
        }
    }

    #[test]
    fn a_longer_secret_is_replaced_as_a_whole() {
        mask("wvinner");
        mask("wvinner-and-more");
        assert_eq!(masked("<wvinner-and-more><wvinner>"), "<[sensitive]><[sensitive]>");
    }

    #[test]
    fn too_short_to_be_replaced() {
        mask("~q~");
        mask("");
        assert_eq!(masked("a~q~b"), "a~q~b");
    }
}
