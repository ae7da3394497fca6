//! Inputs from inputs: bits turned, parts cut out, doubled, moved from one input to another, words of the languages put in.

/// A number from the environment.
pub fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Longest input; more bytes find no more.
const MAX_LENGTH: usize = 16 << 10;

const WORDS: &[&str] = &[
    "{{",
    "}}",
    "{{-",
    "-}}",
    "{{/*",
    "*/}}",
    "{{ end }}",
    "{{ else }}",
    "{{ if . }}",
    "{{ range . }}",
    "{{ with . }}",
    "{{ define \"x\" }}",
    "{{ template \"x\" }}",
    "{{ block \"x\" . }}",
    "{{ break }}",
    "{{ continue }}",
    "include",
    "tpl",
    "toYaml",
    "fromYaml",
    "printf",
    "\"%v\"",
    "\"%-10.3[2]*[1]d\"",
    "regexReplaceAll",
    "dict",
    "list",
    "index",
    "slice",
    "semverCompare",
    "date",
    "until",
    "untilStep",
    "repeat",
    "trunc",
    "substr",
    "nindent",
    "wrap",
    "toJson",
    "merge",
    "dig",
    "|",
    "(",
    ")",
    "$",
    ".Values",
    ".",
    ":=",
    "=",
    ",",
    "\"",
    "`",
    "'",
    "\\",
    "-1",
    "0",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551615",
    "1e309",
    "0x",
    "1i",
    "nil",
    "true",
    "\n",
    "\t",
    "\r",
    " ",
    "- ",
    ": ",
    "? ",
    "&a",
    "*a",
    "!!",
    "!!binary",
    "!!float",
    "<<",
    "|-",
    ">+",
    "---",
    "...",
    "%YAML",
    "#",
    "[",
    "]",
    "{",
    "}",
    "~",
    "null",
    ".nan",
    ".inf",
    "0o7",
    "1_0",
    "2001-01-01",
    "\u{feff}",
    "\u{2028}",
    "\u{1f600}",
    "\u{85}",
    "../",
    "/",
    "\0",
    "\\u",
    "\\ud800",
    "\\x",
    "charts/",
    "Chart.yaml",
];

/// SplitMix64, and what it has to work with.
pub struct Mutator {
    state: u64,
    corpus: Vec<Vec<u8>>,
}

impl Mutator {
    pub fn new(seed: u64, corpus: Vec<Vec<u8>>) -> Self {
        assert!(!corpus.is_empty(), "there is something to begin with");
        Self { state: seed, corpus }
    }

    /// Adds an input to those that are mutated.
    pub fn keep(&mut self, input: Vec<u8>) {
        self.corpus.push(input);
    }

    fn below(&mut self, limit: usize) -> usize {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % limit.max(1) as u64) as usize
    }

    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        let most = if self.below(4) == 0 { length - start } else { (length - start).min(8) };
        start..start + self.below(most + 1)
    }

    fn pick(&mut self) -> usize {
        self.below(self.corpus.len())
    }

    /// The next input.
    pub fn next(&mut self) -> Vec<u8> {
        let picked = self.pick();
        let mut input = self.corpus[picked].clone();
        for _ in 0..=self.below(6) {
            self.mutate(&mut input);
        }
        input.truncate(MAX_LENGTH);
        input
    }

    fn mutate(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len() + 1);
        match self.below(8) {
            0 if !input.is_empty() => {
                let at = self.below(input.len());
                input[at] ^= 1 << self.below(8);
            }
            1 if !input.is_empty() => {
                let at = self.below(input.len());
                input[at] = [0, 0xff, 0x7f, 0x80, b'0', b'9', b' ', b'\n'][self.below(8)];
            }
            2 => drop(input.drain(self.range(input.len()))),
            3 => {
                let part = input[self.range(input.len())].to_vec();
                let times = if self.below(20) == 0 { 200 } else { 1 };
                input.splice(at..at, part.repeat(times));
            }
            4 => {
                let other = self.pick();
                let range = self.range(self.corpus[other].len());
                let part = self.corpus[other][range].to_vec();
                input.splice(at..at, part);
            }
            _ => {
                let word = WORDS[self.below(WORDS.len())].as_bytes().to_vec();
                let cut = at + self.below(3).min(input.len() - at);
                input.splice(at..cut, word);
            }
        }
    }
}
