//! Numbers in `printf`: integers in all bases, characters, floats.

use super::Printer;
use crate::go::{float, is_print, quote_character};
use crate::template::value::Value;

impl Printer<'_> {
    pub(super) fn integer(&mut self, magnitude: u64, negative: bool, signed: bool, verb: char, value: &Value) {
        match verb {
            'v' if self.flags.sharp_v && !signed => {
                let sharp = std::mem::replace(&mut self.flags.sharp, true);
                self.digits(magnitude, negative, 'x');
                self.flags.sharp = sharp;
            }
            'v' | 'd' => self.digits(magnitude, negative, 'd'),
            'b' | 'o' | 'O' | 'x' | 'X' => self.digits(magnitude, negative, verb),
            'c' | 'q' => {
                let character = if negative { None } else { u32::try_from(magnitude).ok().and_then(char::from_u32) };
                let character = character.unwrap_or('\u{fffd}');
                if verb == 'c' {
                    self.pad(character.encode_utf8(&mut [0; 4]));
                } else {
                    self.pad(&quote_character(character, self.flags.plus));
                }
            }
            'U' => self.unicode(if negative { magnitude.wrapping_neg() } else { magnitude }),
            _ => self.bad_verb(value, verb),
        }
    }

    fn unicode(&mut self, code: u64) {
        let precision = self.flags.precision.unwrap_or(4).max(4);
        let mut text = format!("U+{code:0precision$X}");
        if self.flags.sharp
            && let Some(character) = u32::try_from(code).ok().and_then(char::from_u32).filter(|c| is_print(*c))
        {
            text.push_str(&format!(" '{character}'"));
        }
        self.pad_with_spaces(&text);
    }

    fn digits(&mut self, magnitude: u64, negative: bool, verb: char) {
        let has_sign = negative || self.flags.plus || self.flags.space;
        let mut precision = 0;
        if let Some(wanted) = self.flags.precision {
            precision = wanted;
            if wanted == 0 && magnitude == 0 {
                let zero = std::mem::take(&mut self.flags.zero);
                self.padding(self.flags.width.unwrap_or(0));
                self.flags.zero = zero;
                return;
            }
        } else if self.flags.zero
            && !self.flags.minus
            && let Some(width) = self.flags.width
        {
            precision = if has_sign { width.saturating_sub(1) } else { width };
        }
        let digits = match verb {
            'b' => format!("{magnitude:b}"),
            'o' | 'O' => format!("{magnitude:o}"),
            'x' => format!("{magnitude:x}"),
            'X' => format!("{magnitude:X}"),
            _ => magnitude.to_string(),
        };
        let mut text = format!("{digits:0>precision$}");
        if self.flags.sharp {
            let prefix = match verb {
                'b' => "0b",
                'o' | 'O' if !text.starts_with('0') => "0",
                'x' => "0x",
                'X' => "0X",
                _ => "",
            };
            text.insert_str(0, prefix);
        }
        if verb == 'O' {
            text.insert_str(0, "0o");
        }
        if negative {
            text.insert(0, '-');
        } else if self.flags.plus {
            text.insert(0, '+');
        } else if self.flags.space {
            text.insert(0, ' ');
        }
        self.pad_with_spaces(&text);
    }

    pub(super) fn float(&mut self, number: f64, verb: char, value: &Value) {
        let (kind, precision) = match verb {
            'v' => ('g', None),
            'g' | 'G' => (verb, None),
            'f' | 'F' => ('f', Some(6)),
            'e' | 'E' => (verb, Some(6)),
            _ => return self.bad_verb(value, verb),
        };
        let precision = self.flags.precision.or(precision);
        let text = float(number, kind, precision);
        let (sign, mut digits) = match text.strip_prefix(['+', '-']) {
            Some(digits) => (if text.starts_with('-') { '-' } else { '+' }, digits.to_owned()),
            None => ('+', text),
        };
        let special = !number.is_finite();
        if self.flags.sharp && !special {
            digits = keep_zeros(&digits, matches!(kind, 'g' | 'G').then_some(precision.unwrap_or(6)));
        }
        let shown = match sign {
            '-' => "-",
            _ if self.flags.plus => "+",
            _ if self.flags.space => " ",
            _ => "",
        };
        if special {
            let shown = if number.is_nan() && shown == "-" { "" } else { shown };
            let shown = if !number.is_nan() && shown.is_empty() { "+" } else { shown };
            // Go writes +Inf with its sign always.
            return self.pad_with_spaces(&format!("{shown}{digits}"));
        }
        if self.flags.zero
            && !self.flags.minus
            && !shown.is_empty()
            && let Some(width) = self.flags.width
        {
            self.out.push_str(shown);
            let missing = width.saturating_sub(digits.len() + 1);
            self.padding(missing);
            self.out.push_str(&digits);
            return;
        }
        self.pad(&format!("{shown}{digits}"));
    }
}

/// `%#g` keeps the point and, with `significant` digits wanted, trailing zeros.
fn keep_zeros(digits: &str, significant: Option<usize>) -> String {
    let (mantissa, tail) = match digits.find(['e', 'E']) {
        Some(index) => digits.split_at(index),
        None => (digits, ""),
    };
    let mut text = mantissa.to_owned();
    let mut missing = significant.unwrap_or(0);
    if significant.is_some() {
        let shown = mantissa.trim_start_matches(['0', '.']).bytes().filter(u8::is_ascii_digit).count();
        let shown = if mantissa == "0" { 1 } else { shown };
        missing = missing.saturating_sub(shown);
    }
    if !text.contains('.') {
        text.push('.');
    }
    text.extend(std::iter::repeat_n('0', missing));
    text.push_str(tail);
    text
}
