//! Sources as tokens, so that comments and texts do not count; tests are left out.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// A file.
pub struct Source {
    /// Path from the root of the work tree.
    pub name: String,
    /// Its module in the crate: `["aws", "ssm"]`.
    pub module: Vec<String>,
    tokens: TokenStream,
}

/// The root of the work tree.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A source, or every source below a folder; files that hold only tests are left out.
pub fn sources(place: &str) -> Vec<Source> {
    let mut files = Vec::new();
    let path = root().join(place);
    if path.is_file() {
        files.push(path);
    } else {
        collect(&path, &mut files);
    }
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
    /// Reads `text` as the file `name`.
    pub fn read(name: &str, text: &str) -> Self {
        let tokens = text.parse().unwrap_or_else(|error| panic!("{name} is not Rust: {error}"));
        let below = name.split_once("src/").expect("every room is below a src folder").1;
        let mut module: Vec<String> = below.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
        if module.last().is_some_and(|last| last == "mod" || last == "lib" || last == "main") {
            module.pop();
        }
        Self { name: name.to_owned(), module, tokens }
    }

    /// Every path of at least two parts, from the crate on; paths relative to the file keep their first name.
    pub fn paths(&self) -> Vec<Vec<String>> {
        let mut paths = Vec::new();
        walk(self.tokens.clone(), &self.module, &mut paths);
        paths
    }

    /// The names that the file declares or gives itself, at any depth.
    pub fn declares(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        declared(self.tokens.clone(), &mut names);
        names
    }
}

fn declared(tokens: TokenStream, names: &mut BTreeSet<String>) {
    const KEYWORDS: &[&str] =
        &["as", "const", "enum", "fn", "macro_rules", "mod", "static", "struct", "trait", "type", "union"];
    let mut follows = false;
    for token in tokens {
        match token {
            TokenTree::Ident(word) if follows => {
                names.insert(word.to_string());
                follows = false;
            }
            TokenTree::Ident(word) => follows = KEYWORDS.contains(&word.to_string().as_str()),
            // `macro_rules! name`.
            TokenTree::Punct(_) => {}
            TokenTree::Group(group) => {
                follows = false;
                declared(group.stream(), names);
            }
            TokenTree::Literal(_) => follows = false,
        }
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

/// `cfg(test)`, or `cfg(all(test, …))`.
fn is_cfg_test(token: &TokenTree) -> bool {
    let TokenTree::Group(group) = token else { return false };
    let text = group.stream().to_string().replace(' ', "");
    text == "cfg(test)" || text.starts_with("cfg(all(test,")
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
