//! Values that are never shown: where they are among a release's values, and how they are kept out of all output.
//!
//! Once hidden, a value stays hidden. A refresh may find other values in the same place, because someone has used Helm
//! or rolled back, and those are as secret as the former ones. So the places are recorded, never the values: in the
//! state's private notes and, as checksums, on the release's own record, which an import reads.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use helm::{Data, Map, Values};
use names::Sha256;
use serde_json::Value as Json;

use crate::cni::fingerprint;

/// Prefix of the labels on the release's record that hold the places.
const LABEL: &str = "ekshybrid-hidden";
/// Number of characters of a place's checksum.
const SUM: usize = 8;
/// Number of checksums that fit a label's 63 characters.
const SUMS: usize = 7;
/// Minimum length of a line to be masked separately, in texts of several lines.
const LINE: usize = 12;

/// Places in a tree of values. A key whose value is not a map is hidden with everything below it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Hidden(Map);

impl Hidden {
    /// All places that `values` sets.
    pub(crate) fn of(values: &Map) -> Self {
        let place = |(key, value): (&String, &Data)| {
            let below = match value {
                Data::Map(inner) => Data::Map(Self::of(inner).0),
                _ => Data::Null,
            };
            (key.clone(), below)
        };
        Self(values.iter().map(place).collect())
    }

    /// Places that appear to hold a key or a password, for releases installed by others, which do not mark secrets:
    /// keys in PEM, also base64-encoded, and texts whose name ends in a word for a secret.
    pub(crate) fn guess(values: &Map) -> Self {
        let place = |(key, value): (&String, &Data)| {
            let below = match value {
                Data::Map(inner) => Some(Data::Map(Self::guess(inner).0)).filter(|below| !is_empty(below)),
                Data::Text(text) if is_private_key(text) || (!text.is_empty() && is_secret_name(key)) => {
                    Some(Data::Null)
                }
                Data::List(items) if items.iter().any(holds_secret) => Some(Data::Null),
                _ => None,
            };
            below.map(|below| (key.clone(), below))
        };
        Self(values.iter().filter_map(place).collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The union of both.
    #[must_use]
    pub(crate) fn with(mut self, other: &Self) -> Self {
        unite(&mut self.0, &other.0);
        self
    }

    /// These places without those that `plain` sets: a value written in plain text in the configuration is meant to be
    /// shown.
    #[must_use]
    pub(crate) fn but(self, plain: &Map) -> Self {
        Self(left_of(self.0, plain))
    }

    /// Whether all places of `other` are among these.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        covers(&self.0, &other.0)
    }

    /// The values that may be shown.
    pub(crate) fn hide(&self, values: &Map) -> Map {
        fingerprint::without(values, &self.0)
    }

    /// Only the values at these places.
    pub(crate) fn only(&self, values: &Map) -> Map {
        only(values, &self.0)
    }

    /// The places, without values.
    pub(crate) fn places(&self) -> Json {
        Json::from(&Data::Map(self.0.clone()))
    }

    /// Parses the output of [`Hidden::places`].
    pub(crate) fn read(places: Json) -> Option<Self> {
        match Data::from(places) {
            Data::Map(map) => Some(Self(map)),
            _ => None,
        }
    }

    /// Labels for the release's record, which Helm copies from revision to revision: a checksum of each place, because
    /// labels are short and allow only certain characters.
    pub(crate) fn labels(&self) -> BTreeMap<String, String> {
        let mut sums = BTreeSet::new();
        visit(&self.0, &mut Vec::new(), &mut |path, place| {
            if place.as_map().is_none_or(Map::is_empty) {
                sums.insert(sum(path));
            }
        });
        let sums: Vec<String> = sums.into_iter().collect();
        let label = |(index, sums): (usize, &[String])| (format!("{LABEL}-{index}"), sums.join("."));
        sums.chunks(SUMS).enumerate().map(label).collect()
    }

    /// Places in `values` that the labels of a release's record name.
    pub(crate) fn recorded(labels: &BTreeMap<String, String>, values: &Map) -> Self {
        let ours = labels.iter().filter(|(name, _)| name.starts_with(LABEL));
        let sums: BTreeSet<&str> = ours.flat_map(|(_, sums)| sums.split('.')).collect();
        let mut found = Self::default();
        visit(values, &mut Vec::new(), &mut |path, _| {
            if sums.contains(sum(path).as_str()) {
                found = std::mem::take(&mut found).with(&Self::place(path));
            }
        });
        found
    }

    fn place(path: &[String]) -> Self {
        let Some((last, above)) = path.split_last() else { return Self::default() };
        let leaf = Map::from([(last.clone(), Data::Null)]);
        Self(above.iter().rev().fold(leaf, |below, key| Map::from([(key.clone(), Data::Map(below))])))
    }
}

/// Calls `each` for every key of a tree, with the keys above it.
fn visit(map: &Map, path: &mut Vec<String>, each: &mut dyn FnMut(&[String], &Data)) {
    for (key, value) in map {
        path.push(key.clone());
        each(path, value);
        if let Data::Map(inner) = value {
            visit(inner, path, each);
        }
        path.pop();
    }
}

/// A short checksum of a place. A collision only hides one value too many.
fn sum(path: &[String]) -> String {
    // A list of strings can always be written as JSON.
    let text = serde_json::to_string(path).unwrap_or_default();
    Sha256::of(text.as_bytes()).hex()[..SUM].to_owned()
}

/// Masks all texts in `values` in logs and messages.
pub(crate) fn mask(values: &Map) {
    values.values().for_each(mask_one);
}

fn mask_one(value: &Data) {
    match value {
        Data::Text(text) => mask_text(text),
        Data::List(items) => items.iter().for_each(mask_one),
        Data::Map(inner) => mask(inner),
        // `true` and `false` appear in every text, and so do short numbers.
        Data::Null | Data::Bool(_) => {}
        Data::Int(_) | Data::Unsigned(_) | Data::Float(_) => {
            let text = Json::from(value).to_string();
            if text.len() > 5 {
                framework::wire::log::mask(&text);
            }
        }
    }
}

fn mask_text(text: &str) {
    if matches!(text, "true" | "false" | "null") || text.parse::<u16>().is_ok() {
        return;
    }
    framework::wire::log::mask(text);
    framework::wire::log::mask(text.trim());
    if text.trim().chars().count() >= 4 {
        // As in the data of a Secret.
        framework::wire::log::mask(&STANDARD.encode(text));
    }
    for line in text.lines().map(str::trim).filter(|line| line.len() >= LINE && line.len() < text.trim().len()) {
        framework::wire::log::mask(line);
    }
}

/// Whether `values` contains everything that `wanted` sets.
pub(crate) fn has(values: &Map, wanted: &Map) -> bool {
    wanted.iter().all(|(key, wanted)| match (values.get(key), wanted) {
        (Some(Data::Map(values)), Data::Map(wanted)) => has(values, wanted),
        // Numbers that came through JSON differ from those that came through YAML.
        (Some(value), wanted) => Json::from(value) == Json::from(wanted),
        (None, Data::Map(wanted)) => has(&Map::new(), wanted),
        (None, wanted) => wanted.is_null(),
    })
}

/// Values parsed from YAML; invalid text is refused where it is used.
pub(crate) fn parsed(text: &str) -> Map {
    Values::from_yaml(text).unwrap_or_default().as_map().clone()
}

fn is_empty(value: &Data) -> bool {
    value.as_map().is_some_and(Map::is_empty)
}

fn unite(into: &mut Map, from: &Map) {
    for (key, value) in from {
        match (into.get_mut(key), value) {
            (Some(Data::Map(into)), Data::Map(from)) => unite(into, from),
            // The whole is already hidden, or will be.
            (Some(Data::Null), _) => {}
            _ => {
                into.insert(key.clone(), value.clone());
            }
        }
    }
}

fn covers(places: &Map, others: &Map) -> bool {
    others.iter().all(|(key, other)| match (places.get(key), other) {
        (Some(Data::Map(places)), Data::Map(others)) => covers(places, others),
        (Some(Data::Null), _) => true,
        _ => false,
    })
}

fn left_of(places: Map, plain: &Map) -> Map {
    let left = |(key, place): (String, Data)| match (place, plain.get(&key)) {
        (Data::Map(inner), Some(Data::Map(plain))) => {
            Some((key, Data::Map(left_of(inner, plain)))).filter(|(_, left)| !is_empty(left))
        }
        // Part of a value that is hidden as a whole.
        (place, None | Some(Data::Map(_))) => Some((key, place)),
        (_, Some(_)) => None,
    };
    places.into_iter().filter_map(left).collect()
}

fn only(values: &Map, places: &Map) -> Map {
    let one = |(key, place): (&String, &Data)| {
        let value = values.get(key)?;
        let value = match (value, place) {
            (Data::Map(inner), Data::Map(places)) => {
                Some(Data::Map(only(inner, places))).filter(|left| !is_empty(left))?
            }
            _ => value.clone(),
        };
        Some((key.clone(), value))
    };
    places.iter().filter_map(one).collect()
}

fn holds_secret(value: &Data) -> bool {
    match value {
        Data::Map(inner) => !Hidden::guess(inner).is_empty(),
        Data::List(items) => items.iter().any(holds_secret),
        Data::Text(text) => is_private_key(text),
        _ => false,
    }
}

fn is_private_key(text: &str) -> bool {
    const END: &str = "PRIVATE KEY-----";
    let decoded = || STANDARD.decode(text.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    text.contains(END) || (text.starts_with("LS0tLS1CRUdJTi") && decoded().is_some_and(|text| text.contains(END)))
}

fn is_secret_name(key: &str) -> bool {
    const WORDS: [&str; 10] = [
        "password",
        "passwd",
        "passphrase",
        "token",
        "secretkey",
        "privatekey",
        "apikey",
        "accesskey",
        "credentials",
        "psk",
    ];
    let key: String = key.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    WORDS.iter().any(|word| key.ends_with(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Map {
        Values::from_yaml(text).expect(text).as_map().clone()
    }

    fn places(text: &str) -> Hidden {
        Hidden::of(&values(text))
    }

    #[test]
    fn places_are_keys_and_no_values() {
        let hidden = places("{note: hunter2, extra: {deep: swordfish, list: [a]}, none: null}");
        assert_eq!(hidden.places().to_string(), r#"{"extra":{"deep":null,"list":null},"none":null,"note":null}"#);
        assert_eq!(Hidden::read(hidden.places()), Some(hidden));
        assert_eq!(Hidden::read(serde_json::json!([])), None);
    }

    #[test]
    fn what_was_hidden_stays_hidden_with_other_values() {
        let all = values("{note: other, extra: {deep: other, shown: 1}, open: 2}");
        let hidden = places("{note: hunter2, extra: {deep: swordfish}}");
        assert_eq!(hidden.hide(&all), values("{extra: {shown: 1}, open: 2}"));
        assert_eq!(hidden.only(&all), values("{note: other, extra: {deep: other}}"));
        // A map instead of a text, and vice versa.
        assert_eq!(hidden.hide(&values("{note: {a: 1}, extra: x}")), Map::new());
        assert_eq!(hidden.only(&values("{note: {a: 1}, extra: x}")), values("{note: {a: 1}, extra: x}"));
        assert_eq!(hidden.only(&values("{open: 1}")), Map::new());
    }

    #[test]
    fn places_are_united_and_taken_back() {
        let both = places("a: {b: 1}").with(&places("a: {c: 1}")).with(&places("d: 1"));
        assert_eq!(both, places("{a: {b: 1, c: 1}, d: 1}"));
        assert_eq!(places("a: 1").with(&places("a: {b: 1}")), places("a: 1"), "the whole is hidden");
        assert_eq!(places("a: {b: 1}").with(&places("a: 1")), places("a: 1"));
        assert!(both.covers(&places("a: {b: 2}")) && !both.covers(&places("e: 1")));
        assert!(!places("a: {b: 1}").covers(&places("a: 1")));
        // Plain text in the configuration is meant to be shown.
        assert_eq!(both.clone().but(&values("a: {b: 2}")), places("{a: {c: 1}, d: 1}"));
        assert_eq!(both.clone().but(&values("a: 2")), places("d: 1"));
        assert_eq!(both.but(&values("d: {x: 1}")), places("{a: {b: 1, c: 1}, d: 1}"), "a part of it");
    }

    #[test]
    fn a_record_tells_where_values_are_hidden() {
        let hidden = places("{note: hunter2, extra: {deep: swordfish}}");
        let labels = hidden.labels();
        assert_eq!(labels.len(), 1);
        let value = &labels["ekshybrid-hidden-0"];
        assert!(value.len() == 17 && !value.contains("note"), "{value}");
        let found = values("{note: other, extra: {deep: [x], shown: 1}, open: {note: 1}}");
        assert_eq!(Hidden::recorded(&labels, &found), hidden);
        assert!(Hidden::recorded(&BTreeMap::new(), &found).is_empty());
        let many = (0..20).map(|number| format!("k{number}: x")).collect::<Vec<_>>().join("\n");
        let labels = places(&many).labels();
        assert_eq!(labels.len(), 3);
        assert!(labels.values().all(|value| value.len() < 64));
        assert_eq!(Hidden::recorded(&labels, &values(&many)), places(&many));
        assert!(places("").labels().is_empty());
    }

    #[test]
    fn hidden_values_are_compared() {
        assert!(has(&values("a: {b: 1, c: 2}"), &values("a: {b: 1}")));
        assert!(!has(&values("a: {b: 2}"), &values("a: {b: 1}")));
        assert!(has(&values("a: 1"), &values("b: null")));
        assert!(!has(&values("a: 1"), &values("b: 1")));
        let json = Data::from(serde_json::json!({ "a": 1 }));
        assert!(has(json.as_map().expect("a map"), &values("a: 1")));
    }

    #[test]
    fn secrets_of_others_are_guessed_by_name_and_form() {
        let pem = "-----BEGIN EC PRIVATE KEY-----\\nMHcC\\n-----END EC PRIVATE KEY-----\\n";
        let encoded = STANDARD.encode(pem);
        let all = values(&format!(
            "{{tls: {{ca: {{key: '{encoded}', cert: abc}}}}, registry: {{password: x, user: u}}, imagePullSecrets: [{{name: n}}], \
             users: [{{name: a, apiToken: t}}], plain: \"{pem}\", tokenTTL: 5, empty: {{password: ''}}}}"
        ));
        assert_eq!(Hidden::guess(&all), places("{tls: {ca: {key: 1}}, registry: {password: 1}, users: 1, plain: 1}"));
    }
}
