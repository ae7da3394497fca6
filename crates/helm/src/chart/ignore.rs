//! `.helmignore`: patterns of files that are not part of a chart, nearly as in .gitignore.

use crate::go::path_pattern::Pattern;

/// The rules of one file. Editors' hidden template files are always ignored.
#[derive(Debug)]
pub(super) struct Rules {
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    pattern: Pattern,
    /// `!pattern`: what does not match is ignored.
    negated: bool,
    /// `pattern/`: folders only.
    folders_only: bool,
    /// The pattern is about the whole path, not about the last name.
    whole_path: bool,
}

impl Default for Rules {
    fn default() -> Self {
        let mut rules = Self { rules: Vec::new() };
        // The pattern is constant and valid, so nothing is lost here.
        rules.rules.extend(Rule::parse("templates/.?*").ok().flatten());
        rules
    }
}

impl Rules {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut rules = Vec::new();
        for line in text.lines() {
            rules.extend(Rule::parse(line)?);
        }
        rules.extend(Self::default().rules);
        Ok(Self { rules })
    }

    /// Whether a file or folder with this path from the chart's root is left out.
    pub(super) fn ignores(&self, path: &str, is_folder: bool) -> bool {
        if path.is_empty() || path == "." || path == "./" {
            return false;
        }
        self.rules.iter().any(|rule| {
            let name = if rule.whole_path { path } else { path.rsplit('/').next().unwrap_or(path) };
            let matches = rule.pattern.matches(name);
            if rule.negated {
                return (rule.folders_only && !is_folder) || !matches;
            }
            (!rule.folders_only || is_folder) && matches
        })
    }
}

impl Rule {
    fn parse(line: &str) -> Result<Option<Self>, String> {
        let mut rule = line.trim();
        if rule.is_empty() || rule.starts_with('#') {
            return Ok(None);
        }
        if rule.contains("**") {
            return Err("double-star (**) syntax is not supported".to_owned());
        }
        if Pattern::new(rule).is_none() {
            return Err("syntax error in pattern".to_owned());
        }
        let negated = rule.starts_with('!');
        if negated {
            rule = &rule[1..];
        }
        let folders_only = rule.ends_with('/');
        if folders_only {
            rule = &rule[..rule.len() - 1];
        }
        let anchored = rule.starts_with('/');
        let whole_path = anchored || rule.contains('/');
        let pattern = rule.strip_prefix('/').unwrap_or(rule);
        match Pattern::new(pattern) {
            Some(pattern) => Ok(Some(Self { pattern, negated, folders_only, whole_path })),
            None => Err("syntax error in pattern".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_choose_files() {
        let rules = Rules::parse("# comment\n*.bak\n/top.txt\nbuild/\ndocs/*.md\n").unwrap();
        let table = [
            ("a.bak", false, true),
            ("x/a.bak", false, true),
            ("top.txt", false, true),
            ("x/top.txt", false, false),
            ("build", true, true),
            ("build", false, false),
            ("docs/a.md", false, true),
            ("docs/x/a.md", false, false),
            ("templates/.swp", false, true),
            ("templates/a.yaml", false, false),
        ];
        for (path, is_folder, expected) in table {
            assert_eq!(rules.ignores(path, is_folder), expected, "{path}");
        }
        assert!(Rules::parse("a/**").is_err());
        assert!(Rules::parse("[a").is_err());
    }
}
