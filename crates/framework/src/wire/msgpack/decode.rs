//! Reading.

use std::collections::BTreeMap;

use rmp::Marker;

use super::{REFINED_UNKNOWN, refinement};
use crate::path::{Path, Step};
use crate::value::{Number, Refinement, Type, Value};

/// Values nest as deeply as their types do, and no schema comes near this. Without a limit a type that travels inside
/// a dynamic value could exhaust the stack.
const DEEPEST: usize = 128;

/// The bytes are no value of the type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{fault}", place(.path))]
pub struct DecodeError {
    /// Where in the value.
    pub path: Path,
    /// What is wrong there.
    pub fault: String,
}

fn place(path: &Path) -> String {
    if path.is_root() { String::new() } else { format!("at `{path}`: ") }
}

/// Reads one value of `ty`, which must take all of `bytes`.
///
/// # Errors
/// The bytes are no msgpack, or no value of `ty`: what is wrong, and where.
pub fn decode(bytes: &[u8], ty: &Type) -> Result<Value, DecodeError> {
    let mut reader = Reader { rest: bytes, path: Vec::new() };
    let value = reader.value(ty)?;
    if reader.rest.is_empty() { Ok(value) } else { Err(reader.fault("more bytes follow the value")) }
}

struct Reader<'a> {
    rest: &'a [u8],
    path: Vec<Step>,
}

type Result<T, E = DecodeError> = std::result::Result<T, E>;

impl<'a> Reader<'a> {
    fn fault(&self, fault: impl Into<String>) -> DecodeError {
        DecodeError { path: Path(self.path.clone()), fault: fault.into() }
    }

    fn expected(&self, what: &str, found: Marker) -> DecodeError {
        self.fault(format!("{what} was expected, but {} was found", kind(found)))
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let Some((taken, rest)) = self.rest.split_at_checked(count) else {
            return Err(self.fault("the bytes end in the middle of the value"));
        };
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let taken = self.take(N)?;
        let mut array = [0; N];
        array.copy_from_slice(taken);
        Ok(array)
    }

    fn marker(&mut self) -> Result<Marker> {
        let [byte] = self.array()?;
        Ok(Marker::from_u8(byte))
    }

    /// A length in the next 1, 2 or 4 bytes.
    fn length(&mut self, width: usize) -> Result<usize> {
        let length = self.take(width)?.iter().fold(0_u64, |length, byte| (length << 8) | u64::from(*byte));
        usize::try_from(length).map_err(|_| self.fault("a length is too great for this machine"))
    }

    fn value(&mut self, ty: &Type) -> Result<Value> {
        if self.path.len() > DEEPEST {
            return Err(self.fault("the value is nested too deeply"));
        }
        let marker = self.marker()?;
        if marker == Marker::Null {
            return Ok(Value::Null);
        }
        if let Some((code, body)) = self.extension(marker)? {
            return self.unknown(code, body);
        }
        match ty {
            Type::Bool => match marker {
                Marker::True => Ok(Value::Bool(true)),
                Marker::False => Ok(Value::Bool(false)),
                _ => Err(self.expected("true or false", marker)),
            },
            Type::Number => self.number(marker).map(Value::Number),
            Type::String => self.text(marker).map(Value::String),
            Type::List(element) => self.elements(marker, element).map(Value::List),
            Type::Set(element) => self.elements(marker, element).map(Value::set),
            Type::Tuple(types) => self.tuple(marker, types),
            Type::Map(element) => self.map(marker, element),
            Type::Object { attributes, .. } => self.object(marker, attributes),
            Type::Dynamic => self.dynamic(marker),
        }
    }

    fn inside<T>(&mut self, step: Step, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.path.push(step);
        let read = read(self)?;
        self.path.pop();
        Ok(read)
    }

    fn number(&mut self, marker: Marker) -> Result<Number> {
        Ok(match marker {
            Marker::FixPos(value) => Number::from(i64::from(value)),
            Marker::FixNeg(value) => Number::from(i64::from(value)),
            Marker::U8 => Number::from(u64::from(u8::from_be_bytes(self.array()?))),
            Marker::U16 => Number::from(u64::from(u16::from_be_bytes(self.array()?))),
            Marker::U32 => Number::from(u64::from(u32::from_be_bytes(self.array()?))),
            Marker::U64 => Number::from(u64::from_be_bytes(self.array()?)),
            Marker::I8 => Number::from(i64::from(i8::from_be_bytes(self.array()?))),
            Marker::I16 => Number::from(i64::from(i16::from_be_bytes(self.array()?))),
            Marker::I32 => Number::from(i64::from(i32::from_be_bytes(self.array()?))),
            Marker::I64 => Number::from(i64::from_be_bytes(self.array()?)),
            Marker::F32 => {
                let float = f32::from_be_bytes(self.array()?);
                self.float(f64::from(float))?
            }
            Marker::F64 => {
                let float = f64::from_be_bytes(self.array()?);
                self.float(float)?
            }
            _ => match self.text(marker) {
                Ok(text) => text.parse().map_err(|_| self.fault("the text is not a decimal number"))?,
                Err(_) => return Err(self.expected("a number", marker)),
            },
        })
    }

    fn float(&self, float: f64) -> Result<Number> {
        Number::from_exact_f64(float).ok_or_else(|| self.fault("the number is not finite"))
    }

    fn text(&mut self, marker: Marker) -> Result<String> {
        let length = match marker {
            Marker::FixStr(length) => usize::from(length),
            Marker::Str8 | Marker::Bin8 => self.length(1)?,
            Marker::Str16 | Marker::Bin16 => self.length(2)?,
            Marker::Str32 | Marker::Bin32 => self.length(4)?,
            _ => return Err(self.expected("text", marker)),
        };
        let bytes = self.take(length)?;
        String::from_utf8(bytes.to_vec()).map_err(|_| self.fault("the text is not UTF-8"))
    }

    fn array_length(&mut self, marker: Marker, what: &str) -> Result<usize> {
        let count = match marker {
            Marker::FixArray(count) => usize::from(count),
            Marker::Array16 => self.length(2)?,
            Marker::Array32 => self.length(4)?,
            _ => return Err(self.expected(what, marker)),
        };
        self.fits(count)
    }

    fn map_length(&mut self, marker: Marker, what: &str) -> Result<usize> {
        let count = match marker {
            Marker::FixMap(count) => usize::from(count),
            Marker::Map16 => self.length(2)?,
            Marker::Map32 => self.length(4)?,
            _ => return Err(self.expected(what, marker)),
        };
        self.fits(count)
    }

    /// An element takes a byte at the least: a count beyond what is left is a lie, and nothing is allocated for it.
    fn fits(&self, count: usize) -> Result<usize> {
        if count > self.rest.len() {
            return Err(self.fault("the bytes end in the middle of the value"));
        }
        Ok(count)
    }

    fn elements(&mut self, marker: Marker, element: &Type) -> Result<Vec<Value>> {
        let count = self.array_length(marker, "a list")?;
        (0_i64..).take(count).map(|index| self.inside(Step::Index(index), |reader| reader.value(element))).collect()
    }

    fn tuple(&mut self, marker: Marker, types: &[Type]) -> Result<Value> {
        let count = self.array_length(marker, "a list of fixed length")?;
        if count != types.len() {
            return Err(self.fault(format!("{} elements were expected, but {count} were found", types.len())));
        }
        (0_i64..)
            .zip(types)
            .map(|(index, ty)| self.inside(Step::Index(index), |reader| reader.value(ty)))
            .collect::<Result<_>>()
            .map(Value::List)
    }

    fn map(&mut self, marker: Marker, element: &Type) -> Result<Value> {
        let count = self.map_length(marker, "a map")?;
        let mut entries = BTreeMap::new();
        for _ in 0..count {
            let key = self.key()?;
            let value = self.inside(Step::Key(key.clone()), |reader| reader.value(element))?;
            self.enter(&mut entries, key, value)?;
        }
        Ok(Value::Map(entries))
    }

    fn object(&mut self, marker: Marker, attributes: &BTreeMap<String, Type>) -> Result<Value> {
        let count = self.map_length(marker, "an object")?;
        let mut entries = BTreeMap::new();
        for _ in 0..count {
            let name = self.key()?;
            let Some(ty) = attributes.get(&name) else {
                return Err(self.fault(format!("there is no attribute `{name}`")));
            };
            let value = self.inside(Step::Attribute(name.clone()), |reader| reader.value(ty))?;
            self.enter(&mut entries, name, value)?;
        }
        match attributes.keys().find(|name| !entries.contains_key(*name)) {
            None => Ok(Value::Map(entries)),
            Some(name) => Err(self.fault(format!("the attribute `{name}` is missing"))),
        }
    }

    fn key(&mut self) -> Result<String> {
        let marker = self.marker()?;
        self.text(marker)
    }

    fn enter(&self, entries: &mut BTreeMap<String, Value>, key: String, value: Value) -> Result<()> {
        if entries.contains_key(&key) {
            return Err(self.fault(format!("`{key}` occurs twice")));
        }
        entries.insert(key, value);
        Ok(())
    }

    fn dynamic(&mut self, marker: Marker) -> Result<Value> {
        const WHAT: &str = "a type and a value";
        if self.array_length(marker, WHAT)? != 2 {
            return Err(self.expected(WHAT, marker));
        }
        let marker = self.marker()?;
        let notation = self.text(marker)?;
        let ty = serde_json::from_str(&notation).ok().and_then(|json| Type::from_json(&json).ok());
        let Some(ty) = ty else {
            return Err(self.fault("the value's own type is not in Terraform's notation"));
        };
        // go-cty never writes it, and without a real type in between wrappers could nest without end.
        if ty == Type::Dynamic {
            return Err(self.fault("the value's own type is `dynamic`"));
        }
        let value = self.value(&ty)?;
        Ok(Value::Dynamic(Box::new((ty, value))))
    }

    /// The code and body of an extension; `None` when `marker` begins something else.
    fn extension(&mut self, marker: Marker) -> Result<Option<(i8, &'a [u8])>> {
        let length = match marker {
            Marker::FixExt1 => 1,
            Marker::FixExt2 => 2,
            Marker::FixExt4 => 4,
            Marker::FixExt8 => 8,
            Marker::FixExt16 => 16,
            Marker::Ext8 => self.length(1)?,
            Marker::Ext16 => self.length(2)?,
            Marker::Ext32 => self.length(4)?,
            _ => return Ok(None),
        };
        let code = i8::from_be_bytes(self.array()?);
        Ok(Some((code, self.take(length)?)))
    }

    /// Any extension is an unknown value; only one code says more about it.
    fn unknown(&self, code: i8, body: &[u8]) -> Result<Value> {
        let mut refinement = Refinement::none();
        if code == REFINED_UNKNOWN {
            let mut reader = Reader { rest: body, path: self.path.clone() };
            reader.refinement(&mut refinement)?;
        }
        Ok(Value::Unknown(refinement))
    }

    fn refinement(&mut self, into: &mut Refinement) -> Result<()> {
        let marker = self.marker()?;
        for _ in 0..self.map_length(marker, "what is known of an unknown value")? {
            let marker = self.marker()?;
            let key = self.number(marker)?.as_i64();
            match key {
                Some(refinement::NULLNESS) => into.null = Some(self.truth()?),
                Some(refinement::PREFIX) => into.prefix = Some(self.key()?),
                Some(refinement::NUMBER_MIN) => into.number_min = Some(self.bound()?),
                Some(refinement::NUMBER_MAX) => into.number_max = Some(self.bound()?),
                Some(refinement::LENGTH_MIN) => into.length_min = Some(self.count()?),
                Some(refinement::LENGTH_MAX) => into.length_max = Some(self.count()?),
                _ => self.skip(0)?,
            }
        }
        Ok(())
    }

    fn truth(&mut self) -> Result<bool> {
        match self.marker()? {
            Marker::True => Ok(true),
            Marker::False => Ok(false),
            other => Err(self.expected("true or false", other)),
        }
    }

    fn bound(&mut self) -> Result<(Number, bool)> {
        let marker = self.marker()?;
        if self.array_length(marker, "a bound")? != 2 {
            return Err(self.expected("a bound", marker));
        }
        let marker = self.marker()?;
        Ok((self.number(marker)?, self.truth()?))
    }

    fn count(&mut self) -> Result<u64> {
        let marker = self.marker()?;
        let number = self.number(marker)?;
        number
            .as_i64()
            .and_then(|count| u64::try_from(count).ok())
            .ok_or_else(|| self.fault("a count of elements was expected"))
    }

    /// Passes over one value of any kind: what a later go-cty may add to a refinement.
    fn skip(&mut self, depth: usize) -> Result<()> {
        if depth > DEEPEST {
            return Err(self.fault("the value is nested too deeply"));
        }
        let marker = self.marker()?;
        if self.extension(marker)?.is_some() {
            return Ok(());
        }
        match marker {
            Marker::Null | Marker::True | Marker::False | Marker::FixPos(_) | Marker::FixNeg(_) => {}
            Marker::U8 | Marker::I8 => drop(self.take(1)?),
            Marker::U16 | Marker::I16 => drop(self.take(2)?),
            Marker::U32 | Marker::I32 | Marker::F32 => drop(self.take(4)?),
            Marker::U64 | Marker::I64 | Marker::F64 => drop(self.take(8)?),
            Marker::FixArray(_) | Marker::Array16 | Marker::Array32 => {
                for _ in 0..self.array_length(marker, "a list")? {
                    self.skip(depth + 1)?;
                }
            }
            Marker::FixMap(_) | Marker::Map16 | Marker::Map32 => {
                for _ in 0..self.map_length(marker, "a map")? {
                    self.skip(depth + 1)?;
                    self.skip(depth + 1)?;
                }
            }
            _ => drop(self.text(marker)?),
        }
        Ok(())
    }
}

/// What a marker begins, for messages.
fn kind(marker: Marker) -> &'static str {
    match marker {
        Marker::Null => "null",
        Marker::True | Marker::False => "true or false",
        Marker::FixPos(_)
        | Marker::FixNeg(_)
        | Marker::U8
        | Marker::U16
        | Marker::U32
        | Marker::U64
        | Marker::I8
        | Marker::I16
        | Marker::I32
        | Marker::I64
        | Marker::F32
        | Marker::F64 => "a number",
        Marker::FixStr(_) | Marker::Str8 | Marker::Str16 | Marker::Str32 => "text",
        Marker::Bin8 | Marker::Bin16 | Marker::Bin32 => "bytes",
        Marker::FixArray(_) | Marker::Array16 | Marker::Array32 => "a list",
        Marker::FixMap(_) | Marker::Map16 | Marker::Map32 => "a map",
        Marker::Reserved => "nothing that msgpack knows",
        _ => "an extension",
    }
}
