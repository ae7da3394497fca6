//! Random templates on random values, from a printed seed: the same output as Helm's, or the same error.

use crate::oracle::Oracle;
use crate::snippets::{Bench, outcome};
use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

/// A small generator (SplitMix64): the same numbers from the same seed everywhere.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

/// Templates of one run; `EKSHYBRID_HELM_TEMPLATES` sets another number, `EKSHYBRID_HELM_SEED` another seed.
const TEMPLATES: u64 = 400;
const SEED: u64 = 1;

/// A number from the environment.
pub fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

pub fn trials() -> Vec<Trial> {
    vec![Trial::test("random", run)]
}

fn run() -> Result<(), Failed> {
    let (count, seed) = (setting("EKSHYBRID_HELM_TEMPLATES", TEMPLATES), setting("EKSHYBRID_HELM_SEED", SEED));
    let (bench, mut oracle) = (Bench::new(), Oracle::borrow());
    let mut differences = Vec::new();
    for number in 0..count {
        let mut random = Random::new(seed.wrapping_mul(1_000_003).wrapping_add(number));
        let template = block(&mut random, 3);
        let values = values(&mut random);
        let expected = without_addresses(&outcome(bench.theirs(&mut oracle, &template, &values)));
        let found = without_addresses(&outcome(bench.ours(&template, &values)));
        if expected != found {
            differences.push(format!(
                "seed {seed}, number {number}: {template}\n  values {values}\n  Helm: {expected}\n  ours: {found}"
            ));
        }
    }
    if differences.is_empty() {
        Ok(())
    } else {
        Err(format!("{} differ\n{}", differences.len(), differences.join("\n")).into())
    }
}

/// Go prints where a struct is in memory; that is never the same.
fn without_addresses(outcome: &Value) -> String {
    let address = regex::Regex::new("0x[0-9a-f]{10,12}").expect("a constant pattern");
    address.replace_all(&outcome.to_string(), "ADDRESS").into_owned()
}

/// Deterministic functions whose order of work Go fixes.
const FUNCTIONS: &[&str] = &[
    "abbrev",
    "add",
    "add1",
    "addf",
    "adler32sum",
    "all",
    "and",
    "any",
    "append",
    "atoi",
    "b32dec",
    "b32enc",
    "b64dec",
    "b64enc",
    "base",
    "biggest",
    "camelcase",
    "cat",
    "ceil",
    "chunk",
    "clean",
    "coalesce",
    "compact",
    "concat",
    "contains",
    "deepCopy",
    "deepEqual",
    "default",
    "dict",
    "dig",
    "dir",
    "div",
    "duration",
    "durationRound",
    "empty",
    "eq",
    "ext",
    "first",
    "float64",
    "floor",
    "fromJson",
    "fromJsonArray",
    "fromYaml",
    "fromYamlArray",
    "ge",
    "get",
    "gt",
    "has",
    "hasKey",
    "hasPrefix",
    "hasSuffix",
    "html",
    "include",
    "indent",
    "index",
    "initial",
    "initials",
    "int",
    "int64",
    "isAbs",
    "join",
    "js",
    "kebabcase",
    "kindIs",
    "kindOf",
    "last",
    "le",
    "len",
    "list",
    "lower",
    "lt",
    "max",
    "merge",
    "mergeOverwrite",
    "min",
    "minf",
    "mod",
    "mul",
    "mulf",
    "mustFirst",
    "mustFromJson",
    "mustHas",
    "mustRegexFind",
    "mustToJson",
    "ne",
    "nindent",
    "nospace",
    "not",
    "omit",
    "or",
    "pick",
    "pluck",
    "plural",
    "prepend",
    "print",
    "printf",
    "println",
    "quote",
    "regexFind",
    "regexFindAll",
    "regexMatch",
    "regexReplaceAll",
    "regexReplaceAllLiteral",
    "regexSplit",
    "repeat",
    "replace",
    "required",
    "rest",
    "reverse",
    "round",
    "semver",
    "semverCompare",
    "seq",
    "set",
    "sha1sum",
    "sha256sum",
    "slice",
    "snakecase",
    "sortAlpha",
    "split",
    "splitList",
    "splitn",
    "squote",
    "sub",
    "subf",
    "substr",
    "swapcase",
    "ternary",
    "title",
    "toDecimal",
    "toJson",
    "toPrettyJson",
    "toRawJson",
    "toString",
    "toStrings",
    "toYaml",
    "toYamlPretty",
    "tpl",
    "trim",
    "trimAll",
    "trimPrefix",
    "trimSuffix",
    "trunc",
    "tuple",
    "typeIs",
    "typeOf",
    "uniq",
    "unset",
    "until",
    "untilStep",
    "untitle",
    "upper",
    "urlquery",
    "without",
    "wrap",
    "wrapWith",
];

const CONSTANTS: &[&str] = &[
    "0",
    "1",
    "2",
    "-1",
    "3",
    "10",
    "1.5",
    "0.1",
    "-2.5",
    "1e6",
    "true",
    "false",
    "nil",
    "\"\"",
    "\"a\"",
    "\"b\"",
    "\"hello world\"",
    "\"1\"",
    "\"1.2.3\"",
    "\">=1.0\"",
    "\"a,b,c\"",
    "\",\"",
    "\"x: 1\\ny: [a, 2]\"",
    "\"{\\\"a\\\": [1, null]}\"",
    "\"%s-%v\"",
    "\"%d\"",
    "\"é😀\"",
    "\"[a-z]+\"",
    "\"helper\"",
    "\"k\"",
    "\"map\"",
    "\"string\"",
    "\" x \\n\"",
    "\"<&>\"",
];

const PLACES: &[&str] = &[
    ".Values.a",
    ".Values.b",
    ".Values.c",
    ".Values.d",
    ".Values.list",
    ".Values.map",
    ".Values.text",
    ".Values.int",
    ".Values.missing",
    ".Values.map.c",
    ".Values.map.c.d",
    ".Values.quoted",
    ".Values.blocks",
    ".Values.mixed",
    ".Values.yamlText",
    ".Values.jsonText",
    ".Values.float",
    ".Values.nothing",
    ".Values.a.k",
    ".Values.b.k.x",
    ".Release.Name",
    ".Values.long",
    ".Values.keys",
    ".",
    "$.Values.a",
    "$x",
    "$y",
];

fn operand(random: &mut Random, depth: usize) -> String {
    match random.below(if depth == 0 { 6 } else { 10 }) {
        0..=2 => (*random.pick(CONSTANTS)).to_owned(),
        3..=5 => (*random.pick(PLACES)).to_owned(),
        6 => format!("({}).{}", pipeline(random, depth - 1), random.pick(&["k", "a", "x", "c"])),
        _ => format!("({})", pipeline(random, depth - 1)),
    }
}

fn command(random: &mut Random, depth: usize) -> String {
    let mut text = (*random.pick(FUNCTIONS)).to_owned();
    for _ in 0..random.below(4) {
        text.push(' ');
        text.push_str(&operand(random, depth));
    }
    text
}

fn pipeline(random: &mut Random, depth: usize) -> String {
    let mut text = if random.below(3) == 0 { operand(random, depth) } else { command(random, depth) };
    for _ in 0..random.below(3) {
        text.push_str(" | ");
        text.push_str(&command(random, depth));
    }
    text
}

/// Text and actions; `$x` and `$y` are always declared.
fn block(random: &mut Random, depth: usize) -> String {
    let mut text = String::from("{{ $x := 1 }}{{ $y := .Values.a }}");
    for _ in 0..=random.below(3) {
        text.push_str(&item(random, depth));
    }
    text
}

fn item(random: &mut Random, depth: usize) -> String {
    let (open, close) = (*random.pick(&["{{ ", "{{- "]), *random.pick(&[" }}", " -}}", " }}"]));
    let kind = if depth == 0 { random.below(4) } else { random.below(10) };
    match kind {
        0 => (*random.pick(&["text ", "\n  line\n", " - x: ", "|"])).to_owned(),
        1..=4 => format!("{open}{}{close}", pipeline(random, 2)),
        5 => format!("{open}$x = {}{close}", pipeline(random, 1)),
        6 => format!(
            "{open}if {}{close}{}{{{{ else }}}}{}{{{{ end }}}}",
            pipeline(random, 1),
            item(random, depth - 1),
            item(random, depth - 1)
        ),
        7 => format!("{open}with {}{close}{}{{{{ end }}}}", pipeline(random, 1), item(random, depth - 1)),
        8 => format!(
            "{open}range $i, $e := {}{close}{{{{ $i }}}}={{{{ $e }}}};{}{{{{ end }}}}",
            random.pick(PLACES),
            item(random, depth - 1)
        ),
        _ => format!(
            "{open}range {}{close}{}{{{{ else }}}}none{{{{ end }}}}",
            pipeline(random, 1),
            item(random, depth - 1)
        ),
    }
}

fn values(random: &mut Random) -> Value {
    json!({"a": value(random, 2), "b": value(random, 2), "c": value(random, 1), "d": value(random, 0)})
}

fn value(random: &mut Random, depth: usize) -> Value {
    match random.below(if depth == 0 { 8 } else { 12 }) {
        0 => json!(null),
        1 => json!(random.below(2) == 0),
        2 => json!(random.below(100)),
        3 => json!(-1.25),
        4 => json!(1_000_000_000_u64),
        5..=7 => json!(random.pick(&["", "x", "a b", "1", "true", "multi\nline\n", "é", "- y", "k: v", "2001-01-01"])),
        8 | 9 => (0..random.below(4)).map(|_| value(random, depth - 1)).collect(),
        _ => {
            let keys = ["k", "a", "x", "10", "9", "Z"];
            let mut map = serde_json::Map::new();
            for _ in 0..random.below(4) {
                let key = *random.pick(&keys);
                let inner = value(random, depth - 1);
                map.insert(key.to_owned(), inner);
            }
            Value::Object(map)
        }
    }
}
