//! Charts from folders, archives and lists of files.

use super::archive::{self, MAX_FILE_SIZE};
use super::ignore::Rules;
use super::metadata::check_lock;
use super::{Chart, File};
use crate::bytes;
use crate::error::{Error, Result};
use crate::yaml;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const BYTE_ORDER_MARK: &[u8] = &[0xEF, 0xBB, 0xBF];
/// Deepest nesting of charts in charts.
const MAX_DEPTH: usize = 32;

impl Chart {
    /// Loads a chart from a folder or from a .tgz file.
    ///
    /// A folder's `.helmignore` counts. Symbolic links in a folder are followed, as Helm does.
    ///
    /// # Errors
    /// [`Error::Read`] and [`Error::Archive`] where files cannot be read, [`Error::Chart`] where they are no chart.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let read = |source| Error::Read { path: path.to_owned(), source };
        if fs::metadata(path).map_err(read)?.is_dir() {
            let main = path.join("Chart.yaml");
            if !main.exists() {
                let main = main.display();
                return Err(Error::Chart(format!(
                    "unable to detect chart at {main}: open {main}: no such file or directory"
                )));
            }
            return Self::from_files(folder(path)?);
        }
        let data = fs::read(path).map_err(read)?;
        if !data.starts_with(archive::MAGIC) {
            let path = path.display();
            let kind = archive::content_type(&data);
            return Err(Error::Chart(format!("file '{path}' does not appear to be a gzipped archive; got '{kind}'")));
        }
        Self::from_archive(&data)
    }

    /// Loads a chart from the bytes of a .tgz file.
    ///
    /// # Errors
    /// As [`Chart::load`]; also for an archive beyond 100 MiB in all or 5 MiB in one file, and for paths that lead out.
    pub fn from_archive(data: &[u8]) -> Result<Self> {
        Self::from_files(archive::unpack(data)?)
    }

    /// Builds a chart from files with paths from its root.
    ///
    /// # Errors
    /// [`Error::Chart`] where they are no chart.
    pub fn from_files(files: Vec<File>) -> Result<Self> {
        build(files, 0).map_err(Error::Chart)
    }
}

fn build(files: Vec<File>, depth: usize) -> Result<Chart, String> {
    if depth > MAX_DEPTH {
        return Err(format!("charts are nested more than {MAX_DEPTH} deep"));
    }
    let mut chart = Chart::default();
    let mut has_metadata = false;
    for file in files.iter().filter(|file| file.name == "Chart.yaml") {
        has_metadata = true;
        chart.metadata.read(&bytes::to_text(&file.data)).map_err(|error| in_file("Chart.yaml", error))?;
        if chart.metadata.api_version.is_empty() {
            chart.metadata.api_version = "v1".to_owned();
        }
    }
    let mut children: BTreeMap<String, Vec<File>> = BTreeMap::new();
    for file in files {
        match file.name.as_str() {
            "Chart.yaml" => {}
            "Chart.lock" => chart.lock = Some(lock(&file)?),
            "values.yaml" => {
                chart.values = yaml::read_documents(&bytes::to_text(&file.data))
                    .map_err(|error| format!("cannot load values.yaml: {error}"))?;
            }
            "values.schema.json" => chart.schema = Some(file.data),
            "requirements.yaml" => {
                has_metadata = true;
                chart
                    .metadata
                    .read(&bytes::to_text(&file.data))
                    .map_err(|error| in_file("requirements.yaml", error))?;
                if chart.metadata.api_version == "v1" {
                    chart.files.push(file);
                }
            }
            "requirements.lock" => {
                chart.lock = Some(lock(&file)?);
                if chart.metadata.api_version == "v1" {
                    chart.files.push(file);
                }
            }
            name if name.starts_with("templates/") => chart.templates.push(file),
            name => match name.strip_prefix("charts/") {
                Some(_) if name.ends_with(".prov") => chart.files.push(file),
                Some(inner) => {
                    let child = inner.split('/').next().unwrap_or(inner).to_owned();
                    let inner = inner.to_owned();
                    children.entry(child).or_default().push(File { name: inner, data: file.data });
                }
                None => chart.files.push(file),
            },
        }
    }
    if !has_metadata {
        return Err("Chart.yaml file is missing".to_owned());
    }
    chart.metadata.validate()?;
    for (name, files) in children {
        if name.starts_with(['_', '.']) {
            continue;
        }
        let parent = chart.name().to_owned();
        let child = child(&name, files, &parent, depth)
            .map_err(|error| format!("error unpacking subchart {name} in {parent}: {error}"))?;
        chart.dependencies.push(child);
    }
    Ok(chart)
}

/// What is wrong with the content needs no word about the file.
fn in_file(name: &str, error: String) -> String {
    if error.starts_with("validation: ") { error } else { format!("cannot load {name}: {error}") }
}

fn child(name: &str, files: Vec<File>, parent: &str, depth: usize) -> Result<Chart, String> {
    if name.ends_with(".tgz") {
        let Some(file) = files.first().filter(|file| file.name == name) else {
            let found = files.first().map_or("", |file| &file.name);
            return Err(format!("error unpacking subchart tar in {parent}: expected {name}, got {found}"));
        };
        let inner = archive::unpack(&file.data).map_err(|error| match error {
            Error::Archive(source) => source.to_string(),
            other => other.to_string(),
        })?;
        return build(inner, depth + 1);
    }
    // A file right under charts/ is not part of a chart.
    let inner = files
        .into_iter()
        .filter_map(|file| {
            let (_, rest) = file.name.split_once('/')?;
            Some(File { name: rest.to_owned(), data: file.data })
        })
        .collect();
    build(inner, depth + 1)
}

fn lock(file: &File) -> Result<crate::Data, String> {
    let text = bytes::to_text(&file.data);
    let read = yaml::read_typed(&text).and_then(|data| check_lock(&data)).and_then(|()| yaml::read(&text));
    read.map_err(|error| format!("cannot load {}: {error}", file.name))
}

fn folder(root: &Path) -> Result<Vec<File>> {
    let rules_path = root.join(".helmignore");
    let mut rules = Rules::default();
    if let Ok(data) = fs::read(&rules_path) {
        rules = Rules::parse(&bytes::to_text(&data)).map_err(Error::Chart)?;
    }
    let mut files = Vec::new();
    walk(root, "", &rules, 0, &mut files)?;
    Ok(files)
}

/// Deepest folder; a link to a folder above it would never end.
const MAX_FOLDERS: usize = 64;

fn walk(folder: &Path, prefix: &str, rules: &Rules, depth: usize, files: &mut Vec<File>) -> Result<()> {
    if depth > MAX_FOLDERS {
        return Err(Error::Chart(format!("folders are nested more than {MAX_FOLDERS} deep in {}", folder.display())));
    }
    let read = |source| Error::Read { path: folder.to_owned(), source };
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(read)? {
        names.push(entry.map_err(read)?.file_name());
    }
    names.sort();
    for name in names {
        let path = folder.join(&name);
        let inner = format!("{prefix}{}", name.to_string_lossy());
        let read = |source| Error::Read { path: path.clone(), source };
        let details = fs::metadata(&path).map_err(read)?;
        if rules.ignores(&inner, details.is_dir()) {
            continue;
        }
        if details.is_dir() {
            walk(&path, &format!("{inner}/"), rules, depth + 1, files)?;
            continue;
        }
        if !details.is_file() {
            return Err(Error::Chart(format!(
                "cannot load irregular file {} as it has file mode type bits set",
                path.display()
            )));
        }
        if details.len() > MAX_FILE_SIZE {
            return Err(Error::Chart(format!(
                "chart file {} is larger than the maximum file size {MAX_FILE_SIZE}",
                crate::go::quote(&name.to_string_lossy())
            )));
        }
        let mut data = fs::read(&path).map_err(read)?;
        if data.starts_with(BYTE_ORDER_MARK) {
            data.drain(..BYTE_ORDER_MARK.len());
        }
        files.push(File { name: inner, data });
    }
    Ok(())
}
