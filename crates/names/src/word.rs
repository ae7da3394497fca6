//! What all words have in common, and the explanation of a text that is none.

use std::fmt;

/// A text with a rule.
pub trait Word: Sized {
    /// What it is, as in "Invalid role ARN".
    const NOUN: &'static str;
    /// What it is, with its article: `the ARN of an IAM role`.
    const KIND: &'static str;
    /// What follows [`KIND`](Self::KIND) where the whole rule is stated: ` such as …` or `: 1 to 100 letters`.
    const FORM: &'static str;
    /// Whether an explanation may repeat the text. Not where a secret is easily mistaken for the word.
    const SHOWN: bool = true;

    /// Reads a text.
    ///
    /// # Errors
    /// Why it is not one of these words.
    fn parse(text: &str) -> Result<Self, Invalid>;

    /// The text as it was given.
    fn as_str(&self) -> &str;

    /// What a text must be: `an AWS region such as …`.
    #[must_use]
    fn rule() -> String {
        format!("{}{}", Self::KIND, Self::FORM)
    }

    /// The explanation of a text that is none of these words; `hint` is a clause about this text, or empty.
    fn refuse(text: &str, hint: impl Into<String>) -> Invalid {
        let text = Self::SHOWN.then(|| text.escape_debug().to_string());
        Invalid { text, kind: Self::KIND, form: Self::FORM, hint: hint.into() }
    }
}

/// Why a text is not a word.
///
/// Displayed as the beginning of a sentence without a period: `` `us-west` is not an AWS region; … ``.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The text, escaped; absent where it could be a secret.
    pub text: Option<String>,
    /// What it should have been: [`Word::KIND`].
    pub kind: &'static str,
    /// The rest of the rule: [`Word::FORM`].
    pub form: &'static str,
    /// What is wrong with this text, as a clause; empty where the rule says it all.
    pub hint: String,
}

impl Invalid {
    /// The same as what the value must be, for a text that names its place first: `must be an AWS region such as …`.
    #[must_use]
    pub fn expected(&self) -> String {
        let got = self.text.as_ref().map(|text| format!(", got `{text}`")).unwrap_or_default();
        let separator = if self.hint.is_empty() { "" } else { "; " };
        format!("must be {}{}{got}{separator}{}", self.kind, self.form, self.hint)
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.text {
            Some(text) => write!(f, "`{text}` is not {}", self.kind)?,
            None => write!(f, "the text is not {}", self.kind)?,
        }
        if self.hint.is_empty() { f.write_str(self.form) } else { write!(f, "; {}", self.hint) }
    }
}

impl std::error::Error for Invalid {}

/// Declares a word that keeps its text. The check answers with a hint about a text that breaks the rule.
macro_rules! word {
    (
        $(#[$doc:meta])*
        $name:ident;
        noun = $noun:literal;
        kind = $kind:literal;
        form = $form:literal;
        $(shown = $shown:literal;)?
        check = $check:expr;
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The text as it was given.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl $crate::Word for $name {
            const NOUN: &'static str = $noun;
            const KIND: &'static str = $kind;
            const FORM: &'static str = $form;
            $(const SHOWN: bool = $shown;)?

            fn parse(text: &str) -> Result<Self, $crate::Invalid> {
                let check: fn(&str) -> Result<(), String> = $check;
                check(text).map(|()| Self(text.to_owned())).map_err(|hint| Self::refuse(text, hint))
            }

            fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

/// The verdict of a check that has nothing to say about one text in particular.
pub(crate) fn holds(rule: bool) -> Result<(), String> {
    if rule { Ok(()) } else { Err(String::new()) }
}

pub(crate) use word;

/// For tables: which texts are words, and what the explanation of the others contains.
#[cfg(test)]
pub(crate) fn check<W: Word>(table: &[(&str, Result<(), &str>)]) {
    for (text, expected) in table {
        match (W::parse(text), expected) {
            (Ok(word), Ok(())) => assert_eq!(word.as_str(), *text),
            (Err(invalid), Err(part)) => {
                let (sentence, expected) = (invalid.to_string(), invalid.expected());
                assert!(sentence.contains(part) && expected.contains(part), "{text}: {sentence} / {expected}");
            }
            (Ok(_), Err(_)) => panic!("`{text}` was accepted"),
            (Err(invalid), Ok(())) => panic!("`{text}` was refused: {invalid}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ActivationId, ClusterName, Region};

    #[test]
    fn an_explanation_has_two_forms() {
        let zone = Region::parse("us-west-2a").unwrap_err();
        assert_eq!(
            zone.to_string(),
            "`us-west-2a` is not an AWS region; that is an Availability Zone of the region `us-west-2`"
        );
        assert_eq!(
            zone.expected(),
            "must be an AWS region such as `us-west-2`, got `us-west-2a`; that is an Availability Zone of the region \
             `us-west-2`"
        );
        let name = ClusterName::parse("a\nb").unwrap_err();
        assert!(name.to_string().starts_with("`a\\nb` is not the name of an EKS cluster: 1 to 100 letters"), "{name}");
    }

    #[test]
    fn what_may_be_a_secret_is_not_repeated() {
        let invalid = ActivationId::parse("hunter2-code-hunter2").unwrap_err();
        for text in [invalid.to_string(), invalid.expected(), format!("{invalid:?}")] {
            assert!(!text.contains("hunter2"), "{text}");
        }
        assert!(invalid.to_string().starts_with("the text is not the ID of an activation"), "{invalid}");
    }
}
