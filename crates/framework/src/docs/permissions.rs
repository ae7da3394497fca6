//! The section of a page about what a type must be allowed to do.

use crate::permission::{Permission, Permissions};

/// The section; empty if nothing is declared. `note` closes it.
pub(super) fn section(permissions: Permissions, note: &str) -> String {
    let all: Vec<&Permission> = permissions.iter().copied().flatten().collect();
    let mut systems: Vec<&str> = Vec::new();
    for permission in &all {
        if !systems.contains(&permission.system) {
            systems.push(permission.system);
        }
    }
    if systems.is_empty() {
        return String::new();
    }
    let mut text = "## Permissions".to_owned();
    for system in systems {
        text.push_str(&format!("\n\nIn {system}:\n\n| permission | on | needed |\n|---|---|---|"));
        for permission in all.iter().filter(|permission| permission.system == system) {
            let acts: Vec<String> = permission.acts.iter().map(|act| format!("`{act}`")).collect();
            let only_if =
                permission.only_if.map(|(key, value)| format!(", only if `{key}` is `{value}`")).unwrap_or_default();
            let needed =
                if permission.when.is_empty() { "always".to_owned() } else { format!("if {}", permission.when) };
            text.push_str(&format!("\n| {} | `{}`{only_if} | {needed} |", acts.join(", "), permission.on));
        }
    }
    if !note.is_empty() {
        text.push_str("\n\n");
        text.push_str(note);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_shown_by_system() {
        const ALL: Permissions = &[
            &[Permission::new("Cloud", &["put", "get"], "things").only_if("owner", "me")],
            &[Permission::new("Other", &["look"], "*").when("it is dark"), Permission::new("Cloud", &["end"], "all")],
        ];
        let expected = "\
## Permissions

In Cloud:

| permission | on | needed |
|---|---|---|
| `put`, `get` | `things`, only if `owner` is `me` | always |
| `end` | `all` | always |

In Other:

| permission | on | needed |
|---|---|---|
| `look` | `*` | if it is dark |

Note.";
        assert_eq!(section(ALL, "Note."), expected);
        assert_eq!(section(&[], "Note."), "");
    }
}
