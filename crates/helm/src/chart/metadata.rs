//! Chart.yaml: reading, checking, and its form in templates.

use crate::data::{Data, Map};
use crate::go::{is_print, is_space, quote};
use crate::json::{self, is_field};
use crate::version::Version;
use crate::yaml;

/// Chart.yaml. Texts are empty where the file has none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metadata {
    /// Name of the chart.
    pub name: String,
    /// Home page.
    pub home: String,
    /// Where the sources are.
    pub sources: Vec<String>,
    /// Version of the chart.
    pub version: String,
    /// One sentence.
    pub description: String,
    /// Key words.
    pub keywords: Vec<String>,
    /// Who looks after it.
    pub maintainers: Vec<Maintainer>,
    /// Icon address.
    pub icon: String,
    /// `v1` or `v2`.
    pub api_version: String,
    /// Condition of old charts.
    pub condition: String,
    /// Tags of old charts.
    pub tags: String,
    /// Version of the application inside.
    pub app_version: String,
    /// Whether the chart is deprecated.
    pub deprecated: bool,
    /// Free annotations.
    pub annotations: Option<std::collections::BTreeMap<String, String>>,
    /// Constraint on the cluster's version.
    pub kube_version: String,
    /// Declared dependencies.
    pub dependencies: Option<Vec<Dependency>>,
    /// `application`, `library` or empty.
    pub kind: String,
}

/// Someone who looks after a chart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Maintainer {
    /// Name.
    pub name: String,
    /// Mail address.
    pub email: String,
    /// Home page.
    pub url: String,
}

/// A declared dependency.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Dependency {
    /// Name of the chart.
    pub name: String,
    /// Constraint on its version.
    pub version: String,
    /// Where it comes from.
    pub repository: String,
    /// Paths of values that switch it on or off.
    pub condition: String,
    /// Tags that switch it on or off.
    pub tags: Vec<String>,
    /// Whether it takes part; set while dependencies are processed.
    pub enabled: bool,
    /// Values that the parent takes over.
    pub import_values: Vec<Data>,
    /// Another name for it.
    pub alias: String,
}

/// Fields of Chart.yaml.
const METADATA: [&str; 17] = [
    "name",
    "home",
    "sources",
    "version",
    "description",
    "keywords",
    "maintainers",
    "icon",
    "apiVersion",
    "condition",
    "tags",
    "appVersion",
    "deprecated",
    "annotations",
    "kubeVersion",
    "dependencies",
    "type",
];

/// Fields of a dependency.
const DEPENDENCY: [&str; 8] =
    ["name", "version", "repository", "condition", "tags", "enabled", "import-values", "alias"];

/// What Go's decoder finds for some fields: their names count in any case, and the last one in order wins.
fn fields(map: &Map, names: &[&str]) -> Map {
    let mut found = Map::new();
    for (key, value) in map {
        let Some(name) = names.iter().find(|name| is_field(key, name)) else { continue };
        if !value.is_null() || !found.contains_key(*name) {
            found.insert((*name).to_owned(), value.clone());
        }
    }
    found
}

/// Checks Chart.lock and requirements.lock, of which only the form counts.
pub(super) fn check_lock(data: &Data) -> Result<(), String> {
    let map = match data {
        Data::Null => return Ok(()),
        Data::Map(map) => fields(map, &["generated", "digest", "dependencies"]),
        other => return Err(wrong_type(other, "", "v2.Lock").replace("Go struct field  of", "Go value of")),
    };
    text(&map, "digest", "Lock.digest")?;
    match map.get("generated") {
        None | Some(Data::Null) => {}
        Some(Data::Text(time)) if time.as_bytes().get(10) == Some(&b'T') && time.parse::<jiff::Timestamp>().is_ok() => {
        }
        Some(other) => {
            let shown = scalar_text(other).unwrap_or_default();
            return Err(format!(
                "error unmarshaling JSON: while decoding JSON: parsing time {} as \"2006-01-02T15:04:05Z07:00\": cannot \
                 parse {} as \"2006\"",
                quote(&shown),
                quote(&shown)
            ));
        }
    }
    match map.get("dependencies") {
        None | Some(Data::Null) => Ok(()),
        Some(Data::List(list)) => list.iter().filter(|item| !item.is_null()).try_for_each(|item| match item {
            Data::Map(_) => Dependency::read(item).map(|_| ()),
            other => Err(wrong_type(other, "Lock.dependencies", "v2.Dependency")),
        }),
        Some(other) => Err(wrong_type(other, "Lock.dependencies", "[]*v2.Dependency")),
    }
}

/// The message of a field whose value has the wrong type.
fn wrong_type(data: &Data, field: &str, wanted: &str) -> String {
    json::cannot_unmarshal_yaml(data, &format!("Go struct field {field}"), wanted)
}

/// A string field; numbers and booleans are taken as text.
fn text(map: &Map, key: &str, field: &str) -> Result<String, String> {
    match map.get(key) {
        None | Some(Data::Null) => Ok(String::new()),
        Some(value) => scalar_text(value).ok_or_else(|| wrong_type(value, field, "string")),
    }
}

fn scalar_text(data: &Data) -> Option<String> {
    Some(match data {
        Data::Text(text) => text.clone(),
        Data::Int(number) => number.to_string(),
        Data::Unsigned(number) => number.to_string(),
        Data::Float(number) => yaml::float32(*number),
        Data::Bool(value) => value.to_string(),
        _ => return None,
    })
}

fn texts(map: &Map, key: &str, field: &str) -> Result<Vec<String>, String> {
    match map.get(key) {
        None | Some(Data::Null) => Ok(Vec::new()),
        Some(Data::List(list)) => list
            .iter()
            .map(|item| match item {
                Data::Null => Ok(String::new()),
                item => scalar_text(item).ok_or_else(|| wrong_type(item, field, "string")),
            })
            .collect(),
        Some(other) => Err(wrong_type(other, field, "[]string")),
    }
}

impl Metadata {
    /// Reads Chart.yaml's text into `self`, over its present content; requirements.yaml is read the same way.
    pub(crate) fn read(&mut self, content: &str) -> Result<(), String> {
        let data = yaml::read_typed(content)?;
        let map = &match &data {
            Data::Map(map) => fields(map, &METADATA),
            Data::Null => return Ok(()),
            other => {
                return Err(wrong_type(other, "", "loader.chartBase").replace("Go struct field  of", "Go value of"));
            }
        };
        let fields: [(&str, &str, &mut String); 11] = [
            ("name", "Metadata.name", &mut self.name),
            ("home", "Metadata.home", &mut self.home),
            ("version", "Metadata.version", &mut self.version),
            ("description", "Metadata.description", &mut self.description),
            ("icon", "Metadata.icon", &mut self.icon),
            ("apiVersion", "Metadata.apiVersion", &mut self.api_version),
            ("condition", "Metadata.condition", &mut self.condition),
            ("tags", "Metadata.tags", &mut self.tags),
            ("appVersion", "Metadata.appVersion", &mut self.app_version),
            ("kubeVersion", "Metadata.kubeVersion", &mut self.kube_version),
            ("type", "Metadata.type", &mut self.kind),
        ];
        for (key, field, place) in fields {
            if map.contains_key(key) {
                *place = text(map, key, field)?;
            }
        }
        if map.contains_key("sources") {
            self.sources = texts(map, "sources", "Metadata.sources")?;
        }
        if map.contains_key("keywords") {
            self.keywords = texts(map, "keywords", "Metadata.keywords")?;
        }
        match map.get("deprecated") {
            None | Some(Data::Null) => {}
            Some(Data::Bool(value)) => self.deprecated = *value,
            Some(other) => return Err(wrong_type(other, "Metadata.deprecated", "bool")),
        }
        match map.get("annotations") {
            None | Some(Data::Null) => {}
            Some(Data::Map(annotations)) => {
                let read: Result<_, String> = annotations
                    .keys()
                    .map(|key| Ok((key.clone(), text(annotations, key, "Metadata.annotations")?)))
                    .collect();
                self.annotations = Some(read?);
            }
            Some(other) => return Err(wrong_type(other, "Metadata.annotations", "map[string]string")),
        }
        match map.get("maintainers") {
            None | Some(Data::Null) => {}
            Some(Data::List(list)) => {
                self.maintainers = list.iter().map(Maintainer::read).collect::<Result<_, _>>()?;
            }
            Some(other) => return Err(wrong_type(other, "Metadata.maintainers", "[]*v2.Maintainer")),
        }
        match map.get("dependencies") {
            None | Some(Data::Null) => {}
            Some(Data::List(list)) => {
                self.dependencies = Some(list.iter().map(Dependency::read).collect::<Result<_, _>>()?);
            }
            Some(other) => return Err(wrong_type(other, "Metadata.dependencies", "[]*v2.Dependency")),
        }
        Ok(())
    }

    /// Checks what a chart must have, and drops what does not print.
    pub(crate) fn validate(&mut self) -> Result<(), String> {
        for text in [
            &mut self.name,
            &mut self.description,
            &mut self.home,
            &mut self.icon,
            &mut self.condition,
            &mut self.tags,
            &mut self.app_version,
            &mut self.kube_version,
        ]
        .into_iter()
        .chain(&mut self.sources)
        .chain(&mut self.keywords)
        {
            *text = printable(text);
        }
        if self.api_version.is_empty() {
            return Err("validation: chart.metadata.apiVersion is required".to_owned());
        }
        if self.name.is_empty() {
            return Err("validation: chart.metadata.name is required".to_owned());
        }
        if self.name == "." || self.name == ".." {
            return Err(format!("validation: chart.metadata.name {} is not allowed", quote(&self.name)));
        }
        if self.name.contains('/') {
            return Err(format!("validation: chart.metadata.name {} is invalid", quote(&self.name)));
        }
        if self.version.is_empty() {
            return Err("validation: chart.metadata.version is required".to_owned());
        }
        if Version::parse(&self.version).is_err() {
            return Err(format!("validation: chart.metadata.version {} is invalid", quote(&self.version)));
        }
        if !matches!(self.kind.as_str(), "" | "application" | "library") {
            return Err("validation: chart.metadata.type must be application or library".to_owned());
        }
        for maintainer in &mut self.maintainers {
            for text in [&mut maintainer.name, &mut maintainer.email, &mut maintainer.url] {
                *text = printable(text);
            }
        }
        let mut seen = Vec::new();
        for dependency in self.dependencies.iter_mut().flatten() {
            dependency.validate()?;
            let key = if dependency.alias.is_empty() { &dependency.name } else { &dependency.alias };
            if seen.contains(key) {
                return Err(format!("validation: more than one dependency with name or alias {}", quote(key)));
            }
            seen.push(key.clone());
        }
        Ok(())
    }

    /// The metadata as JSON has it in Chart.yaml's names, without what is empty.
    pub(crate) fn to_data(&self) -> Data {
        let mut map = Map::new();
        let mut put = |key: &str, value: Data, is_empty: bool| {
            if !is_empty {
                map.insert(key.to_owned(), value);
            }
        };
        for (key, text) in [
            ("name", &self.name),
            ("home", &self.home),
            ("version", &self.version),
            ("description", &self.description),
            ("icon", &self.icon),
            ("apiVersion", &self.api_version),
            ("condition", &self.condition),
            ("tags", &self.tags),
            ("appVersion", &self.app_version),
            ("kubeVersion", &self.kube_version),
            ("type", &self.kind),
        ] {
            put(key, Data::Text(text.clone()), text.is_empty());
        }
        put("sources", list(&self.sources), self.sources.is_empty());
        put("keywords", list(&self.keywords), self.keywords.is_empty());
        put("deprecated", Data::Bool(true), !self.deprecated);
        if let Some(annotations) = &self.annotations {
            let entries = annotations.iter().map(|(key, value)| (key.clone(), Data::Text(value.clone()))).collect();
            put("annotations", Data::Map(entries), annotations.is_empty());
        }
        let maintainers: Vec<Data> = self.maintainers.iter().map(Maintainer::to_data).collect();
        put("maintainers", Data::List(maintainers), self.maintainers.is_empty());
        let dependencies: Vec<Data> = self.dependencies.iter().flatten().map(Dependency::to_data).collect();
        let none = dependencies.is_empty();
        put("dependencies", Data::List(dependencies), none);
        Data::Map(map)
    }
}

fn list(texts: &[String]) -> Data {
    Data::List(texts.iter().cloned().map(Data::Text).collect())
}

/// Spaces as U+0020, without characters that do not print.
fn printable(text: &str) -> String {
    text.chars()
        .filter_map(|character| if is_space(character) { Some(' ') } else { Some(character).filter(|c| is_print(*c)) })
        .collect()
}

impl Maintainer {
    fn read(data: &Data) -> Result<Self, String> {
        let Data::Map(map) = data else {
            return Err("validation: maintainers must not contain empty or null nodes".to_owned());
        };
        let map = &fields(map, &["name", "email", "url"]);
        Ok(Self {
            name: text(map, "name", "Maintainer.maintainers.name")?,
            email: text(map, "email", "Maintainer.maintainers.email")?,
            url: text(map, "url", "Maintainer.maintainers.url")?,
        })
    }

    fn to_data(&self) -> Data {
        let mut map = Map::new();
        for (key, text) in [("name", &self.name), ("email", &self.email), ("url", &self.url)] {
            if !text.is_empty() {
                map.insert(key.to_owned(), Data::Text(text.clone()));
            }
        }
        Data::Map(map)
    }
}

impl Dependency {
    fn read(data: &Data) -> Result<Self, String> {
        let Data::Map(map) = data else {
            return Err("validation: dependencies must not contain empty or null nodes".to_owned());
        };
        let map = &fields(map, &DEPENDENCY);
        let import_values = match map.get("import-values") {
            None | Some(Data::Null) => Vec::new(),
            Some(Data::List(list)) => list.clone(),
            Some(other) => {
                return Err(wrong_type(other, "Dependency.dependencies.import-values", "[]interface {}"));
            }
        };
        Ok(Self {
            name: text(map, "name", "Dependency.dependencies.name")?,
            version: text(map, "version", "Dependency.dependencies.version")?,
            repository: text(map, "repository", "Dependency.dependencies.repository")?,
            condition: text(map, "condition", "Dependency.dependencies.condition")?,
            tags: texts(map, "tags", "Dependency.dependencies.tags")?,
            enabled: matches!(map.get("enabled"), Some(Data::Bool(true))),
            import_values,
            alias: text(map, "alias", "Dependency.dependencies.alias")?,
        })
    }

    fn validate(&mut self) -> Result<(), String> {
        for text in [&mut self.name, &mut self.version, &mut self.repository, &mut self.condition]
            .into_iter()
            .chain(&mut self.tags)
        {
            *text = printable(text);
        }
        let is_good = self.alias.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        if !is_good {
            return Err(format!("validation: dependency {} has disallowed characters in the alias", quote(&self.name)));
        }
        Ok(())
    }

    fn to_data(&self) -> Data {
        let mut map = Map::new();
        map.insert("name".to_owned(), Data::Text(self.name.clone()));
        map.insert("repository".to_owned(), Data::Text(self.repository.clone()));
        for (key, text) in [("version", &self.version), ("condition", &self.condition), ("alias", &self.alias)] {
            if !text.is_empty() {
                map.insert(key.to_owned(), Data::Text(text.clone()));
            }
        }
        if !self.tags.is_empty() {
            map.insert("tags".to_owned(), list(&self.tags));
        }
        if self.enabled {
            map.insert("enabled".to_owned(), Data::Bool(true));
        }
        if !self.import_values.is_empty() {
            map.insert("import-values".to_owned(), Data::List(self.import_values.clone()));
        }
        Data::Map(map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_count_in_any_case() {
        let text = "APIVERSION: v2\nName: c\nversion: 1.0.0\nappversion: 3\nDescription: d\ndescription: e\n\
                    Dependencies: [{Name: x, VERSION: 1.0.0, Import-Values: [a]}]\nmaintainers: [{NAME: m}]\n";
        let mut metadata = Metadata::default();
        metadata.read(text).unwrap();
        assert_eq!((metadata.name.as_str(), metadata.api_version.as_str()), ("c", "v2"));
        assert_eq!((metadata.app_version.as_str(), metadata.description.as_str()), ("3", "e"));
        let dependency = &metadata.dependencies.unwrap()[0];
        assert_eq!((dependency.name.as_str(), dependency.import_values.len()), ("x", 1));
        assert_eq!(metadata.maintainers[0].name, "m");
    }

    #[test]
    fn locks_have_a_form() {
        for (text, is_lock) in [
            ("", true),
            ("generated: 2020-01-02T03:04:05.6Z\ndigest: sha256:a\ndependencies: [{name: a}]\n", true),
            ("generated: bad", false),
            ("generated: 5", false),
            ("- a", false),
            ("x", false),
            ("dependencies: x", false),
            ("digest: [a]", false),
        ] {
            assert_eq!(check_lock(&yaml::read_typed(text).unwrap()).is_ok(), is_lock, "{text}");
        }
    }
}
