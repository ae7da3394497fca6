//! A provider as the protocol sees it, in terms of values and diagnostics.
//!
//! The wire room converts protobuf to these requests and back; it alone knows encodings. Every request's values are
//! decoded by the schema of the named type, so an unknown type name never gets here.

use tokio_util::sync::CancellationToken;

use super::answer::{Answer, Boxed, Host, Kept, Private, Sink};
use super::apply::ApplyRequest;
use super::ephemeral::Opened;
use super::import::{ImportRequest, Imported};
use super::list::ListRequest;
use super::move_state::MoveRequest;
use super::plan::{PlanRequest, Planned};
use super::read::ReadRequest;
use crate::diagnostic::Diagnostics;
use crate::function::FunctionError;
use crate::list::Listed;
use crate::permission::Declared;
use crate::schema::ProviderSchema;
use crate::value::Value;

/// A provider as the protocol sees it.
///
/// `cancel` in each method is the token of that call: it fires when the host asks to stop.
pub trait Server: Send + Sync + 'static {
    /// The schemas of everything. Called often; keep it cheap.
    fn schema(&self) -> &ProviderSchema;
    /// What each type must be allowed to do in other systems.
    fn declared(&self) -> &[Declared] {
        &[]
    }

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
