//! Go's `filepath.Match`: `*`, `?`, `[a-z]`, `[^a]`, backslash escapes; no wildcard crosses a slash.

/// A valid pattern.
#[derive(Debug)]
pub(crate) struct Pattern {
    tokens: Vec<Token>,
}

#[derive(Debug)]
enum Token {
    Character(char),
    One,
    Star,
    Class(Class),
}

/// Characters in brackets.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Class {
    pub(crate) negated: bool,
    pub(crate) ranges: Vec<(char, char)>,
}

impl Class {
    pub(crate) fn accepts(&self, character: char) -> bool {
        self.ranges.iter().any(|(low, high)| (*low..=*high).contains(&character)) != self.negated
    }
}

impl Pattern {
    /// `None` where the pattern is malformed.
    pub(crate) fn new(pattern: &str) -> Option<Self> {
        let mut tokens = Vec::new();
        let mut characters = pattern.chars().peekable();
        while let Some(character) = characters.next() {
            tokens.push(match character {
                '*' => Token::Star,
                '?' => Token::One,
                '\\' => Token::Character(characters.next()?),
                '[' => {
                    let negated = characters.next_if_eq(&'^').is_some();
                    let mut ranges = Vec::new();
                    loop {
                        if !ranges.is_empty() && characters.next_if_eq(&']').is_some() {
                            break;
                        }
                        let low = class_character(&mut characters)?;
                        let high = match characters.next_if_eq(&'-') {
                            Some(_) => class_character(&mut characters)?,
                            None => low,
                        };
                        ranges.push((low, high));
                    }
                    Token::Class(Class { negated, ranges })
                }
                other => Token::Character(other),
            });
        }
        Some(Self { tokens })
    }

    pub(crate) fn matches(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().collect();
        let mut reachable = vec![false; name.len() + 1];
        reachable[0] = true;
        for token in &self.tokens {
            let mut next = vec![false; name.len() + 1];
            if matches!(token, Token::Star) {
                let mut open = false;
                for index in 0..=name.len() {
                    open = (open && name[index - 1] != '/') || reachable[index];
                    next[index] = open;
                }
            } else {
                for (index, character) in name.iter().enumerate() {
                    next[index + 1] = reachable[index] && token.accepts(*character);
                }
            }
            reachable = next;
        }
        reachable[name.len()]
    }
}

fn class_character(characters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<char> {
    match characters.next()? {
        '-' | ']' => None,
        '\\' => characters.next(),
        other => Some(other),
    }
}

impl Token {
    fn accepts(&self, character: char) -> bool {
        match self {
            Self::Character(wanted) => *wanted == character,
            Self::One => character != '/',
            Self::Class(class) => class.accepts(character),
            Self::Star => false,
        }
    }
}
