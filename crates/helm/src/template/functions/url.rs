//! URLs: `urlParse` and `urlJoin`, with the rules of Go's net/url.

use crate::bytes;
use crate::go::quote;
use crate::template::failure::Failure;
use crate::template::function::{Arguments, Function, Outcome, Type};
use crate::template::value::{Entries, Value};
use std::fmt::Write as _;

pub(super) const TABLE: &[Function] =
    &[Function::new("urlParse", &[Type::Text], parse), Function::new("urlJoin", &[Type::Map], join)];

#[derive(Debug, Default)]
struct Url {
    scheme: String,
    opaque: String,
    user: Option<User>,
    host: String,
    path: String,
    query: String,
    has_query: bool,
    fragment: String,
}

#[derive(Debug)]
struct User {
    name: String,
    password: Option<String>,
}

/// What may stay unescaped in each part of a URL.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Path,
    User,
    Host,
    Fragment,
}

fn may_stay(byte: u8, part: Part) -> bool {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => true,
        b'!' | b'\'' | b'(' | b')' | b'*' => matches!(part, Part::Host | Part::Fragment),
        b'[' | b']' | b'<' | b'>' | b'"' => part == Part::Host,
        b'$' | b'&' | b'+' | b',' | b'/' | b':' | b';' | b'=' | b'?' | b'@' => match part {
            Part::Path => byte != b'?',
            Part::User => !matches!(byte, b'@' | b'/' | b'?' | b':'),
            Part::Host => !matches!(byte, b'/' | b'?' | b'@'),
            Part::Fragment => true,
        },
        _ => false,
    }
}

fn escape(text: &str, part: Part) -> String {
    let mut escaped = String::new();
    for byte in bytes::of_text(text).iter().copied() {
        if may_stay(byte, part) {
            escaped.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

fn unescape(text: &str) -> Result<String, String> {
    let source = text.as_bytes();
    let mut decoded = Vec::with_capacity(source.len());
    let mut at = 0;
    while at < source.len() {
        if source[at] == b'%' {
            let digits = text.get(at + 1..at + 3).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
            let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) else {
                let end = (at + 3).min(text.len());
                let shown = text.get(at..end).unwrap_or("%");
                return Err(format!("invalid URL escape {}", quote(shown)));
            };
            decoded.push(byte);
            at += 3;
        } else {
            decoded.push(source[at]);
            at += 1;
        }
    }
    Ok(bytes::to_text(&decoded))
}

fn read(text: &str) -> Result<Url, String> {
    let wrong = |error: String| format!("parse {}: {error}", quote(text));
    let (whole, fragment) = text.split_once('#').unwrap_or((text, ""));
    let mut url = Url { fragment: unescape(fragment).map_err(wrong)?, ..Url::default() };
    if whole.chars().any(|character| character < ' ' || character == '\u{7f}') {
        return Err(format!("parse {}: net/url: invalid control character in URL", quote(text)));
    }
    if whole == "*" {
        url.path = "*".to_owned();
        return Ok(url);
    }
    let mut rest = match scheme(whole).map_err(wrong)? {
        Some((scheme, rest)) => {
            url.scheme = scheme.to_lowercase();
            rest
        }
        None => whole,
    };
    if let Some((before, query)) = rest.split_once('?') {
        url.has_query = query.is_empty();
        url.query = query.to_owned();
        rest = before;
    }
    if !rest.starts_with('/') {
        if !url.scheme.is_empty() {
            url.opaque = rest.to_owned();
            return Ok(url);
        }
        if rest.split('/').next().is_some_and(|segment| segment.contains(':')) {
            return Err(wrong("first path segment in URL cannot contain colon".to_owned()));
        }
    }
    if (!url.scheme.is_empty() || !rest.starts_with("///"))
        && let Some(after) = rest.strip_prefix("//")
    {
        let end = after.find('/').unwrap_or(after.len());
        let (authority, path) = after.split_at(end);
        rest = path;
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        check_port(host).map_err(wrong)?;
        if let Some(character) = host.chars().find(|c| c.is_ascii() && *c != '%' && !may_stay(*c as u8, Part::Host)) {
            return Err(wrong(format!("invalid character {} in host name", quote(&character.to_string()))));
        }
        url.host = unescape(host).map_err(wrong)?;
        if let Some(user) = user {
            let (name, password) = match user.split_once(':') {
                Some((name, password)) => (name, Some(password)),
                None => (user, None),
            };
            url.user = Some(User {
                name: unescape(name).map_err(wrong)?,
                password: password.map(unescape).transpose().map_err(wrong)?,
            });
        }
    }
    url.path = unescape(rest).map_err(wrong)?;
    Ok(url)
}

/// The scheme and what follows its colon, if there is one.
fn scheme(text: &str) -> Result<Option<(&str, &str)>, String> {
    for (index, character) in text.char_indices() {
        match character {
            'a'..='z' | 'A'..='Z' => {}
            '0'..='9' | '+' | '-' | '.' if index > 0 => {}
            ':' if index > 0 => return Ok(Some((&text[..index], &text[index + 1..]))),
            ':' => return Err("missing protocol scheme".to_owned()),
            _ => return Ok(None),
        }
    }
    Ok(None)
}

fn check_port(host: &str) -> Result<(), String> {
    let port = if host.starts_with('[') {
        match host.rfind(']') {
            Some(end) => &host[end + 1..],
            None => return Err("missing ']' in host".to_owned()),
        }
    } else {
        host.rfind(':').map_or("", |index| &host[index..])
    };
    let is_valid = port.is_empty()
        || port.strip_prefix(':').is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    if is_valid { Ok(()) } else { Err(format!("invalid port {} after host", quote(port))) }
}

impl Url {
    fn host_name(&self) -> &str {
        if let Some(rest) = self.host.strip_prefix('[') {
            return rest.split(']').next().unwrap_or(rest);
        }
        self.host.rsplit_once(':').map_or(&*self.host, |(name, _)| name)
    }

    fn text(&self) -> String {
        let mut text = String::new();
        if !self.scheme.is_empty() {
            text.push_str(&self.scheme);
            text.push(':');
        }
        if self.opaque.is_empty() {
            if !self.scheme.is_empty() || !self.host.is_empty() || self.user.is_some() {
                if !self.host.is_empty() || !self.path.is_empty() || self.user.is_some() {
                    text.push_str("//");
                }
                if let Some(user) = &self.user {
                    text.push_str(&user.text());
                    text.push('@');
                }
                text.push_str(&escape(&self.host, Part::Host));
            }
            let path = escape(&self.path, Part::Path);
            if !path.is_empty() && !path.starts_with('/') && !self.host.is_empty() {
                text.push('/');
            }
            if text.is_empty() && path.split('/').next().is_some_and(|segment| segment.contains(':')) {
                text.push_str("./");
            }
            text.push_str(&path);
        } else {
            text.push_str(&self.opaque);
        }
        if self.has_query || !self.query.is_empty() {
            text.push('?');
            text.push_str(&self.query);
        }
        if !self.fragment.is_empty() {
            text.push('#');
            text.push_str(&escape(&self.fragment, Part::Fragment));
        }
        text
    }
}

impl User {
    fn text(&self) -> String {
        let mut text = escape(&self.name, Part::User);
        if let Some(password) = &self.password {
            text.push(':');
            text.push_str(&escape(password, Part::User));
        }
        text
    }
}

fn parse(arguments: Arguments) -> Outcome {
    let url = read(&arguments.text(0)).map_err(|error| Failure::new(format!("unable to parse url: {error}")))?;
    let entries: Entries = [
        ("scheme", url.scheme.clone()),
        ("host", url.host.clone()),
        ("hostname", url.host_name().to_owned()),
        ("path", url.path.clone()),
        ("query", url.query.clone()),
        ("opaque", url.opaque.clone()),
        ("fragment", url.fragment.clone()),
        ("userinfo", url.user.as_ref().map_or(String::new(), User::text)),
    ]
    .into_iter()
    .map(|(key, value)| (key.into(), Value::text(value)))
    .collect();
    Ok(Value::map(entries))
}

fn join(arguments: Arguments) -> Outcome {
    let entries = arguments.entries(0);
    let part = |key: &str| match entries.get(key) {
        None => Ok(String::new()),
        Some(Value::Text(text)) => Ok(text.to_string()),
        Some(Value::Nil) => Err(Failure::new(crate::template::function::NIL_DEREFERENCE)),
        Some(other) => Err(Failure::new(format!(
            "unable to parse {key} key, must be of type string, but {} found",
            other.kind_name()
        ))),
    };
    let mut url = Url {
        scheme: part("scheme")?,
        host: part("host")?,
        path: part("path")?,
        query: part("query")?,
        opaque: part("opaque")?,
        fragment: part("fragment")?,
        ..Url::default()
    };
    let user = part("userinfo")?;
    if !user.is_empty() {
        url.user = read(&format!("proto://{user}@host"))
            .map_err(|error| Failure::new(format!("unable to parse userinfo in dict: {error}")))?
            .user;
    }
    Ok(Value::text(url.text()))
}
