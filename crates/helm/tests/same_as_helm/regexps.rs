//! Random regular expressions on random texts: the same matches as Go's, or the same error.

use crate::oracle::Oracle;
use crate::random::{Random, setting};
use crate::snippets::{Bench, outcome};
use libtest_mimic::{Failed, Trial};
use serde_json::json;

/// Expressions of one run; `EKSHYBRID_HELM_REGEXPS` sets another number, `EKSHYBRID_HELM_SEED` another seed.
const REGEXPS: u64 = 1_000;
const SEED: u64 = 5;

/// What an expression is put together from: each of these reads differently somewhere.
const PARTS: &[&str] = &[
    "a",
    "b",
    "k",
    "é",
    "_",
    "1",
    "-",
    ".",
    "^",
    "$",
    "|",
    "(",
    ")",
    "(?:",
    "(?P<n>",
    "(?P<1a>",
    "(?<n>",
    "(?i)",
    "(?i:",
    "(?-s:",
    "(?m)",
    "(?s)",
    "(?U)",
    "(?x)",
    "(?=",
    "(?!",
    "(?<=",
    "*",
    "+",
    "?",
    "*?",
    "{",
    "}",
    "{2}",
    "{1,2}",
    "{,3}",
    "{2,}",
    "{01}",
    "{1001}",
    "{3,2}",
    "[",
    "]",
    "[^",
    "[a-c]",
    "[^a]",
    r"[\w-\.]",
    r"[\d-z]",
    "[a-",
    "-z]",
    "[]a]",
    "[[:alpha:]]",
    "[[:^digit:]]",
    "[[:foo:]]",
    "[:",
    "[&&b]",
    "[a~~b]",
    r"\d",
    r"\D",
    r"\w",
    r"\W",
    r"\s",
    r"\b",
    r"\B",
    r"\A",
    r"\z",
    r"\Z",
    r"\C",
    r"\pL",
    r"\p{Greek}",
    r"\p{^Lu}",
    r"\PN",
    r"\p{Grek}",
    r"\p",
    r"\x41",
    r"\x{e9}",
    r"\x",
    r"\0",
    r"\101",
    r"\1",
    r"\Q",
    r"\E",
    r"\Qa.b\E",
    r"\<",
    r"\-",
    r"\_",
    r"\.",
    r"\a",
    r"\n",
    r"\t",
    r"\é",
    "\\",
    "&&",
    "~",
];

const TEXTS: &[&str] = &[
    "",
    "a",
    "ab-a.b",
    "aAkK_1",
    "éa bé",
    "a\nb\nA",
    "{2}{,3}",
    "A\u{212a}\u{17f}",
    "[a]<b>\\1",
    "x{01} [:&&~",
    "βγ\0-z",
];

const REPLACEMENTS: &[&str] = &["-", "$0", "<${n}>", "$1x", "$$${1}", "$né", "${"];

const TEMPLATE: &str = "{{ regexMatch .Values.p .Values.t }} {{ mustRegexFindAll .Values.p .Values.t -1 | toJson }} \
    {{ mustRegexReplaceAll .Values.p .Values.t .Values.w | toJson }} {{ mustRegexSplit .Values.p .Values.t 3 | toJson }}";

pub fn trials() -> Vec<Trial> {
    vec![Trial::test("regexps", run)]
}

fn run() -> Result<(), Failed> {
    let (count, seed) = (setting("EKSHYBRID_HELM_REGEXPS", REGEXPS), setting("EKSHYBRID_HELM_SEED", SEED));
    let (bench, mut oracle) = (Bench::new(), Oracle::borrow());
    let mut differences = Vec::new();
    for number in 0..count {
        let mut random = Random::new(seed.wrapping_mul(1_000_003).wrapping_add(number));
        let pattern: String = (0..1 + random.below(7)).map(|_| *random.pick(PARTS)).collect();
        let values = json!({"p": pattern, "t": random.pick(TEXTS), "w": random.pick(REPLACEMENTS)});
        let expected = outcome(bench.theirs(&mut oracle, TEMPLATE, &values));
        let found = outcome(bench.ours(TEMPLATE, &values));
        if expected != found {
            differences.push(format!("seed {seed}, number {number}: {values}\n  Helm: {expected}\n  ours: {found}"));
        }
    }
    if differences.is_empty() {
        return Ok(());
    }
    Err(format!("{} of {count} differ\n{}", differences.len(), differences.join("\n")).into())
}
