//! Slash-separated paths as Go's `path` package treats them. The `os…` forms are the same on the systems we build for.

use super::{Function, Type};
use crate::template::value::Value;

pub(super) const TABLE: &[Function] = &[
    Function::new("base", &[Type::Text], |_, arguments| Ok(Value::text(base(&arguments.text(0))))),
    Function::new("dir", &[Type::Text], |_, arguments| Ok(Value::text(directory(&arguments.text(0))))),
    Function::new("clean", &[Type::Text], |_, arguments| Ok(Value::text(clean(&arguments.text(0))))),
    Function::new("ext", &[Type::Text], |_, arguments| Ok(Value::text(extension(&arguments.text(0))))),
    Function::new("isAbs", &[Type::Text], |_, arguments| Ok(Value::Bool(arguments.text(0).starts_with('/')))),
    Function::new("osBase", &[Type::Text], |_, arguments| Ok(Value::text(base(&arguments.text(0))))),
    Function::new("osDir", &[Type::Text], |_, arguments| Ok(Value::text(directory(&arguments.text(0))))),
    Function::new("osClean", &[Type::Text], |_, arguments| Ok(Value::text(clean(&arguments.text(0))))),
    Function::new("osExt", &[Type::Text], |_, arguments| Ok(Value::text(extension(&arguments.text(0))))),
    Function::new("osIsAbs", &[Type::Text], |_, arguments| Ok(Value::Bool(arguments.text(0).starts_with('/')))),
];

/// `path.Base`.
pub(crate) fn base(path: &str) -> String {
    if path.is_empty() {
        return ".".to_owned();
    }
    let trimmed = path.trim_end_matches('/');
    if trimmed.is_empty() {
        return "/".to_owned();
    }
    trimmed.rsplit('/').next().unwrap_or(trimmed).to_owned()
}

fn directory(path: &str) -> String {
    clean(&path[..path.rfind('/').map_or(0, |index| index + 1)])
}

fn extension(path: &str) -> &str {
    let name = &path[path.rfind('/').map_or(0, |index| index + 1)..];
    name.rfind('.').map_or("", |index| &name[index..])
}

/// `path.Clean`.
pub(crate) fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(&"..") | None if !rooted => parts.push(".."),
                Some(_) => {
                    parts.pop();
                }
                None => {}
            },
            name => parts.push(name),
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_follow_go() {
        for (path, expected) in
            [("", "."), ("a//b/../c/.", "a/c"), ("/../a", "/a"), ("../../a", "../../a"), ("a/..", "."), ("/", "/")]
        {
            assert_eq!(clean(path), expected, "{path}");
        }
        assert_eq!((base("a/b/"), directory("a/b/"), extension("a.b/c.tar.gz")), ("b".into(), "a/b".into(), ".gz"));
    }
}
