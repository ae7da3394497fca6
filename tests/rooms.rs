//! Who may use whom inside the crates. Cargo keeps the arrows between them; this keeps those inside.
//!
//! The sources are read as tokens, so that comments and texts do not count, and tests are left out: a test may use what
//! it likes. A path is judged by where it leads, however it is written (`crate::…`, `super::…`, groups of a `use`).

use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// A folder of modules, and what its sources may not name.
struct Room {
    /// Folder from the root of the work tree.
    folder: &'static str,
    /// Rooms of the same crate, or single modules in them, that it may use beside itself.
    uses: Uses,
    /// Beginnings of paths that never appear. A `*` at the end of a name stands for any ending.
    never: &'static [&'static str],
    /// Whether its files may name each other.
    files: Files,
}

enum Uses {
    Only(&'static [&'static str]),
    AllBut(&'static [&'static str]),
}

enum Files {
    Together,
    Apart,
    /// Except that all may name this one.
    ApartBut(&'static str),
}

/// A client knows neither Terraform nor another client.
const CLIENT: &[&str] = &["framework", "prost*", "tonic*", "rmp*"];
/// A type reaches AWS and Kubernetes through the clients, and Terraform through the framework.
const TYPE: &[&str] =
    &["prost*", "tonic*", "rmp*", "aws_sdk_*", "aws_config", "aws_smithy_*", "hyper*", "http", "rustls"];
const RESOURCE_USES: Uses = Uses::Only(&[
    "attributes",
    "aws",
    "charts",
    "kube",
    "node",
    "provider::Clients",
    "provider::Context",
    "provider::Way",
]);
/// What lists, reads or works on a resource may take that resource's types; the resource knows nothing of it.
const BESIDE_USES: Uses =
    Uses::Only(&["attributes", "aws", "charts", "kube", "node", "provider::Clients", "provider::Context", "resources"]);
const NO_IO: &[&str] = &[
    "std::env",
    "std::fs",
    "std::net::Tcp*",
    "std::net::Udp*",
    "std::net::ToSocketAddrs",
    "std::os",
    "std::process",
    "hyper*",
    "reqwest",
    "tokio*",
];

const ROOMS: &[Room] = &[
    Room { folder: "src/aws", uses: Uses::Only(&[]), never: CLIENT, files: Files::Together },
    Room { folder: "src/kube", uses: Uses::Only(&[]), never: CLIENT, files: Files::Together },
    Room { folder: "src/kube", uses: Uses::AllBut(&[]), never: &["aws_*"], files: Files::Together },
    Room { folder: "src/charts", uses: Uses::Only(&[]), never: CLIENT, files: Files::Together },
    Room { folder: "src/charts", uses: Uses::AllBut(&[]), never: &["aws_*", "kube"], files: Files::Together },
    Room { folder: "src/node", uses: Uses::Only(&[]), never: CLIENT, files: Files::Together },
    // Rendering is a pure function of its input.
    Room { folder: "src/node", uses: Uses::AllBut(&[]), never: NO_IO, files: Files::Together },
    Room { folder: "src/node", uses: Uses::AllBut(&[]), never: &["aws_*"], files: Files::Together },
    Room {
        folder: "src/attributes",
        uses: Uses::Only(&["aws", "charts", "kube", "node", "provider::Clients", "provider::Context", "provider::Way"]),
        never: TYPE,
        files: Files::Together,
    },
    Room { folder: "src/resources", uses: RESOURCE_USES, never: TYPE, files: Files::Apart },
    Room { folder: "src/data_sources", uses: BESIDE_USES, never: TYPE, files: Files::Apart },
    // Functions are pure: they take no client.
    Room {
        folder: "src/functions",
        uses: Uses::Only(&["attributes", "node"]),
        never: TYPE,
        files: Files::ApartBut("arguments"),
    },
    Room { folder: "src/functions", uses: Uses::AllBut(&[]), never: NO_IO, files: Files::Together },
    Room { folder: "src/ephemeral", uses: BESIDE_USES, never: TYPE, files: Files::Apart },
    Room { folder: "src/actions", uses: BESIDE_USES, never: TYPE, files: Files::Apart },
    Room { folder: "src/list", uses: BESIDE_USES, never: TYPE, files: Files::Apart },
    Room {
        folder: "src/provider",
        uses: Uses::AllBut(&[]),
        never: &["prost*", "tonic*", "rmp*"],
        files: Files::Together,
    },
    // The framework serves any provider, and only its wire room speaks protobuf and msgpack.
    Room {
        folder: "crates/framework/src",
        uses: Uses::AllBut(&[]),
        never: &["aws_*", "ekshybrid"],
        files: Files::Together,
    },
];

/// Rooms inside a crate whose every other folder keeps away from some names.
const ONLY_HERE: &[(&str, &str, &[&str])] = &[(
    "crates/framework/src",
    "crates/framework/src/wire",
    &["prost*", "tonic*", "rmp*", "rustls", "tokio_rustls", "crate::wire"],
)];

// --- tests ----------------------------------------------------------------------------------------

#[test]
fn every_room_keeps_to_its_arrows() {
    let mut faults = Vec::new();
    for room in ROOMS {
        for source in sources(room.folder) {
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
fn every_folder_of_the_provider_is_in_the_table() {
    let mut missing: Vec<_> = fs::read_dir(root().join("src"))
        .expect("src is part of the work tree")
        .map(|entry| entry.expect("a folder of the work tree can be listed").path())
        .filter(|path| path.is_dir())
        .map(|path| format!("src/{}", path.file_name().expect("it has a name").to_string_lossy()))
        .collect();
    missing.retain(|folder| !ROOMS.iter().any(|room| room.folder == folder));
    assert_eq!(missing, Vec::<String>::new(), "who may use these rooms, and what may they use?");
    for room in ROOMS {
        assert!(!sources(room.folder).is_empty(), "{} has no source", room.folder);
    }
}

#[test]
fn a_path_that_breaks_a_rule_is_found() {
    let fault = |file: &str, text: &str| {
        let source = Source::read(file, text);
        let mut faults: Vec<_> = ROOMS
            .iter()
            .filter(|room| file.starts_with(&format!("{}/", room.folder)))
            .flat_map(|room| room.faults(&source))
            .collect();
        faults.dedup();
        faults.join("; ")
    };
    for (file, text, found) in [
        ("src/aws/ssm.rs", "use crate::node::config;", "`crate::node::config`"),
        ("src/aws/ssm.rs", "use crate::{aws::Error, resources::activation};", "`crate::resources::activation`"),
        ("src/aws/ssm.rs", "use super::super::provider::Clients;", "`crate::provider::Clients`"),
        ("src/aws/mod.rs", "fn f() { super::attributes::explain(); }", "`crate::attributes::explain`"),
        ("src/aws/ssm.rs", "mod inner { use super::super::super::node::x; }", "`crate::node::x`"),
        ("src/aws/ssm.rs", "#[derive(framework::model::Model)] struct X;", "`framework::model::Model`"),
        ("src/aws/ssm.rs", "fn f() { vec![framework::x()] }", "`framework::x`"),
        ("src/node/config/yaml.rs", "use std::{fmt, fs::File};", "`std::fs::File`"),
        ("src/node/cidr.rs", "use std::net::{Ipv4Addr, TcpStream};", "`std::net::TcpStream`"),
        ("src/node/config/yaml.rs", "use aws_sdk_ssm::types::Tag;", "`aws_sdk_ssm::types::Tag`"),
        ("src/resources/activation.rs", "use crate::resources::eniconfig::Args;", "another file"),
        ("src/resources/activation.rs", "use super::eniconfig::Args;", "another file"),
        ("src/resources/activation.rs", "use crate::provider::registry;", "`crate::provider::registry`"),
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
            "use framework::resource::Resource; use crate::aws::ssm; use crate::attributes::tags;",
        ),
        ("src/resources/activation/plan.rs", "use super::Args; use crate::resources::activation::Outputs;"),
        ("src/resources/activation.rs", "use crate::provider::{Clients, Context};"),
        ("src/resources/mod.rs", "pub mod activation;"),
        ("src/functions/node_config.rs", "use super::arguments::tree;"),
        ("src/list/activation.rs", "use crate::resources::activation::Identity;"),
        ("src/node/cidr.rs", "use std::net::{Ipv4Addr, Ipv6Addr};"),
        ("src/provider/registry.rs", "use crate::resources::{activation, managed_instance};"),
    ] {
        assert_eq!(fault(file, text), "", "{file}: {text}");
    }
}

// --- rules ----------------------------------------------------------------------------------------

impl Room {
    fn faults(&self, source: &Source) -> Vec<String> {
        let name = self.folder.rsplit('/').next().unwrap_or(self.folder);
        let mut faults = Vec::new();
        for path in source.paths() {
            let text = path.join("::");
            if self.never.iter().any(|never| begins(&path, never)) {
                faults.push(format!("{} names `{text}`", source.name));
            }
            if path.first().is_none_or(|first| first != "crate") || path.len() < 2 {
                continue;
            }
            if path[1] == name {
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
                continue;
            }
            let within = |rooms: &[&str]| rooms.iter().any(|room| begins(&path[1..], room));
            let allowed = match self.uses {
                Uses::Only(rooms) => within(rooms),
                Uses::AllBut(rooms) => !within(rooms),
            };
            if !allowed {
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

// --- sources --------------------------------------------------------------------------------------

struct Source {
    /// Path from the root of the work tree.
    name: String,
    /// Where the file stands in its crate: `["aws", "ssm"]`.
    module: Vec<String>,
    tokens: TokenStream,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every source below a folder, except files that hold tests only.
fn sources(folder: &str) -> Vec<Source> {
    let mut files = Vec::new();
    collect(&root().join(folder), &mut files);
    files.sort();
    files
        .iter()
        .map(|file| {
            let name = file.strip_prefix(root()).expect("it was found below the root").to_string_lossy().into_owned();
            let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{name}: {error}"));
            Source::read(&name, &text)
        })
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("a folder of the work tree can be listed").path();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if stem == "tests" || stem.ends_with("_tests") {
            continue;
        }
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

impl Source {
    fn read(name: &str, text: &str) -> Self {
        let tokens = text.parse().unwrap_or_else(|error| panic!("{name} is not Rust: {error}"));
        let below = name.split_once("src/").expect("every room is below a src folder").1;
        let mut module: Vec<String> = below.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
        if module.last().is_some_and(|last| last == "mod" || last == "lib" || last == "main") {
            module.pop();
        }
        Self { name: name.to_owned(), module, tokens }
    }

    /// Every path of at least two parts, from the crate on; paths relative to the file keep their first name.
    fn paths(&self) -> Vec<Vec<String>> {
        let mut paths = Vec::new();
        walk(self.tokens.clone(), &self.module, &mut paths);
        paths
    }
}

fn walk(tokens: TokenStream, module: &[String], paths: &mut Vec<Vec<String>>) {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Punct(punct) if punct.as_char() == '#' && tokens.get(at + 1).is_some_and(is_cfg_test) => {
                at = after_item(&tokens, at + 2);
                continue;
            }
            TokenTree::Ident(word) if word == "mod" => {
                if let (Some(TokenTree::Ident(name)), Some(TokenTree::Group(body))) =
                    (tokens.get(at + 1), tokens.get(at + 2))
                {
                    let inner: Vec<_> = module.iter().cloned().chain([name.to_string()]).collect();
                    walk(body.stream(), &inner, paths);
                    at += 3;
                    continue;
                }
            }
            TokenTree::Ident(_) => {
                at = path(&tokens, at, &[], module, paths);
                continue;
            }
            TokenTree::Group(group) => walk(group.stream(), module, paths),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
        at += 1;
    }
}

/// Reads the path that begins at `at`, groups of a `use` included, and returns where it ends.
fn path(
    tokens: &[TokenTree],
    mut at: usize,
    before: &[String],
    module: &[String],
    paths: &mut Vec<Vec<String>>,
) -> usize {
    let mut parts = before.to_vec();
    while let Some(TokenTree::Ident(name)) = tokens.get(at) {
        parts.push(name.to_string());
        at += 1;
        if !(is_colon(tokens.get(at)) && is_colon(tokens.get(at + 1))) {
            break;
        }
        at += 2;
        match tokens.get(at) {
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                branches(group, &parts, module, paths);
                return at + 1;
            }
            // A glob, or generic arguments: what they hold is read by the caller.
            Some(TokenTree::Punct(_)) => break,
            _ => {}
        }
    }
    if parts.len() > 1 {
        paths.push(resolve(parts, module));
    }
    at
}

/// The parts of `a::{b, c::d}` after the first two colons.
fn branches(group: &Group, before: &[String], module: &[String], paths: &mut Vec<Vec<String>>) {
    let tokens: Vec<_> = group.stream().into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        if matches!(tokens[at], TokenTree::Ident(_)) {
            at = path(&tokens, at, before, module, paths);
        } else {
            paths.push(resolve(before.to_vec(), module));
        }
        // An alias and the comma.
        while at < tokens.len() && !matches!(&tokens[at], TokenTree::Punct(punct) if punct.as_char() == ',') {
            at += 1;
        }
        at += 1;
    }
}

/// Spells `self` and `super` out.
fn resolve(parts: Vec<String>, module: &[String]) -> Vec<String> {
    let ups = parts.iter().skip(usize::from(parts[0] == "self")).take_while(|part| *part == "super").count();
    let skipped = ups + usize::from(parts[0] == "self");
    if skipped == 0 {
        return parts;
    }
    let kept = module.len().saturating_sub(ups);
    ["crate".to_owned()]
        .into_iter()
        .chain(module[..kept].iter().cloned())
        .chain(parts.into_iter().skip(skipped))
        .collect()
}

fn is_colon(token: Option<&TokenTree>) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == ':')
}

fn is_cfg_test(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.stream().to_string().replace(' ', "") == "cfg(test)")
}

/// The token after the item that begins at `at`: after its body, or after its semicolon.
fn after_item(tokens: &[TokenTree], mut at: usize) -> usize {
    let mut is_use = false;
    while let Some(token) = tokens.get(at) {
        at += 1;
        match token {
            TokenTree::Ident(word) if word == "use" => is_use = true,
            TokenTree::Punct(punct) if punct.as_char() == ';' => break,
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace && !is_use => break,
            _ => {}
        }
    }
    at
}
