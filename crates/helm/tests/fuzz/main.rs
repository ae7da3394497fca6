//! Broken input of every kind: whatever the template parser, the YAML reader, the archive reader and the release reader
//! are given, they end in a result or in an error, within bounds of time.
//!
//! Inputs of the other tests are mutated by a generator with a fixed seed, so that a run repeats exactly. An input whose
//! outcome is new in kind is mutated further. `EKSHYBRID_FUZZ_SECONDS` runs each target that long instead of a fixed
//! number of inputs, `EKSHYBRID_FUZZ_SEED` starts elsewhere (`make fuzz`). The input at work lies in a file that a
//! failure names; an input that has failed once belongs in `found/TARGET-WHAT`, from where every run takes it first.

mod corpus;
mod mutate;

use flate2::Compression;
use flate2::write::GzEncoder;
use helm::{Chart, Data, File, Release, RenderOptions, Values, render, render_templates};
use mutate::{Mutator, setting};
use std::collections::HashSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::{Duration, Instant};

/// Longest that one input may take; the engine's own bounds end all of them far earlier.
const PATIENCE: Duration = Duration::from_secs(20);

/// Prints panics, but not those that the engine turns into errors: what is printed is a bug.
fn print_bugs_alone() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !helm::is_catching() {
                print(panic);
            }
        }));
    });
}

/// Runs one target: `attempt` returns a short text for the kind of outcome.
fn fuzz(target: &str, corpus: Vec<Vec<u8>>, inputs: u64, attempt: impl Fn(&[u8]) -> String) {
    print_bugs_alone();
    let last = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{target}"));
    let run = |input: &[u8]| {
        std::fs::write(&last, input).expect("the folder for temporary files can be written");
        let started = Instant::now();
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| attempt(input)));
        let Ok(outcome) = outcome else { panic!("{target}: panicked on the input in {}", last.display()) };
        assert!(started.elapsed() < PATIENCE, "{target}: too slow on the input in {}", last.display());
        outcome
    };
    for known in found(target) {
        run(&known);
    }
    let seed = setting("EKSHYBRID_FUZZ_SEED").unwrap_or(1);
    let end = setting("EKSHYBRID_FUZZ_SECONDS").map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let mut mutator = Mutator::new(seed, corpus);
    let mut kinds = HashSet::new();
    for number in 0.. {
        if end.map_or(number >= inputs, |end| Instant::now() >= end) {
            eprintln!("{target}: {number} inputs, {} kinds of outcome, seed {seed}", kinds.len());
            break;
        }
        let input = mutator.next();
        if kinds.insert(kind(&run(&input))) {
            mutator.keep(input);
        }
    }
    assert!(kinds.len() > 5, "{target}: nearly all inputs end the same way; the corpus or the mutations are broken");
}

/// Inputs that failed once.
fn found(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/found");
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("the folder").map(|e| e.expect("an entry").path()).collect();
    paths.retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&format!("{target}-"))));
    paths.sort();
    paths.into_iter().map(|path| std::fs::read(path).expect("a file")).collect()
}

/// An outcome without what differs from input to input: quoted parts and numbers.
fn kind(outcome: &str) -> String {
    let mut kind = String::new();
    let mut quote = None;
    for character in outcome.chars() {
        match quote {
            Some(open) if character == open => quote = None,
            Some(_) => {}
            None if matches!(character, '"' | '`' | '<') => {
                quote = Some(if character == '<' { '>' } else { character })
            }
            None if character.is_ascii_digit() => {}
            None => kind.push(character),
        }
        if kind.len() > 160 {
            break;
        }
    }
    kind
}

/// YAML takes a key of more than 1,024 bytes only after a question mark, which nothing writes.
fn is_long(key: &str) -> bool {
    key.len() > 500
}

fn has_long_key(data: &Data) -> bool {
    match data {
        Data::Map(map) => map.iter().any(|(key, value)| is_long(key) || has_long_key(value)),
        Data::List(list) => list.iter().any(has_long_key),
        _ => false,
    }
}

fn file(name: &str, data: &[u8]) -> File {
    File { name: name.to_owned(), data: data.to_vec() }
}

fn text_of<T>(result: helm::Result<T>) -> String {
    result.map_or_else(|error| error.to_string(), |_| "fine".to_owned())
}

#[test]
fn templates() {
    fuzz("template", corpus::templates(), 2_500, |input| {
        let chart = Chart::from_files(vec![
            file("Chart.yaml", b"apiVersion: v2\nname: c\nversion: 1.0.0\n"),
            file("values.yaml", corpus::VALUES),
            file("templates/_helpers.tpl", b"{{ define \"helper\" }}[{{ . }}]{{ end }}"),
            file("templates/a.yaml", input),
        ]);
        let options = RenderOptions { max_steps: 2_000, ..RenderOptions::default() };
        text_of(chart.and_then(|chart| render(&chart, Values::new(), options)))
    });
}

#[test]
fn yaml() {
    let chart = Chart::from_files(vec![
        file("Chart.yaml", b"apiVersion: v2\nname: c\nversion: 1.0.0\n"),
        file("templates/a.yaml", b"{{ toYaml (omit .Values \"global\") }}"),
        file("templates/b.yaml", b"{{ toJson (omit .Values \"global\") }}"),
    ])
    .expect("a chart");
    fuzz("yaml", corpus::yaml(), 2_500, |input| {
        let text = String::from_utf8_lossy(input);
        let mut values = match Values::from_yaml(&text) {
            Ok(values) => values.as_map().clone(),
            Err(error) => return error.to_string(),
        };
        // What was read must be written so that it reads as the same again; the engine adds and drops some by itself.
        values.remove("global");
        values.retain(|_, value| !value.is_null());
        if values.iter().any(|(key, value)| is_long(key) || has_long_key(value)) {
            return "a long key".to_owned();
        }
        let files = match render_templates(&chart, values.clone().into(), RenderOptions::default()) {
            Ok(files) => files,
            Err(error) => return error.to_string(),
        };
        for (path, written) in files {
            // Helm writes Unicode's own line breaks so that they read back as spaces.
            if written.is_empty() || written.contains(['\u{fffd}', '\u{85}', '\u{2028}', '\u{2029}']) {
                continue;
            }
            // Helm takes the last line break of a YAML text away, also where it belongs to a value.
            let read = Values::from_yaml(&format!("{written}\n"));
            let read = read.unwrap_or_else(|error| panic!("{path}: {error}\n{written}"));
            assert_eq!(read, Values::from(values.clone()), "{path}: {written}");
        }
        "fine".to_owned()
    });
}

#[test]
fn archives() {
    fuzz("archive", corpus::archives(), 2_500, |input| {
        // The first byte selects whether the tar file or its compressed form is broken.
        let Some((first, rest)) = input.split_first() else { return String::new() };
        if first & 1 == 0 {
            return text_of(Chart::from_archive(rest));
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(rest).expect("memory");
        text_of(Chart::from_archive(&encoder.finish().expect("memory")))
    });
}

#[test]
fn releases() {
    fuzz("release", corpus::releases(), 1_500, |input| {
        use base64::Engine as _;
        let text = base64::engine::general_purpose::STANDARD.encode(input);
        match Release::decode(&text) {
            Ok(release) => text_of(release.manifests().and_then(|_| release.encode())),
            Err(error) => error.to_string(),
        }
    });
}
