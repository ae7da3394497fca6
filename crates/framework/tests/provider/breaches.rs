//! Each breach of the contract is seen by the checker.

use framework::check::contract::{Effort, Plain, function, life, plain, resource, taking_over};
use framework::diagnostic::{Diagnostic, Diagnostics};
use framework::path::Path;
use framework::server::{FunctionError, Kept, Planned, Server};
use framework::value::{Refinement, Value};

use crate::host::{configured, object, server_config};
use crate::spoiled::{Breach, Spoiled};

const EFFORT: Effort = Effort { seed: 7, rounds: 60 };

fn set(planned: &mut Planned, name: &str, value: Value) {
    if let Some(Value::Map(entries)) = &mut planned.state {
        entries.insert(name.to_owned(), value);
    }
}

fn set_kept(kept: &mut Kept, name: &str, value: Value) {
    if let Some(Value::Map(entries)) = &mut kept.state {
        entries.insert(name.to_owned(), value);
    }
}

fn example() -> Value {
    let disk = Value::map([
        ("size", Value::from(10)),
        ("filesystem", Value::Null),
        ("key", Value::from("a-long-secret-key")),
        ("key_file", Value::Null),
    ]);
    server_config([
        ("disks", Value::List(vec![disk])),
        ("password_wo", "hunter-twenty-two".into()),
        ("password_version", 1.into()),
    ])
}

fn message(summary: &str, detail: &str, path: Path) -> Diagnostic {
    Diagnostic::error(summary, detail).at(path)
}

#[tokio::test]
async fn breaches_of_validation_and_plans() {
    let breaches: Vec<(&str, Breach)> = vec![
        ("ends with a period", Breach::Validation(|_, answer| answer.push(message("Bad.", "Very bad.", Path::root())))),
        ("has no summary", Breach::Validation(|_, answer| answer.push(message(" ", "Bad.", Path::root())))),
        ("more than one line", Breach::Validation(|_, answer| answer.push(message("a\nb", "Bad.", Path::root())))),
        ("has no detail", Breach::Validation(|_, answer| answer.push(message("Bad", "", Path::root())))),
        (
            "at `disks.size`, which does not exist",
            Breach::Validation(|_, answer| answer.push(message("Bad", "Bad.", Path::attribute("disks").dot("size")))),
        ),
        (
            "shows a sensitive value",
            Breach::Validation(|config, answer| {
                let password = config.attribute("password_wo").and_then(Value::as_str).unwrap_or_default();
                answer.push(message("Bad", &format!("Not {password}"), Path::root()));
            }),
        ),
        ("validation panicked: no luck", Breach::Validation(|_, _| panic!("no luck"))),
        ("the example is not valid", Breach::Validation(|_, answer| answer.push(message("Bad", "Bad.", Path::root())))),
        (
            "answers differently when it is asked again",
            Breach::Validation(|_, answer| {
                static ASKED: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
                if ASKED.fetch_add(1, std::sync::atomic::Ordering::Relaxed).is_multiple_of(2) {
                    *answer = Diagnostics::from(Diagnostic::warning("Odd", "Odd."));
                }
            }),
        ),
        ("planned neither as configured nor as before", Breach::Plan(|_, it| set(it, "image", "other".into()))),
        ("not configured, not computed", Breach::Plan(|_, it| set(it, "snapshot", "s".into()))),
        ("write-only and planned to be stored", Breach::Plan(|_, it| set(it, "password_wo", "p".into()))),
        ("does not fit the schema", Breach::Plan(|_, it| set(it, "size", "many".into()))),
        ("never null, but planned to be", Breach::Plan(|_, it| set(it, "generation", Value::Null))),
        (
            "promised to be null",
            Breach::Plan(|_, it| {
                set(it, "generation", Value::Unknown(Refinement { null: Some(true), ..Refinement::none() }));
            }),
        ),
        (
            "promises a prefix, but not to be set",
            Breach::Plan(|_, it| {
                set(it, "zone", Value::Unknown(Refinement { prefix: Some("z".into()), ..Refinement::none() }));
            }),
        ),
        ("no state is planned", Breach::Plan(|_, it| it.state = None)),
        ("planned to be absent", Breach::Plan(|_, it| it.state = Some(Value::Null))),
        (
            "replacement is asked for because of `colour`",
            Breach::Plan(|_, it| it.requires_replace.push(Path::attribute("colour"))),
        ),
        ("the identity is left out", Breach::Plan(|_, it| it.identity = None)),
        ("the identity does not fit", Breach::Plan(|_, it| it.identity = Some(Value::map([("name", "a")].map(text))))),
        ("the identity changes", Breach::Plan(|_, it| it.identity = Some(Value::map([("id", "a")].map(text))))),
        (
            "the identity of an existing object is unknown",
            Breach::Plan(|_, it| it.identity = Some(Value::map([("id", Value::unknown())]))),
        ),
        (
            "a deletion is not null",
            Breach::Plan(|prior, it| {
                if it.state == Some(Value::Null) {
                    it.state = Some(prior.clone());
                }
            }),
        ),
    ];
    for (expected, breach) in breaches {
        let server = Spoiled(configured("breaches").await, breach);
        let found = resource(&server, "cloud_server", &example(), EFFORT).await;
        assert!(found.iter().any(|it| it.problem.contains(expected)), "{expected}: {found:#?}");
    }
}

fn text((name, value): (&'static str, &str)) -> (&'static str, Value) {
    (name, Value::from(value))
}

#[tokio::test]
async fn breaches_of_lives() {
    let breaches: Vec<(&str, Breach)> = vec![
        ("something is still unknown", Breach::Apply(|it| set_kept(it, "generation", Value::unknown()))),
        ("`image` is not as planned", Breach::Apply(|it| set_kept(it, "image", "other".into()))),
        ("`id` does not hold what was promised", Breach::Apply(|it| set_kept(it, "id", "no-prefix".into()))),
        ("`generation` does not hold what was promised", Breach::Apply(|it| set_kept(it, "generation", Value::Null))),
        ("the identity is not that of the state", Breach::Apply(|it| it.identity = None)),
        ("shows a difference", Breach::Read(|it| set_kept(it, "generation", 99.into()))),
        ("the plan after apply is not empty", Breach::Read(|it| set_kept(it, "size", 64.into()))),
    ];
    for (expected, breach) in breaches {
        let server = Spoiled(configured("breaches-of-lives").await, breach);
        let found = life(&server, "cloud_server", &example(), EFFORT).await;
        assert!(found.iter().any(|it| it.problem.contains(expected)), "{expected}: {found:#?}");
    }
}

#[tokio::test]
async fn breaches_elsewhere() {
    let breaches: Vec<(&str, Breach)> = vec![
        ("is not of its type", Breach::Function(|it| *it = Ok(Value::from("text")))),
        ("of known arguments is unknown", Breach::Function(|it| *it = Ok(Value::unknown()))),
        ("ends with a period", Breach::Function(|it| *it = Err(FunctionError::new("Bad.")))),
        ("an error has no text", Breach::Function(|it| *it = Err(FunctionError::new("")))),
        ("that was not given", Breach::Function(|it| *it = Err(FunctionError::argument(2, "Bad.")))),
        ("call panicked", Breach::Function(|_| panic!("no luck"))),
    ];
    for (expected, breach) in breaches {
        let server = Spoiled(configured("breaches-of-functions").await, breach);
        let found = function(&server, "ratio", &[7.into(), 2.into()], EFFORT).await;
        assert!(found.iter().any(|it| it.problem.contains(expected)), "{expected}: {found:#?}");
    }
    let breaches: Vec<(&str, Breach)> = vec![
        ("no whole, known value", Breach::Data(|it| it.value = None)),
        ("no whole, known value", Breach::Data(|it| it.value = Some(Value::unknown()))),
    ];
    for (expected, breach) in breaches {
        let server = Spoiled(configured("breaches-of-data").await, breach);
        let config = object(&server.schema().data_sources["cloud_image"], [("name", "debian".into())]);
        let found = plain(&server, Plain::DataSource, "cloud_image", &config, EFFORT).await;
        assert!(found.iter().any(|it| it.problem.contains(expected)), "{expected}: {found:#?}");
    }
}

#[tokio::test]
async fn breaches_of_what_is_taken_over() {
    let unknown = |it: &mut Option<Value>| *it = Some(Value::unknown());
    let breaches: Vec<(&str, Breach)> = vec![
        ("the state of an import", Breach::Import(|it| it.iter_mut().for_each(|it| it.state = Value::unknown()))),
        ("the identity of an import", Breach::Import(|it| it.iter_mut().for_each(|it| it.identity = None))),
        ("an import brings nothing", Breach::Import(Vec::clear)),
        ("does not read back as it was stored", Breach::Upgrade(unknown)),
        ("a moved state is null", Breach::Move(|it| *it = framework::server::Answer::of(Kept::default()))),
        ("no configuration is generated", Breach::Generate(|it| *it = None)),
        ("does not fit the schema", Breach::Generate(|it| *it = Some(Value::from("text")))),
        (
            "sets `id`, which it must not",
            Breach::Generate(|it| {
                if let Some(Value::Map(entries)) = it {
                    entries.insert("id".into(), "srv-1".into());
                }
            }),
        ),
    ];
    for (expected, breach) in breaches {
        let server = Spoiled(configured("breaches-of-taking").await, breach);
        let found = taking_over(&server, "cloud_server", &example(), EFFORT).await;
        assert!(found.iter().any(|it| it.problem.contains(expected)), "{expected}: {found:#?}");
    }
}
