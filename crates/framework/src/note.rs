//! Notes that a type keeps with the state, where nobody sees them.
//!
//! A note can be missing although it was written: Terraform hands none to the deletion of a tainted object, an import
//! has none, and a plan file of another version may have lost them. So a missing note says nothing at all, above all
//! not that there was nothing to note. [`Noted`] makes that a case of its own, which cannot be ignored by
//! accident: whoever finds a note missing leaves things alone, or looks for the record in a place that survives.

use std::fmt;
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A note by its name, with the type of what it says: declared once as a constant.
///
/// ```
/// use framework::note::Note;
/// const BEFORE: Note<Vec<String>> = Note::named("definitions_before");
/// # assert_eq!(BEFORE.name(), "definitions_before");
/// ```
pub struct Note<T> {
    name: &'static str,
    says: PhantomData<fn() -> T>,
}

impl<T> Note<T> {
    /// The note of that name.
    pub const fn named(name: &'static str) -> Self {
        Self { name, says: PhantomData }
    }

    /// Its name.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<T> fmt::Debug for Note<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Note").field(&self.name).finish()
    }
}

/// What a note says, or that nothing is known.
#[must_use = "a missing note means that nothing is known"]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Noted<T> {
    /// This.
    Says(T),
    /// There is no such note, or it cannot be read. What it would have said is not known.
    Missing,
}

impl<T> Noted<T> {
    /// What it says, if there is a note. There is no way to a default from here: what a missing note means is
    /// the reader's to say.
    pub fn says(&self) -> Option<&T> {
        match self {
            Self::Says(said) => Some(said),
            Self::Missing => None,
        }
    }

    /// Whether nothing is known.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }

    /// Whether the note exists and says exactly this.
    pub fn is<U: ?Sized>(&self, other: &U) -> bool
    where
        T: PartialEq<U>,
    {
        self.says().is_some_and(|said| said == other)
    }

    /// The same note, seen in another way.
    pub fn map<U>(self, see: impl FnOnce(T) -> U) -> Noted<U> {
        match self {
            Self::Says(said) => Noted::Says(see(said)),
            Self::Missing => Noted::Missing,
        }
    }

    /// What it says; where it is missing, `record` is asked, which looks in a place that survives: the object itself.
    pub fn or_look(self, record: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Missing => record(),
            says @ Self::Says(_) => says,
        }
    }
}

/// A note as text. A plain text is kept as it is.
pub(crate) fn written<T: Serialize>(says: &T) -> Option<String> {
    match serde_json::to_value(says).ok()? {
        serde_json::Value::String(text) if serde_json::from_str::<serde::de::IgnoredAny>(&text).is_err() => Some(text),
        value => Some(value.to_string()),
    }
}

/// What a text notes; `None` when it is no such note.
pub(crate) fn read<T: DeserializeOwned>(text: &str) -> Option<T> {
    let plain = || serde_json::from_value(serde_json::Value::String(text.to_owned())).ok();
    serde_json::from_str(text).ok().or_else(plain)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn texts_stand_as_they_are_and_come_back() {
        for (text, kept) in [
            ("12345678-1234-4234-8234-123456789012", "12345678-1234-4234-8234-123456789012"),
            ("a,b", "a,b"),
            ("", ""),
            // What could be read as something else is quoted.
            ("5", "\"5\""),
            ("\"quoted\"", "\"\\\"quoted\\\"\""),
            ("null", "\"null\""),
        ] {
            let written = written(&text).expect("a text");
            assert_eq!(written, kept);
            assert_eq!(read::<String>(&written).as_deref(), Some(text));
        }
    }

    #[test]
    fn other_types_come_back() {
        let names = BTreeSet::from(["a".to_owned(), "b".to_owned()]);
        assert_eq!(read::<BTreeSet<String>>(&written(&names).expect("a set")), Some(names));
        assert_eq!(read::<i64>(&written(&5).expect("a number")), Some(5));
        assert_eq!(read::<bool>(&written(&false).expect("true or false")), Some(false));
    }

    #[test]
    fn what_is_no_such_note_is_none() {
        assert_eq!(read::<i64>("five"), None);
        assert_eq!(read::<BTreeSet<String>>("a,b"), None);
        assert_eq!(read::<BTreeSet<String>>(""), None);
    }

    #[test]
    fn a_missing_note_is_not_an_empty_one() {
        let empty: Noted<Vec<String>> = Noted::Says(Vec::new());
        assert!(!empty.is_missing());
        assert!(Noted::<Vec<String>>::Missing.is_missing());
        assert!(!Noted::<String>::Missing.is(""));
        assert!(Noted::Says("a".to_owned()).is("a"));
        assert_eq!(Noted::Missing.or_look(|| Noted::Says(1)), Noted::Says(1));
        assert_eq!(Noted::Says(2).or_look(|| Noted::Says(1)), Noted::Says(2));
    }
}
