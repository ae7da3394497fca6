//! The user's own parts of an archive: cloud-configs and scripts.

use super::mime::Part;
use crate::node::shape::text;

/// Content type of a script.
pub(super) const SCRIPT: &str = "text/x-shellscript";

text! {
    /// A script that cloud-init runs as root.
    pub struct Script;
    rule = "a script that begins with `#!` and its interpreter, such as `#!/bin/bash`";
    check = |text| {
        let first = text.lines().next().unwrap_or_default();
        if text.contains('\r') {
            return Err("it has Windows line endings, which become a part of the interpreter's name; \
                        use `replace(…, \"\\r\\n\", \"\\n\")`"
                .to_owned());
        }
        match first.strip_prefix("#!").map(str::trim_start) {
            Some(interpreter) if interpreter.starts_with('/') => Ok(()),
            Some(_) => Err("the interpreter needs an absolute path".to_owned()),
            None if text.trim_start().starts_with("#!") => Err("there is something before `#!`".to_owned()),
            None => Err(String::new()),
        }
    };
    // May contain a secret.
    shown = false;
}

text! {
    /// A cloud-config of the user.
    pub struct CloudConfig;
    rule = "a cloud-config in YAML, whose first line is `#cloud-config`";
    check = |text| {
        match text.lines().next().map(str::trim_end) {
            Some("#cloud-config") => Ok(()),
            // cloud-init takes the part for something else, and ignores it.
            _ if text.trim_start().starts_with("#cloud-config") => Err("there is something before `#cloud-config`".to_owned()),
            _ => Err(String::new()),
        }
    };
    shown = false;
}

/// Texts with file names that sort in the order of the list: cloud-init runs scripts in the order of their names.
pub(super) fn named<'a>(stem: &str, texts: impl Iterator<Item = &'a str>) -> Vec<(String, &'a str)> {
    texts.enumerate().map(|(index, text)| (format!("{stem}-{index:03}"), text)).collect()
}

/// The same for scripts.
pub(super) fn scripts_named<'a>(stem: &str, scripts: Option<&'a [Script]>) -> Vec<(String, &'a str)> {
    named(stem, scripts.unwrap_or_default().iter().map(Script::as_str))
}

pub(super) fn scripts<'a>(named: &'a [(String, &'a str)]) -> Vec<Part<'a>> {
    named.iter().map(|(name, content)| Part { content_type: SCRIPT, name, content, merge: None }).collect()
}
