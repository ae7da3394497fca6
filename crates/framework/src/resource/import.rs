//! Import ids: an object's identity as one text.

use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::model::{Model, Rule};
use crate::path::Path;
use crate::schema::Attribute;
use crate::value::{Number, Type, Value};

/// The identity that an id names, by the identity's own declaration (see `Resource::import_id`). `form` is how an id is
/// written, for the message.
pub(super) fn identity<I: Model>(id: &str, form: &str) -> std::result::Result<I, String> {
    let shape = Shape::of::<I>();
    let readings = shape.readings(id);
    let mut nearest: Option<Diagnostics> = None;
    for reading in &readings {
        let mut faults = Diagnostics::new();
        match I::decode(&shape.object(reading), &Path::root(), &mut faults) {
            Some(identity) if !faults.has_errors() => return Ok(identity),
            _ => {}
        }
        // Which attribute was meant is not known: of equal readings the first, which takes all that was given as meant.
        if nearest.as_ref().is_none_or(|nearest| faults.0.len() < nearest.0.len()) {
            nearest = Some(faults);
        }
    }
    let why = nearest.unwrap_or_default().0.iter().map(Diagnostic::detail).collect::<Vec<_>>().join(" ");
    let space = if why.is_empty() { "" } else { " " };
    Err(format!("{why}{space}Write it as {form}."))
}

/// The id that names an identity; `None` if a part of it is missing.
pub(super) fn id<I: Model>(identity: &Value) -> Option<String> {
    let shape = Shape::of::<I>();
    let part = |name: &String| written(identity.attribute(name)?);
    let parts: Option<Vec<String>> = shape.parts.iter().map(|names| names.iter().find_map(part)).collect();
    let id = parts?.join("/");
    Some(match shape.behind.as_ref().and_then(part) {
        Some(behind) => format!("{id}@{behind}"),
        None => id,
    })
}

/// What an id says, attribute by attribute.
type Reading<'a> = Vec<(&'a str, &'a str)>;

/// How an identity is written as one text.
struct Shape {
    attributes: Vec<Attribute>,
    /// The parts between slashes, each with the attributes that it may be.
    parts: Vec<Vec<String>>,
    /// What may follow an `@`.
    behind: Option<String>,
}

impl Shape {
    fn of<I: Model>() -> Self {
        let attributes = I::attributes();
        let choices: Vec<&[&str]> = I::rules()
            .iter()
            .filter_map(|rule| match rule {
                Rule::ExactlyOneOf(names) => Some(*names),
                _ => None,
            })
            .collect();
        let mut parts: Vec<Vec<String>> = Vec::new();
        let mut behind = None;
        for attribute in &attributes {
            let name = attribute.name.as_str();
            if let Some(choice) = choices.iter().find(|names| names.contains(&name)) {
                if choice.first() == Some(&name) {
                    parts.push(choice.iter().map(|name| (*name).to_owned()).collect());
                }
            } else if attribute.required {
                parts.push(vec![attribute.name.clone()]);
            } else {
                behind = Some(attribute.name.clone());
            }
        }
        Self { attributes, parts, behind }
    }

    /// Every way to read an id. An `@` may belong to the last part just as well.
    fn readings<'a>(&'a self, id: &'a str) -> Vec<Reading<'a>> {
        let mut readings = Vec::new();
        if let (Some(name), Some((parts, behind))) = (&self.behind, id.rsplit_once('@')) {
            for mut reading in self.without_behind(parts) {
                reading.push((name, behind));
                readings.push(reading);
            }
        }
        // With nothing behind it, an `@` is an unfinished id and no part of a name.
        if self.behind.is_none() || !id.ends_with('@') {
            readings.extend(self.without_behind(id));
        }
        readings
    }

    fn without_behind<'a>(&'a self, id: &'a str) -> Vec<Reading<'a>> {
        // The last part may hold slashes of its own, as ARNs do.
        let given: Vec<&str> = id.splitn(self.parts.len().max(1), '/').collect();
        if given.len() != self.parts.len() || given.iter().any(|part| part.is_empty()) {
            return Vec::new();
        }
        let mut readings: Vec<Reading<'a>> = vec![Vec::new()];
        for (names, part) in self.parts.iter().zip(given) {
            let with = |reading: &Reading<'a>| -> Vec<Reading<'a>> {
                let one = |name: &'a String| reading.iter().copied().chain([(name.as_str(), part)]).collect();
                names.iter().map(one).collect()
            };
            readings = readings.iter().flat_map(with).collect();
        }
        readings
    }

    fn object(&self, reading: &Reading<'_>) -> Value {
        let said: BTreeMap<&str, &str> = reading.iter().copied().collect();
        Value::map(self.attributes.iter().map(|attribute| {
            let value = said.get(attribute.name.as_str()).map_or(Value::Null, |text| read(text, &attribute.kind.ty()));
            (attribute.name.clone(), value)
        }))
    }
}

/// A part as a value of the type. What does not fit stays a text, and is refused as such.
fn read(text: &str, ty: &Type) -> Value {
    match ty {
        Type::Number => text.parse::<Number>().map_or_else(|_| Value::from(text), Value::Number),
        Type::Bool => text.parse::<bool>().map_or_else(|_| Value::from(text), Value::from),
        _ => Value::from(text),
    }
}

/// A value as a part of an id; `None` for null.
fn written(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Bounded;

    #[derive(Clone, Debug, PartialEq, Model)]
    #[model(exactly_one_of(lamp, bell))]
    struct Fitting {
        /// House.
        house: String,
        /// Floor.
        floor: Bounded<0, 9>,
        /// Lamp: ends with `W`.
        lamp: Option<Lamp>,
        /// Bell.
        bell: Option<Bounded<1, 9>>,
        /// Street.
        street: Option<Street>,
    }

    #[derive(Clone, Debug, PartialEq)]
    struct Lamp(String);

    #[derive(Clone, Debug, PartialEq)]
    struct Street(String);

    impl crate::model::Text for Lamp {
        const NOUN: &'static str = "lamp";

        fn parse(text: &str) -> Result<Self, String> {
            text.ends_with('W').then(|| Self(text.to_owned())).ok_or_else(|| format!("`{text}` is no lamp."))
        }

        fn text(&self) -> &str {
            &self.0
        }
    }

    impl crate::model::Text for Street {
        const NOUN: &'static str = "street";

        fn parse(text: &str) -> Result<Self, String> {
            text.starts_with("st-").then(|| Self(text.to_owned())).ok_or_else(|| format!("`{text}` is no street."))
        }

        fn text(&self) -> &str {
            &self.0
        }
    }

    crate::text_field!(Lamp, Street);

    fn fitting(lamp: Option<&str>, bell: Option<i64>, street: Option<&str>) -> Fitting {
        Fitting {
            house: "h".to_owned(),
            floor: Bounded::new(2).expect("a floor"),
            lamp: lamp.map(|text| Lamp(text.to_owned())),
            bell: bell.map(|number| Bounded::new(number).expect("a bell")),
            street: street.map(|text| Street(text.to_owned())),
        }
    }

    #[test]
    fn an_id_gives_what_the_identity_declares() {
        for (id, expected) in [
            ("h/2/60W", fitting(Some("60W"), None, None)),
            ("h/2/60W@st-a", fitting(Some("60W"), None, Some("st-a"))),
            ("h/2/3", fitting(None, Some(3), None)),
            ("h/2/a/b@c W", fitting(Some("a/b@c W"), None, None)),
            ("h/2/a@b W@st-a", fitting(Some("a@b W"), None, Some("st-a"))),
        ] {
            let there = identity::<Fitting>(id, "`H/F/X`");
            assert_eq!(there, Ok(expected), "{id}");
            let back = super::id::<Fitting>(&Value::Map(there.expect("an identity").encode()));
            assert_eq!(back.as_deref(), Some(id));
        }
    }

    #[test]
    fn an_identity_with_a_part_missing_has_no_id() {
        let mut entries = fitting(None, Some(3), Some("st-a")).encode();
        entries.insert("bell".to_owned(), Value::Null);
        assert_eq!(super::id::<Fitting>(&Value::Map(entries)), None);
    }

    #[test]
    fn what_is_wrong_with_an_id() {
        for (id, why) in [
            ("", "Write it as `H/F/X`."),
            ("h/2", "Write it as `H/F/X`."),
            ("h//60W", "Write it as `H/F/X`."),
            ("h/2/60W@", "`` is no street. Write it as `H/F/X`."),
            ("h/2/60W@nowhere", "`nowhere` is no street. Write it as `H/F/X`."),
            ("h/12/60W", "`floor` is 12, but must be between 0 and 9. Write it as `H/F/X`."),
            ("h/2/60", "`60` is no lamp. Write it as `H/F/X`."),
        ] {
            assert_eq!(identity::<Fitting>(id, "`H/F/X`"), Err(why.to_owned()), "{id}");
        }
    }
}
