//! The findings of a schema put together as Helm lists them: each in its place, alternatives below what they belong to.

use super::patterns::Patterns;
use super::wording::{explain, line};
use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;

/// Helm looks no further into a place that has the wrong type, is not the constant, or none of the choices, or has
/// another format, in this order.
pub(super) fn first_faults<'e>(
    errors: impl Iterator<Item = &'e ValidationError<'e>> + Clone,
) -> Vec<&'e ValidationError<'e>> {
    let rank = |error: &ValidationError<'_>| match error.kind() {
        ValidationErrorKind::Type { .. } => Some(0),
        ValidationErrorKind::Constant { .. } => Some(1),
        ValidationErrorKind::Enum { .. } => Some(2),
        ValidationErrorKind::Format { .. } => Some(3),
        _ => None,
    };
    let place = |error: &ValidationError<'_>| {
        let path = error.evaluation_path().to_string();
        let schema = path.rsplit_once('/').map_or("", |(schema, _)| schema).to_owned();
        (format!("{schema}/"), error.instance_path().to_string())
    };
    let ends: Vec<(u8, (String, String))> =
        errors.clone().filter_map(|error| Some((rank(error)?, place(error)))).collect();
    let is_inside =
        |path: &str, of: &str| path.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    errors
        .filter(|error| {
            let (path, instance) = (error.evaluation_path().to_string(), error.instance_path().to_string());
            let (own, (schema, _)) = (rank(error), place(error));
            !ends.iter().any(|(rank, (end, at))| {
                let is_other = end.as_str() != schema || own.is_none_or(|own| own > *rank);
                is_other && path.starts_with(end.as_str()) && is_inside(&instance, at)
            })
        })
        .collect()
}

/// An error with what is left of its way through the schema.
#[derive(Clone)]
pub(super) struct Finding<'e> {
    pub(super) error: &'e ValidationError<'e>,
    keywords: Vec<String>,
    /// How many steps into the instance the schema that is looked at has made.
    depth: usize,
}

impl<'e> Finding<'e> {
    pub(super) fn new(error: &'e ValidationError<'e>) -> Self {
        let path = error.evaluation_path().to_string();
        let depth = error.instance_path().to_string().matches('/').count();
        let keywords: Vec<String> = path.split('/').skip(1).map(str::to_owned).collect();
        // The last keyword is the one that failed; those before it that step into the instance are counted back.
        let steps = steps(&keywords);
        Self { error, keywords, depth: depth.saturating_sub(steps) }
    }

    fn path(&self) -> String {
        let path = self.error.instance_path().to_string();
        let parts: Vec<&str> = path.split('/').skip(1).take(self.depth).collect();
        parts.iter().map(|part| format!("/{part}")).collect()
    }

    /// The subschema that the error is in: its key, how many keywords lead there, and how many steps into the instance.
    fn subschema(&self) -> Option<(String, usize, usize)> {
        let first = self.keywords.first()?.as_str();
        let (length, steps) = match first {
            "properties" | "patternProperties" => (2, 1),
            "prefixItems" => (2, 1),
            "items" if self.keywords.get(1).is_some_and(|next| next.parse::<usize>().is_ok()) => (2, 1),
            "items" | "additionalProperties" | "additionalItems" | "unevaluatedProperties" => (1, 1),
            "$ref" | "$dynamicRef" | "then" | "else" => (1, 0),
            "dependentSchemas" => (2, 0),
            // All branches that fail make one finding, each of them a part of it.
            "allOf" => (1, 0),
            branch if branch.parse::<usize>().is_ok() => (1, 0),
            _ => return None,
        };
        if self.keywords.len() <= length {
            return None;
        }
        let path = self.error.instance_path().to_string();
        let at: String = path.split('/').skip(1).skip(self.depth).take(steps).collect();
        Some((format!("{}/{at}", self.keywords[..length].join("/")), length, steps))
    }
}

/// Steps into the instance on the way to a keyword.
fn steps(keywords: &[String]) -> usize {
    let mut steps = 0;
    let mut at = 0;
    while at + 1 < keywords.len() {
        match keywords[at].as_str() {
            "properties" | "patternProperties" | "prefixItems" => {
                steps += 1;
                at += 2;
            }
            "items" if keywords[at + 1].parse::<usize>().is_ok() => {
                steps += 1;
                at += 2;
            }
            "items" | "additionalProperties" | "additionalItems" | "unevaluatedProperties" => {
                steps += 1;
                at += 1;
            }
            "dependentSchemas" | "allOf" => at += 2,
            _ => at += 1,
        }
    }
    steps
}

pub(super) fn root_list(findings: &[Finding<'_>], patterns: &Patterns, text: &mut String) {
    let parts = merged(groups(findings));
    // Where everything is wrong in one place, that place needs no line of its own.
    let is_only = parts.len() == 1;
    for part in parts {
        write_group(&part, 0, is_only, patterns, text);
    }
}

/// The findings of one schema: each alone, or with all others of the same subschema.
fn groups<'e>(findings: &[Finding<'e>]) -> Vec<Vec<Finding<'e>>> {
    let mut groups: Vec<(Option<String>, Vec<Finding<'e>>)> = Vec::new();
    for finding in findings {
        let key = finding.subschema().map(|(key, _, _)| key);
        match groups.iter_mut().find(|(known, _)| known.is_some() && *known == key) {
            Some((_, group)) => group.push(finding.clone()),
            None => groups.push((key, vec![finding.clone()])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

fn write_group(group: &[Finding<'_>], depth: usize, is_only: bool, patterns: &Patterns, text: &mut String) {
    let Some(first) = group.first() else { return };
    let Some((key, length, steps)) = first.subschema() else {
        for finding in group {
            write_error(finding.error, group, depth, patterns, text);
        }
        return;
    };
    let inner: Vec<Finding<'_>> = group
        .iter()
        .map(|finding| Finding {
            error: finding.error,
            keywords: finding.keywords[length..].to_vec(),
            depth: finding.depth + steps,
        })
        .collect();
    let mut depth = depth;
    let is_all = key.starts_with("allOf/");
    if is_all {
        line(&inner[0].path(), "'allOf' failed", depth, text);
        depth += 1;
    }
    let parts = if is_all { groups(&inner) } else { merged(groups(&inner)) };
    // What a reference leads to is a place of its own.
    let is_only = is_only && !is_all && !key.starts_with("$ref");
    if parts.len() > 1 && !is_only && !is_all {
        line(&inner[0].path(), "validation failed", depth, text);
        depth += 1;
    }
    let is_only = is_only && parts.len() == 1;
    for part in parts {
        write_group(&part, depth, is_only, patterns, text);
    }
}

/// All properties missing in one place make one finding.
fn merged<'e>(groups: Vec<Vec<Finding<'e>>>) -> Vec<Vec<Finding<'e>>> {
    let is_missing = |group: &[Finding<'_>]| {
        matches!(group, [only] if only.keywords.len() == 1
            && matches!(only.error.kind(), ValidationErrorKind::Required { .. }))
    };
    let mut kept: Vec<Vec<Finding<'e>>> = Vec::new();
    for group in groups {
        match kept.iter_mut().find(|known| is_missing(&known[..1])) {
            Some(known) if is_missing(&group) => known.extend(group),
            _ => kept.push(group),
        }
    }
    kept
}

fn write_error(
    error: &ValidationError<'_>,
    group: &[Finding<'_>],
    depth: usize,
    patterns: &Patterns,
    text: &mut String,
) {
    if let ValidationErrorKind::UnevaluatedProperties { unexpected } = error.kind() {
        for property in unexpected {
            let path = error.instance_path().join(property.as_str());
            line(&path.to_string(), "false schema", depth, text);
        }
        return;
    }
    let path = match error.kind() {
        ValidationErrorKind::PropertyNames { .. } => String::new(),
        _ => error.instance_path().to_string(),
    };
    if let ValidationErrorKind::Required { .. } = error.kind()
        && group.first().is_some_and(|first| !std::ptr::eq(first.error, error))
    {
        return;
    }
    line(&path, &explain(error, group, patterns), depth, text);
    match error.kind() {
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            for alternative in context {
                let findings: Vec<Finding<'_>> = first_faults(alternative.iter())
                    .into_iter()
                    .map(|inner| {
                        let mut finding = Finding::new(inner);
                        // Their ways start at the root; here they start at the alternative.
                        let own = error.evaluation_path().to_string().matches('/').count() + 1;
                        finding.keywords.drain(..own.min(finding.keywords.len().saturating_sub(1)));
                        finding.depth = path.matches('/').count();
                        finding
                    })
                    .collect();
                let parts = merged(groups(&findings));
                let mut inner_depth = depth + 1;
                if parts.len() > 1 {
                    line(&path, "validation failed", inner_depth, text);
                    inner_depth += 1;
                }
                for part in parts {
                    write_group(&part, inner_depth, false, patterns, text);
                }
            }
        }
        ValidationErrorKind::PropertyNames { error } => {
            line("", &explain(error, &[], patterns), depth + 1, text);
        }
        _ => {}
    }
}
