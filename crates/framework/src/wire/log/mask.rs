//! The secrets of this process, and how they are kept out of everything that it prints.

use std::borrow::Cow;
use std::sync::{PoisonError, RwLock};

/// What a secret is replaced by.
const MASK: &str = "[sensitive]";

/// Shorter ones stay: replacing `a` everywhere would only destroy the text and confirm the secret.
const SHORTEST: usize = 4;

/// Longest first, so that a secret that contains another is replaced as a whole.
static SECRETS: RwLock<Vec<String>> = RwLock::new(Vec::new());

/// From now on replaces `secret` by `[sensitive]` in log lines, diagnostics and panic messages, also where it is
/// quoted with escapes. Secrets of fewer than four characters are not replaced.
pub fn mask(secret: &str) {
    if secret.chars().count() < SHORTEST {
        return;
    }
    let quoted = format!("{secret:?}");
    let json = serde_json::Value::from(secret).to_string();
    // Both forms begin and end with a quotation mark.
    let forms = [secret, &quoted[1..quoted.len() - 1], &json[1..json.len() - 1]];
    let mut secrets = SECRETS.write().unwrap_or_else(PoisonError::into_inner);
    for form in forms {
        if !secrets.iter().any(|known| known == form) {
            let at = secrets.partition_point(|known| known.len() >= form.len());
            secrets.insert(at, form.to_owned());
        }
    }
}

/// `text` without the secrets.
pub fn masked(text: &str) -> Cow<'_, str> {
    let secrets = SECRETS.read().unwrap_or_else(PoisonError::into_inner);
    let mut text = Cow::Borrowed(text);
    for secret in secrets.iter() {
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
        mask("qz\"7\nπk");
        for text in ["code qz\"7\nπk.", "code qz\\\"7\\nπk."] {
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
