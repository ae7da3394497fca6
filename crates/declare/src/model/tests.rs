//! What a derived model says of its attributes, and how each kind of field reads and writes.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::path::Step;
use crate::value::Number;

/// A colour: text with a rule of its own, upper and lower case alike.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Colour(String);

impl Text for Colour {
    const NOUN: &'static str = "colour";

    fn parse(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "red" | "green" => Ok(Self(text.to_owned())),
            _ => Err(format!("`{text}` is no colour. Write `red` or `green`.")),
        }
    }

    fn text(&self) -> &str {
        &self.0
    }

    fn same(one: &str, other: &str) -> bool {
        one.eq_ignore_ascii_case(other)
    }
}

crate::text_field!(Colour);

/// A disk.
#[derive(Clone, Debug, PartialEq, Model)]
#[model(at_most_one_of(image, snapshot), together(key, cipher))]
struct Disk {
    /// Size in GiB.
    size: Bounded<1, 100>,
    /// How it is striped.
    #[attr(default = 3)]
    stripes: i64,
    /// Image that it begins with.
    image: Option<String>,
    /// Snapshot that it begins with.
    snapshot: Option<String>,
    /// Key that it is encrypted with.
    key: Option<String>,
    /// Cipher that it is encrypted with.
    cipher: Option<String>,
}

/// Everything that a field may be.
#[derive(Clone, Debug, Model)]
#[model(exactly_one_of(host, address), at_least_one_of(colour, colours))]
struct Everything {
    /// Whether it is on.
    #[attr(default = true)]
    on: bool,
    /// Its host.
    host: Option<String>,
    /// Its address.
    #[attr(replace)]
    address: Option<String>,
    /// Any number.
    weight: Option<Number>,
    /// Its colour.
    colour: Option<Colour>,
    /// More colours.
    colours: Option<BTreeSet<Colour>>,
    /// How long it lives.
    #[attr(deprecated = "Use `ends` instead.")]
    lifetime: Option<Span>,
    /// When it ends.
    ends: Option<Timestamp>,
    /// Its password.
    password: Option<Secret<Colour>>,
    /// Its password, never stored.
    password_wo: WriteOnly<String>,
    /// Its first disk.
    disk: Box<Disk>,
    /// Further disks.
    disks: Option<Vec<Disk>>,
    /// Disks by name.
    named_disks: Option<BTreeMap<String, Disk>>,
    /// Tags.
    tags: Option<BTreeMap<String, String>>,
    /// Anything.
    anything: Option<Dynamic>,
    /// A name that Rust keeps for itself.
    #[attr(name = "type")]
    kind: Option<String>,
}

fn disk() -> Value {
    object::<Disk>([("size", Value::from(10))])
}

/// An object of the model, null but for these.
fn object<M: Model>(entries: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let mut object: BTreeMap<String, Value> = M::attributes().into_iter().map(|it| (it.name, Value::Null)).collect();
    for (name, value) in entries {
        assert!(object.insert(name.to_owned(), value).is_some(), "no attribute `{name}`");
    }
    Value::Map(object)
}

fn everything(entries: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let base = [("host", Value::from("h")), ("colour", Value::from("red")), ("disk", disk())];
    object::<Everything>(base.into_iter().chain(entries))
}

fn attribute(name: &str) -> Attribute {
    Everything::attributes().into_iter().find(|it| it.name == name).unwrap_or_else(|| panic!("`{name}`"))
}

#[test]
fn the_struct_is_the_schema() {
    let names: Vec<String> = Everything::attributes().into_iter().map(|it| it.name).collect();
    assert_eq!(names.first().map(String::as_str), Some("on"));
    assert_eq!(names.last().map(String::as_str), Some("type"));
    assert_eq!(Everything::description(), "Everything that a field may be.");
    assert_eq!(Everything::NAMES.kind, "type");

    let on = attribute("on");
    assert_eq!((on.required, on.optional, on.computed), (false, true, true));
    assert_eq!((on.default, on.description.as_str()), (Some(Value::Bool(true)), "Whether it is on."));

    let address = attribute("address");
    assert!(address.replace && address.optional && !address.computed && !address.never_null);
    assert_eq!(attribute("lifetime").deprecation.as_deref(), Some("Use `ends` instead."));

    let disk = attribute("disk");
    assert!(disk.required && !disk.optional && disk.never_null);
    assert!(matches!(disk.kind, Kind::Nested { nesting: Nesting::Single, .. }));
    assert!(matches!(attribute("disks").kind, Kind::Nested { nesting: Nesting::List, .. }));
    assert!(matches!(attribute("named_disks").kind, Kind::Nested { nesting: Nesting::Map, .. }));

    assert!(attribute("password").sensitive && !attribute("password").write_only);
    assert!(attribute("password_wo").sensitive && attribute("password_wo").write_only);
    assert_eq!(attribute("colours").kind.ty(), Type::set(Type::String));
    assert_eq!(attribute("tags").kind.ty(), Type::map(Type::String));
    assert_eq!(attribute("anything").kind.ty(), Type::Dynamic);
}

#[test]
fn what_is_written_reads_back() {
    let given = everything([
        ("on", Value::from(false)),
        ("weight", Value::Number("0.1".parse().expect("a number"))),
        ("colours", Value::set([Value::from("Red"), Value::from("green")])),
        ("lifetime", Value::from("1h30m")),
        ("ends", Value::from("2026-11-21T15:00:00+01:00")),
        ("password", Value::from("green")),
        ("disks", Value::List(vec![disk(), object::<Disk>([("size", Value::from(1)), ("stripes", Value::from(1))])])),
        ("named_disks", Value::map([("a", disk())])),
        ("tags", Value::map([("k", Value::from("v"))])),
        ("anything", Value::Dynamic(Box::new((Type::Bool, Value::from(true))))),
        ("type", Value::from("t")),
    ]);
    let mut faults = Diagnostics::new();
    let read = <Everything as Model>::decode(&given, &Path::root(), &mut faults).expect("a whole object");
    assert_eq!(faults, Diagnostics::new());
    assert_eq!(read.lifetime.as_ref().map(|span| span.duration().as_secs()), Some(5_400));
    assert_eq!(read.disk.stripes, 3);

    let Value::Map(mut expected) = given else { panic!("an object") };
    // Defaults are part of what is written, at any depth.
    let with_default =
        |size: i64, stripes: i64| object::<Disk>([("size", Value::from(size)), ("stripes", Value::from(stripes))]);
    expected.insert("disk".into(), with_default(10, 3));
    expected.insert("disks".into(), Value::List(vec![with_default(10, 3), with_default(1, 1)]));
    expected.insert("named_disks".into(), Value::map([("a", with_default(10, 3))]));
    assert_eq!(Model::encode(&read), expected);
}

#[test]
fn write_only_values_are_read_and_never_written() {
    let given = everything([("password_wo", Value::from("hunter22"))]);
    let read = <Everything as Model>::decode(&given, &Path::root(), &mut Diagnostics::new()).expect("a whole object");
    assert_eq!(read.password_wo.expose().map(String::as_str), Some("hunter22"));
    assert_eq!(Model::encode(&read)["password_wo"], Value::Null);
}

#[test]
fn secrets_print_as_such() {
    let given = everything([("password", Value::from("green")), ("password_wo", Value::from("hunter22"))]);
    let read = <Everything as Model>::decode(&given, &Path::root(), &mut Diagnostics::new()).expect("a whole object");
    let printed = format!("{read:?}");
    assert!(printed.contains("password: Some([sensitive])"), "{printed}");
    assert!(printed.contains("password_wo: [write-only]"), "{printed}");
    assert!(!printed.contains("hunter22") && !printed.contains("green"), "{printed}");
}

/// Path and summary of every fault.
fn faults_of(given: &Value) -> Vec<(String, String)> {
    let mut faults = Diagnostics::new();
    check_rules(&Everything::rules(), given, &Path::root(), &mut faults);
    Everything::decode_planned(given, &Path::root(), &mut faults);
    faults.0.into_iter().map(|fault| (fault.at.to_string(), fault.summary)).collect()
}

#[test]
fn all_faults_are_found_at_once_each_in_its_place() {
    let given = everything([
        ("colour", Value::from("blue")),
        ("colours", Value::set([Value::from("red"), Value::from("mauve")])),
        ("lifetime", Value::from("soon")),
        ("ends", Value::from("2026-02-30T00:00:00Z")),
        ("disk", object::<Disk>([("size", Value::from(0))])),
        (
            "disks",
            Value::List(vec![
                disk(),
                object::<Disk>([("size", Value::Number("1.5".parse().expect("a number")))]),
                Value::Null,
            ]),
        ),
        ("named_disks", Value::map([("a", object::<Disk>([("size", Value::from(101))]))])),
    ]);
    let expected = [
        ("colour", "Invalid colour"),
        ("colours[…]", "Invalid colour"),
        ("lifetime", "Invalid duration"),
        ("ends", "Invalid timestamp"),
        ("disk.size", "Number out of range"),
        ("disks[1].size", "Not a whole number"),
        ("disks[2]", "Missing or misshapen value"),
        ("named_disks[\"a\"].size", "Number out of range"),
    ];
    assert_eq!(faults_of(&given), expected.map(|(path, summary)| (path.to_owned(), summary.to_owned())));
}

#[test]
fn a_refused_secret_is_not_quoted() {
    let mut faults = Diagnostics::new();
    let given = everything([("password", Value::from("hunter22"))]);
    Everything::decode_planned(&given, &Path::root(), &mut faults);
    assert_eq!(faults.0.len(), 1);
    assert_eq!(faults.0[0].at.to_string(), "password");
    assert_eq!(faults.0[0].detail(), "`[sensitive]` is no colour. Write `red` or `green`.");
}

#[test]
fn unknown_is_no_fault_and_no_value() {
    for (name, part) in [
        ("colour", Value::unknown()),
        ("disk", Value::unknown()),
        ("disk", object::<Disk>([("size", Value::unknown())])),
        ("colours", Value::set([Value::from("red"), Value::unknown()])),
        ("disks", Value::List(vec![Value::unknown()])),
        ("tags", Value::map([("k", Value::unknown())])),
        ("password_wo", Value::unknown()),
    ] {
        let given = everything([(name, part)]);
        let mut faults = Diagnostics::new();
        assert!(<Everything as Model>::decode(&given, &Path::root(), &mut faults).is_none(), "{name}");
        let planned = Everything::decode_planned(&given, &Path::root(), &mut faults);
        assert_eq!(faults, Diagnostics::new(), "{name}");
        assert!(Everything::encode_planned(&planned)[name].is_unknown(), "{name}");
    }
}

#[test]
fn faults_beside_unknown_parts_are_found() {
    let given = everything([(
        "disks",
        Value::List(vec![Value::unknown(), object::<Disk>([("size", Value::from(0)), ("image", Value::unknown())])]),
    )]);
    assert_eq!(faults_of(&given), [("disks[1].size".to_owned(), "Number out of range".to_owned())]);
}

#[test]
fn rules_over_several_attributes() {
    let set = || Value::from("x");
    let cases: [(Vec<(&'static str, Value)>, &[(&str, &str)]); 11] = [
        (vec![], &[]),
        (vec![("address", set())], &[("host", "Conflicting arguments"), ("address", "Conflicting arguments")]),
        (vec![("host", Value::Null)], &[("", "Missing argument")]),
        (vec![("host", Value::Null), ("address", Value::unknown())], &[]),
        (vec![("address", Value::unknown())], &[]),
        (vec![("colour", Value::Null)], &[("", "Missing argument")]),
        (vec![("colours", Value::set([Value::from("red")]))], &[]),
        (
            vec![("disk", object::<Disk>([("size", Value::from(1)), ("image", set()), ("snapshot", set())]))],
            &[("disk.image", "Conflicting arguments"), ("disk.snapshot", "Conflicting arguments")],
        ),
        (
            vec![("disk", object::<Disk>([("size", Value::from(1)), ("key", set())]))],
            &[("disk.key", "Incomplete arguments")],
        ),
        (vec![("disk", object::<Disk>([("size", Value::from(1)), ("key", set()), ("cipher", Value::unknown())]))], &[]),
        (vec![("disk", object::<Disk>([("size", Value::from(1)), ("key", set()), ("cipher", set())]))], &[]),
    ];
    for (entries, expected) in cases {
        let found = faults_of(&everything(entries.clone()));
        let expected: Vec<_> = expected.iter().map(|(at, summary)| (at.to_string(), summary.to_string())).collect();
        assert_eq!(found, expected, "{entries:?}");
    }
}

#[test]
fn a_null_where_something_must_be_is_a_fault() {
    assert_eq!(
        faults_of(&everything([("disk", Value::Null)])),
        [("disk".to_owned(), "Missing or misshapen value".to_owned())]
    );
}

#[test]
fn equal_in_other_words() {
    let disks =
        |stripes: i64| Value::List(vec![object::<Disk>([("size", Value::from(1)), ("stripes", stripes.into())])]);
    for (name, one, other, same) in [
        ("colour", Value::from("red"), Value::from("RED"), true),
        ("colour", Value::from("red"), Value::from("green"), false),
        ("colour", Value::from("red"), Value::Null, false),
        ("lifetime", Value::from("90m"), Value::from("1h30m"), true),
        ("lifetime", Value::from("90m"), Value::from("1h31m"), false),
        ("ends", Value::from("2026-11-21T15:00:00Z"), Value::from("2026-11-21T16:00:00+01:00"), true),
        ("host", Value::from("h"), Value::from("H"), false),
        ("colours", Value::set([Value::from("Red"), "green".into()]), Value::set(["GREEN".into(), "red".into()]), true),
        ("colours", Value::set([Value::from("red")]), Value::set(["green".into(), "red".into()]), false),
        ("password", Value::from("red"), Value::from("RED"), true),
        ("disks", disks(1), disks(1), true),
        ("disks", disks(1), disks(2), false),
    ] {
        assert_eq!(<Everything as Model>::equivalent(name, &one, &other), same, "{name}: {one:?} {other:?}");
    }
}

#[test]
fn durations() {
    for (text, millis) in [
        ("36h", 129_600_000),
        ("7d", 604_800_000),
        ("1h30m", 5_400_000),
        ("0s", 0),
        ("90s", 90_000),
        ("1.5h", 5_400_000),
        ("500ms", 500),
        (".5m1.25s", 31_250),
        ("1us", 0),
        ("36600d", 3_162_240_000_000),
    ] {
        assert_eq!(Span::parse(text).expect("a duration").duration().as_millis(), millis, "{text}");
    }
    for text in ["", "h", "36", "-1h", ".h", "1..5h", "1 h", "1w", "99999999999999999999s", "1h30"] {
        let why = Span::parse(text).expect_err(text);
        assert!(why.contains("is not a duration"), "{why}");
    }
}

#[test]
fn a_duration_can_be_added_to_the_present_moment() {
    // The largest that 64 bits hold, and what lies around it.
    for text in ["18446744073709551615s", "18446744073709551614s", "9223372036854775807s", "213503982334601d", "36601d"]
    {
        let why = Span::parse(text).expect_err(text);
        assert!(why.contains("longer than 100 years"), "{why}");
    }
    let longest = Span::parse("36600d").expect("a duration").duration();
    assert!(std::time::Instant::now().checked_add(longest).is_some());
    assert!(std::time::SystemTime::now().checked_add(longest).is_some());
    let signed = jiff::SignedDuration::try_from(longest).expect("a signed duration");
    assert!(jiff::Timestamp::now().checked_add(signed).is_ok());
}

#[test]
fn secrets_are_masked_by_their_type() {
    #[derive(Debug, Model)]
    struct Locked {
        /// One.
        one: Secret<String>,
        /// Some by name.
        some: Option<Secret<std::collections::BTreeMap<String, String>>>,
        /// Never kept.
        fleeting: WriteOnly<String>,
    }
    let masked = |text: &str| crate::mask::masked(text).into_owned();
    let value = Value::map([
        ("one", Value::from("decoded-one-5512")),
        ("some", Value::map([("key", Value::from("decoded-some-5512"))])),
        ("fleeting", Value::from("decoded-fleeting-5512")),
    ]);
    // Also while something is unknown, as at plan.
    let _ = Locked::decode_planned(&value, &Path::root(), &mut Diagnostics::new());
    for secret in ["decoded-one-5512", "decoded-some-5512", "decoded-fleeting-5512"] {
        assert_eq!(masked(&format!("<{secret}>")), "<[sensitive]>");
    }
    let _ = Secret::new("made-here-5512".to_owned());
    assert_eq!(masked("<made-here-5512>"), "<[sensitive]>");
    assert_eq!(masked("<key>"), "<key>", "the words of a map are the person's own");
}

#[test]
fn arguments_and_results_in_one_schema() {
    let merged = merge_attributes(
        Disk::attributes(),
        vec![
            Attribute {
                keep: true,
                never_null: true,
                sensitive: true,
                prefix: Some("snap-".into()),
                ..attribute("host")
            }
            .named("snapshot"),
            attribute("disk").named("copy"),
        ],
    );
    let find = |name: &str| merged.iter().find(|it| it.name == name).expect("the attribute");
    let both = find("snapshot");
    assert!(both.optional && both.computed && both.keep && both.never_null && both.prefix.is_some());
    assert!(both.sensitive, "a result that is sensitive stays so where it is an argument too");
    let result = find("copy");
    assert!(result.computed && !result.optional && !result.required);
    let Kind::Nested { attributes, .. } = &result.kind else { panic!("nested") };
    assert!(attributes.iter().all(|it| it.computed && !it.optional && it.default.is_none()), "{attributes:?}");
}

#[test]
fn what_is_required_and_nothing_else() {
    #[derive(Debug, PartialEq, Model)]
    struct Lamp {
        /// Name.
        name: String,
        /// Power.
        #[attr(default = 60)]
        watts: i64,
        /// Colour.
        colour: Option<String>,
        /// Key.
        key: WriteOnly<String>,
    }
    let lamp = Lamp { colour: Some("red".to_owned()), ..Lamp::unset("desk".to_owned()) };
    let expected = [
        ("name", Value::from("desk")),
        ("watts", Value::from(60)),
        ("colour", Value::from("red")),
        ("key", Value::Null),
    ];
    assert_eq!(Value::Map(Model::encode(&lamp)), Value::map(expected));
    // The same as a configuration that says nothing else.
    let config = Value::map([("name", Value::from("desk"))]);
    assert_eq!(
        <Lamp as Model>::decode(&config, &Path::root(), &mut Diagnostics::new()),
        Some(Lamp::unset("desk".to_owned()))
    );
}

#[test]
fn an_argument_that_is_a_result_of_another_type_is_found() {
    let arguments = Disk::attributes();
    let name = arguments[0].name.clone();
    assert_eq!(of_two_types(&arguments, &Disk::attributes()), Vec::<String>::new());
    let results = vec![Attribute { kind: Kind::Type(Type::Dynamic), ..arguments[0].clone() }];
    assert_eq!(of_two_types(&arguments, &results), [name]);
}

impl Attribute {
    fn named(self, name: &str) -> Self {
        Self { name: name.into(), ..self }
    }
}

#[test]
fn paths_print_as_people_write_them() {
    let path = Path::attribute("a").then(Step::Index(1)).dot("b").then(Step::Key("c d".into()));
    assert_eq!(path.to_string(), "a[1].b[\"c d\"]");
}
