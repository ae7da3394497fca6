//! Every package of the dependency tree, on every platform, keeps to deny.toml: licence, banned crates, source.
//!
//! The rules are those that cargo-deny reads from the same file; checking them here spares everybody its installation.
//! Advisories are not looked at: they change without a change of this tree.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use spdx::{Expression, ParseMode};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

/// One package as `cargo metadata` tells it.
#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    version: String,
    /// SPDX expression; older packages separate alternatives by a slash.
    license: Option<String>,
    /// The file that holds the licence, of packages that name none.
    license_file: Option<PathBuf>,
    manifest_path: PathBuf,
    /// None for a package of this work tree.
    source: Option<String>,
}

impl Package {
    /// The licence that the package names, or else the one whose text its licence file holds.
    fn licence(&self) -> Option<String> {
        self.license.clone().or_else(|| {
            let file = self.manifest_path.parent()?.join(self.license_file.as_ref()?);
            recognised(&std::fs::read_to_string(file).ok()?).map(str::to_owned)
        })
    }
}

/// The licence that a text is, of the few that packages write out instead of naming.
fn recognised(text: &str) -> Option<&'static str> {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mit = [
        "Permission is hereby granted, free of charge, to any person obtaining a copy of this software",
        "to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies",
        "The above copyright notice and this permission notice shall be included",
    ];
    mit.iter().all(|part| words.contains(part)).then_some("MIT")
}

/// What deny.toml says.
#[derive(Debug)]
struct Rules {
    /// Licences that may be.
    allowed: Vec<String>,
    /// Crates that may not be, and why.
    banned: Vec<(String, String)>,
}

impl Rules {
    fn of_this_tree() -> Self {
        let text = std::fs::read_to_string(root().join("deny.toml")).expect("deny.toml is part of the work tree");
        let rules = DeTable::parse(&text).expect("deny.toml is TOML");
        let list = |section: &str, key: &str| {
            let section = rules.get_ref().get(section).and_then(|section| section.get_ref().as_table());
            let list = section.and_then(|section| section.get(key)).and_then(|list| list.get_ref().as_array());
            list.unwrap_or_else(|| panic!("deny.toml has a list `{key}`")).iter().map(Spanned::get_ref)
        };
        let text = |value: &DeValue<'_>| value.as_str().expect("the lists of deny.toml hold texts").to_owned();
        let of =
            |value: &DeValue<'_>, key: &str| text(value.get(key).expect("a ban has a crate and a reason").get_ref());
        Self {
            allowed: list("licenses", "allow").map(text).collect(),
            banned: list("bans", "deny").map(|ban| (of(ban, "crate"), of(ban, "reason"))).collect(),
        }
    }

    /// What is wrong with a package, one line for each fault.
    fn faults(&self, package: &Package) -> Vec<String> {
        let Package { name, version, .. } = package;
        let mut faults = Vec::new();
        let licence = package.licence();
        match licence.as_deref().map(|text| (text, Expression::parse_mode(text, ParseMode::LAX))) {
            None => faults.push(format!("{name} {version} names no licence")),
            Some((text, Err(_))) => {
                faults.push(format!("{name} {version}: the licence `{text}` is no SPDX expression"));
            }
            Some((text, Ok(expression))) => {
                if !expression.evaluate(|one| self.allowed.contains(&one.to_string())) {
                    faults.push(format!("{name} {version}: the licence `{text}` is not allowed"));
                }
            }
        }
        if let Some((_, reason)) = self.banned.iter().find(|(banned, _)| banned == name) {
            faults.push(format!("{name} {version} is banned: {reason}"));
        }
        if package.source.as_deref().is_some_and(|source| !source.starts_with("registry+")) {
            faults.push(format!("{name} {version} comes from neither this tree nor a registry"));
        }
        faults
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_dependency_keeps_to_the_rules() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--all-features"])
        .current_dir(root())
        .output()
        .expect("cargo runs, because it runs this test");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Metadata = serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");

    // The tree is read whole: fewer packages than this means that something else was read.
    assert!(metadata.packages.len() > 100, "only {} packages", metadata.packages.len());
    let rules = Rules::of_this_tree();
    let faults: Vec<_> = metadata.packages.iter().flat_map(|package| rules.faults(package)).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));

    let registries: BTreeSet<_> = metadata.packages.iter().filter_map(|package| package.source.as_deref()).collect();
    assert_eq!(registries.len(), 1, "a second registry: {registries:?}");
}

#[test]
fn a_package_that_breaks_a_rule_is_found() {
    const REGISTRY: &str = "registry+https://index.example/";
    let rules = Rules::of_this_tree();
    for (name, license, source, fault) in [
        ("fine", Some("MIT OR Apache-2.0"), Some(REGISTRY), None),
        ("fine", Some("MIT/GPL-3.0-only"), Some(REGISTRY), None),
        ("fine", Some("Apache-2.0 AND ISC"), Some(REGISTRY), None),
        ("ours", Some("MPL-2.0"), None, None),
        ("copyleft", Some("GPL-3.0-only"), Some(REGISTRY), Some("`GPL-3.0-only` is not allowed")),
        ("half", Some("MIT AND AGPL-3.0-only"), Some(REGISTRY), Some("`MIT AND AGPL-3.0-only` is not allowed")),
        ("exception", Some("Apache-2.0 WITH LLVM-exception"), Some(REGISTRY), None),
        ("exception", Some("GPL-2.0-only WITH Classpath-exception-2.0"), Some(REGISTRY), Some("is not allowed")),
        // An exception is allowed with its own licence only.
        ("exception", Some("MIT WITH LLVM-exception"), Some(REGISTRY), Some("is not allowed")),
        ("silent", None, Some(REGISTRY), Some("names no licence")),
        ("odd", Some("do what you want"), Some(REGISTRY), Some("is no SPDX expression")),
        ("openssl", Some("Apache-2.0"), Some(REGISTRY), Some("is banned: TLS is rustls")),
        ("git", Some("MIT"), Some("git+https://git.example/git"), Some("comes from neither")),
    ] {
        let package = Package {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            license: license.map(str::to_owned),
            license_file: None,
            manifest_path: PathBuf::from("Cargo.toml"),
            source: source.map(str::to_owned),
        };
        let faults = rules.faults(&package);
        match fault {
            None => assert_eq!(faults, Vec::<String>::new(), "{name}"),
            Some(part) => assert!(faults.len() == 1 && faults[0].contains(part), "{name}: {faults:?}"),
        }
    }
}

#[test]
fn a_licence_is_recognised_by_its_whole_text_only() {
    let grant = "Permission is hereby granted, free of charge, to any person obtaining a copy of this software, to use, \
        copy, modify, merge, publish, distribute, sublicense, and/or sell copies.";
    let notice = "The above copyright notice and this permission notice shall be included in all copies.";
    assert_eq!(recognised(&format!("{grant}\n\n{notice}")), Some("MIT"));
    assert_eq!(recognised(grant), None);
    assert_eq!(recognised("All rights reserved."), None);
}
