//! What a provider answers to Terraform, in terms of values and diagnostics: one method per call of the protocol.
//!
//! The wire room converts protobuf to these requests and back; it alone knows encodings. Every request's values are
//! decoded by the schema of the named type, so an unknown type name never gets here.

use std::pin::Pin;

use tokio_util::sync::CancellationToken;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::path::Path;
use crate::schema::ProviderSchema;
use crate::value::Value;

/// A boxed future, as trait objects need it.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// An answer that may come with messages. Values are there also beside errors, when the call keeps half-done work.
#[derive(Debug, Default)]
pub struct Answer<T> {
    /// What is answered.
    pub value: T,
    /// Errors and warnings.
    pub diagnostics: Diagnostics,
}

impl<T> Answer<T> {
    /// An answer without messages.
    pub fn of(value: T) -> Self {
        Self { value, diagnostics: Diagnostics::new() }
    }
}

/// Bytes that the host keeps for the provider beside a state. Empty when there are none.
pub type Private = Vec<u8>;

/// What the host is able to do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Host {
    /// The host takes deferred answers.
    pub deferral_allowed: bool,
    /// The host keeps write-only values out of plans and states.
    pub write_only_allowed: bool,
}

/// A resource's plan is asked for.
#[derive(Debug)]
pub struct PlanRequest {
    /// Type name.
    pub type_name: String,
    /// The state before; null for a creation.
    pub prior: Value,
    /// The state that the host proposes; null for a deletion.
    pub proposed: Value,
    /// The configuration; null for a deletion.
    pub config: Value,
    /// What was kept with the prior state.
    pub private: Private,
    /// Whether this is known to be the plan that Terraform makes anew while it applies. Only Terraform 1.16 says so;
    /// `false` means that it may be either.
    pub is_final: bool,
    /// The identity before, if any.
    pub identity: Value,
    /// The `provider_meta` block, if the provider has a schema for it; null here.
    pub host: Host,
}

/// A plan.
#[derive(Debug, Default)]
pub struct Planned {
    /// The state after apply, as far as it is known. `None` means what was proposed cannot be planned (errors tell).
    pub state: Option<Value>,
    /// Attributes whose change makes a new object.
    pub requires_replace: Vec<Path>,
    /// Bytes for apply.
    pub private: Private,
    /// The identity after apply; `None` when the type has none.
    pub identity: Option<Value>,
}

/// A planned change is to be made.
#[derive(Debug)]
pub struct ApplyRequest {
    /// Type name.
    pub type_name: String,
    /// The state before; null for a creation.
    pub prior: Value,
    /// The planned state; null for a deletion.
    pub planned: Value,
    /// The configuration; null for a deletion.
    pub config: Value,
    /// What the plan kept.
    pub private: Private,
    /// The planned identity.
    pub identity: Value,
    /// What the host is able to do.
    pub host: Host,
}

/// The state of one object, with what is kept beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// The state; null when the object is gone. `None` only beside errors of a call that produced no state.
    pub state: Option<Value>,
    /// Bytes kept with it.
    pub private: Private,
    /// Its identity; `None` when the type has none.
    pub identity: Option<Value>,
}

/// The present state is asked for.
#[derive(Debug)]
pub struct ReadRequest {
    /// Type name.
    pub type_name: String,
    /// The state as last known.
    pub state: Value,
    /// What was kept with it.
    pub private: Private,
    /// The identity, if any.
    pub identity: Value,
    /// What the host is able to do.
    pub host: Host,
}

/// An existing object is to be taken over.
#[derive(Debug)]
pub struct ImportRequest {
    /// Type name.
    pub type_name: String,
    /// The id that the person gave; empty when an identity was given.
    pub id: String,
    /// The identity that the person gave, or null.
    pub identity: Value,
    /// What the host is able to do.
    pub host: Host,
}

/// An object taken over: a stub of its state, which the host reads next.
#[derive(Debug)]
pub struct Imported {
    /// Type name.
    pub type_name: String,
    /// The stub.
    pub state: Value,
    /// Bytes kept with it.
    pub private: Private,
    /// Its identity.
    pub identity: Option<Value>,
}

/// State of another resource type, perhaps of another provider, is to be moved.
#[derive(Debug)]
pub struct MoveRequest {
    /// The other provider's address, such as `registry.terraform.io/hashicorp/aws`.
    pub source_provider: String,
    /// The other type's name.
    pub source_type: String,
    /// Version of the other state's form.
    pub source_version: i64,
    /// The other state.
    pub source_state: serde_json::Value,
    /// Type name of the target.
    pub target_type: String,
    /// The other state's private bytes.
    pub source_private: Private,
}

/// A function failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionError {
    /// What went wrong.
    pub text: String,
    /// The position of the argument at fault, counted from zero; variadic ones count on.
    pub argument: Option<i64>,
}

/// An ephemeral resource was opened.
#[derive(Debug, Default)]
pub struct Opened {
    /// Its attributes.
    pub result: Option<Value>,
    /// When to renew it, in seconds since the epoch.
    pub renew_at: Option<jiff::Timestamp>,
    /// Bytes for renewal and closing.
    pub private: Private,
}

/// One object that a list resource found.
#[derive(Debug)]
pub struct Listed {
    /// Its identity.
    pub identity: Value,
    /// A name for people.
    pub display_name: String,
    /// Its state, when it was asked for.
    pub resource: Option<Value>,
    /// Messages about this object.
    pub diagnostics: Diagnostics,
}

/// Objects are to be listed.
#[derive(Debug)]
pub struct ListRequest {
    /// Type name.
    pub type_name: String,
    /// The list block's configuration.
    pub config: Value,
    /// Whether whole states are wanted.
    pub include_resource: bool,
    /// At the most so many.
    pub limit: i64,
}

/// Where a call's events go; it is gone when the host is.
pub type Sink<T> = tokio::sync::mpsc::Sender<T>;

/// A provider as the protocol sees it.
///
/// `cancel` in each method is the token of that call: it fires when the host asks to stop.
pub trait Server: Send + Sync + 'static {
    /// The schemas of everything. Called often; keep it cheap.
    fn schema(&self) -> &ProviderSchema;

    /// Checks a provider configuration, unknowns tolerated.
    fn validate_provider(&self, config: Value) -> Boxed<'_, Diagnostics>;
    /// Takes the configuration. Must not use the network.
    fn configure(&self, config: Value, terraform_version: String, host: Host) -> Boxed<'_, Diagnostics>;

    /// Checks a resource configuration, unknowns tolerated.
    fn validate_resource(&self, type_name: String, config: Value, host: Host) -> Boxed<'_, Diagnostics>;
    /// Brings a stored state of any version into the present form.
    fn upgrade_state(
        &self,
        type_name: String,
        version: i64,
        state: serde_json::Value,
    ) -> Boxed<'_, Answer<Option<Value>>>;
    /// Brings a stored identity of any version into the present form.
    fn upgrade_identity(
        &self,
        type_name: String,
        version: i64,
        identity: serde_json::Value,
    ) -> Boxed<'_, Answer<Option<Value>>>;
    /// Looks at the object as it is now.
    fn read(&self, request: ReadRequest, cancel: CancellationToken) -> Boxed<'_, Answer<Kept>>;
    /// Says what would change.
    fn plan(&self, request: PlanRequest, cancel: CancellationToken) -> Boxed<'_, Answer<Planned>>;
    /// Makes the change.
    fn apply(&self, request: ApplyRequest, cancel: CancellationToken) -> Boxed<'_, Answer<Kept>>;
    /// Takes an existing object over.
    fn import(&self, request: ImportRequest, cancel: CancellationToken) -> Boxed<'_, Answer<Vec<Imported>>>;
    /// Takes over the state of another type.
    fn move_state(&self, request: MoveRequest) -> Boxed<'_, Answer<Kept>>;
    /// Makes a configuration from a state.
    fn generate_config(&self, type_name: String, state: Value) -> Boxed<'_, Answer<Option<Value>>>;

    /// Checks a data source's configuration.
    fn validate_data_source(&self, type_name: String, config: Value) -> Boxed<'_, Diagnostics>;
    /// Reads a data source.
    fn read_data_source(
        &self,
        type_name: String,
        config: Value,
        host: Host,
        cancel: CancellationToken,
    ) -> Boxed<'_, Answer<Option<Value>>>;

    /// Calls a function. Pure; needs no configuration.
    fn call_function(
        &self,
        name: String,
        arguments: Vec<Value>,
    ) -> Boxed<'_, std::result::Result<Value, FunctionError>>;

    /// Checks an ephemeral resource's configuration.
    fn validate_ephemeral(&self, type_name: String, config: Value) -> Boxed<'_, Diagnostics>;
    /// Opens an ephemeral resource.
    fn open_ephemeral(
        &self,
        type_name: String,
        config: Value,
        host: Host,
        cancel: CancellationToken,
    ) -> Boxed<'_, Answer<Opened>>;
    /// Renews it; the answer's `result` is not looked at.
    fn renew_ephemeral(
        &self,
        type_name: String,
        private: Private,
        cancel: CancellationToken,
    ) -> Boxed<'_, Answer<Opened>>;
    /// Closes it.
    fn close_ephemeral(&self, type_name: String, private: Private, cancel: CancellationToken)
    -> Boxed<'_, Diagnostics>;

    /// Checks a list resource's configuration.
    fn validate_list(
        &self,
        type_name: String,
        config: Value,
        include_resource: Value,
        limit: Value,
    ) -> Boxed<'_, Diagnostics>;
    /// Lists objects into `sink`; errors of the listing itself are the answer.
    fn list(&self, request: ListRequest, sink: Sink<Listed>, cancel: CancellationToken) -> Boxed<'_, Diagnostics>;

    /// Checks an action's configuration.
    fn validate_action(&self, type_name: String, config: Value) -> Boxed<'_, Diagnostics>;
    /// Plans an action.
    fn plan_action(
        &self,
        type_name: String,
        config: Value,
        host: Host,
        cancel: CancellationToken,
    ) -> Boxed<'_, Diagnostics>;
    /// Runs an action, with progress into `sink`. The answer becomes the Completed event.
    fn invoke_action(
        &self,
        type_name: String,
        config: Value,
        sink: Sink<String>,
        cancel: CancellationToken,
    ) -> Boxed<'_, Diagnostics>;
}

/// The diagnostic for a type name that is not registered.
pub fn unknown_type(kind: &str, name: &str) -> Diagnostic {
    Diagnostic::error("Unknown type", format!("This provider has no {kind} `{name}`."))
}
