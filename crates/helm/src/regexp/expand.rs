//! Replacement with `$1` and `${name}` in Go's rules.

use super::Regexp;
use regex_automata::util::captures::Captures;

impl Regexp {
    /// All matches replaced; `$1`, `$name` and `${name}` are replaced by what the groups matched.
    pub(crate) fn replace(&self, text: &str, template: &str) -> String {
        if !template.contains('$') {
            return self.replace_literal(text, template);
        }
        let (mut replaced, mut end) = (String::with_capacity(text.len()), 0);
        for captures in self.engine.captures_iter(text) {
            let Some(found) = captures.get_match() else { continue };
            replaced.push_str(&text[end..found.start()]);
            self.expand(template, text, &captures, &mut replaced);
            end = found.end();
        }
        replaced.push_str(&text[end..]);
        replaced
    }

    fn expand(&self, template: &str, text: &str, captures: &Captures, into: &mut String) {
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('$') {
            into.push_str(before);
            if let Some(after) = after.strip_prefix('$') {
                into.push('$');
                rest = after;
            } else if let Some((name, after)) = reference(after) {
                into.push_str(self.group(name, text, captures));
                rest = after;
            } else {
                into.push('$');
                rest = after;
            }
        }
        into.push_str(rest);
    }

    /// What a group has matched; nothing for one that does not exist.
    fn group<'t>(&self, name: &str, text: &'t str, captures: &Captures) -> &'t str {
        let matched = |index: usize| captures.get_group(index).map(|span| &text[span.range()]);
        if let Some(index) = number(name) {
            return matched(index).unwrap_or_default();
        }
        let named = self.names.iter().enumerate().filter(|(_, known)| known.as_deref() == Some(name));
        named.map(|(index, _)| index).find_map(matched).unwrap_or_default()
    }
}

/// A name behind `$`, in braces or as long as it can be, with the rest.
fn reference(text: &str) -> Option<(&str, &str)> {
    let is_letter = |letter: char| letter.is_alphanumeric() || letter == '_';
    let (inner, braced) = text.strip_prefix('{').map_or((text, false), |inner| (inner, true));
    let end = inner.find(|letter| !is_letter(letter)).unwrap_or(inner.len());
    let (name, rest) = inner.split_at(end);
    if name.is_empty() {
        return None;
    }
    if braced { rest.strip_prefix('}').map(|rest| (name, rest)) } else { Some((name, rest)) }
}

/// A name of digits is a number, unless it begins with zero and has more digits.
fn number(name: &str) -> Option<usize> {
    if !name.bytes().all(|digit| digit.is_ascii_digit()) || (name.len() > 1 && name.starts_with('0')) {
        return None;
    }
    // No expression has that many groups.
    Some(name.parse().unwrap_or(usize::MAX))
}
