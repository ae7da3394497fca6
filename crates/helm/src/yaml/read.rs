//! YAML text to data, through libyaml's parser and go-yaml v2's decoding rules.

use super::load::{self, Node};
use super::scalar::{Scalar, resolve};
use crate::data::{Data, Map, merge};
use crate::go::float;
use crate::json;
use base64::Engine as _;
use std::rc::Rc;

const NULL: &str = "tag:yaml.org,2002:null";
const BOOL: &str = "tag:yaml.org,2002:bool";
const STRING: &str = "tag:yaml.org,2002:str";
const INT: &str = "tag:yaml.org,2002:int";
const FLOAT: &str = "tag:yaml.org,2002:float";
const TIMESTAMP: &str = "tag:yaml.org,2002:timestamp";
const BINARY: &str = "tag:yaml.org,2002:binary";
const MERGE: &str = "tag:yaml.org,2002:merge";

/// Reads the first document of `text` as Helm does: through JSON, so that every number is a float.
///
/// The error is Go's: `error converting YAML to JSON: yaml: line 2: …`.
pub(crate) fn read(text: &str) -> Result<Data, String> {
    let data = read_plain(text).map_err(|error| format!("error converting YAML to JSON: {error}"))?;
    if let Some(number) = odd_number(&data) {
        let shown = float(number, 'g', None);
        return Err(format!("error converting YAML to JSON: json: unsupported value: {shown}"));
    }
    Ok(data.with_floats())
}

/// Reads the first document, with numbers as they are written.
pub(super) fn read_plain(text: &str) -> Result<Data, String> {
    let bytes = crate::bytes::of_text(text);
    let root = load::document(&bytes).map_err(|error| format!("yaml: {error}"))?;
    let Some(root) = root else { return Ok(Data::Null) };
    let mut decoder = Decoder::default();
    let data = decoder.decode(&root).map_err(|error| format!("yaml: {error}"))?;
    // A key that JSON cannot have is found after the whole document has been decoded.
    match decoder.wrong_key {
        Some(error) => Err(error),
        None => Ok(data),
    }
}

/// Reads all documents of `text` that lines with `---` divide, and merges the maps; later ones count more.
pub(crate) fn read_documents(text: &str) -> Result<Map, String> {
    let mut merged = Map::new();
    for document in split(text) {
        match read(&document).map_err(|error| format!("cannot unmarshal yaml document: {error}"))? {
            Data::Map(map) => merge(&mut merged, map),
            Data::Null => {}
            other => {
                let why = json::cannot_unmarshal_yaml(&other, "Go value", "map[string]interface {}");
                return Err(format!("cannot unmarshal yaml document: {why}"));
            }
        }
    }
    Ok(merged)
}

fn split(text: &str) -> Vec<String> {
    let mut documents = Vec::new();
    let mut current = String::new();
    for line in text.split_inclusive('\n') {
        if let Some(rest) = line.strip_prefix("---")
            && rest.trim().is_empty()
            && !current.is_empty()
        {
            documents.push(std::mem::take(&mut current));
            continue;
        }
        current.push_str(line);
    }
    if !current.is_empty() {
        documents.push(current);
    }
    documents
}

fn odd_number(data: &Data) -> Option<f64> {
    match data {
        Data::Float(number) if !number.is_finite() => Some(*number),
        Data::List(list) => list.iter().find_map(odd_number),
        Data::Map(map) => map.values().find_map(odd_number),
        _ => None,
    }
}

#[derive(Default)]
struct Decoder {
    decoded: u64,
    by_alias: u64,
    alias_depth: usize,
    wrong_key: Option<String>,
}

impl Decoder {
    /// go-yaml's guard against documents that grow through aliases.
    fn count(&mut self) -> Result<(), String> {
        self.decoded += 1;
        if self.alias_depth > 0 {
            self.by_alias += 1;
        }
        let allowed = match self.decoded {
            0..=400_000 => 0.99,
            4_000_000.. => 0.10,
            count => 0.99 - 0.89 * ((count - 400_000) as f64 / 3_600_000.0),
        };
        if self.by_alias > 100 && self.decoded > 1_000 && self.by_alias as f64 / self.decoded as f64 > allowed {
            return Err("document contains excessive aliasing".to_owned());
        }
        Ok(())
    }

    fn decode(&mut self, node: &Node) -> Result<Data, String> {
        self.count()?;
        match node {
            Node::Alias(target) => {
                self.alias_depth += 1;
                let data = self.decode(target)?;
                self.alias_depth -= 1;
                Ok(data)
            }
            Node::Scalar { value, tag, is_plain } => scalar(value, tag.as_deref(), *is_plain),
            Node::List(items) => {
                let items: Result<Vec<Data>, String> = items.iter().map(|item| self.decode(item)).collect();
                Ok(Data::List(items?))
            }
            Node::Map(entries) => {
                let mut map = Map::new();
                self.entries(entries, &mut map)?;
                Ok(Data::Map(map))
            }
        }
    }

    fn entries(&mut self, entries: &[(Rc<Node>, Rc<Node>)], map: &mut Map) -> Result<(), String> {
        for (key, value) in entries {
            if is_merge(key) {
                self.merge(value, map)?;
                continue;
            }
            let key = self.decode(key)?;
            let value = self.decode(value)?;
            if let Some(key) = self.key(&key, &value)? {
                map.insert(key, value);
            }
        }
        Ok(())
    }

    fn merge(&mut self, node: &Node, map: &mut Map) -> Result<(), String> {
        const WRONG: &str = "map merge requires map or sequence of maps as the value";
        self.count()?;
        match node {
            Node::Map(entries) => self.entries(entries, map),
            Node::Alias(target) => match &**target {
                Node::Map(entries) => {
                    self.alias_depth += 1;
                    self.entries(entries, map)?;
                    self.alias_depth -= 1;
                    Ok(())
                }
                _ => Err(WRONG.to_owned()),
            },
            Node::List(items) => {
                for item in items.iter().rev() {
                    match &**item {
                        Node::List(_) | Node::Scalar { .. } => return Err(WRONG.to_owned()),
                        item => self.merge(item, map)?,
                    }
                }
                Ok(())
            }
            Node::Scalar { .. } => Err(WRONG.to_owned()),
        }
    }

    /// A key as the string that JSON needs; none for one that JSON cannot have.
    fn key(&mut self, key: &Data, value: &Data) -> Result<Option<String>, String> {
        let unsupported = |kind: &str, key: &str| {
            let value = crate::template::format::go_syntax(value);
            format!("unsupported map key of type: {kind}, key: {key}, value: {value}")
        };
        Ok(Some(match key {
            Data::Text(text) => text.clone(),
            Data::Int(number) => number.to_string(),
            Data::Bool(value) => value.to_string(),
            Data::Float(number) => match float32(*number).as_str() {
                "+Inf" => ".inf".to_owned(),
                "-Inf" => "-.inf".to_owned(),
                text => text.to_owned(),
            },
            Data::Unsigned(number) => {
                self.wrong_key.get_or_insert_with(|| unsupported("uint64", &format!("0x{number:x}")));
                return Ok(None);
            }
            Data::Null => {
                self.wrong_key.get_or_insert_with(|| unsupported("%!s(<nil>)", "<nil>"));
                return Ok(None);
            }
            Data::List(_) | Data::Map(_) => {
                return Err(format!("invalid map key: {}", crate::template::format::go_syntax(key)));
            }
        }))
    }
}

/// The shortest text that reads back as the same 32-bit number.
pub(crate) fn float32(number: f64) -> String {
    let narrow = number as f32;
    if !narrow.is_finite() {
        return float(f64::from(narrow), 'g', None);
    }
    // The decimal text of the 32-bit number, read as 64 bits, formats with the same digits.
    float(format!("{narrow:e}").parse().unwrap_or(number), 'g', None)
}

fn is_merge(node: &Node) -> bool {
    matches!(node, Node::Scalar { value, tag, is_plain }
        if value == "<<" && (*is_plain || tag.as_deref() == Some(MERGE)))
}

fn scalar(value: &str, tag: Option<&str>, is_plain: bool) -> Result<Data, String> {
    let Some(tag) = tag else {
        return Ok(if is_plain { plain(value, resolve(value)) } else { Data::Text(value.to_owned()) });
    };
    match tag {
        STRING => return Ok(Data::Text(value.to_owned())),
        BINARY => {
            let compact: String = value.chars().filter(|character| !matches!(character, '\n' | '\r')).collect();
            return base64::engine::general_purpose::STANDARD
                .decode(compact)
                .map(|bytes| Data::Text(crate::bytes::to_text(&bytes)))
                .map_err(|_| "!!binary value contains invalid base64 data".to_owned());
        }
        NULL | BOOL | INT | FLOAT | TIMESTAMP => {}
        _ => return Ok(Data::Text(value.to_owned())),
    }
    let resolved = resolve(value);
    let found = match &resolved {
        Scalar::Null => NULL,
        Scalar::Bool(_) => BOOL,
        Scalar::Int(_) | Scalar::Unsigned(_) => INT,
        Scalar::Float(_) => FLOAT,
        Scalar::Timestamp => TIMESTAMP,
        Scalar::Text => STRING,
    };
    match (&resolved, tag) {
        (Scalar::Int(number), FLOAT) => Ok(Data::Float(*number as f64)),
        _ if found == tag => Ok(plain(value, resolved)),
        _ => Err(format!("cannot decode {} `{value}` as a {}", short(found), short(tag))),
    }
}

fn short(tag: &str) -> String {
    tag.replacen("tag:yaml.org,2002:", "!!", 1)
}

fn plain(value: &str, resolved: Scalar) -> Data {
    match resolved {
        Scalar::Null => Data::Null,
        Scalar::Bool(value) => Data::Bool(value),
        Scalar::Int(number) => Data::Int(number),
        Scalar::Unsigned(number) => Data::Unsigned(number),
        Scalar::Float(number) => Data::Float(number),
        Scalar::Timestamp | Scalar::Text => Data::Text(value.to_owned()),
    }
}

/// Reads the first document of `text` as Go's programs do that turn YAML into JSON by go-yaml v2 (Helm, Kubernetes' clients,
/// nodeadm, aws-iam-authenticator): merge keys are followed, the last one of two equal keys counts, `yes` is true, `0400` is 256.
/// A whole number stays one.
///
/// # Errors
/// Go's text: `error converting YAML to JSON: yaml: line 2: …`.
pub fn read_typed(text: &str) -> Result<Data, String> {
    let data = read_plain(text).map_err(|error| format!("error converting YAML to JSON: {error}"))?;
    if let Some(number) = odd_number(&data) {
        let shown = float(number, 'g', None);
        return Err(format!("error converting YAML to JSON: json: unsupported value: {shown}"));
    }
    Ok(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_texts_are_read_as_by_helm() {
        // Each with what `fromYaml` gives in Helm v4.2.3.
        for (text, expected) in [
            ("a: 1\n\u{feff}b: 2\n", "{\"a\":1,\"\u{feff}b\":2}"),
            ("\u{feff}a: 1\nb: 2\n", "{\"a\":1,\"b\":2}"),
            ("# x\n\u{feff}a: 1\n", "{\"\u{feff}a\":1}"),
            ("a: \"x\n\u{feff}y\"\n", "{\"a\":\"x \u{feff}y\"}"),
            ("a: !!null ''", "{\"a\":null}"),
            ("a: !!null ~", "{\"a\":null}"),
            ("a: 0400\nb: 0o400\nc: 1_000\nd: 0x1F\n", "{\"a\":256,\"b\":256,\"c\":1000,\"d\":31}"),
            ("a: yes\nb: off\ny: n\n", "{\"a\":true,\"b\":false,\"true\":false}"),
            ("a: x\na: z\n", "{\"a\":\"z\"}"),
        ] {
            let read = read(text).expect(text);
            assert_eq!(serde_json::Value::from(&read).to_string(), expected, "{text:?}");
        }
        assert_eq!(
            read("a: !!null x").unwrap_err(),
            "error converting YAML to JSON: yaml: cannot decode !!str `x` as a !!null"
        );
    }
}
