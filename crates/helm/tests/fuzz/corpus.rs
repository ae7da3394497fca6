//! What the mutations start from: the inputs of the other tests, and small ones of each form.

use std::path::Path;

/// Values that the templates of the snippets know.
pub const VALUES: &[u8] = include_bytes!("../snippets/values.yaml");

fn files(folder: &str, ending: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).expect("the folder").map(|e| e.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == ending));
    paths.sort();
    paths.into_iter().map(|path| std::fs::read_to_string(path).expect("a text")).collect()
}

/// Every snippet. Those that make keys or hashes take too long.
pub fn templates() -> Vec<Vec<u8>> {
    let slow = [
        "genCA",
        "genSigned",
        "genSelfSigned",
        "genPrivateKey",
        "htpasswd",
        "bcrypt",
        "derivePassword",
        "getHostByName",
    ];
    let texts = files("snippets", "tpl");
    let lines = texts.iter().flat_map(|text| text.lines());
    let lines = lines.filter(|line| !slow.iter().any(|word| line.contains(word)));
    lines.map(|line| line.as_bytes().to_vec()).collect()
}

pub fn yaml() -> Vec<Vec<u8>> {
    let mut corpus: Vec<Vec<u8>> = files("structure", "case")
        .iter()
        .flat_map(|case| case.split("-- ").map(|part| part.split_once("--\n").map_or(part, |(_, rest)| rest)))
        .map(|text| text.as_bytes().to_vec())
        .collect();
    corpus.extend(files("published", "yaml").into_iter().map(String::into_bytes));
    corpus.push(VALUES.to_vec());
    let forms = [
        "a: &x [1, 2.5, 0x1f, 0o17, 017, 1e3, .inf, -.inf, .nan, ~, yes, no, on, off, y, n, 1_000, 0b11, +1]\nb: *x\n",
        "<<: {a: 1}\nm: &m {k: v}\nn:\n  <<: *m\n  o: |+\n    two\n\n  p: >-\n    folded\n    text\n\n",
        "? complex key\n: value\n? [a, b]\n: {c: d}\n",
        "%YAML 1.1\n--- !!map\ns: !!str 12\nb: !!binary aGVsbG8=\nt: 2001-12-14t21:59:43.10-05:00\n...\n---\nu: 1\n",
        "q: \"\\u00e9\\x41\\n\\t\\\"\\\\ \\U0001F600\"\nr: 'it''s'\nplain: a # comment\n\"1\": one\n2: two\ntrue: three\nnull: four\n",
        "long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb ccccccccccccccccccccccccccc dddd\n",
        "- a\n- - b\n  - c\n-\n  d: e\n",
    ];
    corpus.extend(forms.map(|text| text.as_bytes().to_vec()));
    corpus
}

/// One tar entry. The header's sum is right; mutations break it often enough.
fn entry(name: &str, kind: u8, data: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_path(name).expect("a short path");
    header.set_size(data.len() as u64);
    header.set_mode(0o644);
    header.set_entry_type(tar::EntryType::new(kind));
    header.set_cksum();
    let mut entry = header.as_bytes().to_vec();
    entry.extend_from_slice(data);
    entry.resize(entry.len().next_multiple_of(512), 0);
    entry
}

/// A byte for the type of what follows: 1 a tar file, 0 a compressed one.
pub fn archives() -> Vec<Vec<u8>> {
    let metadata = entry("c/Chart.yaml", b'0', b"apiVersion: v2\nname: c\nversion: 1.0.0\n");
    let more = [
        entry("c/templates/a.yaml", b'0', b"kind: ConfigMap\n"),
        entry("c/values.yaml", b'0', b"a: 1\n"),
        entry("c/charts/d/Chart.yaml", b'0', b"apiVersion: v2\nname: d\nversion: 1.0.0\n"),
        entry("c/link", b'2', b""),
        entry("c/folder/", b'5', b""),
        entry("c/long", b'L', b"c/a/rather/long/name\0"),
        entry("c/pax", b'x', b"19 path=c/x/y/z.txt\n"),
        entry("c/.helmignore", b'0', b"*.bak\n!keep\n/x/**\n"),
        entry("c/charts/e-1.0.0.tgz", b'0', &[0x1f, 0x8b, 8, 0, 0]),
    ];
    let mut corpus = vec![metadata.clone()];
    for part in &more {
        corpus.push([metadata.as_slice(), part].concat());
    }
    let whole = [metadata.as_slice(), &more.concat(), &[0; 1024]].concat();
    corpus.push(whole.clone());
    for tar in &mut corpus {
        tar.insert(0, 1);
    }
    let mut encoder = flate2::write::GzEncoder::new(vec![0], flate2::Compression::best());
    std::io::Write::write_all(&mut encoder, &whole).expect("memory");
    corpus.push(encoder.finish().expect("memory"));
    corpus
}

/// The stored releases, as JSON and compressed.
pub fn releases() -> Vec<Vec<u8>> {
    use base64::Engine as _;
    let mut corpus = Vec::new();
    for text in [include_str!("../release/rel.v1.txt"), include_str!("../release/rel.v3.txt")] {
        let compressed = base64::engine::general_purpose::STANDARD.decode(text.trim()).expect("base64");
        let mut json = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(compressed.as_slice()), &mut json).expect("gzip");
        corpus.extend([json, compressed]);
    }
    corpus
}
