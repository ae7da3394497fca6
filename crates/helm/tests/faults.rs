//! Hostile and broken input: archives that lead out or explode, templates that never end.

use flate2::Compression;
use flate2::write::GzEncoder;
use helm::{Chart, Data, Error, File, Lookup, RenderOptions, Values, render};
use std::io::Write as _;

/// A tar header, by hand: a library would refuse to write most of these.
fn entry(name: &str, kind: u8, size: usize, data: &[u8]) -> Vec<u8> {
    let mut header = vec![0; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[100..107].copy_from_slice(b"0000644");
    header[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    header[136..147].copy_from_slice(b"00000000000");
    header[156] = kind;
    header[157..167].copy_from_slice(b"/etc/passw");
    header[257..265].copy_from_slice(b"ustar\x0000");
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..154].copy_from_slice(format!("{sum:06o}").as_bytes());
    header[154] = 0;
    header.extend_from_slice(data);
    header.resize(header.len().div_ceil(512) * 512, 0);
    header
}

fn gzip(parts: &[Vec<u8>]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    for part in parts {
        encoder.write_all(part).unwrap();
    }
    encoder.write_all(&[0; 1024]).unwrap();
    encoder.finish().unwrap()
}

const METADATA: &[u8] = b"apiVersion: v2\nname: c\nversion: 1.0.0\n";

fn metadata() -> Vec<u8> {
    entry("c/Chart.yaml", b'0', METADATA.len(), METADATA)
}

fn refusal(archive: &[u8]) -> String {
    Chart::from_archive(archive).unwrap_err().to_string()
}

#[test]
fn paths_that_lead_out_are_refused() {
    let table = [
        ("c/../../x", "chart illegally references parent directory"),
        ("c//etc/x", "chart illegally contains absolute paths"),
        ("c\\..\\..\\x", "chart illegally references parent directory"),
        ("c/c:/x", "chart contains illegally named files"),
        ("Chart.yaml", "chart illegally contains content outside the base directory: \"Chart.yaml\""),
        ("x", "chart illegally contains content outside the base directory: \"x\""),
    ];
    for (name, expected) in table {
        assert_eq!(refusal(&gzip(&[metadata(), entry(name, b'0', 1, b"x")])), expected, "{name}");
    }
}

#[test]
fn links_are_never_followed() {
    let archive = gzip(&[metadata(), entry("c/templates/a.yaml", b'2', 0, b""), entry("c/b", b'1', 0, b"")]);
    let chart = Chart::from_archive(&archive).unwrap();
    assert_eq!(chart.templates, [File { name: "templates/a.yaml".to_owned(), data: Vec::new() }]);
    assert_eq!(chart.files, [File { name: "b".to_owned(), data: Vec::new() }]);
}

#[test]
fn bombs_are_refused() {
    let large = 6 << 20;
    let one = gzip(&[metadata(), entry("c/x", b'0', large, &vec![0; large])]);
    assert_eq!(refusal(&one), "decompressed chart file \"c/x\" is larger than the maximum file size 5242880");
    let part = entry("c/x", b'0', 5 << 20, &vec![0; 5 << 20]);
    let many: Vec<Vec<u8>> = std::iter::once(metadata()).chain(std::iter::repeat_n(part, 21)).collect();
    assert_eq!(refusal(&gzip(&many)), "decompressed chart is larger than the maximum size 104857600");
    let lying = gzip(&[metadata(), entry("c/x", b'0', 1 << 32, b"x")]);
    assert!(refusal(&lying).contains("larger than the maximum"), "a size in the header that is not there");
    // Folders hold no data, so only the stream's own limit ends this one.
    let folders: Vec<Vec<u8>> = vec![entry("c/d/", b'5', 0, b"").repeat(240_000)];
    assert!(Chart::from_archive(&gzip(&folders)).is_err());
}

#[test]
fn what_is_no_archive_is_refused() {
    assert_eq!(refusal(b"name: x\n"), "the file does not appear to be a gzipped archive");
    assert_eq!(refusal(&gzip(&[])), "no files in chart archive");
    let whole = gzip(&[metadata()]);
    assert!(matches!(Chart::from_archive(&whole[..whole.len() / 2]), Err(Error::Archive(_))));
    assert!(matches!(Chart::load("no/such/folder"), Err(Error::Read { .. })));
    let garbage: Vec<u8> = [0x1f, 0x8b, 0x08].into_iter().chain((0..=255).cycle().take(900)).collect();
    assert!(Chart::from_archive(&garbage).is_err());
}

#[test]
fn charts_that_cannot_be_installed_say_why() {
    let table: [(&[u8], &str); 4] = [
        (b"apiVersion: v2\nname: c\nversion: 1.0.0\ntype: library\n", "library charts are not installable"),
        (b"apiVersion: v3\nname: c\nversion: 1.0.0\n", "invalid chart apiVersion"),
        (
            b"apiVersion: v2\nname: c\nversion: 1.0.0\ndependencies: [{name: d, version: 1.0.0}, {name: e, version: 2.0.0}]\n",
            "missing in charts/ directory: d, e",
        ),
        (b"apiVersion: v2\nname: c\nversion: 1.0.0\ntype: application\n", ""),
    ];
    for (metadata, expected) in table {
        let files = vec![File { name: "Chart.yaml".to_owned(), data: metadata.to_vec() }];
        match Chart::from_files(files).unwrap().check_installable() {
            Ok(()) => assert_eq!(expected, ""),
            Err(error) => assert!(!expected.is_empty() && error.to_string().contains(expected), "{error}"),
        }
    }
}

fn chart(template: &str) -> Chart {
    Chart::from_files(vec![
        File { name: "Chart.yaml".to_owned(), data: METADATA.to_vec() },
        File { name: "templates/a.yaml".to_owned(), data: template.as_bytes().to_vec() },
    ])
    .unwrap()
}

fn failure(template: &str) -> String {
    // A hundredth of the default limit, to save time.
    let options = RenderOptions { max_steps: 200_000, ..RenderOptions::default() };
    render(&chart(template), Values::new(), options).unwrap_err().to_string()
}

#[test]
fn recursion_ends() {
    let table = [
        (r#"{{ define "a" }}{{ include "a" . }}{{ end }}{{ include "a" . }}"#, "nested reference name: a"),
        (
            r#"{{ define "a" }}{{ template "a" . }}{{ end }}{{ template "a" . }}"#,
            "exceeded maximum template depth (100000)",
        ),
        (
            r#"{{ define "a" }}{{ tpl "{{ include \"a\" . }}" . }}{{ end }}{{ include "a" . }}"#,
            "nested reference name: a",
        ),
        (r#"{{ $t := "{{ tpl .t . }}" }}{{ tpl $t (dict "t" $t) }}"#, "nested more than"),
    ];
    for (template, expected) in table {
        let found = failure(template);
        assert!(found.contains(expected), "{template}: {}", &found[..found.len().min(300)]);
    }
}

#[test]
fn output_and_work_end() {
    let table = [
        (r#"{{ $s := repeat 1000000 "x" }}{{ range until 64 }}{{ $s = print $s $s }}{{ end }}{{ $s }}"#, "MiB"),
        (r#"{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}"#, "steps"),
        (r#"{{ range 9223372036854775807 }}{{ end }}"#, "steps"),
        (r#"{{ repeat 9223372036854775807 "x" }}"#, "MiB"),
        (r#"{{ until 9223372036854775807 }}"#, "too long"),
        (r#"{{ indent 9223372036854775807 "x" }}"#, "MiB"),
        (r#"{{ randAlpha 9223372036854775807 }}"#, "MiB"),
        (r#"{{ $d := dict }}{{ $_ := set $d "d" $d }}{{ mustToJson $d }}"#, "levels"),
        (r#"{{ $l := list 1 }}{{ range until 64 }}{{ $l = list $l $l }}{{ end }}{{ mustToYaml $l }}"#, "parts"),
        (
            r#"{{ $l := list (repeat 1000000 "x") }}{{ range until 64 }}{{ $l = list $l $l }}{{ end }}{{ print $l }}"#,
            "MiB",
        ),
        (
            r#"{{ $l := list (repeat 1000000 "x") }}{{ range until 64 }}{{ $l = list $l $l }}{{ end }}{{ printf "%s" $l }}"#,
            "MiB",
        ),
    ];
    for (template, expected) in table {
        let found = failure(template);
        assert!(found.contains(expected), "{template}: {}", &found[..found.len().min(300)]);
    }
}

#[test]
fn maps_that_hold_themselves_are_survived() {
    for template in [
        r#"{{ $d := dict }}{{ $_ := set $d "d" $d }}{{ toYaml $d }}"#,
        r#"{{ $d := dict }}{{ $_ := set $d "d" $d }}{{ $d | quote | trunc 9 }}"#,
        r#"{{ $d := dict }}{{ $_ := set $d "d" $d }}{{ merge $d $d | kindOf }}"#,
        r#"{{ $d := dict }}{{ $_ := set $d "d" $d }}{{ deepEqual $d (dict "d" $d) }}"#,
    ] {
        let rendered = render(&chart(template), Values::new(), RenderOptions::default());
        assert!(!matches!(rendered, Err(Error::Template(_))), "{template}: {rendered:?}");
    }
}

#[test]
fn deep_nesting_is_refused_or_rendered_but_never_overflows() {
    let blocks = format!("{}{}", "{{ if 1 }}".repeat(5_000), "{{ end }}".repeat(5_000));
    assert!(failure(&blocks).contains("nested more than"));
    let parentheses = format!("{{{{ {}1{} }}}}", "(".repeat(9_000), ")".repeat(9_000));
    assert!(
        render(&chart(&parentheses), Values::new(), RenderOptions::default()).is_err(),
        "a number is not a manifest"
    );
    let yaml = format!("{}1", "[".repeat(50_000));
    assert!(Values::from_yaml(&yaml).is_err());
    let bomb: String = std::iter::once("a0: &a0 [x]\n".to_owned())
        .chain((1..40).map(|n| format!("a{n}: &a{n} [*a{p}, *a{p}]\n", p = n - 1)))
        .collect();
    assert!(Values::from_yaml(&bomb).unwrap_err().to_string().contains("excessive aliasing"));
}

struct Cluster;

impl Lookup for Cluster {
    fn lookup(&self, api_version: &str, kind: &str, namespace: &str, name: &str) -> Result<Option<Data>, String> {
        match name {
            "known" => Ok(Some(Data::Text(format!("{api_version} {kind} {namespace}")))),
            "refused" => Err("the server said no".to_owned()),
            _ => Ok(None),
        }
    }
}

#[test]
fn lookups_reach_the_cluster() {
    let options = RenderOptions { lookup: &Cluster, ..RenderOptions::default() };
    let template = r#"kind: {{ lookup "v1" "Secret" "ns" "known" }}{{ len (lookup "v1" "Secret" "" "none") }}"#;
    let rendered = render(&chart(template), Values::new(), options).unwrap();
    assert_eq!(rendered.manifests[0].kind, "v1 Secret ns0");
    let error = render(&chart(r#"{{ lookup "v1" "Secret" "ns" "refused" }}"#), Values::new(), options).unwrap_err();
    assert!(error.to_string().contains("error calling lookup: the server said no"), "{error}");
}

#[test]
fn a_schema_elsewhere_is_refused() {
    for address in ["https://schemas.example.com/a.json", "file:///etc/passwd", "b.json"] {
        let schema = format!("{{\"properties\": {{\"t\": {{\"$ref\": \"{address}\"}}}}}}");
        let file = |name: &str, data: &[u8]| File { name: name.to_owned(), data: data.to_vec() };
        let files = vec![file("Chart.yaml", METADATA), file("values.schema.json", schema.as_bytes())];
        let chart = Chart::from_files(files).unwrap();
        let options = RenderOptions::default();
        let error = render(&chart, Values::from_yaml("t: 1").unwrap(), options).unwrap_err();
        let Error::SchemaElsewhere { chart: name, address: found } = &error else { panic!("{error}") };
        assert!(name == "c" && found.contains(address), "{error}");
        assert!(render(&chart, Values::new(), RenderOptions { skip_schema: true, ..options }).is_ok());
    }
}

#[test]
fn output_that_is_not_text_is_refused() {
    let error = render(&chart(r#"a: {{ "/w==" | b64dec }}"#), Values::new(), RenderOptions::default()).unwrap_err();
    assert!(error.to_string().contains("UTF-8"), "{error}");
}

#[test]
fn a_text_may_grow_in_a_loop() {
    let template = r#"{{ $s := "" }}{{ range until 17000 }}{{ $s = printf "%sx" $s }}{{ end }}v: {{ $s }}"#;
    let rendered = render(&chart(template), Values::new(), RenderOptions::default()).unwrap();
    assert_eq!(rendered.manifests[0].content.len(), 17_000 + "v: ".len());
}

#[test]
fn of_two_files_with_one_path_the_last_counts() {
    let archive = gzip(&[
        metadata(),
        entry("c/templates/a.yaml", b'0', 4, b"v: 1"),
        entry("c/templates/a.yaml", b'0', 4, b"v: 2"),
    ]);
    let rendered = render(&Chart::from_archive(&archive).unwrap(), Values::new(), RenderOptions::default()).unwrap();
    assert_eq!(rendered.manifests.iter().map(|one| one.content.as_str()).collect::<Vec<_>>(), ["v: 2"]);
}

#[test]
fn a_template_s_fault_says_where_and_what_it_is() {
    let included = "{{ define \"deny\" }}\n{{ fail \"use (a): or b\" }}{{ end }}\n{{ include \"deny\" . }}";
    let file = "c/templates/a.yaml";
    for (template, message, places, is_from_chart) in [
        (included, "use (a): or b", &[(file, 3), (file, 2)][..], true),
        ("{{ required \"set x\" .Values.x }}", "set x", &[(file, 1)], true),
        ("a:\n  {{ .Values.x.y }}", "nil pointer evaluating interface {}.y", &[(file, 2)], false),
        ("a:\n{{ absent }}", "function \"absent\" not defined", &[(file, 2)], false),
        ("{{ tpl \"\\n{{ absent }}\" . }}", "function \"absent\" not defined", &[(file, 1), ("gotpl", 2)], false),
        (
            "{{ range until 90 }}{{ end }}",
            "rendering takes more than 30 steps; does a loop or a recursion end?",
            &[],
            false,
        ),
    ] {
        let options = RenderOptions { max_steps: 30, ..RenderOptions::default() };
        match render(&chart(template), Values::new(), options) {
            Err(Error::Template(fault)) => {
                let found: Vec<(&str, usize)> =
                    fault.places.iter().map(|place| (place.template.as_str(), place.line)).collect();
                assert_eq!(
                    (fault.message.as_str(), found.as_slice(), fault.is_from_chart),
                    (message, places, is_from_chart),
                    "{template}"
                );
            }
            other => panic!("{template}: {other:?}"),
        }
    }
}
