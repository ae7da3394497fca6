//! Rows of this table are Go's own answers (`regexp` of Go 1.26); tests/same_as_helm compares many more at random.

use super::*;

/// All matches, each in brackets; or the error.
fn found(pattern: &str, text: &str) -> String {
    match Regexp::new(pattern) {
        Ok(regexp) => regexp.ranges(text).map(|range| format!("[{}]", &text[range])).collect(),
        Err(error) => error.strip_prefix("error parsing regexp: ").expect("Go's prefix").to_owned(),
    }
}

fn check(table: &[(&str, &str, &str)]) {
    for (pattern, text, expected) in table {
        assert_eq!(found(pattern, text), *expected, "{pattern} in {text:?}");
    }
}

#[test]
fn classes() {
    check(&[
        (r"^\d+$", "٣", ""),
        ("^[[:alpha:]_]+$", "a_b", "[a_b]"),
        ("[[:^alpha:]]", "a1", "[1]"),
        (r"[a&&b]", "&", "[&]"),
        (r"[a~~b]", "~", "[~]"),
        (r"[a--b]", "", "invalid character class range: `a--`"),
        ("^[]a]+$", "]a", "[]a]"),
        ("[^]a]", "]ab", "[b]"),
        ("^[[]$", "[", "[[]"),
        ("[[:alpha]", ":", "[:]"),
        (r"^[\w.-]+$", "a.b-c", "[a.b-c]"),
        (r"^[^\s]+$", "a b", ""),
        (r"[\D]", "1a", "[a]"),
        // Beside a class `-` means itself.
        (r"^[\w-\.]+$", "mymaster", "[mymaster]"),
        (r"^[\w-\.]+$", "a-b.c", "[a-b.c]"),
        (r"[^\w-.]", "a-b.c d", "[ ]"),
        (r"[\d-z]", "-", "[-]"),
        (r"[a-\d]", "", r"invalid escape sequence: `\d`"),
        (r"[a-c-e]+", "b-d", "[b-]"),
        ("[-a]+[a-]+", "a-", "[a-]"),
        ("[z-a]", "", "invalid character class range: `z-a`"),
        (r"[\Q]\E]", "", r"invalid escape sequence: `\Q`"),
        ("[[:foo:]]", "", "invalid character class range: `[:foo:]`"),
        ("[a", "", "missing closing ]: `[a`"),
        ("a[^", "", "missing closing ]: `[^`"),
        ("[^a]", "a\nb", "[\n][b]"),
        (r"[^\x00-\x{10FFFF}]", "a", ""),
        (r"[\x{D7FF}-\x{E000}]", "\u{d7ff}\u{e000}", "[\u{d7ff}][\u{e000}]"),
    ]);
}

#[test]
fn names_of_unicode() {
    check(&[
        (r"\pN+", "a12", "[12]"),
        (r"\p{Greek}+", "aβγ", "[βγ]"),
        (r"\p{greek}", "β", "[β]"),
        (r"\p{^L}", "a1", "[1]"),
        (r"\P{^L}", "a1", "[a]"),
        (r"\PL", "a1", "[1]"),
        (r"[^\p{Lu}]", "Aa", "[a]"),
        (r"\p{Uppercase_Letter}", "Aa", "[A]"),
        (r"\p{ASCII}", "é", ""),
        (r"\p{Any}", "é", "[é]"),
        (r"\p{Thai}", "ก", "[ก]"),
        (r"\p{Grek}", "", r"invalid character class range: `\p{Grek}`"),
        (r"\p{Script=Greek}", "", r"invalid character class range: `\p{Script=Greek}`"),
        (r"\p{Alphabetic}", "", r"invalid character class range: `\p{Alphabetic}`"),
        (r"\p{L", "", r"invalid character class range: `\p{L`"),
        (r"\p", "", r"invalid character class range: `\p`"),
        (r"\pé", "", r"invalid character class range: `\pé`"),
    ]);
}

#[test]
fn counts_and_braces() {
    check(&[
        ("a{2}", "aaa", "[aa]"),
        ("a{1,2}?", "aa", "[a][a]"),
        ("a{2,}", "aaaa", "[aaaa]"),
        // Where nothing is counted, a brace means itself.
        (r"\$(?:__(?:env|file))?{[^}]+}", "$__env{P} ${Q}", "[$__env{P}][${Q}]"),
        ("{{.*?}}", "a {{ b }} c", "[{{ b }}]"),
        ("a{", "a{", "[a{]"),
        ("x{,3}", "x{,3}", "[x{,3}]"),
        ("x{01}", "x{01}", "[x{01}]"),
        ("x{1", "x{1", "[x{1]"),
        ("x{a}", "x{a}", "[x{a}]"),
        ("{2}", "", "missing argument to repetition operator: `{2}`"),
        ("x{2}{3}", "", "invalid nested repetition operator: `{2}{3}`"),
        ("x{1}*", "", "invalid nested repetition operator: `{1}*`"),
        ("x*+?", "", "invalid nested repetition operator: `*+?`"),
        ("x**", "", "invalid nested repetition operator: `**`"),
        ("(?:x{2}){3}", "xxxxxxx", "[xxxxxx]"),
        ("x{1001}", "", "invalid repeat count: `{1001}`"),
        ("x{3,2}", "", "invalid repeat count: `{3,2}`"),
        ("(?:x{32}){32}", "", "invalid repeat count: `{32}`"),
        ("(?:x{31}){32}", "x", ""),
        ("x{99999999999}", "", "invalid repeat count: `{99999999999}`"),
        ("*a", "", "missing argument to repetition operator: `*`"),
        ("a|*", "", "missing argument to repetition operator: `*`"),
        ("(+?)", "", "missing argument to repetition operator: `+?`"),
        ("^*a", "a", "[a]"),
        (r"a*\Q\E*", "aa", "[aa]"),
        ("a(?i)*", "aa", "[aa]"),
    ]);
}

#[test]
fn escapes() {
    check(&[
        (r"\<", "a <b>", "[<]"),
        (r"[\<\>]", "a <b>", "[<][>]"),
        (r"\_\-\'\@", "_-'@", "[_-'@]"),
        (r"\0", "a\0", "[\0]"),
        (r"\101\60", "A0", "[A0]"),
        (r"\1011", "A1", "[A1]"),
        (r"[\0-\07]", "\u{3}", "[\u{3}]"),
        (r"[\0-\7]", "", r"invalid escape sequence: `\7`"),
        (r"\1", "", r"invalid escape sequence: `\1`"),
        (r"\8", "", r"invalid escape sequence: `\8`"),
        (r"\x41\x{e9}", "Aé", "[Aé]"),
        (r"\x{110000}", "", r"invalid escape sequence: `\x{110000`"),
        (r"\x{}", "", r"invalid escape sequence: `\x{}`"),
        (r"\x4", "", r"invalid escape sequence: `\x4`"),
        (r"\xg0", "", r"invalid escape sequence: `\xg0`"),
        (r"\a\f\t\n\r\v", "\u{7}\u{c}\t\n\r\u{b}", "[\u{7}\u{c}\t\n\r\u{b}]"),
        (r"\é", "", r"invalid escape sequence: `\é`"),
        (r"\Za", "", r"invalid escape sequence: `\Z`"),
        (r"\C", "", r"invalid escape sequence: `\C`"),
        (r"\e", "", r"invalid escape sequence: `\e`"),
        ("a\\", "", "trailing backslash at end of expression: ``"),
        (r"^\Qa.b\E$", "a.b", "[a.b]"),
        (r"^\Qa.b\E$", "axb", ""),
        (r"\Qa\", "a\\", "[a\\]"),
        (r"\Q*", "*", "[*]"),
    ]);
}

#[test]
fn places() {
    check(&[
        (r"\b", "aé", "[][]"),
        (r"\B", "éa", "[]"),
        (r"\Bb", "éb ab", "[b]"),
        (r"\bé", "é", ""),
        ("(?m)^a$", "a\nb\na", "[a][a]"),
        ("a$", "a\n", ""),
        ("a$", "\na", "[a]"),
        (r"(?m)\Aa\z", "a\na", ""),
        (".", "\n", ""),
        ("(?s).", "\n", "[\n]"),
    ]);
}

#[test]
fn groups_and_flags() {
    check(&[
        ("(?P<1a>x)", "x", "[x]"),
        ("(?P<a>x)|(?P<a>y)", "xy", "[x][y]"),
        ("(?<n>x)", "x", "[x]"),
        ("(?P<>x)", "", "invalid named capture: `(?P<>`"),
        ("(?P<n x>)", "", "invalid named capture: `(?P<n x>`"),
        ("(?P<n", "", "invalid named capture: `(?P<n`"),
        ("(?P<", "", "invalid or unsupported Perl syntax: `(?P`"),
        ("(?<=a)b", "", "invalid named capture: `(?<=a)b`"),
        ("(?=a)", "", "invalid or unsupported Perl syntax: `(?=`"),
        ("(?!a)", "", "invalid or unsupported Perl syntax: `(?!`"),
        ("(?P=a)", "", "invalid or unsupported Perl syntax: `(?P`"),
        ("(?x)a b", "", "invalid or unsupported Perl syntax: `(?x`"),
        ("(?u)a", "", "invalid or unsupported Perl syntax: `(?u`"),
        ("(?i", "", "invalid or unsupported Perl syntax: `(?i`"),
        ("(?i-)", "", "invalid or unsupported Perl syntax: `(?i-)`"),
        ("(?i-s-m)", "", "invalid or unsupported Perl syntax: `(?i-s-`"),
        ("(?i)ABC", "xabcx", "[abc]"),
        ("(?i)k", "K\u{212a}", "[K][\u{212a}]"),
        ("(?i:a)b", "Ab AB", "[Ab]"),
        ("a(?i)b|c", "aB C", "[aB][C]"),
        ("(?:a(?i)b)c", "aBC aBc", "[aBc]"),
        ("(?i)a(?-i)b", "Ab AB", "[Ab]"),
        ("(?i)[^a]", "aAb", "[b]"),
        (r"(?i)\w", "\u{17f}", "[\u{17f}]"),
        ("(?U)a+", "aa", "[a][a]"),
        ("(?U)a+?", "aa", "[aa]"),
        ("(?)a", "a", "[a]"),
        ("(a", "", "missing closing ): `(a`"),
        ("a)", "", "unexpected ): `a)`"),
        ("(|a)*", "aa", "[][][]"),
        ("a||b", "b", "[][]"),
        ("()", "a", "[][]"),
    ]);
}

#[test]
fn limits() {
    // Templates run on a thread with a stack that is larger than a test's.
    let thread = std::thread::Builder::new().stack_size(64 << 20).spawn(check_limits).expect("a thread");
    thread.join().expect("the limits hold");
}

fn check_limits() {
    let deep = format!("{}a{}", "(".repeat(1_001), ")".repeat(1_001));
    assert_eq!(found(&deep, "a"), format!("expression nests too deeply: `{deep}`"));
    let fine = format!("{}a{}", "(".repeat(900), ")".repeat(900));
    assert_eq!(found(&fine, "a"), "[a]");
    assert_eq!(found(&"(?:".repeat(100_000), "").get(..27), Some("missing closing ): `(?:(?:("));
    let large = format!("(?:{}){{1000}}", "a".repeat(4_000));
    assert_eq!(found(&large, ""), format!("expression too large: `{large}`"));
    assert_eq!(found(r"\pL{100}", "a"), "");
}

#[test]
fn replacements() {
    for (pattern, text, template, expected) in [
        ("a(x*)b", "-ab-axxb-", "${1}W", "-W-xxW-"),
        ("a(x*)b", "-ab-axxb-", "$1W", "---"),
        ("(?P<n>x)", "x", "<$n>", "<x>"),
        ("(?P<n>x)|(?P<n>y)", "xy", "<$n>", "<x><y>"),
        ("x", "x", "$$1 $ ${ ${a $0", "$1 $ ${ ${a x"),
        ("x", "x", "$00|$01|$9|${0}0", "|||x0"),
        ("(?P<n>x)", "x", "$né$n", "x"),
        (r"\<", "a <b>", "&lt;", "a &lt;b>"),
        ("x*", "axb", "-", "-a-b-"),
        ("", "é", "-", "-é-"),
    ] {
        let regexp = Regexp::new(pattern).expect(pattern);
        assert_eq!(regexp.replace(text, template), expected, "{pattern} {template}");
    }
    assert_eq!(Regexp::new("x").expect("a pattern").replace_literal("axb", "$0"), "a$0b");
}

#[test]
fn text_for_the_validator_means_the_same() {
    for (pattern, text, matches) in [
        (r"^[\w-\.]+$", "a-b.c", true),
        (r"^[\w-\.]+$", "a b", false),
        (r"^\d{2}$", "٣٣", false),
        (r"^(?P<n>a)(?P<n>b)\<$", "ab<", true),
        (r"(?i)^ab$", "AB", true),
        (r"^a{$", "a{", true),
        (r"\bx", "é x", true),
        ("(?m)^b$", "a\nb", true),
        (r"\A\-\-*\z", "--", true),
        (r"^(a|b|)c$", "c", true),
        (r"^*[^a&&~\[<>-]{2,3}?$", "bc", true),
        (r"^[^a&&~\[<>-]$", "&", false),
        (r"^[^\x00-\x{10FFFF}]$", "a", false),
        (r"^\<\t\{}/-$", "<\t{}/-", true),
        (r"^(?:a{2}){1,}(|b)$", "aab", true),
    ] {
        let written = common_pattern(pattern).expect(pattern);
        let read = regex::Regex::new(&written).expect(&written);
        assert_eq!(read.is_match(text), matches, "{pattern} as {written} in {text}");
        // In these drafts the validator takes patterns of JavaScript alone.
        let schema = serde_json::json!({"$schema": "http://json-schema.org/draft-07/schema#", "pattern": written});
        let validator = jsonschema::validator_for(&schema).expect(&written);
        assert_eq!(validator.is_valid(&text.into()), matches, "{pattern} as {written} in {text}, by the validator");
    }
}
