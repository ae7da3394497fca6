//! Converts a [`Tree`] to types: one declaration defines an object's attributes, its rules and its documentation.
//!
//! `object!` declares a struct whose fields are attributes, `text!` a string with a rule, `choice!` an enumeration.
//! Parsing goes through a *draft*, an object whose attributes are each known, absent, faulty or not known yet, so
//! that rules over several attributes see the available values, and every fault is found in one pass.

mod camel;
mod declare;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::ser::{Serialize, SerializeMap as _, Serializer};

use super::tree::{Fault, Faults, Parsed, Path, Step, Tree};
pub(crate) use camel::camel;
pub(crate) use declare::{choice, object, text};

/// What is known about an attribute.
#[derive(Debug)]
pub(crate) enum Known<T> {
    Ready(T),
    Later,
    Absent,
    Faulty,
}

impl<T> Known<T> {
    pub(crate) fn ready(&self) -> Option<&T> {
        match self {
            Self::Ready(value) => Some(value),
            Self::Later | Self::Absent | Self::Faulty => None,
        }
    }

    /// Whether a value is given, valid or not. `None` if that is known only at apply.
    pub(crate) fn given(&self) -> Option<bool> {
        match self {
            Self::Ready(_) | Self::Faulty => Some(true),
            Self::Absent => Some(false),
            Self::Later => None,
        }
    }
}

/// One attribute, as documented.
pub(crate) struct Attribute {
    pub(crate) name: &'static str,
    pub(crate) noun: String,
    pub(crate) required: bool,
    pub(crate) doc: &'static str,
    pub(crate) rule: String,
    pub(crate) attributes: Vec<Attribute>,
}

/// A type that can be parsed from a [`Tree`] and written to a file.
pub(crate) trait Shape: Sized {
    type Draft;

    /// The HCL type of the value: `string`, `object`, `list of string`.
    fn noun() -> String;

    /// Constraints beyond the type; empty if there are none.
    fn rule() -> String {
        String::new()
    }

    fn attributes() -> Vec<Attribute> {
        Vec::new()
    }

    /// Parses a tree that is neither null nor unknown. For a `Faulty` draft, the reader has recorded the faults.
    fn draft(tree: &Tree, reader: &mut Reader) -> Known<Self::Draft>;

    /// `None` if a value is still unknown.
    fn finish(draft: Self::Draft) -> Option<Self>;

    /// Writes the value in the file's format; the only way a secret gets out.
    fn emit<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;
}

/// The type of a struct field: a shape, which makes it required, or an `Option` of one.
pub(crate) trait Slot: Sized {
    type Shape: Shape;
    const REQUIRED: bool;

    fn settle(draft: Known<DraftOf<Self>>) -> Option<Self>;
    fn shape(&self) -> Option<&Self::Shape>;
}

pub(crate) type DraftOf<T> = <<T as Slot>::Shape as Shape>::Draft;

impl<T: Shape> Slot for T {
    type Shape = T;
    const REQUIRED: bool = true;

    fn settle(draft: Known<T::Draft>) -> Option<Self> {
        match draft {
            Known::Ready(draft) => T::finish(draft),
            Known::Later | Known::Absent | Known::Faulty => None,
        }
    }

    fn shape(&self) -> Option<&T> {
        Some(self)
    }
}

impl<T: Shape> Slot for Option<T> {
    type Shape = T;
    const REQUIRED: bool = false;

    fn settle(draft: Known<T::Draft>) -> Option<Self> {
        match draft {
            Known::Ready(draft) => T::finish(draft).map(Some),
            Known::Absent => Some(None),
            Known::Later | Known::Faulty => None,
        }
    }

    fn shape(&self) -> Option<&T> {
        self.as_ref()
    }
}

/// Walks a tree, tracks its position, and collects the faults.
#[derive(Default)]
pub(crate) struct Reader {
    path: Path,
    faults: Vec<Fault>,
}

impl Reader {
    pub(crate) fn inside<T>(&mut self, step: Step, read: impl FnOnce(&mut Self) -> T) -> T {
        self.path.0.push(step);
        let value = read(self);
        self.path.0.pop();
        value
    }

    /// Records a fault of the current value.
    pub(crate) fn fault(&mut self, message: impl Into<String>) {
        self.faults.push(Fault { path: self.path.clone(), message: message.into() });
    }

    /// Records a fault of an attribute below the current value.
    pub(crate) fn fault_at(&mut self, attributes: &[&str], message: impl Into<String>) {
        let path = attributes.iter().fold(self.path.clone(), |path, name| path.dot(*name));
        self.faults.push(Fault { path, message: message.into() });
    }

    /// Whether reading a part recorded no fault.
    pub(crate) fn without_fault(&mut self, read: impl FnOnce(&mut Self)) -> bool {
        let before = self.faults.len();
        read(self);
        self.faults.len() == before
    }

    pub(crate) fn wrong_type<T>(&mut self, expected: &str, tree: &Tree) -> Known<T> {
        self.fault(format!("must be {expected}, not {}", tree.noun()));
        Known::Faulty
    }

    /// The attributes of an object; only the `known` ones are allowed.
    pub(crate) fn object<'a>(&mut self, tree: &'a Tree, known: &[&str]) -> Option<&'a BTreeMap<String, Tree>> {
        let Tree::Map(entries) = tree else {
            self.fault(format!("must be an object, not {}", tree.noun()));
            return None;
        };
        for name in entries.keys().filter(|name| !known.contains(&name.as_str())) {
            let listed = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            let message = match names::meant(name, known.iter().copied()) {
                Some(nearest) => format!("there is no such attribute; did you mean `{nearest}`? There are {listed}"),
                None => format!("there is no such attribute; there are {listed}"),
            };
            self.fault_at(&[name], message);
        }
        Some(entries)
    }

    pub(crate) fn attribute<T: Slot>(
        &mut self,
        entries: &BTreeMap<String, Tree>,
        name: &'static str,
    ) -> Known<DraftOf<T>> {
        let known = match entries.get(name) {
            None => Known::Absent,
            Some(tree) => self.inside(Step::Attribute(name.to_owned()), |reader| read::<T::Shape>(tree, reader)),
        };
        if T::REQUIRED && matches!(known, Known::Absent) {
            self.fault_at(&[name], "is required");
            return Known::Faulty;
        }
        known
    }
}

fn read<T: Shape>(tree: &Tree, reader: &mut Reader) -> Known<T::Draft> {
    match tree {
        Tree::Null => Known::Absent,
        Tree::Later => Known::Later,
        tree => T::draft(tree, reader),
    }
}

/// Parses a whole input.
///
/// # Errors
/// Every fault in it.
pub(crate) fn parse<T: Shape>(tree: &Tree) -> Result<Parsed<T>, Faults> {
    let mut reader = Reader::default();
    let known = read::<T>(tree, &mut reader);
    if matches!(known, Known::Absent) {
        reader.fault(format!("must be {}, not null", with_article(&T::noun())));
    }
    if let Some(faults) = Faults::of(reader.faults) {
        return Err(faults);
    }
    Ok(match known {
        Known::Ready(draft) => T::finish(draft).map_or(Parsed::Pending, Parsed::Ready),
        Known::Later | Known::Absent | Known::Faulty => Parsed::Pending,
    })
}

/// Parses one attribute of an object before the kind of object is known. `None` if it is not set, or if there is no
/// object at all.
///
/// # Errors
/// Every fault in the attribute.
pub(crate) fn parse_attribute<T: Shape>(tree: &Tree, name: &str) -> Result<Option<Parsed<T>>, Faults> {
    let Tree::Map(entries) = tree else { return Ok(None) };
    match entries.get(name) {
        None | Some(Tree::Null) => Ok(None),
        Some(value) => parse::<T>(value).map(Some).map_err(|faults| faults.below(name)),
    }
}

/// The attributes of an object and its nested objects as a nested Markdown list.
pub(crate) fn description<T: Shape>() -> String {
    description_without::<T>(&[])
}

/// The same, without the contents of attributes that are described elsewhere.
pub(crate) fn description_without<T: Shape>(closed: &[&str]) -> String {
    fn list(attributes: &[Attribute], closed: &[&str], depth: usize, page: &mut String) {
        for Attribute { name, noun, required, doc, rule, attributes } in attributes {
            let presence = if *required { "required" } else { "optional" };
            let doc = doc.split_whitespace().collect::<Vec<_>>().join(" ");
            let rule = match rule.as_str() {
                "" => String::new(),
                rule if noun.starts_with("list of") => format!(" Each must be {rule}."),
                rule => format!(" Must be {rule}."),
            };
            // Writing to a String cannot fail.
            let _ = writeln!(page, "{:indent$}- `{name}` ({noun}, {presence}) {doc}{rule}", "", indent = depth * 2);
            if !closed.contains(name) {
                list(attributes, closed, depth + 1, page);
            }
        }
    }
    let mut page = String::new();
    list(&T::attributes(), closed, 0, &mut page);
    page
}

fn with_article(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {noun}")
}

/// Adapts a shape for a serializer. Private to this module, so that a secret has no other way out.
pub(crate) struct Emitted<'a, T>(pub(crate) &'a T);

impl<T: Shape> Serialize for Emitted<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.emit(serializer)
    }
}

impl Shape for bool {
    type Draft = Self;

    fn noun() -> String {
        "bool".to_owned()
    }

    fn draft(tree: &Tree, reader: &mut Reader) -> Known<Self> {
        match tree {
            Tree::Bool(value) => Known::Ready(*value),
            other => reader.wrong_type("a bool", other),
        }
    }

    fn finish(draft: Self) -> Option<Self> {
        Some(draft)
    }

    fn emit<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(*self)
    }
}

impl<T: Shape> Shape for Vec<T> {
    type Draft = Vec<Known<T::Draft>>;

    fn noun() -> String {
        format!("list of {}", T::noun())
    }

    fn rule() -> String {
        T::rule()
    }

    fn draft(tree: &Tree, reader: &mut Reader) -> Known<Self::Draft> {
        let Tree::List(items) = tree else {
            return reader.wrong_type("a list", tree);
        };
        let read_item = |(index, item)| {
            reader.inside(Step::Index(index), |reader| {
                let known = read::<T>(item, reader);
                if matches!(known, Known::Absent) {
                    reader.fault("must not be null");
                }
                known
            })
        };
        Known::Ready((0..).zip(items).map(read_item).collect())
    }

    fn finish(draft: Self::Draft) -> Option<Self> {
        draft.into_iter().map(T::settle).collect()
    }

    fn emit<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Emitted))
    }
}

/// The text of a tree, with a fault that explains the usual mistake.
pub(crate) fn text_of<'a>(tree: &'a Tree, reader: &mut Reader) -> Option<&'a str> {
    match tree {
        Tree::Text(text) => Some(text),
        Tree::Number(_) => {
            reader.fault("must be a string, not a number; put it in quotes");
            None
        }
        other => {
            reader.fault(format!("must be a string, not {}", other.noun()));
            None
        }
    }
}

/// The result of a rule with no hint for a text that breaks it.
pub(crate) fn holds(rule: bool) -> Result<(), String> {
    if rule { Ok(()) } else { Err(String::new()) }
}

/// Serializes a field of an object; omitted if absent.
pub(crate) fn emit_field<T: Slot, M: serde::ser::SerializeMap>(
    map: &mut M,
    name: &str,
    field: &T,
) -> Result<(), M::Error> {
    match field.shape() {
        Some(shape) => map.serialize_entry(&camel(name), &Emitted(shape)),
        None => Ok(()),
    }
}

pub(crate) fn emit_object<S: Serializer>(
    serializer: S,
    fields: impl FnOnce(&mut S::SerializeMap) -> Result<(), S::Error>,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    fields(&mut map)?;
    map.end()
}

/// `a`, `b` or `c`, each in backticks.
pub(crate) fn one_of(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}
