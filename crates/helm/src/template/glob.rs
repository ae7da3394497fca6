//! File patterns of `.Files.Glob`: `*`, `**`, `?`, `[a-z]`, `[!a]`, `{a,b}`; a single star stays inside one folder.

use crate::go::path_pattern::Class;

/// A pattern. One that is malformed matches everything, as in Helm.
#[derive(Debug)]
pub(crate) struct Pattern {
    alternatives: Vec<Vec<Token>>,
    /// How paths begin and end, where nothing else counts.
    ends: Option<(String, String)>,
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Character(char),
    /// One character, not a slash.
    One,
    /// Any characters, no slash.
    Star,
    /// Any characters.
    DoubleStar,
    Class(Class),
}

/// Most ways that one pattern may branch into.
const MAX_ALTERNATIVES: usize = 4_096;

impl Pattern {
    pub(crate) fn new(pattern: &str) -> Self {
        let characters: Vec<char> = pattern.chars().collect();
        let mut at = 0;
        match sequence(&characters, &mut at, 0) {
            Some(alternatives) if at == characters.len() => {
                let ends = ends(&alternatives).filter(|_| !pattern.contains('{'));
                Self { alternatives, ends }
            }
            _ => Self { alternatives: vec![vec![Token::DoubleStar]], ends: None },
        }
    }

    pub(crate) fn matches(&self, path: &str) -> bool {
        if let Some((start, end)) = &self.ends {
            return path.starts_with(start.as_str()) && path.ends_with(end.as_str());
        }
        let path: Vec<char> = path.chars().collect();
        self.alternatives.iter().any(|tokens| matches(tokens, &path))
    }
}

/// Of texts with one `**` between them Helm's library compares beginning and end alone, which may overlap: `d/**/x.txt`
/// matches `d/x.txt`.
fn ends(alternatives: &[Vec<Token>]) -> Option<(String, String)> {
    let [tokens] = alternatives else { return None };
    let star = tokens.iter().position(|token| *token == Token::DoubleStar)?;
    let text = |tokens: &[Token]| -> Option<String> {
        tokens.iter().map(|token| if let Token::Character(one) = token { Some(*one) } else { None }).collect()
    };
    Some((text(&tokens[..star])?, text(&tokens[star + 1..])?))
        .filter(|(start, end)| !start.is_empty() && !end.is_empty())
}

/// Reads up to the end, or inside braces up to a comma or the closing brace.
fn sequence(characters: &[char], at: &mut usize, depth: usize) -> Option<Vec<Vec<Token>>> {
    let mut alternatives: Vec<Vec<Token>> = vec![Vec::new()];
    while let Some(character) = characters.get(*at).copied() {
        *at += 1;
        let token = match character {
            '*' => {
                let mut stars = 1;
                while characters.get(*at) == Some(&'*') {
                    *at += 1;
                    stars += 1;
                }
                if stars > 1 { Token::DoubleStar } else { Token::Star }
            }
            '?' => Token::One,
            '[' => class(characters, at)?,
            '\\' => {
                let escaped = *characters.get(*at)?;
                *at += 1;
                Token::Character(escaped)
            }
            '{' => {
                let mut choices = Vec::new();
                loop {
                    choices.extend(sequence(characters, at, depth + 1)?);
                    match characters.get(*at)? {
                        ',' => *at += 1,
                        _ => {
                            *at += 1;
                            break;
                        }
                    }
                }
                if alternatives.len() * choices.len() > MAX_ALTERNATIVES {
                    return None;
                }
                alternatives = alternatives
                    .iter()
                    .flat_map(|head| choices.iter().map(move |tail| [head.as_slice(), tail].concat()))
                    .collect();
                continue;
            }
            ',' | '}' if depth > 0 => {
                *at -= 1;
                return Some(alternatives);
            }
            other => Token::Character(other),
        };
        for alternative in &mut alternatives {
            alternative.push(token.clone());
        }
    }
    (depth == 0).then_some(alternatives)
}

fn class(characters: &[char], at: &mut usize) -> Option<Token> {
    let negated = characters.get(*at) == Some(&'!');
    if negated {
        *at += 1;
    }
    let mut listed = Vec::new();
    loop {
        let character = *characters.get(*at)?;
        *at += 1;
        match character {
            ']' if !listed.is_empty() => break,
            ']' => return None,
            '\\' => {
                listed.push(*characters.get(*at)?);
                *at += 1;
            }
            other => listed.push(other),
        }
    }
    let ranges = match listed.as_slice() {
        [low, '-', high] => vec![(*low, *high)],
        all => all.iter().map(|character| (*character, *character)).collect(),
    };
    Some(Token::Class(Class { negated, ranges }))
}

/// Matches with one place to come back to for each kind of star.
fn matches(tokens: &[Token], path: &[char]) -> bool {
    // reachable[i]: the tokens so far can have used the first i characters.
    let mut reachable = vec![false; path.len() + 1];
    reachable[0] = true;
    for token in tokens {
        let mut next = vec![false; path.len() + 1];
        match token {
            Token::Star | Token::DoubleStar => {
                let mut open = false;
                for index in 0..=path.len() {
                    if index > 0 && *token == Token::Star && path[index - 1] == '/' {
                        open = false;
                    }
                    open |= reachable[index];
                    next[index] = open;
                }
            }
            single => {
                for (index, character) in path.iter().enumerate() {
                    next[index + 1] = reachable[index] && single.accepts(*character);
                }
            }
        }
        reachable = next;
    }
    reachable[path.len()]
}

impl Token {
    fn accepts(&self, character: char) -> bool {
        match self {
            Self::Character(wanted) => *wanted == character,
            Self::One => character != '/',
            Self::Class(class) => class.accepts(character),
            Self::Star | Self::DoubleStar => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_follow_the_library() {
        let table = [
            ("*.yaml", "a.yaml", true),
            ("*.yaml", "b/a.yaml", false),
            ("**.yaml", "b/a.yaml", true),
            ("conf/**", "conf/x/y", true),
            ("conf/*", "conf/x/y", false),
            ("{a,b}.txt", "b.txt", true),
            ("{a,b*}/c", "bcd/c", true),
            ("[a-c]?", "bx", true),
            ("[!a-c]", "b", false),
            ("x[", "anything/at all", true),
            ("d/**/x.txt", "d/x.txt", true),
            ("d/**/x.txt", "d/e/f/x.txt", true),
            ("d/**/x.txt", "e/x.txt", false),
            ("ab**bc", "abc", true),
        ];
        for (pattern, path, expected) in table {
            assert_eq!(Pattern::new(pattern).matches(path), expected, "{pattern} {path}");
        }
    }
}
