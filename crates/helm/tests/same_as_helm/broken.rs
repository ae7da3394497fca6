//! YAML as the fuzz targets break it, read by Helm and by this crate: the same data, or the same error.

use crate::corpus;
use crate::mutate::Mutator;
use crate::oracle::Oracle;
use crate::random::setting;
use crate::snippets::{Bench, outcome};
use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

/// Texts of one run; `EKSHYBRID_HELM_TEXTS` sets another number, `EKSHYBRID_HELM_SEED` another seed.
const TEXTS: u64 = 300;
const SEED: u64 = 3;

/// Unicode's own line breaks and the end of a C string, of which libyaml and go-yaml think differently.
const ODD: [char; 4] = ['\0', '\u{85}', '\u{2028}', '\u{2029}'];

const TEMPLATE: &str = "{{ toJson (fromYaml .Values.text) }}{{ toJson (fromYamlArray .Values.text) }}";

pub fn trials() -> Vec<Trial> {
    vec![Trial::test("broken_yaml", run)]
}

fn run() -> Result<(), Failed> {
    let seed = setting("EKSHYBRID_HELM_SEED", SEED);
    let mut mutator = Mutator::new(seed, corpus::yaml());
    let (bench, mut oracle) = (Bench::new(), Oracle::borrow());
    let mut differences = Vec::new();
    for number in 0..setting("EKSHYBRID_HELM_TEXTS", TEXTS) {
        let text = String::from_utf8_lossy(&mutator.next()).into_owned();
        if text.contains(ODD) {
            continue;
        }
        let values = json!({ "text": text });
        let expected = outcome(bench.theirs(&mut oracle, TEMPLATE, &values));
        let found = outcome(bench.ours(TEMPLATE, &values));
        if expected != found && !is_known(&text, &found) {
            differences.push(format!("seed {seed}, number {number}: {text:?}\n  Helm: {expected}\n  ours: {found}"));
        }
    }
    if differences.is_empty() {
        return Ok(());
    }
    Err(format!("{} differ\n{}", differences.len(), differences.join("\n")).into())
}

/// Inside `[…]` and `{…}` libyaml takes `?` in a word and refuses `:` before a bracket or comma; go-yaml the other way round.
fn is_known(text: &str, found: &Value) -> bool {
    let found = found.to_string();
    text.contains('?')
        || found.contains("found unexpected ':'")
        // A key of more than 1,024 bytes and fewer characters; and the order of a number and a text in an error.
        || (text.lines().any(|line| line.len() > 1_024) && found.contains("could not find expected ':'"))
        || found.contains("invalid map key")
        // The line of an error behind a byte order mark inside the text.
        || (text.trim_start_matches('\u{feff}').contains('\u{feff}') && found.contains("could not find expected ':'"))
}
