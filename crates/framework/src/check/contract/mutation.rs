//! Configurations changed at random, and values in place of unknown ones.

use std::collections::BTreeMap;

use super::chance::Chance;
use super::message::gather;
use crate::schema::{Attribute, FunctionSignature, Kind, Nesting};
use crate::value::{Number, Refinement, Type, Value};

/// Texts that a person may write by mistake, or that are right somewhere else.
const TEXTS: &[&str] = &[
    "",
    " ",
    "a",
    "-",
    "\n",
    "null",
    "true",
    "-1",
    "0",
    "1.32",
    "v1.32.1-eks-1234567",
    "36h",
    "1h30m",
    "7d",
    "99999999999999999999d",
    "9999999999999h",
    "2026-11-21T15:00:00Z",
    "2026-11-21T15:00:00+14:00",
    "-009999-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "2026-02-30",
    "10.0.0.0/8",
    "10.0.0.1/8",
    "0.0.0.0/0",
    "300.1.1.1/33",
    "fd00::/8",
    "::/0",
    "10.0.0.10",
    "us-east-1",
    "eu-nowhere-9",
    "arn:aws:iam::123456789012:role/path/name",
    "arn:aws:eks:us-east-1:123456789012:cluster/one",
    "arn:",
    "arn:aws:iam::::::",
    "mi-0123456789abcdef0",
    "i-0123456789abcdef0",
    "https://[::1]:443/a?b=c#d",
    "http://",
    "../../etc/passwd",
    "${path.module}",
    "%s%n{}{{ }}",
    "{\"a\":[1,2,{}]}",
    "a: [b, {c: d}]\n---\n- e",
    "Ünïcödé 名前 🦀",
    "e\u{301}",
    "\u{0}",
    "\u{feff}text",
    "'\"`$(id)",
    "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n",
];

/// Numbers at and beyond the edges.
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "2",
    "10",
    "30",
    "1000",
    "1001",
    "65536",
    "-1",
    "0.5",
    "-0.1",
    "1e30",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "1e400",
];

/// Changes configurations of one type.
pub(super) struct Mutator<'a> {
    attributes: &'a [Attribute],
    /// Texts of the example that are no secrets: each is right in at least one place.
    texts: Vec<String>,
}

impl<'a> Mutator<'a> {
    pub(super) fn new(attributes: &'a [Attribute], example: &Value) -> Self {
        let mut texts = Vec::new();
        gather(attributes, example, &mut Vec::new(), &mut texts);
        Self { attributes, texts }
    }

    /// The configuration with up to four changes.
    pub(super) fn mutate(&self, config: &Value, chance: &mut Chance) -> Value {
        let mut changed = config.clone();
        for _ in 0..=chance.below(4) {
            if let Value::Map(entries) = &mut changed {
                self.change(self.attributes, entries, chance);
            }
        }
        changed
    }

    /// Changes one argument, or something inside of it.
    fn change(&self, attributes: &[Attribute], entries: &mut BTreeMap<String, Value>, chance: &mut Chance) {
        let arguments: Vec<&Attribute> = attributes.iter().filter(|it| it.required || it.optional).collect();
        let Some(attribute) = chance.pick(&arguments) else { return };
        let slot = entries.entry(attribute.name.clone()).or_insert(Value::Null);
        if let (Kind::Nested { nesting, attributes }, false) = (&attribute.kind, chance.one_in(3)) {
            match (nesting, &mut *slot) {
                (Nesting::Single, Value::Map(entries)) => return self.change(attributes, entries, chance),
                (Nesting::Map, Value::Map(entries)) if !entries.is_empty() => {
                    let keys: Vec<String> = entries.keys().cloned().collect();
                    let key = chance.pick(&keys).cloned().unwrap_or_default();
                    if let Some(Value::Map(entry)) = entries.get_mut(&key) {
                        return self.change(attributes, entry, chance);
                    }
                }
                (Nesting::List, Value::List(elements)) if !elements.is_empty() => {
                    let index = chance.below(elements.len());
                    if let Some(Value::Map(entry)) = elements.get_mut(index) {
                        return self.change(attributes, entry, chance);
                    }
                }
                _ => {}
            }
        }
        *slot = match chance.below(6) {
            0 | 1 => Value::Null,
            2 => Value::unknown(),
            _ => self.kind(&attribute.kind, chance, 0),
        };
    }

    fn kind(&self, kind: &Kind, chance: &mut Chance, depth: usize) -> Value {
        match kind {
            Kind::Type(ty) => self.of_type(ty, chance, depth),
            Kind::Nested { nesting, attributes } => {
                let count = chance.below(3);
                let mut objects = Vec::new();
                for _ in 0..count.max(usize::from(*nesting == Nesting::Single)) {
                    objects.push(self.object(attributes, chance, depth));
                }
                match nesting {
                    Nesting::Single => objects.pop().unwrap_or(Value::Null),
                    Nesting::List => Value::List(objects),
                    Nesting::Set => Value::set(objects),
                    Nesting::Map => {
                        Value::map(objects.into_iter().enumerate().map(|(index, it)| (format!("key{index}"), it)))
                    }
                }
            }
        }
    }

    fn object(&self, attributes: &[Attribute], chance: &mut Chance, depth: usize) -> Value {
        Value::map(attributes.iter().map(|attribute| {
            let value = match chance.below(6) {
                _ if !(attribute.required || attribute.optional) || depth > 3 => Value::Null,
                0 | 1 if attribute.optional => Value::Null,
                2 => Value::unknown(),
                _ => self.kind(&attribute.kind, chance, depth + 1),
            };
            (attribute.name.clone(), value)
        }))
    }

    fn of_type(&self, ty: &Type, chance: &mut Chance, depth: usize) -> Value {
        let elements = |element: &Type, chance: &mut Chance| -> Vec<Value> {
            let count = chance.below(3);
            (0..count)
                .map(|_| match chance.below(12) {
                    0 => Value::Null,
                    1 => Value::unknown(),
                    _ => self.of_type(element, chance, depth + 1),
                })
                .collect()
        };
        match ty {
            Type::Bool => Value::Bool(chance.one_in(2)),
            Type::Number => {
                chance.pick(NUMBERS).and_then(|text| text.parse::<Number>().ok()).map_or(Value::Null, Value::Number)
            }
            Type::String => self.text(chance),
            Type::List(element) => Value::List(elements(element, chance)),
            Type::Set(element) => Value::set(elements(element, chance)),
            Type::Map(element) => Value::map(
                elements(element, chance)
                    .into_iter()
                    .map(|entry| (chance.pick(TEXTS).copied().unwrap_or_default().to_owned(), entry))
                    .collect::<Vec<_>>(),
            ),
            Type::Tuple(types) => Value::List(types.iter().map(|ty| self.of_type(ty, chance, depth + 1)).collect()),
            Type::Object { attributes, .. } => Value::map(
                attributes
                    .iter()
                    .map(|(name, ty)| (name.clone(), self.of_type(ty, chance, depth + 1)))
                    .collect::<Vec<_>>(),
            ),
            Type::Dynamic => {
                let choices = [
                    Type::String,
                    Type::Bool,
                    Type::Number,
                    Type::list(Type::String),
                    Type::Tuple(vec![Type::String, Type::Number]),
                    Type::object([("name", Type::String), ("on", Type::Bool)]),
                ];
                let ty = chance.pick(&choices).cloned().unwrap_or(Type::String);
                let value = if depth > 3 { Value::Null } else { self.of_type(&ty, chance, depth + 1) };
                Value::Dynamic(Box::new((ty, value)))
            }
        }
    }

    fn text(&self, chance: &mut Chance) -> Value {
        let text = match chance.below(10) {
            0..=3 => chance.pick(&self.texts).cloned().unwrap_or_default(),
            4 => "x".repeat(chance.below(3_000)),
            // Nearly right: an example cut short, or with something behind it.
            5 => {
                let text = chance.pick(&self.texts).cloned().unwrap_or_default();
                text.chars().take(chance.below(text.chars().count() + 1)).collect()
            }
            6 => {
                let text = chance.pick(&self.texts).cloned().unwrap_or_default();
                text + chance.pick(TEXTS).copied().unwrap_or_default()
            }
            _ => chance.pick(TEXTS).copied().unwrap_or_default().to_owned(),
        };
        Value::String(text)
    }
}

/// The texts that people write by mistake.
pub(super) fn texts() -> impl Iterator<Item = &'static str> {
    TEXTS.iter().copied().filter(|text| !text.is_empty())
}

/// Whether the text is one that the mutator itself spreads.
pub(super) fn is_common(text: &str) -> bool {
    TEXTS.contains(&text) || text.chars().all(|letter| letter == 'x')
}

/// A planned state as it might be after apply: something of its type in place of everything unknown.
pub(super) fn plausible(attributes: &[Attribute], planned: &Value, chance: &mut Chance) -> Value {
    let Value::Map(entries) = planned else { return planned.clone() };
    let fill = |attribute: &Attribute, chance: &mut Chance| {
        let value = entries.get(&attribute.name).unwrap_or(&Value::Null);
        let filled = match (&attribute.kind, value) {
            (Kind::Nested { .. }, Value::Unknown(_)) if !attribute.never_null => Value::Null,
            (Kind::Nested { nesting: Nesting::Single, attributes }, Value::Unknown(_)) => {
                let unknown = attributes.iter().map(|it| (it.name.clone(), Value::Unknown(Refinement::not_null())));
                plausible(attributes, &Value::map(unknown), chance)
            }
            (Kind::Nested { nesting, attributes }, value) => {
                each(*nesting, value, |element| plausible(attributes, element, chance))
            }
            (Kind::Type(ty), value) => fill_type(&attribute.name, ty, value, chance),
        };
        if attribute.write_only { Value::Null } else { filled }
    };
    let filled: Vec<(String, Value)> =
        attributes.iter().map(|attribute| (attribute.name.clone(), fill(attribute, chance))).collect();
    Value::map(filled)
}

/// A configuration as it is once everything that it refers to exists.
pub(super) fn known(attributes: &[Attribute], config: &Value, chance: &mut Chance) -> Value {
    plausible(&configured(attributes), config, chance)
}

/// These attributes as a configuration has them: what is write-only is a part of it, unlike of a state.
fn configured(attributes: &[Attribute]) -> Vec<Attribute> {
    let kind = |kind: &Kind| match kind {
        Kind::Nested { nesting, attributes } => Kind::Nested { nesting: *nesting, attributes: configured(attributes) },
        Kind::Type(ty) => Kind::Type(ty.clone()),
    };
    let one = |it: &Attribute| Attribute { write_only: false, kind: kind(&it.kind), ..it.clone() };
    attributes.iter().map(one).collect()
}

fn each(nesting: Nesting, value: &Value, mut change: impl FnMut(&Value) -> Value) -> Value {
    match (nesting, value) {
        (Nesting::Single, value @ Value::Map(_)) => change(value),
        (Nesting::List, Value::List(elements)) => Value::List(elements.iter().map(change).collect()),
        (Nesting::Set, Value::Set(elements)) => Value::set(elements.iter().map(change).collect::<Vec<_>>()),
        (Nesting::Map, Value::Map(entries)) => {
            Value::map(entries.iter().map(|(key, entry)| (key.clone(), change(entry))).collect::<Vec<_>>())
        }
        (Nesting::List, Value::Unknown(_)) => Value::List(Vec::new()),
        (Nesting::Set, Value::Unknown(_)) => Value::Set(Vec::new()),
        (Nesting::Map, Value::Unknown(_)) => Value::Map(BTreeMap::new()),
        (_, Value::Unknown(_)) => Value::Null,
        (_, other) => other.clone(),
    }
}

fn fill_type(name: &str, ty: &Type, value: &Value, chance: &mut Chance) -> Value {
    let mut inner = |value: &Value, ty: &Type| fill_type(name, ty, value, chance);
    match (ty, value) {
        (Type::List(ty), Value::List(elements)) => {
            return Value::List(elements.iter().map(|element| inner(element, ty)).collect());
        }
        (Type::Set(ty), Value::Set(elements)) => {
            return Value::set(elements.iter().map(|element| inner(element, ty)).collect::<Vec<_>>());
        }
        (Type::Map(ty), Value::Map(entries)) => {
            return Value::map(entries.iter().map(|(key, it)| (key.clone(), inner(it, ty))).collect::<Vec<_>>());
        }
        (Type::Object { attributes, .. }, Value::Map(entries)) => {
            return Value::map(
                attributes
                    .iter()
                    .map(|(key, ty)| (key.clone(), inner(entries.get(key).unwrap_or(&Value::Null), ty)))
                    .collect::<Vec<_>>(),
            );
        }
        (Type::Tuple(types), Value::List(elements)) => {
            return Value::List(elements.iter().zip(types).map(|(element, ty)| inner(element, ty)).collect());
        }
        (Type::Dynamic, Value::Dynamic(it)) => {
            return Value::Dynamic(Box::new((it.0.clone(), inner(&it.1, &it.0))));
        }
        _ => {}
    }
    let Value::Unknown(refinement) = value else { return value.clone() };
    match ty {
        Type::Bool => Value::Bool(chance.one_in(2)),
        Type::Number => {
            let bound = refinement.number_min.as_ref().or(refinement.number_max.as_ref());
            Value::Number(bound.map_or_else(|| Number::from(1i64), |(number, _)| number.clone()))
        }
        // What exists may be in another region than the provider's own.
        Type::String if name == "region" && chance.one_in(2) => Value::from("eu-central-1"),
        Type::String => Value::from(text_for(name, refinement.prefix.as_deref())),
        Type::List(_) => Value::List(Vec::new()),
        Type::Set(_) => Value::Set(Vec::new()),
        Type::Map(_) | Type::Object { .. } => Value::Map(BTreeMap::new()),
        Type::Tuple(types) => Value::List(types.iter().map(|_| Value::Null).collect()),
        Type::Dynamic => Value::Dynamic(Box::new((Type::String, Value::from("known")))),
    }
}

/// A text that an attribute of this name usually has.
fn text_for(name: &str, prefix: Option<&str>) -> String {
    if let Some(prefix) = prefix {
        return format!("{prefix}known");
    }
    let has = |part: &str| name.split('_').any(|word| word == part);
    let text = if has("arn") {
        "arn:aws:iam::123456789012:role/known"
    } else if has("date") || has("at") || has("time") {
        "2099-01-01T00:00:00Z"
    } else if has("cidr") {
        "10.9.0.0/16"
    } else if has("ip") || has("address") {
        "10.9.0.10"
    } else if has("region") {
        "us-west-2"
    } else if has("endpoint") || has("url") {
        "https://known.example"
    } else if has("version") {
        "1.32"
    } else if has("id") {
        "12345678-1234-4234-8234-123456789012"
    } else {
        "known"
    };
    text.to_owned()
}

/// The parameters of a call with so many arguments, as attributes.
pub(super) fn parameters(signature: &FunctionSignature, count: usize) -> Vec<Attribute> {
    let declared = signature.parameters.iter().map(|parameter| (parameter.name.clone(), parameter));
    let further = count.saturating_sub(signature.parameters.len());
    let variadic = signature
        .variadic
        .iter()
        .flat_map(|parameter| (0..further).map(move |index| (format!("{}{index}", parameter.name), parameter)));
    declared
        .chain(variadic)
        .map(|(name, parameter)| Attribute {
            name,
            kind: Kind::Type(parameter.ty.clone()),
            description: String::new(),
            required: !parameter.allow_null,
            optional: parameter.allow_null,
            computed: false,
            sensitive: false,
            write_only: false,
            deprecation: None,
            replace: false,
            default: None,
            keep: false,
            prefix: None,
            never_null: false,
        })
        .collect()
}
