//! Replacing secrets in what a command prints.

use secrecy::{ExposeSecret, SecretString};

/// What a secret is replaced by.
const MASK: &str = "[sensitive]";
/// Shorter ones stay: replacing `a` everywhere would only destroy the text and confirm the secret.
const SHORTEST: usize = 4;

/// Secrets to replace, in each form that a program may print them in.
#[derive(Default)]
pub(super) struct Redactor {
    /// Longest first: a secret that contains another is replaced as a whole.
    forms: Vec<SecretString>,
}

impl Redactor {
    pub(super) fn new(secrets: &[SecretString]) -> Self {
        let mut forms: Vec<String> = Vec::new();
        for secret in secrets {
            // Output is handled by the line. JSON is how nodeadm and most agents log.
            for line in secret.expose_secret().lines().map(str::trim) {
                let json = serde_json::Value::from(line).to_string();
                // Go escapes these three for HTML as well.
                let go = json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
                let bare = |quoted: &str| quoted[1..quoted.len() - 1].to_owned();
                forms.extend([line.to_owned(), bare(&json), bare(&go)]);
            }
        }
        forms.retain(|form| form.chars().count() >= SHORTEST);
        forms.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        forms.dedup();
        Self { forms: forms.into_iter().map(SecretString::from).collect() }
    }

    /// `line` without secrets.
    pub(super) fn redact(&self, line: &str) -> String {
        let mut line = line.to_owned();
        for form in &self.forms {
            if line.contains(form.expose_secret()) {
                line = line.replace(form.expose_secret(), MASK);
            }
        }
        line
    }

    /// Where a text that continues may be cut at the latest without cutting a secret that is, or may be, in it.
    pub(super) fn last_cut(&self, text: &[u8]) -> usize {
        let longest = self.forms.first().map_or(0, |form| form.expose_secret().len());
        let mut cut = text.len().saturating_sub(longest.saturating_sub(1));
        // A cut inside one secret moves before it, where it may be inside of another.
        loop {
            let before = cut;
            for form in self.forms.iter().map(|form| form.expose_secret().as_bytes()) {
                let start = cut.saturating_sub(form.len() - 1);
                let end = (cut + form.len() - 1).min(text.len());
                if let Some(at) = text[start..end].windows(form.len()).position(|window| window == form) {
                    cut = start + at;
                }
            }
            if cut == before {
                return cut;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redactor(secrets: &[&str]) -> Redactor {
        Redactor::new(&secrets.iter().map(|secret| SecretString::from(*secret)).collect::<Vec<_>>())
    }

    #[test]
    fn each_form_is_replaced() {
        let redactor = redactor(&["co\"de<1>", "first line\n  second line\n"]);
        for (line, expected) in [
            ("-code co\"de<1> -id 7", "-code [sensitive] -id 7"),
            (r#"{"error":"-code co\"de<1>"}"#, r#"{"error":"-code [sensitive]"}"#),
            (r#"{"error":"-code co\"de\u003c1\u003e"}"#, r#"{"error":"-code [sensitive]"}"#),
            ("is second line there", "is [sensitive] there"),
            ("nothing", "nothing"),
        ] {
            assert_eq!(redactor.redact(line), expected);
        }
    }

    #[test]
    fn a_longer_secret_is_replaced_as_a_whole_and_a_short_one_not() {
        assert_eq!(
            redactor(&["inner", "inner-and-more", "abc"]).redact("inner-and-more inner abc"),
            "[sensitive] [sensitive] abc"
        );
    }

    #[test]
    fn a_cut_never_divides_a_secret() {
        let redactor = redactor(&["SECRET", "TSECRET-LONGER"]);
        for text in [
            "xxxxxxxxxxxxxxxxxxxxxxxxSECRET",
            "xxxxxxxxxxxxSECRETyyyyyyyyyy",
            "xxxxxxxxxxxxxxxxxxxTSECRET-LONGE",
            "xxxxxSECRETTSECRET-LONGERyyyyyyyy",
        ] {
            let cut = redactor.last_cut(text.as_bytes());
            let (before, after) = text.split_at(cut);
            let whole = redactor.redact(text);
            assert_eq!(redactor.redact(before) + &redactor.redact(after), whole, "cut {text} at {cut}");
            // Whatever follows: a secret that has only begun stays in the part that is kept.
            let more = format!("{after}R");
            assert_eq!(redactor.redact(before) + &redactor.redact(&more), redactor.redact(&format!("{text}R")));
        }
    }
}
