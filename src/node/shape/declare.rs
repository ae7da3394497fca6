//! The macros that declare shapes: `object!`, `text!` and `choice!`.
//!
//! A type's name, its attributes and its documentation are declared in one place.

/// Declares an object. The doc comments are the user documentation; `check` sees the draft.
macro_rules! object {
    (
        check = $check:expr;
        $(#[doc = $object_doc:literal])+
        pub struct $name:ident ($draft:ident) {
            $( $(#[doc = $doc:literal])+ pub $field:ident: $type:ty, )+
        }
    ) => {
        $(#[doc = $object_doc])+
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            $( $(#[doc = $doc])+ pub $field: $type, )+
        }

        #[derive(Debug)]
        pub(crate) struct $draft {
            $( pub(crate) $field: $crate::node::shape::Known<$crate::node::shape::DraftOf<$type>>, )+
        }

        impl $crate::node::shape::Shape for $name {
            type Draft = $draft;

            fn noun() -> String {
                "object".to_owned()
            }

            fn attributes() -> Vec<$crate::node::shape::Attribute> {
                use $crate::node::shape::{Attribute, Shape, Slot};
                vec![$(
                    Attribute {
                        name: stringify!($field),
                        noun: <<$type as Slot>::Shape as Shape>::noun(),
                        required: <$type as Slot>::REQUIRED,
                        doc: concat!($($doc, "\n"),+),
                        rule: <<$type as Slot>::Shape as Shape>::rule(),
                        attributes: <<$type as Slot>::Shape as Shape>::attributes(),
                    },
                )+]
            }

            fn draft(
                tree: &$crate::node::tree::Tree,
                reader: &mut $crate::node::shape::Reader,
            ) -> $crate::node::shape::Known<$draft> {
                let Some(entries) = reader.object(tree, &[$(stringify!($field)),+]) else {
                    return $crate::node::shape::Known::Faulty;
                };
                let draft = $draft {
                    $( $field: reader.attribute::<$type>(entries, stringify!($field)), )+
                };
                let check: fn(&$draft, &mut $crate::node::shape::Reader) = $check;
                check(&draft, reader);
                $crate::node::shape::Known::Ready(draft)
            }

            fn finish(draft: $draft) -> Option<Self> {
                use $crate::node::shape::Slot;
                Some(Self { $( $field: <$type as Slot>::settle(draft.$field)?, )+ })
            }

            fn emit<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $crate::node::shape::emit_object(serializer, |map| {
                    $( $crate::node::shape::emit_field(map, stringify!($field), &self.$field)?; )+
                    Ok(())
                })
            }
        }
    };
    (
        $(#[doc = $object_doc:literal])+
        pub struct $name:ident ($draft:ident) { $($fields:tt)+ }
    ) => {
        $crate::node::shape::object! {
            check = |_, _| {};
            $(#[doc = $object_doc])+
            pub struct $name ($draft) { $($fields)+ }
        }
    };
}

/// Declares a string with a rule. `check` returns `Ok` for a valid text, otherwise a hint for this text, which may be
/// empty. With `shown = false;` the text is neither repeated in a fault nor printed by `Debug`.
macro_rules! text {
    (
        $(#[doc = $doc:literal])+
        pub struct $name:ident;
        rule = $rule:expr;
        check = $check:expr;
    ) => {
        $crate::node::shape::text! {
            $(#[doc = $doc])+
            pub struct $name;
            rule = $rule;
            check = $check;
            shown = true;
        }
    };
    (
        $(#[doc = $doc:literal])+
        pub struct $name:ident;
        rule = $rule:expr;
        check = $check:expr;
        shown = $shown:expr;
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name(String);

        impl $name {
            /// The text as given.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_tuple(stringify!($name)).field(if $shown { &self.0 } else { &"[not shown]" }).finish()
            }
        }

        impl $crate::node::shape::Shape for $name {
            type Draft = Self;

            fn noun() -> String {
                "string".to_owned()
            }

            fn rule() -> String {
                $rule.to_owned()
            }

            fn draft(
                tree: &$crate::node::tree::Tree,
                reader: &mut $crate::node::shape::Reader,
            ) -> $crate::node::shape::Known<Self> {
                use $crate::node::shape::Known;
                let Some(text) = $crate::node::shape::text_of(tree, reader) else {
                    return Known::Faulty;
                };
                let check: fn(&str) -> Result<(), String> = $check;
                match check(text) {
                    Ok(()) => Known::Ready(Self(text.to_owned())),
                    Err(hint) => {
                        let got = if $shown { format!(", got `{}`", text.escape_debug()) } else { String::new() };
                        let separator = if hint.is_empty() { "" } else { "; " };
                        reader.fault(format!("must be {}{got}{separator}{hint}", $rule));
                        Known::Faulty
                    }
                }
            }

            fn finish(draft: Self) -> Option<Self> {
                Some(draft)
            }

            fn emit<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $crate::node::yaml::emit_text(&self.0, serializer)
            }
        }
    };
}

/// Declares an enumeration.
macro_rules! choice {
    (
        $(#[doc = $doc:literal])+
        pub enum $name:ident { $( $(#[doc = $word_doc:literal])+ $variant:ident = $word:literal, )+ }
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $( $(#[doc = $word_doc])+ $variant, )+
        }

        impl $name {
            /// The value as users and nodeadm spell it.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self {
                    $( Self::$variant => $word, )+
                }
            }
        }

        impl $crate::node::shape::Shape for $name {
            type Draft = Self;

            fn noun() -> String {
                "string".to_owned()
            }

            fn rule() -> String {
                $crate::node::shape::one_of(&[$($word),+])
            }

            fn draft(
                tree: &$crate::node::tree::Tree,
                reader: &mut $crate::node::shape::Reader,
            ) -> $crate::node::shape::Known<Self> {
                use $crate::node::shape::Known;
                match $crate::node::shape::text_of(tree, reader) {
                    None => Known::Faulty,
                    $( Some($word) => Known::Ready(Self::$variant), )+
                    Some(other) => {
                        reader.fault(format!("must be {}, got `{}`", Self::rule(), other.escape_debug()));
                        Known::Faulty
                    }
                }
            }

            fn finish(draft: Self) -> Option<Self> {
                Some(draft)
            }

            fn emit<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.word())
            }
        }
    };
}

pub(crate) use {choice, object, text};
