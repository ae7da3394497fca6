//! The calls about managed resources, together: a type whose Rust types are hidden, so that all fit one list.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::answer::{Answer, Boxed, Host, Kept};
use super::apply::{ApplyRequest, apply};
use super::generate_config::generated;
use super::import::{ImportRequest, Imported, import};
use super::move_state::{MoveRequest, move_state};
use super::plan::{PlanRequest, Planned, plan};
use super::read::{ReadRequest, read};
use super::upgrade::{upgrade_identity, upgrade_state};
use crate::context::Context;
use crate::diagnostic::Diagnostics;
use crate::model::{Model, Rule, check_config, of_two_types};
use crate::path::Path;
use crate::permission::Permissions;
use crate::resource::{Form, Resource, write_only};
use crate::schema::{IdentitySchema, Schema};
use crate::value::Value;

/// A resource for clients `C`.
pub(crate) trait Erased<C>: Send + Sync {
    fn name(&self) -> &'static str;
    fn permissions(&self) -> Permissions;
    fn schema(&self) -> Schema;
    fn identity_schema(&self) -> IdentitySchema;
    fn import_id(&self) -> &'static str;
    fn rules(&self) -> Vec<Rule>;
    /// Attributes that are an argument and a result of different types.
    fn of_two_types(&self) -> Vec<String>;
    fn validate(&self, config: &Value, host: Host) -> Diagnostics;
    fn upgrade_state(&self, version: i64, state: serde_json::Value) -> Answer<Option<Value>>;
    fn upgrade_identity(&self, identity: &serde_json::Value) -> Answer<Option<Value>>;
    fn import(&self, request: ImportRequest) -> Answer<Vec<Imported>>;
    fn move_state(&self, request: &MoveRequest) -> Answer<Kept>;
    fn generate_config(&self, state: &Value) -> Value;
    fn read(&self, request: ReadRequest, clients: Option<Arc<C>>, cancel: CancellationToken)
    -> Boxed<'_, Answer<Kept>>;
    fn plan(
        &self,
        request: PlanRequest,
        clients: Option<Arc<C>>,
        cancel: CancellationToken,
    ) -> Boxed<'_, Answer<Planned>>;
    fn apply(
        &self,
        request: ApplyRequest,
        clients: Option<Arc<C>>,
        cancel: CancellationToken,
    ) -> Boxed<'_, Answer<Kept>>;
}

/// The one implementation of [`Erased`].
pub(crate) struct Adapter<R: Resource>(Form<R>);

impl<R: Resource> Adapter<R> {
    pub(crate) fn new() -> Self {
        Self(Form::new())
    }
}

impl<R: Resource> Erased<R::Clients> for Adapter<R> {
    fn name(&self) -> &'static str {
        R::NAME
    }

    fn permissions(&self) -> Permissions {
        R::PERMISSIONS
    }

    fn schema(&self) -> Schema {
        self.0.schema()
    }

    fn identity_schema(&self) -> IdentitySchema {
        Form::<R>::identity_schema()
    }

    fn import_id(&self) -> &'static str {
        R::IMPORT_ID
    }

    fn rules(&self) -> Vec<Rule> {
        R::Args::rules()
    }

    fn of_two_types(&self) -> Vec<String> {
        of_two_types(&R::Args::attributes(), &R::Outputs::attributes())
    }

    fn validate(&self, config: &Value, host: Host) -> Diagnostics {
        let mut faults = check_config::<R::Args>(config, R::validate);
        if !host.write_only_allowed {
            write_only::refuse(&self.0.attributes, config, &Path::root(), &mut faults);
        }
        faults
    }

    fn upgrade_state(&self, version: i64, state: serde_json::Value) -> Answer<Option<Value>> {
        upgrade_state(&self.0, version, state)
    }

    fn upgrade_identity(&self, identity: &serde_json::Value) -> Answer<Option<Value>> {
        upgrade_identity::<R>(identity)
    }

    fn import(&self, request: ImportRequest) -> Answer<Vec<Imported>> {
        import(&self.0, request)
    }

    fn move_state(&self, request: &MoveRequest) -> Answer<Kept> {
        move_state(&self.0, request)
    }

    fn generate_config(&self, state: &Value) -> Value {
        generated(&self.0.attributes, &R::Args::rules(), state)
    }

    fn read(
        &self,
        request: ReadRequest,
        clients: Option<Arc<R::Clients>>,
        cancel: CancellationToken,
    ) -> Boxed<'_, Answer<Kept>> {
        let cx = Context::new(clients, cancel).with_private(&request.private);
        Box::pin(read(&self.0, request, cx))
    }

    fn plan(
        &self,
        request: PlanRequest,
        clients: Option<Arc<R::Clients>>,
        cancel: CancellationToken,
    ) -> Boxed<'_, Answer<Planned>> {
        let cx = Context::new(clients, cancel).with_private(&request.private);
        Box::pin(plan(&self.0, request, cx))
    }

    fn apply(
        &self,
        request: ApplyRequest,
        clients: Option<Arc<R::Clients>>,
        cancel: CancellationToken,
    ) -> Boxed<'_, Answer<Kept>> {
        let cx = Context::new(clients, cancel).with_private(&request.private);
        Box::pin(apply(&self.0, request, cx))
    }
}
