//! Who may use whom. Cargo enforces the arrows between crates; this test those inside them, and that no files import
//! each other in a circle. `table.rs` is the one map; the table in `ARCHITECTURE.md` is written from it.
//!
//! A path is judged by where it leads, however it is written (`crate::…`, `super::…`, groups of a `use`).

mod circles;
mod page;
mod sources;
mod table;

use std::fs;

use circles::House;
use sources::{Source, root, sources};
use table::{CIRCLES, CRATES, Files, ONLY_HERE, OTHER_FILES, ROOMS, Room, STEPS};

// --- tests ----------------------------------------------------------------------------------------

#[test]
fn every_room_keeps_to_its_arrows() {
    let mut faults = Vec::new();
    for room in ROOMS {
        for source in sources(room.place) {
            faults.extend(room.faults(&source));
        }
    }
    for (outer, inner, names) in ONLY_HERE {
        for source in sources(outer).iter().filter(|source| !source.name.starts_with(inner)) {
            for path in source.paths().iter().filter(|path| names.iter().any(|name| begins(path, name))) {
                // The crate's root declares the room; only the way in is named there.
                faults.push(format!("{} names `{}`, which only {inner} may", source.name, path.join("::")));
            }
        }
    }
    faults.sort();
    faults.dedup();
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn every_source_of_the_provider_is_in_the_table() {
    let mut missing: Vec<_> = fs::read_dir(root().join("src"))
        .expect("src is part of the work tree")
        .map(|entry| entry.expect("a folder of the work tree can be listed").file_name())
        .map(|name| format!("src/{}", name.to_string_lossy()))
        // Names the rooms and nothing else.
        .filter(|place| place != "src/lib.rs")
        .collect();
    missing.retain(|place| !ROOMS.iter().any(|room| room.place == place));
    assert_eq!(missing, Vec::<String>::new(), "who may use these rooms, and what may they use?");
    for room in ROOMS {
        assert!(!sources(room.place).is_empty(), "{} has no source", room.place);
    }
}

#[test]
fn a_room_uses_only_rooms_below_it() {
    let mut below: Vec<&str> = CRATES.to_vec();
    for room in ROOMS {
        for used in room.uses {
            assert!(below.contains(used), "{} uses {used}, which the table does not list above it", room.place);
        }
        below.push(room.name());
    }
}

#[test]
fn every_resource_has_the_same_files() {
    let mut faults = Vec::new();
    for source in sources("src/resources") {
        let Some(rest) = source.name.strip_prefix("src/resources/").and_then(|rest| rest.split_once('/')) else {
            continue;
        };
        let (kind, file) = rest;
        let file = file.split('/').next().unwrap_or(file).trim_end_matches(".rs");
        if !STEPS.contains(&file) && !OTHER_FILES.contains(&kind) {
            faults.push(format!(
                "{}: a resource's files are {}; what serves one of them is in its folder",
                source.name,
                STEPS.join(", ")
            ));
        }
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn the_page_has_the_table() {
    let file = root().join("ARCHITECTURE.md");
    let page = fs::read_to_string(&file).expect("ARCHITECTURE.md is part of the work tree");
    let renewed = page::renewed(&page);
    if std::env::var_os("EKSHYBRID_RENEW_GOLDEN").is_some_and(|value| !value.is_empty()) {
        fs::write(&file, renewed).expect("ARCHITECTURE.md can be written");
        return;
    }
    assert!(
        page == renewed,
        "the table of ARCHITECTURE.md is not the map: EKSHYBRID_RENEW_GOLDEN=1 cargo test --test rooms"
    );
}

#[test]
fn no_files_import_each_other() {
    let mut faults = Vec::new();
    for (place, limit) in CIRCLES {
        let sources = sources(place);
        for circle in House::new(&sources).circles().iter().filter(|circle| circle.len() > *limit) {
            faults.push(format!("{place}: a circle of {} files:\n  {}", circle.len(), circle.join("\n  ")));
        }
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn a_circle_is_found_through_a_reexport() {
    let sources =
        |files: &[(&str, &str)]| -> Vec<Source> { files.iter().map(|(name, text)| Source::read(name, text)).collect() };
    let tied = sources(&[
        ("src/room/mod.rs", "mod a; mod b; pub use a::A; fn f() { b::go(); }"),
        ("src/room/a.rs", "use crate::other::Other; pub struct A;"),
        ("src/room/b.rs", "use super::A;"),
        ("src/other.rs", "use crate::room::A; pub struct Other;"),
    ]);
    assert_eq!(House::new(&tied).circles(), vec![vec!["src/room/a.rs", "src/other.rs"]]);
    let free = sources(&[
        ("src/room/mod.rs", "mod a; mod b; pub use a::A; pub struct Here; fn f() { b::go(); }"),
        ("src/room/a.rs", "pub struct A;"),
        ("src/room/b.rs", "use super::{A, Here}; #[cfg(test)] mod tests { use crate::other::Other; }"),
        ("src/other.rs", "use crate::room::A; fn f() { crate::room::b::go(); }"),
    ]);
    assert_eq!(House::new(&free).circles(), Vec::<Vec<&str>>::new());
}

#[test]
fn a_path_that_breaks_a_rule_is_found() {
    let fault = |file: &str, text: &str| {
        let source = Source::read(file, text);
        let mut faults: Vec<_> = ROOMS
            .iter()
            .filter(|room| file == room.place || file.starts_with(&format!("{}/", room.place)))
            .flat_map(|room| room.faults(&source))
            .collect();
        faults.dedup();
        faults.join("; ")
    };
    for (file, text, found) in [
        ("src/aws/ssm.rs", "use crate::node::config;", "`crate::node::config`"),
        ("src/aws/ssm.rs", "use crate::{aws::Error, resources::activation};", "`crate::resources::activation`"),
        ("src/aws/ssm.rs", "use super::super::session::Clients;", "`crate::session::Clients`"),
        ("src/aws/mod.rs", "fn f() { super::attributes::labels(); }", "`crate::attributes::labels`"),
        ("src/aws/ssm.rs", "mod inner { use super::super::super::node::x; }", "`crate::node::x`"),
        ("src/aws/ssm.rs", "#[derive(framework::model::Model)] struct X;", "`framework::model::Model`"),
        ("src/aws/ssm.rs", "use declare::diagnostic::Diagnostic;", "`declare::diagnostic::Diagnostic`"),
        ("crates/declare/src/path.rs", "use framework::resource::Plan;", "`framework::resource::Plan`"),
        ("src/aws/ssm.rs", "fn f() { vec![framework::x()] }", "`framework::x`"),
        ("src/node/config/yaml.rs", "use std::{fmt, fs::File};", "`std::fs::File`"),
        ("crates/names/src/cidr.rs", "use std::net::{Ipv4Addr, TcpStream};", "`std::net::TcpStream`"),
        ("crates/names/src/arn.rs", "use framework::model::Text;", "`framework::model::Text`"),
        ("src/node/config/yaml.rs", "use aws_sdk_ssm::types::Tag;", "`aws_sdk_ssm::types::Tag`"),
        ("src/resources/activation.rs", "use crate::resources::eniconfig::Args;", "another file"),
        ("src/resources/activation.rs", "use super::eniconfig::Args;", "another file"),
        ("src/resources/activation.rs", "use crate::registry::Ekshybrid;", "`crate::registry::Ekshybrid`"),
        ("src/resources/activation/plan.rs", "use aws_sdk_ssm::Client;", "`aws_sdk_ssm::Client`"),
        ("src/functions/node_config.rs", "use crate::aws::Clients;", "`crate::aws::Clients`"),
        ("src/functions/node_config.rs", "use super::user_data::UserData;", "another file"),
        ("src/resources/activation.rs", "use crate::list::activation::List;", "`crate::list::activation::List`"),
    ] {
        let seen = fault(file, text);
        assert!(seen.contains(found), "{file}: {text}: {seen:?} does not say {found}");
    }
    for (file, text) in [
        ("src/aws/ssm.rs", "use crate::aws::Error; use super::Kind; use aws_sdk_ssm::Client;"),
        ("src/aws/ssm.rs", "// use framework::x;\n/// See `crate::node::config`.\nconst X: &str = \"crate::node::x\";"),
        ("src/aws/ssm.rs", "#[cfg(test)]\nmod tests { use framework::x; }"),
        ("src/aws/ssm.rs", "#[cfg(test)]\n#[allow(unused)]\nuse crate::node::{a, b};\nuse crate::aws::Error;"),
        (
            "src/resources/activation.rs",
            "use framework::resource::Resource; use crate::aws::ssm; use crate::session::tags;",
        ),
        ("src/resources/activation/plan.rs", "use super::Args; use crate::resources::activation::Outputs;"),
        ("src/resources/activation.rs", "use crate::session::{Clients, Context};"),
        ("src/resources/mod.rs", "pub mod activation;"),
        ("src/functions/node_config.rs", "use super::arguments::tree;"),
        ("src/list/activation.rs", "use crate::resources::activation::Identity;"),
        ("crates/names/src/cidr.rs", "use std::net::{Ipv4Addr, Ipv6Addr};"),
        ("src/registry.rs", "use crate::resources::{activation, managed_instance};"),
    ] {
        assert_eq!(fault(file, text), "", "{file}: {text}");
    }
}

// --- rules ----------------------------------------------------------------------------------------

impl Room {
    /// Its name in paths: the module of `src`, or what a crate is called.
    fn name(&self) -> &'static str {
        let place = self.place.strip_prefix("src/").or_else(|| self.place.strip_prefix("crates/"));
        let place = place.unwrap_or(self.place);
        place.trim_end_matches("/src").trim_end_matches(".rs")
    }

    fn faults(&self, source: &Source) -> Vec<String> {
        let name = self.place.strip_prefix("src/").map(|name| name.trim_end_matches(".rs"));
        let mut faults = Vec::new();
        let (paths, declares) = (source.paths(), source.declares());
        // A module or an import of the file may have a crate's name.
        let is_own = |name: &str| {
            declares.contains(name)
                || paths.iter().any(|path| path.len() > 1 && path.last().is_some_and(|last| last == name))
        };
        for path in &paths {
            let text = path.join("::");
            let first = path[0].as_str();
            let own_crate = self.place.starts_with(&format!("crates/{first}/"));
            if self.never.iter().copied().flatten().any(|never| begins(path, never))
                || (CRATES.contains(&first) && !own_crate && !is_own(first) && !self.uses.contains(&first))
            {
                faults.push(format!("{} names `{text}`", source.name));
            }
            let (Some(name), "crate", Some(room)) = (name, first, path.get(1)) else { continue };
            if room == name {
                // The third part of the path and the second of the module are files of this room.
                let other = path.get(2).zip(source.module.get(1)).is_some_and(|(named, own)| named != own);
                let allowed = match self.files {
                    Files::Together => true,
                    Files::Apart => !other,
                    Files::ApartBut(shared) => !other || path[2] == shared,
                };
                if !allowed {
                    faults.push(format!("{} names `{text}`, another file of its room", source.name));
                }
            } else if !self.uses.contains(&room.as_str()) {
                faults.push(format!("{} names `{text}`", source.name));
            }
        }
        faults
    }
}

/// Whether a path begins with the names of `beginning`, written `a::b`; a `*` at the end of a name matches any ending.
fn begins(path: &[String], beginning: &str) -> bool {
    let names: Vec<_> = beginning.split("::").collect();
    names.len() <= path.len()
        && names.iter().zip(path).all(|(name, part)| match name.strip_suffix('*') {
            Some(start) => part.starts_with(start),
            None => part == name,
        })
}
