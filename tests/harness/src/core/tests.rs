//! A provider that keeps to the contract but for one chosen slip: every slip must fail a case under its rule's name.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use framework::diagnostic::{Diagnostic, Diagnostics};
use framework::path::Path;
use framework::schema::{
    Attribute, FunctionSignature, IdentityAttribute, IdentitySchema, Kind, ProviderSchema, Schema,
};
use framework::server::{
    Answer, ApplyRequest, Boxed, FunctionError, Host, ImportRequest, Imported, Kept, ListRequest, Listed, MoveRequest,
    Opened, PlanRequest, Planned, Private, ReadRequest, Server, Sink,
};
use framework::value::{Refinement, Type, Value};
use tokio_util::sync::CancellationToken;

use super::InProcess;
use crate::case::Case;
use crate::run::{Program, run};

/// What the provider gets wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slip {
    None,
    ValidationForgets,
    PlanChangesConfigured,
    PlanInvents,
    PlanKeepsWriteOnly,
    PlanOfUnknownIdentity,
    PlanReplacesNowhere,
    PlanOfDeletion,
    ReplanDiffers,
    ApplyChangesPlanned,
    ApplyBreaksPromise,
    ApplyLeavesUnknown,
    ApplyReturnsWriteOnly,
    ApplyDeletesInstead,
    ApplyDropsIdentity,
    ReadLeavesUnknown,
    ReadChangesIdentity,
    ReadReturnsWriteOnly,
    ImportTwice,
    DataIsUnknown,
    FunctionCounts,
}

struct Fake {
    slip: Slip,
    schema: ProviderSchema,
    calls: AtomicU64,
}

fn attribute(name: &str, required: bool, optional: bool, computed: bool) -> Attribute {
    Attribute {
        name: name.to_owned(),
        kind: Kind::Type(Type::String),
        description: "Of the fake.".to_owned(),
        required,
        optional,
        computed,
        sensitive: false,
        write_only: false,
        deprecation: None,
        replace: false,
        default: None,
        keep: false,
        prefix: None,
        never_null: false,
    }
}

impl Fake {
    fn new(slip: Slip) -> Self {
        let secret = Attribute { write_only: true, ..attribute("secret", false, true, false) };
        let attributes = vec![
            attribute("name", true, false, false),
            attribute("note", false, true, false),
            attribute("id", false, false, true),
            secret,
        ];
        let id = IdentityAttribute {
            name: "id".into(),
            ty: Type::String,
            description: String::new(),
            required_for_import: true,
        };
        let data = vec![attribute("name", true, false, false), attribute("value", false, false, true)];
        let signature = FunctionSignature {
            parameters: Vec::new(),
            variadic: None,
            result: Type::Number,
            summary: "Counts".to_owned(),
            description: "Counts.".to_owned(),
            deprecation: None,
        };
        let named = |name: &str, attributes| (name.to_owned(), Schema { attributes, ..Schema::default() });
        let schema = ProviderSchema {
            resources: BTreeMap::from([named("x_thing", attributes)]),
            identities: BTreeMap::from([("x_thing".to_owned(), IdentitySchema { version: 0, attributes: vec![id] })]),
            data_sources: BTreeMap::from([named("x_look", data)]),
            functions: BTreeMap::from([("count".to_owned(), signature)]),
            ..ProviderSchema::default()
        };
        Self { slip, schema, calls: AtomicU64::new(0) }
    }

    fn is(&self, slip: Slip) -> bool {
        self.slip == slip
    }

    /// How many of the counted calls there were before.
    fn before(&self) -> u64 {
        self.calls.fetch_add(1, Ordering::Relaxed)
    }
}

fn with(value: &Value, name: &str, member: Value) -> Value {
    let mut value = value.clone();
    if let Value::Map(entries) = &mut value {
        entries.insert(name.to_owned(), member);
    }
    value
}

fn identity(id: &str) -> Value {
    Value::map([("id", Value::from(id))])
}

fn now<T: Send + 'static>(value: T) -> Boxed<'static, T> {
    Box::pin(std::future::ready(value))
}

fn never<T>() -> Boxed<'static, T> {
    unreachable!("no case calls this")
}

impl Server for Fake {
    fn schema(&self) -> &ProviderSchema {
        &self.schema
    }
    fn validate_provider(&self, _: Value) -> Boxed<'_, Diagnostics> {
        now(Diagnostics::new())
    }
    fn configure(&self, _: Value, _: String, _: Host) -> Boxed<'_, Diagnostics> {
        now(Diagnostics::new())
    }
    fn validate_resource(&self, _: String, _: Value, _: Host) -> Boxed<'_, Diagnostics> {
        let mut told = Diagnostics::new();
        if self.is(Slip::ValidationForgets) && self.before().is_multiple_of(2) {
            told.push(Diagnostic::warning("Seen once", ""));
        }
        now(told)
    }
    fn upgrade_state(&self, _: String, _: i64, state: serde_json::Value) -> Boxed<'_, Answer<Option<Value>>> {
        let ty = self.schema.resources["x_thing"].ty();
        now(Answer::of(Some(framework::value::json::decode(&state, &ty).unwrap())))
    }
    fn upgrade_identity(&self, _: String, _: i64, identity: serde_json::Value) -> Boxed<'_, Answer<Option<Value>>> {
        let ty = self.schema.identities["x_thing"].ty();
        now(Answer::of(Some(framework::value::json::decode(&identity, &ty).unwrap())))
    }
    fn read(&self, request: ReadRequest, _: CancellationToken) -> Boxed<'_, Answer<Kept>> {
        let state = match self.slip {
            Slip::ReadLeavesUnknown => with(&request.state, "note", Value::unknown()),
            Slip::ReadReturnsWriteOnly => with(&request.state, "secret", Value::from("s")),
            _ => request.state,
        };
        let id = if self.is(Slip::ReadChangesIdentity) { "other" } else { "1" };
        now(Answer::of(Kept { state: Some(state), private: Private::default(), identity: Some(identity(id)) }))
    }
    fn plan(&self, request: PlanRequest, _: CancellationToken) -> Boxed<'_, Answer<Planned>> {
        if request.proposed.is_null() {
            let state = if self.is(Slip::PlanOfDeletion) { request.prior } else { Value::Null };
            return now(Answer::of(Planned { state: Some(state), ..Planned::default() }));
        }
        let create = request.prior.is_null();
        let mut state = with(&request.proposed, "secret", Value::Null);
        if create {
            let promised = Refinement { prefix: Some("id-".into()), ..Refinement::not_null() };
            let promised = if self.is(Slip::ApplyBreaksPromise) { promised } else { Refinement::not_null() };
            state = with(&state, "id", Value::Unknown(promised));
        }
        match self.slip {
            Slip::PlanChangesConfigured => state = with(&state, "name", Value::from("other")),
            Slip::PlanInvents => state = with(&state, "note", Value::from("invented")),
            Slip::PlanKeepsWriteOnly => state = with(&state, "secret", Value::from("s")),
            // The plan knows the id, the plan during apply knows another one.
            Slip::ReplanDiffers => state = with(&state, "id", Value::from(self.before().to_string())),
            _ => {}
        }
        let requires_replace =
            if self.is(Slip::PlanReplacesNowhere) { vec![Path::attribute("nowhere")] } else { Vec::new() };
        let identity = match (create, self.slip) {
            (true, Slip::PlanOfUnknownIdentity) => Some(Value::map([("id", Value::unknown())])),
            (true, _) => None,
            (false, _) => Some(identity("1")),
        };
        now(Answer::of(Planned { state: Some(state), requires_replace, private: Private::default(), identity }))
    }
    fn apply(&self, request: ApplyRequest, _: CancellationToken) -> Boxed<'_, Answer<Kept>> {
        if request.planned.is_null() {
            return now(Answer::of(Kept { state: Some(Value::Null), ..Kept::default() }));
        }
        let state = with(&request.planned, "id", Value::from("1"));
        let state = match self.slip {
            Slip::ApplyChangesPlanned => with(&state, "name", Value::from("other")),
            Slip::ApplyLeavesUnknown => with(&state, "id", Value::unknown()),
            Slip::ApplyReturnsWriteOnly => with(&state, "secret", Value::from("s")),
            Slip::ApplyDeletesInstead => Value::Null,
            _ => state,
        };
        let identity = (!self.is(Slip::ApplyDropsIdentity)).then(|| identity("1"));
        now(Answer::of(Kept { state: Some(state), private: Private::default(), identity }))
    }
    fn import(&self, request: ImportRequest, _: CancellationToken) -> Boxed<'_, Answer<Vec<Imported>>> {
        let one = || Imported {
            type_name: request.type_name.clone(),
            state: Value::map([
                ("name", Value::from("a")),
                ("note", Value::Null),
                ("id", Value::from("1")),
                ("secret", Value::Null),
            ]),
            private: Private::default(),
            identity: Some(identity("1")),
        };
        now(Answer::of(if self.is(Slip::ImportTwice) { vec![one(), one()] } else { vec![one()] }))
    }
    fn move_state(&self, _: MoveRequest) -> Boxed<'_, Answer<Kept>> {
        never()
    }
    fn generate_config(&self, _: String, _: Value) -> Boxed<'_, Answer<Option<Value>>> {
        never()
    }
    fn validate_data_source(&self, _: String, _: Value) -> Boxed<'_, Diagnostics> {
        now(Diagnostics::new())
    }
    fn read_data_source(
        &self,
        _: String,
        config: Value,
        _: Host,
        _: CancellationToken,
    ) -> Boxed<'_, Answer<Option<Value>>> {
        let value = if self.is(Slip::DataIsUnknown) { Value::unknown() } else { Value::from("seen") };
        now(Answer::of(Some(with(&config, "value", value))))
    }
    fn call_function(&self, _: String, _: Vec<Value>) -> Boxed<'_, Result<Value, FunctionError>> {
        let count = if self.is(Slip::FunctionCounts) { self.before() } else { 1 };
        now(Ok(Value::from(i64::try_from(count).unwrap())))
    }
    fn validate_ephemeral(&self, _: String, _: Value) -> Boxed<'_, Diagnostics> {
        never()
    }
    fn open_ephemeral(&self, _: String, _: Value, _: Host, _: CancellationToken) -> Boxed<'_, Answer<Opened>> {
        never()
    }
    fn renew_ephemeral(&self, _: String, _: Private, _: CancellationToken) -> Boxed<'_, Answer<Opened>> {
        never()
    }
    fn close_ephemeral(&self, _: String, _: Private, _: CancellationToken) -> Boxed<'_, Diagnostics> {
        never()
    }
    fn validate_list(&self, _: String, _: Value, _: Value, _: Value) -> Boxed<'_, Diagnostics> {
        never()
    }
    fn list(&self, _: ListRequest, _: Sink<Listed>, _: CancellationToken) -> Boxed<'_, Diagnostics> {
        never()
    }
    fn validate_action(&self, _: String, _: Value) -> Boxed<'_, Diagnostics> {
        never()
    }
    fn plan_action(&self, _: String, _: Value, _: Host, _: CancellationToken) -> Boxed<'_, Diagnostics> {
        never()
    }
    fn invoke_action(&self, _: String, _: Value, _: Sink<String>, _: CancellationToken) -> Boxed<'_, Diagnostics> {
        never()
    }
}

const LIFE: &str = r#"
# A thing is made, imported, changed and deleted, and something is looked up.
=== apply
resource "x_thing" "a" {
  name   = "a"
  secret = "s"
}

data "x_look" "l" {
  name = x_thing.a.name
}

output "count" {
  value = provider::x::count()
}
---
plan: x_thing.a create
plan: data.x_look.l read
state: x_thing.a.id = "1"
state: x_thing.a.secret unset
state: data.x_look.l.value = "seen"
output: count = 1

=== import x_thing.a by id 1
---

=== apply
resource "x_thing" "a" {
  name = "b"
}
---
plan: x_thing.a update
plan: x_thing.a.id = "1"

=== plan destroy
---
plan: x_thing.a delete
"#;

fn faults(slip: Slip) -> Vec<String> {
    let case = Case::parse("self", LIFE).unwrap();
    // One instance for the whole case, so that it can count.
    let fake = Arc::new(Fake::new(slip));
    let make = Arc::new(move || Arc::clone(&fake) as Arc<dyn Server>);
    let mut layer = InProcess::new("x", &["harness"], make, String::new()).unwrap();
    run(&case, Program::InProcess, &mut layer, None).faults
}

#[test]
fn a_provider_that_keeps_to_the_contract_passes() {
    assert_eq!(faults(Slip::None), Vec::<String>::new());
}

#[test]
fn every_slip_fails_under_its_rule() {
    for (slip, rule) in [
        (Slip::ValidationForgets, "validation can be repeated"),
        (Slip::PlanChangesConfigured, "plan follows the configuration"),
        (Slip::PlanInvents, "plan follows the configuration"),
        (Slip::PlanKeepsWriteOnly, "plan follows the configuration"),
        (Slip::PlanOfUnknownIdentity, "identity is whole and stays"),
        (Slip::PlanReplacesNowhere, "requires_replace paths exist"),
        (Slip::PlanOfDeletion, "a deletion is planned as null"),
        (Slip::ReplanDiffers, "the plan during apply keeps what was planned"),
        (Slip::ApplyChangesPlanned, "what was planned is applied"),
        (Slip::ApplyBreaksPromise, "what was planned is applied"),
        (Slip::ApplyLeavesUnknown, "returned state is wholly known"),
        (Slip::ApplyReturnsWriteOnly, "write-only attributes are never returned"),
        (Slip::ApplyDeletesInstead, "null is returned for deletions only"),
        (Slip::ApplyDropsIdentity, "identity is whole and stays"),
        (Slip::ReadLeavesUnknown, "returned state is wholly known"),
        (Slip::ReadChangesIdentity, "identity is whole and stays"),
        (Slip::ReadReturnsWriteOnly, "write-only attributes are never returned"),
        (Slip::ImportTwice, "an import brings one object"),
        (Slip::DataIsUnknown, "a data source is read as a known object"),
        (Slip::FunctionCounts, "functions are pure"),
    ] {
        let faults = faults(slip);
        let named = format!("“{rule}”");
        assert!(faults.iter().any(|fault| fault.contains(&named)), "{slip:?}: {faults:#?}");
    }
}
