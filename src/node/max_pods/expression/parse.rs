//! Parses text to a tree, by the CEL grammar.

use super::{Form, Kind, Node, Operator, VARIABLES};

/// Maximum nesting. CEL's limit is 250; real expressions do not need it, and the stack stays small.
const DEEPEST: usize = 100;
/// Maximum length. CEL allows 100,000; an expression is a line or two.
const LONGEST: usize = 4000;

#[derive(Clone, Debug, PartialEq)]
enum Word {
    Int(i64),
    Uint(u64),
    Double(f64),
    Name(String),
    /// An operator or a parenthesis.
    Sign(&'static str),
}

/// Longer tokens come before those that are their prefix.
const SIGNS: [&str; 19] =
    ["||", "&&", "==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "%", "!", "?", ":", "(", ")", ","];

/// Parses an expression; the error says what is wrong and at which character.
pub(super) fn parse(text: &str) -> Result<Node, String> {
    let length = text.chars().count();
    if length > LONGEST {
        return Err(format!("it has {length} characters, more than {LONGEST}"));
    }
    let words = words(text)?;
    if words.is_empty() {
        return Err("it is empty".to_owned());
    }
    let mut parser = Parser { words: &words, next: 0, end: length + 1, depth: 0 };
    let node = parser.expression()?;
    match parser.words.get(parser.next) {
        None => Ok(node),
        Some((at, word)) => Err(format!("character {at}: {} does not belong there", shown(word))),
    }
}

fn shown(word: &Word) -> String {
    match word {
        Word::Int(number) => format!("`{number}`"),
        Word::Uint(number) => format!("`{number}u`"),
        Word::Double(number) => format!("`{number:?}`"),
        Word::Name(name) => format!("`{name}`"),
        Word::Sign(sign) => format!("`{sign}`"),
    }
}

/// Tokens, each with the position of its first character.
fn words(text: &str) -> Result<Vec<(usize, Word)>, String> {
    let mut words = Vec::new();
    let mut rest = text;
    let mut at = 1;
    let step = |rest: &mut &str, at: &mut usize, bytes: usize| {
        *at += rest[..bytes].chars().count();
        *rest = &rest[bytes..];
    };
    while let Some(first) = rest.chars().next() {
        if matches!(first, ' ' | '\t' | '\n' | '\r' | '\u{c}') {
            step(&mut rest, &mut at, 1);
        } else if rest.starts_with("//") {
            let comment = rest.find('\n').unwrap_or(rest.len());
            step(&mut rest, &mut at, comment);
        } else if first.is_ascii_digit() || (first == '.' && rest[1..].starts_with(|next: char| next.is_ascii_digit()))
        {
            let (word, bytes) = number(rest).map_err(|hint| format!("character {at}: {hint}"))?;
            words.push((at, word));
            step(&mut rest, &mut at, bytes);
        } else if first.is_ascii_alphabetic() || first == '_' {
            let bytes = name_length(rest);
            words.push((at, Word::Name(rest[..bytes].to_owned())));
            step(&mut rest, &mut at, bytes);
        } else if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            words.push((at, Word::Sign(sign)));
            step(&mut rest, &mut at, sign.len());
        } else if matches!(first, '"' | '\'' | '[' | ']' | '{' | '}' | '.') {
            return Err(format!("character {at}: texts, lists, maps and methods have no place here"));
        } else {
            return Err(format!("character {at}: `{}` is no operator", first.escape_debug()));
        }
    }
    Ok(words)
}

fn name_length(text: &str) -> usize {
    text.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(text.len())
}

/// A number at the beginning of a text, and its length in bytes.
fn number(text: &str) -> Result<(Word, usize), String> {
    let digits = |text: &str| text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (word, length) = if let Some(hexadecimal) = text.strip_prefix("0x") {
        let bytes = hexadecimal.find(|letter: char| !letter.is_ascii_hexdigit()).unwrap_or(hexadecimal.len());
        whole(&hexadecimal[..bytes], 16, hexadecimal[bytes..].starts_with(['u', 'U'])).map(|word| (word, bytes + 2))
    } else {
        let mut bytes = digits(text);
        let mut is_whole = true;
        // `1.` is not a number in CEL.
        if text[bytes..].starts_with('.') && digits(&text[bytes + 1..]) > 0 {
            bytes += 1 + digits(&text[bytes + 1..]);
            is_whole = false;
        }
        if let Some(exponent) = text[bytes..].strip_prefix(['e', 'E']) {
            let signed = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if digits(signed) > 0 {
                bytes += 1 + (exponent.len() - signed.len()) + digits(signed);
                is_whole = false;
            }
        }
        let word = if is_whole {
            whole(&text[..bytes], 10, text[bytes..].starts_with(['u', 'U']))
        } else {
            text[..bytes].parse().ok().filter(|number: &f64| number.is_finite()).map(Word::Double)
        };
        word.map(|word| (word, bytes))
    }
    .ok_or_else(|| "that number is not one of 64 bits".to_owned())?;
    let length = length + usize::from(matches!(word, Word::Uint(_)));
    // CEL would read `2x` as two tokens, and its error is less clear.
    let after = name_length(&text[length..]);
    if after > 0 {
        return Err(format!("`{}` is no number", &text[..length + after]));
    }
    Ok((word, length))
}

fn whole(digits: &str, radix: u32, unsigned: bool) -> Option<Word> {
    if unsigned {
        u64::from_str_radix(digits, radix).ok().map(Word::Uint)
    } else {
        i64::from_str_radix(digits, radix).ok().map(Word::Int)
    }
}

struct Parser<'a> {
    words: &'a [(usize, Word)],
    next: usize,
    /// Where a missing token would begin.
    end: usize,
    depth: usize,
}

/// Operators of equal precedence, lowest first; each level is left-associative.
const LEVELS: [&[(&str, Operator)]; 5] = [
    &[("||", Operator::Or)],
    &[("&&", Operator::And)],
    &[
        ("==", Operator::Equal),
        ("!=", Operator::NotEqual),
        ("<=", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("<", Operator::Less),
        (">", Operator::Greater),
    ],
    &[("+", Operator::Add), ("-", Operator::Subtract)],
    &[("*", Operator::Multiply), ("/", Operator::Divide), ("%", Operator::Remainder)],
];

impl Parser<'_> {
    fn at(&self) -> usize {
        self.words.get(self.next).map_or(self.end, |(at, _)| *at)
    }

    fn takes(&mut self, sign: &str) -> bool {
        let taken = matches!(self.words.get(self.next), Some((_, Word::Sign(next))) if *next == sign);
        self.next += usize::from(taken);
        taken
    }

    fn expect(&mut self, sign: &str) -> Result<(), String> {
        let at = self.at();
        if self.takes(sign) { Ok(()) } else { Err(format!("character {at}: `{sign}` is missing")) }
    }

    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, String>) -> Result<T, String> {
        if self.depth == DEEPEST {
            return Err(format!("character {}: it is nested deeper than {DEEPEST}", self.at()));
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    fn expression(&mut self) -> Result<Node, String> {
        self.nested(|parser| {
            let condition = parser.level(0)?;
            let at = parser.at();
            if !parser.takes("?") {
                return Ok(condition);
            }
            let then = parser.level(0)?;
            parser.expect(":")?;
            let other = parser.expression()?;
            Ok(Node { at, form: Form::Conditional(Box::new(condition), Box::new(then), Box::new(other)) })
        })
    }

    fn level(&mut self, level: usize) -> Result<Node, String> {
        let Some(operators) = LEVELS.get(level) else {
            return self.unary();
        };
        let mut left = self.level(level + 1)?;
        loop {
            let at = self.at();
            let Some((_, operator)) = operators.iter().find(|(sign, _)| self.takes(sign)) else {
                return Ok(left);
            };
            let right = self.level(level + 1)?;
            left = Node { at, form: Form::Binary(*operator, Box::new(left), Box::new(right)) };
        }
    }

    fn unary(&mut self) -> Result<Node, String> {
        let at = self.at();
        for (sign, form) in [("!", Form::Not as fn(Box<Node>) -> Form), ("-", Form::Negative)] {
            if self.takes(sign) {
                let inner = self.nested(Self::unary)?;
                return Ok(Node { at, form: form(Box::new(inner)) });
            }
        }
        self.primary()
    }

    fn primary(&mut self) -> Result<Node, String> {
        let at = self.at();
        if self.takes("(") {
            let inner = self.expression()?;
            self.expect(")")?;
            return Ok(inner);
        }
        let words = self.words;
        let Some((_, word)) = words.get(self.next) else {
            return Err(format!("character {at}: a value is missing at the end"));
        };
        let form = match word {
            Word::Int(number) => Form::Int(*number),
            Word::Uint(number) => Form::Uint(*number),
            Word::Double(number) => Form::Double(*number),
            Word::Name(name) => return self.named(at, name),
            Word::Sign(sign) => return Err(format!("character {at}: a value is missing before `{sign}`")),
        };
        self.next += 1;
        Ok(Node { at, form })
    }

    /// A variable, a bool or a conversion.
    fn named(&mut self, at: usize, name: &str) -> Result<Node, String> {
        self.next += 1;
        let conversion = [Kind::Int, Kind::Uint, Kind::Double].into_iter().find(|kind| kind.name() == name);
        if self.takes("(") {
            let Some(kind) = conversion else { return Err(no_function(at, name)) };
            let inner = self.expression()?;
            self.expect(")")?;
            return Ok(Node { at, form: Form::Convert(kind, Box::new(inner)) });
        }
        let form = match (name, VARIABLES.iter().find(|(variable, _)| *variable == name)) {
            ("true", _) => Form::Bool(true),
            ("false", _) => Form::Bool(false),
            (_, Some((_, variable))) => Form::Variable(*variable),
            (_, None) => return Err(no_variable(at, name)),
        };
        Ok(Node { at, form })
    }
}

fn no_function(at: usize, name: &str) -> String {
    let hint = match name {
        "min" => "; the smaller of two numbers is `a < b ? a : b`",
        "max" => "; the greater of two numbers is `a > b ? a : b`",
        _ => "; there are `int(…)`, `uint(…)` and `double(…)`",
    };
    format!("character {at}: there is no function `{name}`{hint}")
}

fn no_variable(at: usize, name: &str) -> String {
    match names::meant(name, VARIABLES.map(|(variable, _)| variable)) {
        Some(meant) => format!("character {at}: there is no variable `{name}`; did you mean `{meant}`?"),
        None => format!("character {at}: there is no variable `{name}`"),
    }
}
