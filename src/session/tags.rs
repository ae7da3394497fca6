//! Tags: an object's own over the provider's `default_tags`, without those that `ignore_tags` leaves to others.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::model::Maybe;
use framework::path::{Path, Step};
use regex::Regex;

use super::ignored_tags::Ignored;
use super::{Clients, Context};

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

/// The effective tags of an object: its own override the defaults.
#[must_use]
pub fn merged(defaults: &Tags, own: Option<&Tags>) -> Tags {
    let mut all = defaults.clone();
    all.extend(own.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())));
    all
}

/// The same at plan time; unknown if either of them is.
#[must_use]
pub fn planned(defaults: Maybe<&Tags>, own: &Maybe<Option<Tags>>) -> Maybe<Tags> {
    match (defaults, own) {
        (Maybe::Known(defaults), Maybe::Known(own)) => Maybe::Known(merged(defaults, own.as_ref())),
        _ => Maybe::Unknown,
    }
}

/// The tags that the object itself must set so that, with the defaults, they result in `found`: those that differ
/// from the defaults, and those that it already sets.
#[must_use]
pub fn own(found: &Tags, defaults: &Tags, named: Option<&Tags>) -> Option<Tags> {
    let own: Tags = found
        .iter()
        .filter(|(key, value)| defaults.get(*key) != Some(value) || named.is_some_and(|named| named.contains_key(*key)))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    // No tags and an empty map are equivalent: the form in the configuration is kept.
    if own.is_empty() { named.map(|_| own) } else { Some(own) }
}

/// [`planned`] with the defaults of the provider that `cx` belongs to.
///
/// # Errors
/// A tag is set and ignored.
pub fn planned_for(cx: &Context, own: &Maybe<Option<Tags>>) -> Result<Maybe<Tags>> {
    let Some(defaults) = cx.try_clients().map(Clients::defaults) else { return Ok(Maybe::Unknown) };
    let (Maybe::Known(tags), Maybe::Known(ignored)) = (&defaults.tags, &defaults.ignored_tags) else {
        return Ok(Maybe::Unknown);
    };
    if let Some(own) = own.set() {
        ignored.refuse(own, TAGS)?;
    }
    Ok(planned(Maybe::Known(tags), own))
}

/// [`merged`] with the defaults of the provider that `cx` belongs to.
///
/// # Errors
/// While the provider is not configured, and for a tag that is set and ignored.
pub fn merged_for(cx: &Context, own: Option<&Tags>) -> Result<Tags> {
    if let Some(own) = own {
        ignored(cx)?.refuse(own, TAGS)?;
    }
    Ok(merged(&defaults(cx)?, own))
}

/// Those of an object's tags that the provider manages: without AWS's own and the ignored ones. What a state records
/// passes through here too, because it may be older than `ignore_tags`.
///
/// # Errors
/// While the provider is not configured.
pub fn managed_for(cx: &Context, found: Tags) -> Result<Tags> {
    Ok(ignored(cx)?.managed(found))
}

/// The keys to remove from an object whose recorded tags become `wanted`; never one that is ignored.
///
/// # Errors
/// While the provider is not configured.
pub fn dropped_for(cx: &Context, recorded: &Tags, wanted: &Tags) -> Result<Vec<String>> {
    Ok(ignored(cx)?.dropped(recorded, wanted))
}

/// [`own`] with the defaults of the provider that `cx` belongs to.
///
/// # Errors
/// The provider is not configured.
pub fn own_for(cx: &Context, found: &Tags, named: Option<&Tags>) -> Result<Option<Tags>> {
    Ok(own(found, &defaults(cx)?, named))
}

/// The provider's tags. They are known at apply and at refresh; a configuration that is still unknown has none yet.
fn defaults(cx: &Context) -> Result<Tags> {
    Ok(cx.clients()?.defaults().tags.known().cloned().unwrap_or_default())
}

/// The provider's ignored tags, known when its default tags are.
fn ignored(cx: &Context) -> Result<Ignored> {
    Ok(cx.clients()?.defaults().ignored_tags.known().cloned().unwrap_or_default())
}

/// The argument of a resource.
const TAGS: &str = "tags";

/// Maximum number of tags on an object. Source: tagging in the AWS General Reference.
pub const MOST: usize = 50;

/// Characters allowed in keys, values and host names. Source: Systems Manager service model (2014-11-06), TagKey,
/// TagValue and DefaultInstanceName.
static ALLOWED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^[\p{L}\p{Z}\p{N}_.:/=+\-@]$").unwrap_or_else(|error| unreachable!("a constant expression: {error}"))
});

/// Whether Systems Manager allows the character in tags and host names.
#[must_use]
pub fn allows(character: char) -> bool {
    ALLOWED.is_match(character.encode_utf8(&mut [0; 4]))
}

/// Checks AWS's rules: keys of 1–128 characters that do not begin with `aws:`, values of at most 256, at most 50 tags.
pub fn check(tags: &Maybe<Option<Tags>>, attribute: &str, faults: &mut Diagnostics) {
    let Some(tags) = tags.set() else { return };
    let at = Path::attribute(attribute);
    if tags.len() > MOST {
        let detail = format!("`{attribute}` has {} tags; AWS takes at most {MOST} an object.", tags.len());
        faults.push(Diagnostic::error("Too many tags", detail).at(at.clone()));
    }
    for (key, value) in tags {
        let here = at.then(Step::Key(key.clone()));
        let why = if key.is_empty() || key.chars().count() > 128 {
            format!("The key `{key}` has {} characters; a key has 1 to 128.", key.chars().count())
        } else if key.to_ascii_lowercase().starts_with("aws:") {
            format!("The key `{key}` begins with `aws:`, which AWS keeps for itself.")
        } else if let Some(odd) = key.chars().chain(value.chars()).find(|c| !allows(*c)) {
            format!(
                "The tag `{}` has `{}` in its key or value; AWS takes letters, digits, spaces and `_ . : / = + - @`.",
                key.escape_debug(),
                odd.escape_debug()
            )
        } else if value.chars().count() > 256 {
            format!("The value of `{key}` has {} characters; a value has at most 256.", value.chars().count())
        } else {
            continue;
        };
        faults.push(Diagnostic::error("Invalid tag", why).at(here));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(entries: &[(&str, &str)]) -> Tags {
        entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn own_tags_win() {
        let all = merged(&tags(&[("team", "a"), ("env", "x")]), Some(&tags(&[("team", "b")])));
        assert_eq!(all, tags(&[("team", "b"), ("env", "x")]));
    }

    #[test]
    fn defaults_are_not_drift() {
        let defaults = tags(&[("env", "x")]);
        assert_eq!(own(&tags(&[("env", "x")]), &defaults, None), None);
        assert_eq!(own(&tags(&[("env", "y")]), &defaults, None), Some(tags(&[("env", "y")])));
        assert_eq!(own(&tags(&[("env", "x")]), &defaults, Some(&tags(&[("env", "x")]))), Some(tags(&[("env", "x")])));
        assert_eq!(own(&tags(&[]), &defaults, Some(&tags(&[]))), Some(tags(&[])));
    }

    #[test]
    fn refused() {
        let mut faults = Diagnostics::new();
        let long = "v".repeat(257);
        let given = tags(&[
            ("aws:x", "1"),
            ("", "1"),
            ("long", &long),
            ("bad<", "1"),
            // Neither a line break nor a circled letter is a Unicode separator, letter or number.
            ("line", "a\nb"),
            ("circled", "\u{24b6}"),
            ("fine é", "a_b.c:d/e=f+g-h@i\u{a0}٣"),
        ]);
        check(&Maybe::Known(Some(given)), "tags", &mut faults);
        assert_eq!(faults.0.len(), 6);
    }
}
