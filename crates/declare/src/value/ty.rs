//! Types, and their JSON notation.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

/// The type of a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Type {
    /// True or false.
    Bool,
    /// A number.
    Number,
    /// Text.
    String,
    /// Any type; the value carries its own.
    Dynamic,
    /// Elements of one type, in order.
    List(Box<Type>),
    /// Elements of one type, without order or repetition.
    Set(Box<Type>),
    /// Elements of one type, by key.
    Map(Box<Type>),
    /// Elements each of its own type, in order.
    Tuple(Vec<Type>),
    /// Named attributes, each of its own type.
    Object {
        /// The type of each attribute.
        attributes: BTreeMap<String, Type>,
        /// The attributes that a conversion may leave out. Only type constraints have any.
        optional: BTreeSet<String>,
    },
}

/// The JSON is no type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a type in Terraform's notation")]
pub struct InvalidType(String);

impl Type {
    /// A list of `element`.
    pub fn list(element: Type) -> Self {
        Self::List(Box::new(element))
    }

    /// A set of `element`.
    pub fn set(element: Type) -> Self {
        Self::Set(Box::new(element))
    }

    /// A map of `element`.
    pub fn map(element: Type) -> Self {
        Self::Map(Box::new(element))
    }

    /// An object without optional attributes.
    pub fn object<K: Into<String>>(attributes: impl IntoIterator<Item = (K, Type)>) -> Self {
        Self::Object {
            attributes: attributes.into_iter().map(|(name, ty)| (name.into(), ty)).collect(),
            optional: BTreeSet::new(),
        }
    }

    /// Terraform's JSON notation, such as `["list","string"]`.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Bool => json!("bool"),
            Self::Number => json!("number"),
            Self::String => json!("string"),
            Self::Dynamic => json!("dynamic"),
            Self::List(element) => json!(["list", element.to_json()]),
            Self::Set(element) => json!(["set", element.to_json()]),
            Self::Map(element) => json!(["map", element.to_json()]),
            Self::Tuple(elements) => json!(["tuple", elements.iter().map(Self::to_json).collect::<Vec<_>>()]),
            Self::Object { attributes, optional } => {
                let attributes: serde_json::Map<String, Json> =
                    attributes.iter().map(|(name, ty)| (name.clone(), ty.to_json())).collect();
                if optional.is_empty() {
                    json!(["object", attributes])
                } else {
                    json!(["object", attributes, optional])
                }
            }
        }
    }

    /// Reads Terraform's JSON notation.
    ///
    /// # Errors
    /// When the JSON is no type.
    pub fn from_json(json: &Json) -> Result<Self, InvalidType> {
        read(json).ok_or_else(|| InvalidType(json.to_string().chars().take(200).collect()))
    }
}

fn read(json: &Json) -> Option<Type> {
    if let Some(name) = json.as_str() {
        return match name {
            "bool" => Some(Type::Bool),
            "number" => Some(Type::Number),
            "string" => Some(Type::String),
            "dynamic" => Some(Type::Dynamic),
            _ => None,
        };
    }
    let parts = json.as_array()?;
    match (parts.first()?.as_str()?, &parts[1..]) {
        ("list", [element]) => Some(Type::list(read(element)?)),
        ("set", [element]) => Some(Type::set(read(element)?)),
        ("map", [element]) => Some(Type::map(read(element)?)),
        ("tuple", [elements]) => Some(Type::Tuple(elements.as_array()?.iter().map(read).collect::<Option<_>>()?)),
        ("object", [attributes, rest @ ..]) => {
            let attributes = attributes
                .as_object()?
                .iter()
                .map(|(name, ty)| Some((name.clone(), read(ty)?)))
                .collect::<Option<BTreeMap<_, _>>>()?;
            let optional = match rest {
                [] => BTreeSet::new(),
                [names] => names
                    .as_array()?
                    .iter()
                    .map(|name| name.as_str().map(str::to_owned))
                    .collect::<Option<BTreeSet<_>>>()?,
                _ => return None,
            };
            optional.iter().all(|name| attributes.contains_key(name)).then_some(Type::Object { attributes, optional })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notation_round_trips() {
        for text in [
            r#""string""#,
            r#"["list",["set","number"]]"#,
            r#"["tuple",["bool","dynamic"]]"#,
            r#"["object",{"a":"string","b":["map","bool"]}]"#,
            r#"["object",{"a":"string","b":"bool"},["b"]]"#,
        ] {
            let json: Json = serde_json::from_str(text).expect("JSON");
            assert_eq!(Type::from_json(&json).expect("a type").to_json(), json);
        }
    }

    #[test]
    fn refused() {
        for text in [r#""text""#, "[]", r#"["list"]"#, r#"["object",{"a":"string"},["b"]]"#, "3"] {
            let json: Json = serde_json::from_str(text).expect("JSON");
            assert!(Type::from_json(&json).is_err(), "{text}");
        }
    }
}
