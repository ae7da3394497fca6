//! Sets of characters by Unicode's names: the general categories, by short and long names, and the scripts, by long ones.

use regex_syntax::hir::{Class, ClassUnicode, HirKind};

/// Scripts whose long names are as long as the short ones, which Go does not know.
const SCRIPTS_OF_FOUR: [&str; 8] = ["ahom", "cham", "kawi", "lisu", "modi", "newa", "thai", "toto"];

/// The set of a name, which is written in any case, with spaces, `_` and `-` or without.
pub(super) fn set(name: &str) -> Option<ClassUnicode> {
    let name: String = name
        .chars()
        .filter(|letter| !matches!(letter, '_' | '-' | ' '))
        .map(|letter| letter.to_ascii_lowercase())
        .collect();
    if name.is_empty() || !name.bytes().all(|letter| letter.is_ascii_alphabetic()) {
        return None;
    }
    match name.as_str() {
        "any" => return Some(super::class::any(true)),
        "assigned" => {
            let mut unassigned = lookup("gc=cn")?;
            unassigned.negate();
            return Some(unassigned);
        }
        "ascii" => {
            let mut ascii = ClassUnicode::empty();
            super::class::add(&mut ascii, 0, 0x7f);
            return Some(ascii);
        }
        _ => {}
    }
    if let Some(category) = lookup(&format!("gc={name}")) {
        return Some(category);
    }
    let is_short = name.len() == 4 && !SCRIPTS_OF_FOUR.contains(&name.as_str());
    if is_short { None } else { lookup(&format!("sc={name}")) }
}

fn lookup(query: &str) -> Option<ClassUnicode> {
    let hir = regex_syntax::parse(&format!("\\p{{{query}}}")).ok()?;
    match hir.into_kind() {
        HirKind::Class(Class::Unicode(set)) => Some(set),
        _ => None,
    }
}
