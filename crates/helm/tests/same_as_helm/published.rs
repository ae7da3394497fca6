//! Published charts with many values: Cilium and the Calico operator, each feature on and off, odd types.
//!
//! Keys and certificates differ from render to render. They are masked, after checking that every certificate verifies
//! against the CA of the same render where there is one.

use crate::oracle::{Answer, Oracle, ours_loaded};
use crate::random::{Random, setting};
use libtest_mimic::{Failed, Trial};
use regex::Regex;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Where the published charts are.
pub fn charts() -> Vec<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/charts");
    let folder = std::env::var_os("EKSHYBRID_CHARTS").map_or(beside, PathBuf::from);
    let mut charts: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "tgz"))
        .collect();
    charts.sort();
    charts
}

/// How many random sets of values each chart is rendered with; `EKSHYBRID_HELM_ROUNDS` sets another number.
const ROUNDS: u64 = 6;

/// Templates that print nothing whatever the values are: they refuse values, or define a text for the notes.
const SILENT: &[&str] = &["cilium/templates/validate.yaml", "cilium/templates/warnings.txt"];

/// Versions between an older and a newer one: every other set is enough for them, unless `EKSHYBRID_HELM_ROUNDS` is set.
const BETWEEN: &[&str] = &["cilium-1.18.6.tgz", "cilium-1.19.0.tgz"];

/// Name and namespace of each release.
const RELEASE: (&str, &str) = ("cilium", "kube-system");

pub fn trials() -> Vec<Trial> {
    let charts = charts();
    let none = charts.is_empty().then(|| {
        let reason = "EKSHYBRID_CHARTS and ../shared/charts lead to none";
        crate::left_out("the published charts", reason)
    });
    charts
        .into_iter()
        .flat_map(|chart| {
            let name = chart.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            let other = chart.clone();
            [
                Trial::test(format!("published::{name}::features"), move || features(&chart)),
                Trial::test(format!("published::{name}::random"), move || random(&other)),
            ]
        })
        .chain(none)
        .collect()
}

/// The sets of values in `tests/published/CHART.yaml`, by name, and the defaults.
pub fn sets(chart: &str) -> Result<Map<String, Value>, Failed> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/published/{chart}.yaml"));
    let sets = helm::Values::from_yaml(&std::fs::read_to_string(path)?)?;
    let mut sets: Map<String, Value> =
        sets.as_map().iter().map(|(name, values)| (name.clone(), Value::from(values))).collect();
    sets.insert("defaults".to_owned(), json!({}));
    Ok(sets)
}

/// Each set of values, installed and upgraded in turns; between them all every template has printed something.
fn features(path: &Path) -> Result<(), Failed> {
    let chart = helm::Chart::load(path)?;
    let mut oracle = Oracle::borrow();
    let mut silent: BTreeSet<String> = chart
        .templates
        .iter()
        .map(|file| format!("{}/{}", chart.name(), file.name))
        .filter(|path| !path.rsplit('/').next().is_some_and(|base| base.starts_with('_')))
        .collect();
    let mut checked = 0;
    let is_whole =
        !BETWEEN.iter().any(|name| path.ends_with(name)) || std::env::var_os("EKSHYBRID_HELM_ROUNDS").is_some();
    for (number, (name, values)) in sets(chart.name())?.iter().enumerate() {
        if !is_whole && number % 2 == 1 {
            continue;
        }
        let upgrade = number % 3 == 2;
        let expected = oracle.render(path, values, RELEASE.0, RELEASE.1, upgrade);
        let found = ours_loaded(&chart, values, RELEASE.0, RELEASE.1, upgrade);
        if let Ok(files) = &found {
            silent.retain(|path| files.get(path).is_none_or(|text| text.trim().is_empty()));
        }
        checked += compare(expected, found).map_err(|error| format!("{name}: {error}"))?;
    }
    if chart.name() == "cilium" && checked == 0 {
        return Err("no certificate was found to check".into());
    }
    silent.retain(|path| !SILENT.contains(&path.as_str()));
    if silent.is_empty() || !is_whole {
        Ok(())
    } else {
        Err(format!("these templates never printed anything: {silent:?}").into())
    }
}

/// The chart's own values with switches turned, and with values of other types in two places.
fn random(path: &Path) -> Result<(), Failed> {
    let chart = helm::Chart::load(path)?;
    let defaults = Value::from(&helm::Data::Map(chart.values.clone()));
    let mut places = Vec::new();
    leaves(&defaults, &mut Vec::new(), &mut places);
    let mut oracle = Oracle::borrow();
    let seed = setting("EKSHYBRID_HELM_SEED", 20);
    let mut random = Random::new(seed);
    for round in 0..setting("EKSHYBRID_HELM_ROUNDS", ROUNDS) {
        // Most rounds have no keys to generate, which takes longer than everything else.
        let mut values = match round % 6 {
            0 => json!({}),
            _ => json!({"hubble": {"tls": {"auto": {"method": "cronJob"}}}}),
        };
        if round % 3 == 2 {
            odd_types(&mut values, &places, &mut random);
        } else {
            switch(&mut values, &places, &mut random);
        }
        let upgrade = round % 2 == 1;
        let expected = oracle.render(path, &values, RELEASE.0, RELEASE.1, upgrade);
        let found = ours_loaded(&chart, &values, RELEASE.0, RELEASE.1, upgrade);
        compare(expected, found).map_err(|error| format!("seed {seed}, round {round}, values {values}: {error}"))?;
    }
    Ok(())
}

/// Every value with its path.
fn leaves(value: &Value, path: &mut Vec<String>, places: &mut Vec<(Vec<String>, Value)>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, inner) in map {
                path.push(key.clone());
                leaves(inner, path, places);
                path.pop();
            }
        }
        other => places.push((path.clone(), other.clone())),
    }
}

/// Turns about every tenth switch.
fn switch(values: &mut Value, places: &[(Vec<String>, Value)], random: &mut Random) {
    for (path, value) in places {
        if let Value::Bool(on) = value
            && random.below(10) == 0
        {
            put(values, path, json!(!on));
        }
    }
}

/// Puts values of other types in two places.
fn odd_types(values: &mut Value, places: &[(Vec<String>, Value)], random: &mut Random) {
    let odd = [json!("x"), json!(5), json!(true), json!(null), json!([]), json!({}), json!(["a"]), json!({"k": "v"})];
    for _ in 0..2 {
        let (path, _) = &places[random.below(places.len())];
        put(values, path, odd[random.below(odd.len())].clone());
    }
}

fn put(values: &mut Value, path: &[String], value: Value) {
    let Some((last, before)) = path.split_last() else { return };
    let mut current = values;
    for key in before {
        if !current.is_object() {
            return;
        }
        current = &mut current[key];
        if current.is_null() {
            *current = Value::Object(Map::new());
        }
    }
    if current.is_object() {
        current[last] = value;
    }
}

/// Compares; the number is how many certificates were checked.
fn compare(expected: Answer, found: Answer) -> Result<usize, String> {
    match (expected, found) {
        (Ok(expected), Ok(found)) => {
            let checked = check_certificates(&found)?;
            if !expected.keys().eq(found.keys()) {
                return Err("other files".to_owned());
            }
            for (path, text) in expected {
                let (expected, found) = (mask(&text), mask(&found[&path]));
                if expected != found {
                    return Err(format!("{path}\nHelm:\n{expected}\nours:\n{found}"));
                }
            }
            Ok(checked)
        }
        (Err(expected), Err(found)) if lines(&expected) == lines(&found) => Ok(0),
        (expected, found) => Err(format!("Helm: {:?}\nours: {:?}", expected.err(), found.err())),
    }
}

/// Findings of a schema come in any order in Helm.
fn lines(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.trim().lines().collect();
    lines.sort_unstable();
    lines
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a constant pattern")
}

pub fn mask(text: &str) -> String {
    let text = pattern(r"LS0tLS1CRUdJ[A-Za-z0-9+/=]+").replace_all(text, "<PEM>");
    pattern(r"-----BEGIN [^-]+-----[^-]+-----END [^-]+-----").replace_all(&text, "<PEM>").into_owned()
}

/// Every certificate of a secret verifies against the CA in the same secret.
fn check_certificates(files: &BTreeMap<String, String>) -> Result<usize, String> {
    let mut checked = 0;
    let entry = |text: &str, key: &str| {
        let found = pattern(&format!(r"(?m)^\s*{}:\s*(LS0t[A-Za-z0-9+/=]+)", regex::escape(key))).captures(text)?;
        Some(decode(&found[1]))
    };
    for (path, text) in files {
        for document in text.split("\n---") {
            let (Some(authority), Some(certificate)) = (entry(document, "ca.crt"), entry(document, "tls.crt")) else {
                continue;
            };
            verify(&certificate, &authority).map_err(|error| format!("{path}: {error}"))?;
            checked += 1;
        }
    }
    Ok(checked)
}

fn decode(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).unwrap_or_default()
}

fn verify(certificate: &[u8], authority: &[u8]) -> Result<(), String> {
    let parse = |pem: &[u8]| x509_parser::pem::parse_x509_pem(pem).map(|(_, pem)| pem).map_err(|e| e.to_string());
    let (certificate, authority) = (parse(certificate)?, parse(authority)?);
    let certificate = certificate.parse_x509().map_err(|error| error.to_string())?;
    let authority = authority.parse_x509().map_err(|error| error.to_string())?;
    if certificate.issuer() != authority.subject() {
        return Err("the certificate names another issuer".to_owned());
    }
    certificate
        .verify_signature(Some(authority.public_key()))
        .map_err(|error| format!("the certificate does not verify against the CA: {error}"))
}
