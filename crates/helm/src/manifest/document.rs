//! Where one document ends and the next begins. There are two rules: Helm's for what a template printed, and that of
//! Kubernetes' clients for what is applied, which a release's text goes through.

use crate::data::Data;
use crate::go::is_space;
use crate::yaml;
use regex::Regex;
use std::sync::LazyLock;

/// Splits what a template printed, as Helm does: also at `---` with text right behind it. Blank space before a separator
/// is lost here. The line break that a release's text has behind each manifest brings back the one that counts.
pub(super) fn split_template(text: &str) -> Vec<String> {
    static SEPARATOR: LazyLock<Regex> = LazyLock::new(|| {
        // Go's \s: no vertical tab, no other spaces.
        Regex::new(r"(?:^|[\t\n\f\r ]*\n)---[\t\n\f\r ]*").expect("the pattern is constant and valid")
    });
    SEPARATOR
        .split(text.trim_start_matches(is_space))
        .map(|document| document.trim_start_matches(is_space))
        .filter(|document| !document.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Splits what is applied: at lines that begin with `---`, with nothing but a comment behind it. Every line keeps its
/// end, and the last one gets one. Source: `YAMLReader` of k8s.io/apimachinery, pkg/util/yaml.
pub(super) fn split(text: &str) -> Result<Vec<String>, String> {
    let mut documents = Vec::new();
    let mut current = String::new();
    for line in text.split_terminator('\n') {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if let Some(rest) = line.strip_prefix("---") {
            let rest = rest.trim();
            if !rest.is_empty() && !rest.starts_with('#') {
                return Err(format!("invalid Yaml document separator: {rest}"));
            }
            if !current.is_empty() {
                documents.push(std::mem::take(&mut current));
            }
            continue;
        }
        current.push_str(line);
        current.push('\n');
    }
    if !current.is_empty() {
        documents.push(current);
    }
    Ok(documents)
}

/// The objects of what is applied, without empty documents.
pub(super) fn objects(text: &str) -> Result<Vec<Data>, String> {
    let mut objects = Vec::new();
    for document in split(text)? {
        let object = yaml::read_typed(&document)?;
        if !object.is_null() {
            objects.push(object);
        }
    }
    Ok(objects)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Manifest, read_stored};
    use crate::render::Rendered;
    use std::collections::BTreeMap;

    /// The text of `v` as it is installed, as it is read back, and the expected one.
    fn texts(printed: &str) -> Vec<(String, String)> {
        let files = BTreeMap::from([("c/templates/a.yaml".to_owned(), printed.to_owned())]);
        let (_, manifests) = crate::manifest::sort(&files).expect(printed);
        let text = |objects: Vec<Data>| -> String {
            let list: Vec<&str> =
                objects.iter().map(|one| one.at(&["data", "v"]).and_then(Data::as_text).expect("v")).collect();
            list.join("|")
        };
        let rendered = Rendered { manifests, ..Rendered::default() };
        let stored = read_stored(&rendered.manifest_text()).expect(printed);
        let all =
            |list: &[Manifest]| -> Vec<String> { list.iter().map(|one| text(one.objects().expect(printed))).collect() };
        all(&rendered.manifests).into_iter().zip(all(&stored)).collect()
    }

    #[test]
    fn the_last_line_break_of_a_document_is_kept() {
        // Each with what `helm install` puts into the cluster (Helm v4.2.3).
        for (printed, expected) in [
            ("data:\n  v: |\n    a\n", &["a\n"][..]),
            ("data:\n  v: |\n    a", &["a\n"]),
            ("data:\n  v: |\n    a\n---\ndata:\n  v: |\n    b\n", &["a\n", "b\n"]),
            ("data:\n  v: |\n    a\n\n\n---\ndata:\n  v: |\n    b\n\n\n", &["a\n", "b\n"]),
            ("data:\n  v: |-\n    a\n---\ndata:\n  v: >\n    b\n    c\n", &["a", "b c\n"]),
            ("data:\n  v: |+\n    a\n---\ndata:\n  v: |+\n    b\n", &["a\n", "b\n\n"]),
            ("---\n---\ndata:\n  v: |\n    a\n", &["a\n"]),
            ("data:\r\n  v: |\r\n    a\r\n---\r\ndata: {v: b}\r\n", &["a\n", "b"]),
        ] {
            let expected: Vec<_> = expected.iter().map(|one| ((*one).to_owned(), (*one).to_owned())).collect();
            assert_eq!(texts(printed), expected, "{printed:?}");
        }
    }

    #[test]
    fn separators_of_what_is_applied() {
        let two = ["a: 1\n".to_owned(), "b: 2\n".to_owned()];
        for text in ["a: 1\n---\nb: 2", "---\na: 1\n--- # x\nb: 2\n---\n", "a: 1\n---   \n---\nb: 2\n"] {
            assert_eq!(split(text).as_deref(), Ok(&two[..]), "{text:?}");
        }
        assert_eq!(split("a: 1\n--- b"), Err("invalid Yaml document separator: b".to_owned()));
        assert_eq!(split("a: |\n  ---\n").map(|list| list.len()), Ok(1));
    }
}
