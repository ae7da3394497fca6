//! Slash-separated paths as Go's `path` package treats them.

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

/// `path.Dir`.
pub(crate) fn directory(path: &str) -> String {
    clean(&path[..path.rfind('/').map_or(0, |index| index + 1)])
}

/// `path.Ext`.
pub(crate) fn extension(path: &str) -> &str {
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
