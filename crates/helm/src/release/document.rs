//! The JSON document of a release, field by field.

use super::{ApplyMethod, HookPhase, HookRun, Release, Status};
use crate::chart::{Chart, File, Metadata};
use crate::data::{Data, Map};
use crate::manifest::{DeletePolicy, Hook, HookEvent, OutputLogPolicy};
use crate::yaml;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

/// Go's zero time, which Helm writes for a chart without a schema.
const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

fn text(text: impl Into<String>) -> Data {
    Data::Text(text.into())
}

/// Builds a map of the entries that are not empty.
struct Fields(Map);

impl Fields {
    fn new() -> Self {
        Self(Map::new())
    }

    fn put(&mut self, key: &str, value: Data) {
        self.0.insert(key.to_owned(), value);
    }

    fn put_unless_empty(&mut self, key: &str, value: Data) {
        let is_empty = match &value {
            Data::Null => true,
            Data::Text(text) => text.is_empty(),
            Data::List(list) => list.is_empty(),
            Data::Map(map) => map.is_empty(),
            Data::Int(number) => *number == 0,
            _ => false,
        };
        if !is_empty {
            self.put(key, value);
        }
    }

    fn put_time(&mut self, key: &str, time: Option<Timestamp>) {
        if let Some(time) = time {
            self.put(key, text(time.to_string()));
        }
    }
}

impl ApplyMethod {
    fn name(self) -> &'static str {
        match self {
            Self::ClientSide => "csa",
            Self::ServerSide => "ssa",
        }
    }

    /// What Helm 3 wrote has no such name, and was applied by the client.
    fn from_name(name: &str) -> Self {
        if name == "ssa" { Self::ServerSide } else { Self::ClientSide }
    }
}

impl Release {
    pub(super) fn to_document(&self) -> Data {
        let mut info = Fields::new();
        info.put_time("first_deployed", self.first_deployed);
        info.put_time("last_deployed", self.last_deployed);
        info.put_time("deleted", self.deleted);
        info.put_unless_empty("description", text(&self.description));
        info.put("status", text(self.status.name()));
        info.put_unless_empty("rollback_revision", Data::Int(self.rollback_revision.unwrap_or(0)));
        info.put_unless_empty("notes", text(&self.notes));
        let mut release = Fields::new();
        release.put("name", text(&self.name));
        release.put("info", Data::Map(info.0));
        release.put("chart", chart_document(&self.chart));
        release.put_unless_empty("config", Data::Map(self.config.clone()));
        release.put_unless_empty("manifest", text(&self.manifest));
        release.put_unless_empty("hooks", Data::List(self.hooks.iter().map(hook_document).collect()));
        release.put("version", Data::Int(self.revision));
        release.put_unless_empty("namespace", text(&self.namespace));
        release.put("apply_method", text(self.apply_method.name()));
        Data::Map(release.0)
    }

    pub(super) fn from_document(document: &Data) -> Result<Self, String> {
        let name = string(document, "name");
        if document.as_map().is_none() || name.is_empty() {
            return Err("the document is not a release".to_owned());
        }
        let empty = Data::Null;
        let info = document.entry("info").unwrap_or(&empty);
        let hooks = document.entry("hooks").and_then(Data::as_list).unwrap_or_default();
        Ok(Self {
            name,
            namespace: string(document, "namespace"),
            revision: integer(document, "version"),
            status: Status::from_name(&string(info, "status")),
            first_deployed: time(info, "first_deployed")?,
            last_deployed: time(info, "last_deployed")?,
            deleted: time(info, "deleted")?,
            description: string(info, "description"),
            rollback_revision: Some(integer(info, "rollback_revision")).filter(|revision| *revision != 0),
            notes: string(info, "notes"),
            chart: read_chart(document.entry("chart").unwrap_or(&empty))?,
            config: document.entry("config").and_then(Data::as_map).cloned().unwrap_or_default(),
            manifest: string(document, "manifest"),
            hooks: hooks.iter().map(read_hook).collect::<Result<_, _>>()?,
            labels: Default::default(),
            apply_method: ApplyMethod::from_name(&string(document, "apply_method")),
        })
    }
}

fn string(data: &Data, key: &str) -> String {
    data.entry(key).and_then(Data::as_text).unwrap_or_default().to_owned()
}

fn integer(data: &Data, key: &str) -> i64 {
    match data.entry(key) {
        Some(Data::Int(number)) => *number,
        Some(Data::Float(number)) => *number as i64,
        _ => 0,
    }
}

/// A time; Go's zero time and an empty text are none.
fn time(data: &Data, key: &str) -> Result<Option<Timestamp>, String> {
    match string(data, key).as_str() {
        "" | ZERO_TIME => Ok(None),
        text => text.parse().map(Some).map_err(|error| format!("{key}: {error}")),
    }
}

fn chart_document(chart: &Chart) -> Data {
    let files = |files: &[File]| {
        let files = files.iter().map(|file| {
            Data::Map(
                [("name".to_owned(), text(&file.name)), ("data".to_owned(), text(STANDARD.encode(&file.data)))].into(),
            )
        });
        Data::List(files.collect())
    };
    let mut document = Fields::new();
    document.put("metadata", chart.metadata.to_data());
    document.put("lock", chart.lock.clone().unwrap_or_default());
    document.put("templates", files(&chart.templates));
    document.put("values", Data::Map(chart.values.clone()));
    let schema = chart.schema.as_ref().map_or(Data::Null, |schema| text(STANDARD.encode(schema)));
    document.put("schema", schema);
    document.put("schemamodtime", text(ZERO_TIME));
    document.put("files", files(&chart.files));
    Data::Map(document.0)
}

fn decode(data: &Data, key: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(string(data, key)).map_err(|error| format!("{key}: {error}"))
}

fn read_chart(document: &Data) -> Result<Chart, String> {
    let files = |key: &str| -> Result<Vec<File>, String> {
        let listed = document.entry(key).and_then(Data::as_list).unwrap_or_default();
        listed.iter().map(|file| Ok(File { name: string(file, "name"), data: decode(file, "data")? })).collect()
    };
    let mut metadata = Metadata::default();
    if let Some(stored) = document.entry("metadata") {
        // Chart.yaml and the stored form have the same names.
        metadata.read(&yaml::write(stored)?)?;
    }
    let schema = match document.entry("schema") {
        Some(Data::Text(text)) if !text.is_empty() => Some(decode(document, "schema")?),
        _ => None,
    };
    Ok(Chart {
        metadata,
        lock: document.entry("lock").filter(|lock| !lock.is_null()).cloned(),
        values: document.entry("values").and_then(Data::as_map).cloned().unwrap_or_default(),
        schema,
        templates: files("templates")?,
        files: files("files")?,
        dependencies: Vec::new(),
    })
}

fn hook_document(run: &HookRun) -> Data {
    let names = |names: Vec<&str>| Data::List(names.into_iter().map(text).collect());
    let hook = &run.hook;
    let mut last = Fields::new();
    last.put_time("started_at", run.started);
    last.put_time("completed_at", run.completed);
    last.put("phase", text(run.phase.map_or("", HookPhase::name)));
    let mut document = Fields::new();
    document.put_unless_empty("name", text(&hook.name));
    document.put_unless_empty("kind", text(&hook.kind));
    document.put_unless_empty("path", text(&hook.path));
    document.put_unless_empty("manifest", text(&hook.manifest));
    document.put_unless_empty("events", names(hook.events.iter().map(|event| event.name()).collect()));
    document.put("last_run", Data::Map(last.0));
    document.put_unless_empty("weight", Data::Int(hook.weight));
    let policies = hook.delete_policies.iter().map(|policy| policy.name()).collect();
    document.put_unless_empty("delete_policies", names(policies));
    let logs = hook.output_log_policies.iter().map(|policy| policy.name()).collect();
    document.put_unless_empty("output_log_policies", names(logs));
    Data::Map(document.0)
}

fn read_hook(document: &Data) -> Result<HookRun, String> {
    let names = |key: &str| -> Vec<&str> {
        document.entry(key).and_then(Data::as_list).unwrap_or_default().iter().filter_map(Data::as_text).collect()
    };
    let empty = Data::Null;
    let last = document.entry("last_run").unwrap_or(&empty);
    Ok(HookRun {
        hook: Hook {
            name: string(document, "name"),
            kind: string(document, "kind"),
            path: string(document, "path"),
            manifest: string(document, "manifest"),
            events: names("events").into_iter().filter_map(HookEvent::from_name).collect(),
            weight: integer(document, "weight"),
            delete_policies: names("delete_policies").into_iter().filter_map(DeletePolicy::from_name).collect(),
            output_log_policies: names("output_log_policies")
                .into_iter()
                .filter_map(OutputLogPolicy::from_name)
                .collect(),
        },
        started: time(last, "started_at")?,
        completed: time(last, "completed_at")?,
        phase: HookPhase::from_name(&string(last, "phase")),
    })
}
