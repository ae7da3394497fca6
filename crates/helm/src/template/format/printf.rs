//! Go's `fmt.Sprintf`: flags, width, precision, argument indexes, and the marks it leaves for wrong ones.

mod number;

use super::structs::{fields, stringer};
use crate::bytes;
use crate::go::{can_backquote, quote, quote_to_ascii};
use crate::template::limits::{MAX_BYTES, MAX_DEPTH};
use crate::template::value::{IntType, Object, Value};

/// Largest width, precision or argument index that Go accepts.
const TOO_LARGE: i64 = 1_000_000;

/// `fmt.Sprintf(format, arguments...)`.
pub(crate) fn printf(format: &str, arguments: &[Value]) -> String {
    Printer { out: String::new(), flags: Flags::default(), arguments, next: 0, reordered: false, good_index: true }
        .run(format)
}

#[derive(Debug, Default, Clone, Copy)]
struct Flags {
    sharp: bool,
    zero: bool,
    plus: bool,
    minus: bool,
    space: bool,
    sharp_v: bool,
    plus_v: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

struct Printer<'a> {
    out: String,
    flags: Flags,
    arguments: &'a [Value],
    next: usize,
    reordered: bool,
    good_index: bool,
}

impl Printer<'_> {
    fn run(mut self, format: &str) -> String {
        let bytes = format.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let end = format[at..].find('%').map_or(bytes.len(), |offset| at + offset);
            self.out.push_str(&format[at..end]);
            at = end;
            if at >= bytes.len() {
                break;
            }
            at = self.verb(format, at + 1);
        }
        if !self.reordered && self.next < self.arguments.len() {
            self.extra();
        }
        self.out
    }

    fn extra(&mut self) {
        self.flags = Flags::default();
        self.out.push_str("%!(EXTRA ");
        for (index, argument) in self.arguments[self.next..].iter().enumerate() {
            if index > 0 {
                self.out.push_str(", ");
            }
            match argument.type_name() {
                None => self.out.push_str("<nil>"),
                Some(name) => {
                    self.out.push_str(name);
                    self.out.push('=');
                    self.argument(argument, 'v');
                }
            }
        }
        self.out.push(')');
    }

    /// Handles one verb that starts after the percent sign at `at`; returns the position after it.
    fn verb(&mut self, format: &str, mut at: usize) -> usize {
        let bytes = format.as_bytes();
        self.flags = Flags::default();
        self.good_index = true;
        while at < bytes.len() {
            match bytes[at] {
                b'#' => self.flags.sharp = true,
                b'0' => self.flags.zero = true,
                b'+' => self.flags.plus = true,
                b'-' => self.flags.minus = true,
                b' ' => self.flags.space = true,
                _ => break,
            }
            at += 1;
        }
        let mut after_index;
        (at, after_index) = self.index(format, at);
        if bytes.get(at) == Some(&b'*') {
            at += 1;
            match self.integer_argument() {
                Some(width) => {
                    if width < 0 {
                        self.flags.minus = true;
                        self.flags.zero = false;
                    }
                    self.flags.width = usize::try_from(width.unsigned_abs()).ok();
                }
                None => self.out.push_str("%!(BADWIDTH)"),
            }
            after_index = false;
        } else {
            (self.flags.width, at) = number(bytes, at);
            if after_index && self.flags.width.is_some() {
                self.good_index = false;
            }
        }
        if at + 1 < bytes.len() && bytes[at] == b'.' {
            at += 1;
            if after_index {
                self.good_index = false;
            }
            (at, after_index) = self.index(format, at);
            if bytes.get(at) == Some(&b'*') {
                at += 1;
                match self.integer_argument() {
                    Some(precision) if precision >= 0 => self.flags.precision = usize::try_from(precision).ok(),
                    Some(_) | None => self.out.push_str("%!(BADPREC)"),
                }
                after_index = false;
            } else {
                let (precision, next) = number(bytes, at);
                at = next;
                self.flags.precision = Some(precision.unwrap_or(0));
            }
        }
        if !after_index {
            (at, _) = self.index(format, at);
        }
        let Some(verb) = format[at.min(format.len())..].chars().next() else {
            self.out.push_str("%!(NOVERB)");
            return format.len();
        };
        at += verb.len_utf8();
        if verb == '%' {
            self.out.push('%');
        } else if !self.good_index {
            self.bad(verb, "BADINDEX");
        } else if self.next >= self.arguments.len() {
            self.bad(verb, "MISSING");
        } else {
            if verb == 'v' || verb == 'w' {
                self.flags.sharp_v = std::mem::take(&mut self.flags.sharp);
                self.flags.plus_v = std::mem::take(&mut self.flags.plus);
            }
            let argument = self.arguments[self.next].clone();
            self.argument(&argument, verb);
            self.next += 1;
        }
        at
    }

    fn bad(&mut self, verb: char, what: &str) {
        self.out.push_str("%!");
        self.out.push(verb);
        self.out.push('(');
        self.out.push_str(what);
        self.out.push(')');
    }

    /// An explicit argument index `[n]` at `at`.
    fn index(&mut self, format: &str, at: usize) -> (usize, bool) {
        let rest = &format.as_bytes()[at.min(format.len())..];
        if rest.first() != Some(&b'[') {
            return (at, false);
        }
        self.reordered = true;
        let close = if rest.len() < 3 { None } else { rest.iter().position(|byte| *byte == b']') };
        let Some(close) = close else {
            self.good_index = false;
            return (at + 1, false);
        };
        let (index, end) = number(&rest[..close], 1);
        match index {
            Some(index) if end == close && index >= 1 && index <= self.arguments.len() => {
                self.next = index - 1;
                (at + close + 1, true)
            }
            Some(_) if end == close => {
                self.good_index = false;
                (at + close + 1, true)
            }
            _ => {
                self.good_index = false;
                (at + close + 1, false)
            }
        }
    }

    fn integer_argument(&mut self) -> Option<i64> {
        let argument = self.arguments.get(self.next)?;
        self.next += 1;
        let number = match argument {
            Value::Int(number, _) => *number,
            Value::Unsigned(number, _) => i64::try_from(*number).ok()?,
            _ => return None,
        };
        (-TOO_LARGE..=TOO_LARGE).contains(&number).then_some(number)
    }

    fn bad_verb(&mut self, value: &Value, verb: char) {
        self.out.push_str("%!");
        self.out.push(verb);
        self.out.push('(');
        match value.type_name() {
            None => self.out.push_str("<nil>"),
            Some(name) => {
                self.out.push_str(name);
                self.out.push('=');
                self.nested(value, 'v', 0);
            }
        }
        self.out.push(')');
    }

    fn argument(&mut self, value: &Value, verb: char) {
        match (value.type_name(), verb) {
            (None, 'T' | 'v') => self.pad("<nil>"),
            (None, _) => self.bad_verb(value, verb),
            (Some(name), 'T') => self.text(name, 's', value),
            (Some(_), 'w') => self.bad_verb(value, verb),
            _ => self.nested(value, verb, 0),
        }
    }

    /// A value inside another one, or at the top where `depth` is 0.
    fn nested(&mut self, value: &Value, verb: char, depth: usize) {
        if depth > MAX_DEPTH || self.out.len() > MAX_BYTES {
            self.out.push_str("...");
            return;
        }
        match value {
            Value::Nil => {
                if self.flags.sharp_v {
                    self.out.push_str("interface {}(nil)");
                } else {
                    // Inside lists and maps Go writes this for any verb.
                    self.out.push_str("<nil>");
                }
            }
            Value::Bool(boolean) => match verb {
                't' | 'v' => self.pad(if *boolean { "true" } else { "false" }),
                _ => self.bad_verb(value, verb),
            },
            Value::Int(number, IntType::Int | IntType::Int64) => {
                self.integer(number.unsigned_abs(), *number < 0, true, verb, value);
            }
            Value::Unsigned(number, _) => self.integer(*number, false, false, verb, value),
            Value::Float(number) => self.float(*number, verb, value),
            Value::Text(text) => self.text(text, verb, value),
            Value::Bytes(bytes) => match verb {
                's' | 'q' | 'x' | 'X' => self.text(&bytes::to_text(bytes), verb, value),
                _ => self.sequence(value, verb, depth),
            },
            Value::List(_) => self.sequence(value, verb, depth),
            Value::Map(map) => {
                let name = value.type_name().unwrap_or_default();
                self.open(name, "map[");
                for (index, (key, item)) in map.entries.borrow().iter().enumerate() {
                    self.separate(index);
                    self.nested(&Value::Text(key.clone()), verb, depth + 1);
                    self.out.push(':');
                    self.nested(item, verb, depth + 1);
                }
                self.close(']');
            }
            Value::Object(object) => self.object(object, verb, value, depth),
        }
    }

    fn open(&mut self, name: &str, bracket: &str) {
        if self.flags.sharp_v {
            self.out.push_str(name);
            self.out.push('{');
        } else {
            self.out.push_str(bracket);
        }
    }

    fn close(&mut self, bracket: char) {
        self.out.push(if self.flags.sharp_v { '}' } else { bracket });
    }

    fn separate(&mut self, index: usize) {
        if index > 0 {
            self.out.push_str(if self.flags.sharp_v { ", " } else { " " });
        }
    }

    fn sequence(&mut self, value: &Value, verb: char, depth: usize) {
        let name = value.type_name().unwrap_or_default();
        // At the top a []byte goes by its short name.
        let name = if name == "[]uint8" && depth == 0 { "[]byte" } else { name };
        if self.flags.sharp_v && matches!(value, Value::List(list) if list.is_nil) {
            self.out.push_str(name);
            self.out.push_str("(nil)");
            return;
        }
        self.open(name, "[");
        for (index, item) in value.items().unwrap_or_default().iter().enumerate() {
            self.separate(index);
            self.nested(item, verb, depth + 1);
        }
        self.close(']');
    }

    fn object(&mut self, object: &Object, verb: char, value: &Value, depth: usize) {
        if !self.flags.sharp_v
            && matches!(verb, 'v' | 's' | 'x' | 'X' | 'q')
            && let Some(text) = stringer(object)
        {
            self.text(&text, verb, value);
            return;
        }
        if object.is_pointer() {
            self.out.push('&');
        }
        if self.flags.sharp_v {
            self.out.push_str(value.type_name().unwrap_or_default().trim_start_matches('*'));
        }
        self.out.push('{');
        for (index, (name, field)) in fields(object).iter().enumerate() {
            self.separate(index);
            if self.flags.plus_v || self.flags.sharp_v {
                self.out.push_str(name);
                self.out.push(':');
            }
            self.nested(field, verb, depth + 1);
        }
        self.out.push('}');
    }

    fn padding(&mut self, count: usize) {
        let fill = if self.flags.zero && !self.flags.minus { '0' } else { ' ' };
        self.out.extend(std::iter::repeat_n(fill, count));
    }

    fn pad(&mut self, text: &str) {
        let missing = self.flags.width.unwrap_or(0).saturating_sub(text.chars().count());
        if !self.flags.minus {
            self.padding(missing);
        }
        self.out.push_str(text);
        if self.flags.minus {
            self.padding(missing);
        }
    }

    fn pad_with_spaces(&mut self, text: &str) {
        let zero = std::mem::take(&mut self.flags.zero);
        self.pad(text);
        self.flags.zero = zero;
    }

    fn text(&mut self, text: &str, verb: char, value: &Value) {
        let cut: String = match self.flags.precision {
            Some(precision) if !matches!(verb, 'x' | 'X') => text.chars().take(precision).collect(),
            _ => text.to_owned(),
        };
        match verb {
            'v' if self.flags.sharp_v => self.quoted(&cut),
            'v' | 's' => self.pad(&cut),
            'q' => self.quoted(&cut),
            'x' | 'X' => self.hexadecimal(&cut, verb),
            _ => self.bad_verb(value, verb),
        }
    }

    fn quoted(&mut self, text: &str) {
        if self.flags.sharp && can_backquote(text) {
            self.pad(&format!("`{text}`"));
        } else if self.flags.plus {
            self.pad(&quote_to_ascii(text));
        } else {
            self.pad(&quote(text));
        }
    }

    fn hexadecimal(&mut self, text: &str, verb: char) {
        let bytes = bytes::of_text(text);
        let length = self.flags.precision.map_or(bytes.len(), |precision| precision.min(bytes.len()));
        if length == 0 {
            self.padding(self.flags.width.unwrap_or(0));
            return;
        }
        let prefix = match (self.flags.sharp, verb) {
            (false, _) => "",
            (true, 'x') => "0x",
            (true, _) => "0X",
        };
        let mut encoded = String::from(prefix);
        for (index, byte) in bytes[..length].iter().enumerate() {
            if self.flags.space && index > 0 {
                encoded.push(' ');
                encoded.push_str(prefix);
            }
            encoded.push_str(&if verb == 'x' { format!("{byte:02x}") } else { format!("{byte:02X}") });
        }
        self.pad(&encoded);
    }
}

/// Decimal digits at `at`: their value, and where they end.
fn number(bytes: &[u8], mut at: usize) -> (Option<usize>, usize) {
    let mut value: Option<usize> = None;
    while let Some(byte) = bytes.get(at).filter(|byte| byte.is_ascii_digit()) {
        let so_far = value.unwrap_or(0);
        if so_far > TOO_LARGE as usize {
            return (None, bytes.len());
        }
        value = Some(so_far * 10 + usize::from(byte - b'0'));
        at += 1;
    }
    (value, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_follow_fmt() {
        let text = Value::text("héllo");
        let table: &[(&str, &[Value], &str)] = &[
            (
                "%s|%q|%x|%v",
                &[text.clone(), text.clone(), text.clone(), text.clone()],
                "héllo|\"héllo\"|68c3a96c6c6f|héllo",
            ),
            ("%8s|%-8s|%.2s", &[text.clone(), text.clone(), text.clone()], "   héllo|héllo   |hé"),
            ("%d %5d %-5d| %05d %+d %x", &[3, 3, 3, 3, 3, 255].map(Value::int), "3     3 3    | 00003 +3 ff"),
            ("%d", std::slice::from_ref(&text), "%!d(string=héllo)"),
            ("%s", &[Value::int(3)], "%!s(int=3)"),
            ("%d %d", &[Value::int(1)], "1 %!d(MISSING)"),
            ("%d", &[Value::int(1), Value::Bool(true)], "1%!(EXTRA bool=true)"),
            ("%z %!", &[Value::int(1)], "%!z(int=1) %!!(MISSING)"),
            ("%", &[], "%!(NOVERB)"),
            ("%[2]d %[1]d", &[Value::int(1), Value::int(2)], "2 1"),
            ("%[3]d", &[Value::int(1)], "%!d(BADINDEX)"),
            ("%*d", &[Value::int(4), Value::int(7)], "   7"),
            ("%v %s", &[Value::Nil, Value::Nil], "<nil> %!s(<nil>)"),
            (
                "%.2f %g %e %v",
                &[Value::Float(1.5), Value::Float(1e6), Value::Float(1.5), Value::Float(2.0)],
                "1.50 1e+06 1.500000e+00 2",
            ),
            ("%T %T", &[Value::list(vec![]), Value::Float(1.0)], "[]interface {} float64"),
            ("%#v", &[Value::list(vec![Value::text("a"), Value::Nil])], "[]interface {}{\"a\", interface {}(nil)}"),
            ("%c %U %q", &[65, 65, 65].map(Value::int), "A U+0041 'A'"),
            (
                "%6.2f|%06.2f|%+.1f",
                &[Value::Float(3.25159), Value::Float(-3.25159), Value::Float(2.0)],
                "  3.25|-03.25|+2.0",
            ),
            ("%t %%", &[Value::Bool(true)], "true %"),
            ("%s", &[Value::text_list(["a", "b"])], "[a b]"),
        ];
        for (format, arguments, expected) in table {
            assert_eq!(printf(format, arguments), *expected, "{format}");
        }
    }
}
