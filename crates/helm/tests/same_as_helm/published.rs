//! Published charts with a matrix of values: Cilium and the Calico operator, each feature on and off, odd types.
//!
//! Keys and certificates differ from render to render. They are masked, after checking that every certificate verifies
//! against the CA of the same render where there is one.

use crate::oracle::{Answer, Oracle, ours};
use crate::random::Random;
use libtest_mimic::{Failed, Trial};
use regex::Regex;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Values of EKS hybrid nodes, as a user of the workshop stack sets them.
fn hybrid() -> Value {
    let affinity = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
        {"matchExpressions": [{"key": "eks.amazonaws.com/compute-type", "operator": "In", "values": ["hybrid"]}]}
    ]}}});
    json!({
        "affinity": affinity,
        "ipam": {"mode": "cluster-pool", "operator": {
            "clusterPoolIPv4MaskSize": 25, "clusterPoolIPv4PodCIDRList": ["10.53.0.0/16"]
        }},
        "operator": {"replicas": 1, "affinity": affinity, "unmanagedPodWatcher": {"restart": false}},
        "envoy": {"enabled": false}
    })
}

/// Where the published charts are.
fn charts() -> Vec<PathBuf> {
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

/// How many sets of values each chart is rendered with; `EKSHYBRID_HELM_ROUNDS` sets another number.
const ROUNDS: u64 = 8;

pub fn trials() -> Vec<Trial> {
    let charts = charts();
    if charts.is_empty() {
        eprintln!("left out: the published charts, because EKSHYBRID_CHARTS and ../shared/charts lead to none");
    }
    charts
        .into_iter()
        .map(|chart| {
            let name = chart.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            Trial::test(format!("published::{name}"), move || run(&chart))
        })
        .collect()
}

fn run(path: &Path) -> Result<(), Failed> {
    let rounds = std::env::var("EKSHYBRID_HELM_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS);
    let chart = helm::Chart::load(path)?;
    let defaults = Value::from(&helm::Data::Map(chart.values.clone()));
    let mut places = Vec::new();
    leaves(&defaults, &mut Vec::new(), &mut places);
    let mut oracle = Oracle::borrow();
    let mut random = Random::new(20);
    let (name, namespace) = ("cilium", "kube-system");
    for round in 0..rounds {
        let mut values = if round % 2 == 0 { hybrid() } else { json!({}) };
        match round % 4 {
            0 | 1 if round < 2 => {}
            3 => odd_types(&mut values, &places, &mut random),
            _ => switch(&mut values, &places, &mut random),
        }
        let upgrade = round % 3 == 2;
        let expected = oracle.render(path, &values, name, namespace, upgrade);
        let found = ours(path, &values, name, namespace, upgrade);
        let checked = compare(expected, found).map_err(|error| format!("round {round}, values {values}: {error}"))?;
        if round == 0 && chart.name() == "cilium" && checked == 0 {
            return Err("no certificate was found to check".into());
        }
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

fn mask(text: &str) -> String {
    let text = pattern(r"LS0tLS1CRUdJ[A-Za-z0-9+/=]+").replace_all(text, "<PEM>");
    pattern(r"-----BEGIN [^-]+-----[^-]+-----END [^-]+-----").replace_all(&text, "<PEM>").into_owned()
}

/// Every certificate of a secret verifies against the CA beside it.
fn check_certificates(files: &BTreeMap<String, String>) -> Result<usize, String> {
    let mut checked = 0;
    let entry = |text: &str, key: &str| {
        let found = pattern(&format!(r"(?m)^\s*{}:\s*(LS0t[A-Za-z0-9+/=]+)", regex::escape(key))).captures(text)?;
        Some(decode(&found[1]))
    };
    for (path, text) in files {
        for document in helm::split_manifests(text) {
            let (Some(authority), Some(certificate)) = (entry(&document, "ca.crt"), entry(&document, "tls.crt")) else {
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
