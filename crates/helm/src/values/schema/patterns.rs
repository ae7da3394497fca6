//! Regular expressions in a schema: Go's for Helm, JavaScript's and Rust's for the validator.

use super::broken_schema;
use super::wording::{line, quoted};
use crate::regexp::common_pattern;
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

/// The original patterns of a schema, by their translations.
#[derive(Debug, Default)]
pub(super) struct Patterns(BTreeMap<String, String>);

/// A subschema on the way to a pattern.
struct Level<'l> {
    path: String,
    outer: Option<&'l Level<'l>>,
}

impl Patterns {
    /// Writes every pattern of a schema as the validator reads it.
    ///
    /// # Errors
    /// Helm's text if one is not a valid pattern.
    pub(super) fn translate(schema: &mut Json) -> Result<Self, String> {
        let mut patterns = Self::default();
        let head = broken_schema(schema);
        let has_vocabularies = ["draft-04", "draft-06", "draft-07"].iter().all(|draft| !head.contains(draft));
        let root = Level { path: String::new(), outer: None };
        patterns.walk(schema, &root).map_err(|fault| format!("{head}{}", fault.text(has_vocabularies)))?;
        Ok(patterns)
    }

    /// The pattern as the schema has it.
    pub(super) fn original<'p>(&'p self, pattern: &'p str) -> &'p str {
        self.0.get(pattern).map_or(pattern, String::as_str)
    }

    fn walk(&mut self, schema: &mut Json, level: &Level<'_>) -> Result<(), Fault> {
        match schema {
            Json::Array(list) => {
                for (index, inner) in list.iter_mut().enumerate() {
                    self.walk(inner, &level.below(&index.to_string()))?;
                }
                Ok(())
            }
            Json::Object(keywords) => self.keywords(keywords, level),
            _ => Ok(()),
        }
    }

    fn keywords(&mut self, keywords: &mut Map<String, Json>, level: &Level<'_>) -> Result<(), Fault> {
        let is_closed = keywords.get("additionalProperties") == Some(&Json::Bool(false));
        if is_closed && !keywords.contains_key("properties") && !keywords.contains_key("patternProperties") {
            // Without them the validator does not name what is too much.
            keywords.insert("properties".to_owned(), Json::Object(Map::new()));
        }
        for (keyword, value) in keywords.iter_mut() {
            match (keyword.as_str(), value) {
                // They hold values, not schemas.
                ("enum" | "const" | "default" | "examples", _) => {}
                ("pattern", Json::String(pattern)) => {
                    let fault = |error| Fault::new(level, Some("pattern"), pattern, error);
                    *pattern = self.one(pattern).map_err(fault)?;
                }
                ("patternProperties", Json::Object(map)) => {
                    for (pattern, mut inner) in std::mem::take(map) {
                        self.walk(&mut inner, &level.below(&format!("patternProperties/{pattern}")))?;
                        let written = self.one(&pattern).map_err(|error| Fault::new(level, None, &pattern, error))?;
                        map.insert(written, inner);
                    }
                }
                ("properties" | "$defs" | "definitions" | "dependentSchemas" | "dependencies", Json::Object(map)) => {
                    for (name, inner) in map.iter_mut() {
                        self.walk(inner, &level.below(&format!("{keyword}/{name}")))?;
                    }
                }
                (_, value) => self.walk(value, &level.below(keyword))?,
            }
        }
        Ok(())
    }

    fn one(&mut self, pattern: &str) -> Result<String, String> {
        let mut written = common_pattern(pattern)?;
        // Equivalent patterns stay separate: messages show each as written.
        while self.0.get(&written).is_some_and(|known| known != pattern) {
            written = format!("(?:{written})");
        }
        self.0.insert(written.clone(), pattern.to_owned());
        Ok(written)
    }
}

impl Level<'_> {
    fn below(&self, part: &str) -> Level<'_> {
        Level { path: format!("{}/{part}", self.path), outer: Some(self) }
    }
}

/// A pattern that Go does not take.
struct Fault {
    /// The subschemas from the root to the pattern.
    levels: Vec<String>,
    /// None for a key of `patternProperties`.
    keyword: Option<&'static str>,
    pattern: String,
    error: String,
}

impl Fault {
    fn new(level: &Level<'_>, keyword: Option<&'static str>, pattern: &str, error: String) -> Self {
        let mut levels = Vec::new();
        let mut current = Some(level);
        while let Some(level) = current {
            levels.push(level.path.clone());
            current = level.outer;
        }
        levels.reverse();
        Self { levels, keyword, pattern: pattern.to_owned(), error }
    }

    /// From the draft of 2019 on the schema of schemas is made of parts, of which one fails at each subschema.
    fn text(&self, has_vocabularies: bool) -> String {
        let (mut text, mut depth) = (String::new(), 0);
        if has_vocabularies {
            for level in &self.levels {
                line(level, "'allOf' failed", depth, &mut text);
                depth += 1;
            }
        }
        let mut path = String::new();
        match (self.keyword, self.levels.last()) {
            (Some(keyword), Some(level)) => path = format!("{level}/{keyword}"),
            _ => {
                line("", &format!("invalid propertyName {}", quoted(&self.pattern)), depth, &mut text);
                depth += 1;
            }
        }
        line(&path, &format!("{} is not valid regex: {}", quoted(&self.pattern), self.error), depth, &mut text);
        text
    }
}
