//! Names of things in a case: an object's address, and a place inside of its value.

use std::fmt;

/// A place inside of a value. `tags.Name`, `rules[0].port` and `tags["a b"]` are such.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct AttributePath(pub Vec<PathStep>);

/// One step into a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PathStep {
    /// An attribute or key.
    Name(String),
    /// An element, counted from zero.
    Index(usize),
}

/// An object's address and a place in its value; the whole value when the path is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// `ekshybrid_activation.a`, `data.ekshybrid_cluster.c[0]`, `output.id`, `provider`.
    pub address: String,
    /// The place.
    pub path: AttributePath,
}

impl AttributePath {
    /// Reads a path.
    ///
    /// # Errors
    ///
    /// The text has an empty step or an unclosed bracket.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut steps = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(inside) = rest.strip_prefix('[') {
                let (step, after) = bracket(inside).ok_or_else(|| format!("`{text}` has an unclosed `[`"))?;
                steps.push(step);
                rest = after.strip_prefix('.').unwrap_or(after);
                continue;
            }
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            if name.is_empty() {
                return Err(format!("`{text}` has an empty step"));
            }
            steps.push(name.parse().map_or_else(|_| PathStep::Name(name.to_owned()), PathStep::Index));
            rest = after.strip_prefix('.').unwrap_or(after);
        }
        Ok(Self(steps))
    }

    /// What is at this place of a JSON value; `None` when there is nothing.
    pub fn of<'a>(&self, value: &'a serde_json::Value) -> Option<&'a serde_json::Value> {
        self.0.iter().try_fold(value, |value, step| match step {
            PathStep::Name(name) => value.get(name),
            PathStep::Index(index) => value.get(index).or_else(|| value.get(index.to_string())),
        })
    }
}

/// Splits `0]…` or `"key"]…` into the step and what follows the bracket.
fn bracket(inside: &str) -> Option<(PathStep, &str)> {
    if let Some(quoted) = inside.strip_prefix('"') {
        let end = quoted.find("\"]")?;
        return Some((PathStep::Name(quoted[..end].to_owned()), &quoted[end + 2..]));
    }
    let end = inside.find(']')?;
    let index = inside[..end].parse().ok()?;
    Some((PathStep::Index(index), &inside[end + 1..]))
}

impl fmt::Display for AttributePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                PathStep::Name(name) if position == 0 => f.write_str(name)?,
                PathStep::Name(name) if name.contains(['.', ' ', '/']) => write!(f, "[{name:?}]")?,
                PathStep::Name(name) => write!(f, ".{name}")?,
                PathStep::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

impl Target {
    /// Reads `TYPE.NAME`, `TYPE.NAME[KEY].PATH`, `data.TYPE.NAME.PATH`, `output.NAME.PATH`, `provider.PATH` and the
    /// like.
    ///
    /// # Errors
    ///
    /// The text is too short for an address, or its path is malformed.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let first = text.split(['.', '[']).next().unwrap_or_default();
        let names = match first {
            "provider" => 1,
            "data" | "ephemeral" | "action" | "list" => 3,
            // `output.NAME`, `var.NAME`, `local.NAME`, `TYPE.NAME`
            _ => 2,
        };
        let mut end = 0;
        for position in 0..names {
            let rest = &text[end..];
            let rest = if position == 0 { rest } else { rest.strip_prefix('.').unwrap_or("") };
            let length = rest.find(['.', '[']).unwrap_or(rest.len());
            if length == 0 {
                return Err(format!("`{text}` is no address: expected {names} names"));
            }
            end = text.len() - rest.len() + length;
        }
        // An instance key belongs to the address of resources, not to the path.
        let keyed = !matches!(first, "provider" | "output" | "var" | "local");
        if keyed && text[end..].starts_with('[') {
            let (_, after) = bracket(&text[end + 1..]).ok_or_else(|| format!("`{text}` has an unclosed `[`"))?;
            end = text.len() - after.len();
        }
        let path = text[end..].strip_prefix('.').unwrap_or(&text[end..]);
        Ok(Self { address: text[..end].to_owned(), path: AttributePath::parse(path)? })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.0.first() {
            None => f.write_str(&self.address),
            Some(PathStep::Index(_)) => write!(f, "{}{}", self.address, self.path),
            Some(PathStep::Name(_)) => write!(f, "{}.{}", self.address, self.path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_split_into_address_and_path() {
        for (text, address, path) in [
            ("a_b.c", "a_b.c", ""),
            ("a_b.c.d.e", "a_b.c", "d.e"),
            ("a_b.c[0].d", "a_b.c[0]", "d"),
            ("a_b.c[\"k.x\"].d[1]", "a_b.c[\"k.x\"]", "d[1]"),
            ("data.a_b.c.d", "data.a_b.c", "d"),
            ("output.o.list[2]", "output.o", "list[2]"),
            ("output.o[2]", "output.o", "[2]"),
            ("provider.endpoints.ssm", "provider", "endpoints.ssm"),
            ("provider", "provider", ""),
        ] {
            let target = Target::parse(text).unwrap();
            assert_eq!((target.address.as_str(), target.path.to_string().as_str()), (address, path), "{text}");
        }
    }

    #[test]
    fn malformed_targets_are_refused() {
        for text in ["", "a_b", "data.a_b", "a_b.c[0", "a_b.c..d", "a_b.c[x].d"] {
            assert!(Target::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn paths_reach_into_json() {
        let value = serde_json::json!({"tags": {"a b": [1, 2]}});
        let path = AttributePath::parse("tags[\"a b\"][1]").unwrap();
        assert_eq!(path.of(&value), Some(&serde_json::json!(2)));
        assert_eq!(AttributePath::parse("tags.x").unwrap().of(&value), None);
    }
}
