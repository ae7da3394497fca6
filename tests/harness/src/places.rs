//! The `@{…}` places of a case, filled in while it runs.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::case::{AttributePath, Target};
use crate::outcome::State;

/// The values that places can take.
#[derive(Debug, Default)]
pub struct Places {
    /// Named JSON: what the sandbox reports about the account, and the answers that steps named.
    named: BTreeMap<String, Json>,
    /// The state after the newest step.
    state: State,
}

impl Places {
    /// Makes the members of `members` places of their own: `@{region}`.
    pub fn add_members(&mut self, members: &Json) {
        for (name, value) in members.as_object().into_iter().flatten() {
            self.named.insert(name.clone(), value.clone());
        }
    }

    /// Makes `value` a place.
    pub fn add(&mut self, name: impl Into<String>, value: Json) {
        self.named.insert(name.into(), value);
    }

    /// Everything that has a name, as one object.
    pub fn named(&self) -> Json {
        Json::Object(self.named.clone().into_iter().collect())
    }

    /// Takes the state that `@{state.…}` and `@{output.…}` look at.
    pub fn set_state(&mut self, state: State) {
        self.state = state;
    }

    /// The state that was last set.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Puts the values into a text. Strings are written without quotes, everything else as JSON.
    ///
    /// # Errors
    ///
    /// A place is not closed, or nothing has its name.
    pub fn fill(&self, text: &str) -> Result<String, String> {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("@{") {
            let (name, after) = after.split_once('}').ok_or_else(|| format!("`@{{{after}` is not closed"))?;
            filled.push_str(before);
            match self.find(name.trim())? {
                Json::String(text) => filled.push_str(&text),
                other => filled.push_str(&other.to_string()),
            }
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    fn find(&self, name: &str) -> Result<Json, String> {
        let absent = || format!("nothing is called `@{{{name}}}`");
        if let Some(target) = name.strip_prefix("state.") {
            let target = Target::parse(target)?;
            let object = self.state.objects.get(&target.address).ok_or_else(absent)?;
            return target.path.of(&object.values).cloned().ok_or_else(absent);
        }
        if name.starts_with("output.") {
            let target = Target::parse(name)?;
            let output = self.state.outputs.get(&target.address["output.".len()..]).ok_or_else(absent)?;
            return target.path.of(&output.value).cloned().ok_or_else(absent);
        }
        let end = name.find(['.', '[']).unwrap_or(name.len());
        let value = self.named.get(&name[..end]).ok_or_else(absent)?;
        let path = AttributePath::parse(name[end..].strip_prefix('.').unwrap_or(&name[end..]))?;
        path.of(value).cloned().ok_or_else(absent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Object;
    use serde_json::json;

    #[test]
    fn places_are_filled() {
        let mut places = Places::default();
        places.add_members(&json!({"region": "us-west-2", "holds": {"role_names": ["hybrid-nodes"]}}));
        places.add("answer", json!({"count": 2}));
        let mut state = State::default();
        state.objects.insert("x_y.a".into(), Object { values: json!({"id": "1"}), ..Object::default() });
        places.set_state(state);
        for (text, filled) in [
            ("nothing", "nothing"),
            ("${keep} @{region}!", "${keep} us-west-2!"),
            ("@{holds.role_names[0]}", "hybrid-nodes"),
            ("@{answer.count}@{ state.x_y.a.id }", "21"),
            ("@{holds}", r#"{"role_names":["hybrid-nodes"]}"#),
        ] {
            assert_eq!(places.fill(text).as_deref(), Ok(filled));
        }
        for text in ["@{regio}", "@{region", "@{state.x_y.b.id}", "@{output.x}", "@{answer.sum}"] {
            assert!(places.fill(text).is_err(), "{text}");
        }
    }
}
