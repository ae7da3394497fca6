//! The `kubelet`, `containerd` and `instance` parts of a `NodeConfig`: settings that nodeadm passes on.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::ser::{Serialize, SerializeMap as _, Serializer};

use super::fields;
use crate::node::kubelet::check_labels_flag;
use crate::node::shape::{Known, Reader, Shape, camel, choice, object, text};
use crate::node::tree::{Step, Tree};
use crate::node::yaml::emit_text;

object! {
    /// Kubelet settings.
    pub struct Kubelet (KubeletDraft) {
        /// Fields of `KubeletConfiguration`, spelled as in the API (`maxPods`), merged over nodeadm's defaults. Strings
        /// are converted where the kubelet expects a number or a bool. Whole numbers beyond 2^53 lose precision in
        /// nodeadm.
        pub config: Option<KubeletConfiguration>,
        /// Flags, appended to those that nodeadm sets. Each is one element, `--flag=value`, without spaces.
        pub flags: Option<Vec<KubeletFlag>>,
    }
}

object! {
    /// containerd settings.
    pub struct Containerd (ContainerdDraft) {
        /// containerd configuration, imported by the one that nodeadm writes.
        pub config: Option<ContainerdConfiguration>,
    }
}

object! {
    /// Instance settings.
    pub struct Instance (InstanceDraft) {
        /// How to use local disks.
        pub local_storage: Option<LocalStorage>,
    }
}

object! {
    /// How to use local disks.
    pub struct LocalStorage (LocalStorageDraft) {
        /// `RAID0` joins the disks into one volume; `Mount` mounts each disk.
        pub strategy: Option<LocalStorageStrategy>,
    }
}

choice! {
    /// What nodeadm does with local disks.
    pub enum LocalStorageStrategy {
        /// One volume over all disks.
        Raid0 = "RAID0",
        /// Mounts each disk.
        Mount = "Mount",
    }
}

text! {
    /// A kubelet flag.
    pub struct KubeletFlag;
    rule = "a flag in one piece such as `--node-labels=example.com/rack=a`, without spaces";
    check = |text| {
        // nodeadm joins the flags with spaces into one variable, and reads values only after `=`.
        let Some(flag) = text.strip_prefix("--") else {
            return Err(String::new());
        };
        let (name, value) = flag.split_once('=').map_or((flag, None), |(name, value)| (name, Some(value)));
        if name.is_empty() || text.contains(|letter: char| letter.is_whitespace() || letter.is_control()) {
            return Err(String::new());
        }
        match (name, value) {
            ("hostname-override", _) => {
                Err("nodeadm refuses `--hostname-override` on hybrid nodes: the name is that of the managed instance, \
                     or `hybrid.iam_roles_anywhere.node_name`"
                    .to_owned())
            }
            ("node-labels", Some(labels)) => check_labels_flag(labels),
            ("node-ip", None) => Err("nodeadm reads the address only from `--node-ip=<address>`".to_owned()),
            ("node-ip", Some(address)) if address.parse::<Ipv4Addr>().is_err() => {
                Err("`--node-ip` takes one IPv4 address on hybrid nodes".to_owned())
            }
            _ => Ok(()),
        }
    };
}

text! {
    /// containerd configuration.
    pub struct ContainerdConfiguration;
    rule = "containerd configuration in TOML";
    check = |text| match toml::de::DeTable::parse(text) {
        Ok(_) => Ok(()),
        Err(error) => {
            let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
            Err(format!("line {line}: {}", error.message()))
        }
    };
    // May contain registry credentials.
    shown = false;
}

/// Fields of `KubeletConfiguration`, spelled as given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KubeletConfiguration(BTreeMap<String, Tree>);

impl KubeletConfiguration {
    /// Whether a field is set.
    pub(super) fn has(&self, field: &str) -> bool {
        self.0.get(field).is_some_and(|value| *value != Tree::Null)
    }

    /// The same with one field added.
    pub(super) fn with_number(mut self, field: &str, number: u32) -> Self {
        self.0.insert(field.to_owned(), Tree::Number(number.to_string()));
        self
    }
}

impl Shape for KubeletConfiguration {
    type Draft = Self;

    fn noun() -> String {
        "map".to_owned()
    }

    fn draft(tree: &Tree, reader: &mut Reader) -> Known<Self> {
        let Tree::Map(given) = tree else {
            return reader.wrong_type("a map", tree);
        };
        let mut typed = BTreeMap::new();
        let sound = reader.without_fault(|reader| {
            for (field, value) in given {
                let value = reader.inside(Step::Key(field.clone()), |reader| {
                    check_field(field, reader);
                    check_numbers(value, reader);
                    fields::typed(field, value, reader)
                });
                typed.insert(field.clone(), value);
            }
            fields::check_image_limits(&typed, reader);
        });
        if !sound {
            Known::Faulty
        } else if typed.values().any(is_pending) {
            Known::Later
        } else {
            Known::Ready(Self(typed))
        }
    }

    fn finish(draft: Self) -> Option<Self> {
        Some(draft)
    }

    fn emit<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        emit_fields(&self.0, serializer)
    }
}

/// The kubelet ignores unknown fields, so a typo would go unnoticed.
fn check_field(name: &str, reader: &mut Reader) {
    // All fields of KubeletConfiguration follow this pattern.
    let is_field = |name: &str| {
        name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.chars().all(|letter| letter.is_ascii_alphanumeric())
    };
    if !is_field(name) {
        let spelled = camel(name);
        let hint = if is_field(&spelled) { format!("; did you mean `{spelled}`?") } else { String::new() };
        reader.fault(format!("is not a field of KubeletConfiguration, whose names are like `maxPods`{hint}"));
    }
}

pub(super) fn is_pending(tree: &Tree) -> bool {
    match tree {
        Tree::Later => true,
        Tree::List(items) => items.iter().any(is_pending),
        Tree::Map(fields) => fields.values().any(is_pending),
        Tree::Null | Tree::Bool(_) | Tree::Number(_) | Tree::Text(_) => false,
    }
}

/// A number that a parser reads exactly or as a float.
enum Number {
    Signed(i64),
    Unsigned(u64),
    Float(f64),
}

fn number(text: &str) -> Option<Number> {
    let whole = text.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit());
    let signed = text.parse().ok().map(Number::Signed);
    let integer = signed.or_else(|| text.parse().ok().map(Number::Unsigned));
    let float = || text.parse().ok().filter(|value: &f64| value.is_finite() && !whole).map(Number::Float);
    integer.or_else(float)
}

pub(super) fn check_numbers(tree: &Tree, reader: &mut Reader) {
    match tree {
        Tree::Number(text) if number(text).is_none() => reader.fault("is a number beyond 64 bits"),
        Tree::List(items) => {
            for (index, item) in (0..).zip(items) {
                reader.inside(Step::Index(index), |reader| check_numbers(item, reader));
            }
        }
        Tree::Map(fields) => {
            for (field, value) in fields {
                reader.inside(Step::Key(field.clone()), |reader| check_numbers(value, reader));
            }
        }
        Tree::Null | Tree::Later | Tree::Bool(_) | Tree::Number(_) | Tree::Text(_) => {}
    }
}

pub(super) fn emit_fields<S: Serializer>(fields: &BTreeMap<String, Tree>, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    for (field, value) in fields.iter().filter(|(_, value)| **value != Tree::Null) {
        map.serialize_entry(field, &Plain(value))?;
    }
    map.end()
}

/// A known tree for the serializer. A null in a map is omitted, like a null attribute.
struct Plain<'a>(&'a Tree);

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            // A pending configuration is never finished, so `Later` cannot occur here.
            Tree::Null | Tree::Later => serializer.serialize_unit(),
            Tree::Bool(value) => serializer.serialize_bool(*value),
            Tree::Number(text) => match number(text) {
                Some(Number::Signed(value)) => serializer.serialize_i64(value),
                Some(Number::Unsigned(value)) => serializer.serialize_u64(value),
                Some(Number::Float(value)) => serializer.serialize_f64(value),
                None => serializer.serialize_str(text),
            },
            Tree::Text(text) => emit_text(text, serializer),
            Tree::List(items) => serializer.collect_seq(items.iter().map(Plain)),
            Tree::Map(fields) => emit_fields(fields, serializer),
        }
    }
}
