//! Reads the members of a request: a JSON object, or the parameters of a query request.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::error::{AwsError, Result};
use crate::moment::Moment;

/// A JSON object whose members are read by type. A member of another type is a `SerializationException`; null and
/// absent are the same.
#[derive(Clone, Copy)]
pub struct Json<'a>(&'a Map<String, Value>);

impl<'a> Json<'a> {
    pub fn new(value: &'a Value) -> Result<Self> {
        value.as_object().map(Self).ok_or_else(|| wrong("Start of structure or map found where not expected."))
    }

    /// The names of all members.
    pub fn names(self) -> impl Iterator<Item = &'a str> {
        self.0.keys().map(String::as_str)
    }

    pub fn value(self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    fn read<T>(self, name: &str, kind: &str, read: impl Fn(&'a Value) -> Option<T>) -> Result<Option<T>> {
        self.value(name)
            .map(|value| {
                read(value).ok_or_else(|| wrong(&format!("{} can not be converted to {kind}", kind_of(value))))
            })
            .transpose()
    }

    pub fn text(self, name: &str) -> Result<Option<&'a str>> {
        self.read(name, "a String", Value::as_str)
    }

    pub fn integer(self, name: &str) -> Result<Option<i64>> {
        self.read(name, "an Integer", Value::as_i64)
    }

    pub fn boolean(self, name: &str) -> Result<Option<bool>> {
        self.read(name, "a Boolean", Value::as_bool)
    }

    /// Seconds since 1970.
    pub fn time(self, name: &str) -> Result<Option<Moment>> {
        self.read(name, "a Timestamp", |value| Moment::from_epoch(value.as_f64()?))
    }

    pub fn object(self, name: &str) -> Result<Option<Json<'a>>> {
        self.read(name, "a Structure", |value| value.as_object().map(Json))
    }

    pub fn texts(self, name: &str) -> Result<Option<Vec<String>>> {
        self.read(name, "a List", |value| {
            value.as_array()?.iter().map(|entry| entry.as_str().map(ToOwned::to_owned)).collect()
        })
    }

    pub fn objects(self, name: &str) -> Result<Option<Vec<Json<'a>>>> {
        self.read(name, "a List", |value| value.as_array()?.iter().map(|entry| entry.as_object().map(Json)).collect())
    }

    /// A map of strings.
    pub fn map(self, name: &str) -> Result<Option<Vec<(String, String)>>> {
        self.read(name, "a Map", |value| {
            value.as_object()?.iter().map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
        })
    }

    /// Systems Manager's list of `Key` and `Value`.
    pub fn tags(self, name: &str) -> Result<Option<Vec<(String, String)>>> {
        self.objects(name)?
            .map(|tags| {
                tags.iter()
                    .map(|tag| {
                        Ok((
                            tag.text("Key")?.unwrap_or_default().to_owned(),
                            tag.text("Value")?.unwrap_or_default().to_owned(),
                        ))
                    })
                    .collect()
            })
            .transpose()
    }

    /// All members but these: what identifies a query across its pages.
    pub fn fingerprint(self, without: &[&str]) -> String {
        let mut members: Vec<(&String, &Value)> =
            self.0.iter().filter(|(name, value)| !without.contains(&name.as_str()) && !value.is_null()).collect();
        members.sort_by_key(|(name, _)| *name);
        members.iter().fold(String::new(), |mut text, (name, value)| {
            // Writing into a String does not fail.
            let _ = write!(text, "{name}={value};");
            text
        })
    }
}

fn wrong(message: &str) -> AwsError {
    AwsError::client("SerializationException", message)
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "NULL_VALUE",
        Value::Bool(_) => "BOOLEAN_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::String(_) => "STRING_VALUE",
        Value::Array(_) => "LIST_VALUE",
        Value::Object(_) => "STRUCTURE_VALUE",
    }
}

/// The parameters of a query request, such as `Filter.1.Value.2`.
pub struct Query(pub Vec<(String, String)>);

impl Query {
    /// From the query string and a form body together.
    pub fn parse(query: &str, body: &[u8]) -> Self {
        let mut parameters: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        parameters.extend(form_urlencoded::parse(body).into_owned());
        Self(parameters)
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn integer(&self, name: &str) -> Result<Option<i64>> {
        self.text(name)
            .map(|text| {
                text.parse()
                    .map_err(|_| AwsError::client("MalformedInput", format!("'{text}' is not an integer, at {name}")))
            })
            .transpose()
    }

    pub fn flag(&self, name: &str) -> bool {
        self.text(name) == Some("true")
    }

    /// `Name.1`, `Name.2`, …, in order of their numbers.
    pub fn list(&self, name: &str) -> Vec<String> {
        self.indices(name)
            .iter()
            .filter_map(|index| self.text(&format!("{name}.{index}")).map(ToOwned::to_owned))
            .collect()
    }

    /// The numbers that follow `name.`, ascending.
    pub fn indices(&self, name: &str) -> Vec<u32> {
        let prefix = format!("{name}.");
        let mut found: Vec<u32> =
            self.0.iter().filter_map(|(key, _)| key.strip_prefix(&prefix)?.split('.').next()?.parse().ok()).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// EC2's filters: names with the values of which any may match.
    pub fn filters(&self) -> Vec<(String, Vec<String>)> {
        self.indices("Filter")
            .iter()
            .map(|index| {
                (
                    self.text(&format!("Filter.{index}.Name")).unwrap_or_default().to_owned(),
                    self.list(&format!("Filter.{index}.Value")),
                )
            })
            .collect()
    }

    /// All that is under a name, as EC2 shows it again: members begin with a small letter, and a list `Name.N` is a
    /// member `nameSet`. A name that is a list itself gives that list.
    pub fn tree(&self, name: &str) -> Value {
        let prefix = format!("{name}.");
        let mut tree = Tree::default();
        for (key, value) in &self.0 {
            if let Some(path) = key.strip_prefix(&prefix) {
                tree.put(path, value);
            }
        }
        tree.value()
    }

    /// Pairs of `Key` and `Value` under `name.N`.
    pub fn tags(&self, name: &str) -> Vec<(String, String)> {
        self.indices(name)
            .iter()
            .map(|index| {
                let read = |member: &str| self.text(&format!("{name}.{index}.{member}")).unwrap_or_default().to_owned();
                (read("Key"), read("Value"))
            })
            .collect()
    }

    /// All parameters but these, sorted.
    pub fn fingerprint(&self, without: &[&str]) -> String {
        let mut parameters: Vec<String> = self
            .0
            .iter()
            .filter(|(name, _)| !without.contains(&name.as_str()) && !name.starts_with("X-Amz-"))
            .map(|(name, value)| format!("{name}={value};"))
            .collect();
        parameters.sort();
        parameters.concat()
    }
}

/// Parameters on their way into a value.
#[derive(Default)]
struct Tree {
    text: Option<String>,
    members: std::collections::BTreeMap<String, Tree>,
}

impl Tree {
    fn put(&mut self, path: &str, value: &str) {
        let (first, rest) = path.split_once('.').unwrap_or((path, ""));
        let inner = self.members.entry(first.to_owned()).or_default();
        if rest.is_empty() { inner.text = Some(value.to_owned()) } else { inner.put(rest, value) }
    }

    fn is_list(&self) -> bool {
        !self.members.is_empty() && self.members.keys().all(|name| name.parse::<u32>().is_ok())
    }

    fn value(self) -> Value {
        if let Some(text) = self.text {
            return text.into();
        }
        if self.is_list() {
            let mut entries: Vec<(u32, Tree)> =
                self.members.into_iter().filter_map(|(index, inner)| Some((index.parse().ok()?, inner))).collect();
            entries.sort_by_key(|(index, _)| *index);
            return entries.into_iter().map(|(_, inner)| inner.value()).collect();
        }
        let members = self.members.into_iter().map(|(name, inner)| {
            let mut shown = name;
            if let Some(first) = shown.get_mut(..1) {
                first.make_ascii_lowercase();
            }
            if inner.is_list() {
                shown.push_str("Set");
            }
            (shown, inner.value())
        });
        Value::Object(members.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_lists_keep_the_order_of_their_numbers() {
        let query =
            Query::parse("", b"VpcId.2=b&VpcId.10=c&VpcId.1=a&Filter.1.Name=n&Filter.1.Value.1=x&Filter.1.Value.2=y");
        assert_eq!(query.list("VpcId"), ["a", "b", "c"]);
        assert_eq!(query.filters(), [("n".to_owned(), vec!["x".to_owned(), "y".to_owned()])]);
    }

    #[test]
    fn a_tree_is_named_as_ec2_shows_it() {
        let query = Query::parse(
            "",
            b"D.ImageId=i&D.BlockDeviceMapping.1.Ebs.Encrypted=true&D.BlockDeviceMapping.1.DeviceName=x&D.SecurityGroupId.2=b&D.SecurityGroupId.1=a&L.1.X=1",
        );
        assert_eq!(
            query.tree("D"),
            serde_json::json!({
                "imageId": "i",
                "blockDeviceMappingSet": [{"deviceName": "x", "ebs": {"encrypted": "true"}}],
                "securityGroupIdSet": ["a", "b"],
            })
        );
        assert_eq!(query.tree("L"), serde_json::json!([{"x": "1"}]));
    }

    #[test]
    fn members_of_another_type_are_refused() {
        let value = serde_json::json!({"a": 1, "b": "x", "c": null});
        let json = Json::new(&value).unwrap();
        assert_eq!(json.integer("a").unwrap(), Some(1));
        assert_eq!(json.text("c").unwrap(), None);
        assert_eq!(json.text("a").unwrap_err().code, "SerializationException");
        assert_eq!(json.integer("b").unwrap_err().code, "SerializationException");
        assert_eq!(json.fingerprint(&["a"]), "b=\"x\";");
    }
}
