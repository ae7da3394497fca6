//! Writing.

use rmp::encode as write;

use super::{PLAIN_UNKNOWN, REFINED_UNKNOWN, refinement};
use crate::path::{Path, Step};
use crate::value::{Number, Refinement, Type, Value};

/// A longer prefix says no more that anyone would use; go-cty cuts here too.
const LONGEST_PREFIX: usize = 256;

/// The value does not fit the type: a fault of its author.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at `{path}`: {fault}")]
pub struct EncodeError {
    /// Where in the value.
    pub path: Path,
    /// What is wrong there; names no values.
    pub fault: String,
}

/// Writes `value` as one of `ty`. Attributes that an object leaves out are null.
///
/// # Errors
/// The value is not of the type: where, and of which kind it is instead.
pub fn encode(value: &Value, ty: &Type) -> Result<Vec<u8>, EncodeError> {
    let mut writer = Writer { out: Vec::with_capacity(256), path: Vec::new() };
    writer.value(value, ty)?;
    Ok(writer.out)
}

struct Writer {
    out: Vec<u8>,
    path: Vec<Step>,
}

type Result<T, E = EncodeError> = std::result::Result<T, E>;

/// Writing to memory cannot fail; rmp's signatures are those for any destination.
fn written<T, E>(_: std::result::Result<T, E>) {}

impl Writer {
    fn fault(&self, fault: impl Into<String>) -> EncodeError {
        EncodeError { path: Path(self.path.clone()), fault: fault.into() }
    }

    fn inside(&mut self, step: Step, value: &Value, ty: &Type) -> Result<()> {
        self.path.push(step);
        self.value(value, ty)?;
        self.path.pop();
        Ok(())
    }

    fn length(&self, length: usize) -> Result<u32> {
        u32::try_from(length).map_err(|_| self.fault("there are more elements than the wire can count"))
    }

    fn value(&mut self, value: &Value, ty: &Type) -> Result<()> {
        match (value, ty) {
            (Value::Null, _) => written(write::write_nil(&mut self.out)),
            (Value::Unknown(refinement), ty) => self.unknown(refinement, ty),
            (Value::Dynamic(inner), Type::Dynamic) => {
                let (own, value) = inner.as_ref();
                let notation = own.to_json().to_string();
                written(write::write_array_len(&mut self.out, 2));
                written(write::write_bin(&mut self.out, notation.as_bytes()));
                self.value(value, own)?;
            }
            // A function's argument or result may keep its wrapper although its place has a type.
            (Value::Dynamic(inner), _) if inner.0 == *ty => self.value(&inner.1, ty)?,
            (Value::Bool(value), Type::Bool) => written(write::write_bool(&mut self.out, *value)),
            (Value::Number(number), Type::Number) => self.number(number),
            (Value::String(text), Type::String) => written(write::write_str(&mut self.out, text)),
            (Value::List(elements), Type::List(element)) | (Value::Set(elements), Type::Set(element)) => {
                let length = self.length(elements.len())?;
                written(write::write_array_len(&mut self.out, length));
                for (index, value) in (0_i64..).zip(elements) {
                    self.inside(Step::Index(index), value, element)?;
                }
            }
            (Value::List(elements), Type::Tuple(types)) if elements.len() == types.len() => {
                let length = self.length(elements.len())?;
                written(write::write_array_len(&mut self.out, length));
                for ((index, value), ty) in (0_i64..).zip(elements).zip(types) {
                    self.inside(Step::Index(index), value, ty)?;
                }
            }
            (Value::Map(entries), Type::Map(element)) => {
                let length = self.length(entries.len())?;
                written(write::write_map_len(&mut self.out, length));
                for (key, value) in entries {
                    written(write::write_str(&mut self.out, key));
                    self.inside(Step::Key(key.clone()), value, element)?;
                }
            }
            (Value::Map(entries), Type::Object { attributes, .. }) => {
                if let Some(name) = entries.keys().find(|name| !attributes.contains_key(*name)) {
                    return Err(self.fault(format!("the schema has no attribute `{name}`")));
                }
                let length = self.length(attributes.len())?;
                written(write::write_map_len(&mut self.out, length));
                for (name, ty) in attributes {
                    written(write::write_str(&mut self.out, name));
                    self.inside(Step::Attribute(name.clone()), entries.get(name).unwrap_or(&Value::Null), ty)?;
                }
            }
            (value, ty) => {
                return Err(self.fault(format!("{} does not fit the type `{}`", kind(value), ty.to_json())));
            }
        }
        Ok(())
    }

    /// An integer when it is one, a float when no digit is lost, and text otherwise, as go-cty chooses.
    fn number(&mut self, number: &Number) {
        if let Some(integer) = number.as_i64() {
            written(write::write_sint(&mut self.out, integer));
        } else if let Some(float) = number.as_exact_f64().filter(|float| float.fract() != 0.0) {
            written(write::write_f64(&mut self.out, float));
        } else {
            written(write::write_str(&mut self.out, number.as_str()));
        }
    }

    /// go-cty refuses a promise that is not for the type in question, so only fitting ones are written.
    fn unknown(&mut self, promised: &Refinement, ty: &Type) {
        let mut body = Writer { out: Vec::new(), path: Vec::new() };
        let mut count = 0;
        let mut key = |body: &mut Writer, key: i64| {
            count += 1;
            written(write::write_sint(&mut body.out, key));
        };
        if *ty != Type::Dynamic
            && let Some(null) = promised.null
        {
            key(&mut body, refinement::NULLNESS);
            written(write::write_bool(&mut body.out, null));
        }
        if *ty == Type::String
            && let Some(prefix) = promised.prefix.as_deref().filter(|prefix| !prefix.is_empty())
        {
            key(&mut body, refinement::PREFIX);
            written(write::write_str(&mut body.out, &prefix[..prefix.floor_char_boundary(LONGEST_PREFIX)]));
        }
        if *ty == Type::Number {
            let bounds =
                [(refinement::NUMBER_MIN, &promised.number_min), (refinement::NUMBER_MAX, &promised.number_max)];
            for (which, bound) in bounds {
                if let Some((number, inclusive)) = bound {
                    key(&mut body, which);
                    written(write::write_array_len(&mut body.out, 2));
                    body.number(number);
                    written(write::write_bool(&mut body.out, *inclusive));
                }
            }
        }
        if matches!(ty, Type::List(_) | Type::Set(_) | Type::Map(_)) {
            let lengths =
                [(refinement::LENGTH_MIN, promised.length_min), (refinement::LENGTH_MAX, promised.length_max)];
            for (which, length) in lengths {
                if let Some(length) = length {
                    key(&mut body, which);
                    written(write::write_uint(&mut body.out, length));
                }
            }
        }
        if count == 0 {
            written(write::write_ext_meta(&mut self.out, 1, PLAIN_UNKNOWN));
            self.out.push(0);
            return;
        }
        // Six short entries at the most: the count fits the short map header, the length fits 32 bits.
        let mut whole = vec![0x80 | count];
        whole.append(&mut body.out);
        written(write::write_ext_meta(&mut self.out, u32::try_from(whole.len()).unwrap_or(u32::MAX), REFINED_UNKNOWN));
        self.out.append(&mut whole);
    }
}

/// What a value is, for messages that must not show it.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Unknown(_) => "an unknown value",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::List(_) => "a list",
        Value::Set(_) => "a set",
        Value::Map(_) => "a map or object",
        Value::Dynamic(_) => "a value with a type of its own",
    }
}
