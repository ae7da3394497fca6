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
    fn not_importable(&self) -> Option<&'static str>;
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

    fn kept(&self, before: &Value, kept: Kept) -> Kept {
        Kept { state: kept.state.map(|state| self.0.with_id_after(before, state)), ..kept }
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

    fn not_importable(&self) -> Option<&'static str> {
        R::NOT_IMPORTABLE
    }

    fn rules(&self) -> Vec<Rule> {
        R::Args::rules()
    }

    fn of_two_types(&self) -> Vec<String> {
        of_two_types(&R::Args::attributes(), &R::Outputs::attributes())
    }

    fn validate(&self, config: &Value, host: Host) -> Diagnostics {
        let config = &self.0.without_id(config.clone());
        let mut faults = check_config::<R::Args>(config, R::validate);
        if !host.write_only_allowed {
            write_only::refuse(&self.0.attributes, config, &Path::root(), &mut faults);
        }
        faults
    }

    fn upgrade_state(&self, version: i64, state: serde_json::Value) -> Answer<Option<Value>> {
        upgrade_state(&self.0, version, state).map(|state| {
            state.map(|state| {
                let stored = state.clone();
                self.0.with_id_after(&stored, self.0.without_id(state))
            })
        })
    }

    fn upgrade_identity(&self, identity: &serde_json::Value) -> Answer<Option<Value>> {
        upgrade_identity::<R>(identity)
    }

    fn import(&self, request: ImportRequest) -> Answer<Vec<Imported>> {
        import(&self.0, request).map(|mut imported| {
            for one in &mut imported {
                one.state = self.0.with_id(std::mem::replace(&mut one.state, Value::Null));
            }
            imported
        })
    }

    fn move_state(&self, request: &MoveRequest) -> Answer<Kept> {
        move_state(&self.0, request).map(|kept| self.kept(&Value::Null, kept))
    }

    fn generate_config(&self, state: &Value) -> Value {
        self.0.with_no_id(generated(&self.0.attributes, &R::Args::rules(), &self.0.without_id(state.clone())))
    }

    fn read(
        &self,
        mut request: ReadRequest,
        clients: Option<Arc<R::Clients>>,
        cancel: CancellationToken,
    ) -> Boxed<'_, Answer<Kept>> {
        let cx = Context::new(clients, cancel).with_private(&request.private);
        let before = request.state.clone();
        request.state = self.0.without_id(request.state);
        Box::pin(async move { read(&self.0, request, cx).await.map(|kept| self.kept(&before, kept)) })
    }

    fn plan(
        &self,
        mut request: PlanRequest,
        clients: Option<Arc<R::Clients>>,
        cancel: CancellationToken,
    ) -> Boxed<'_, Answer<Planned>> {
        let cx = Context::new(clients, cancel).with_private(&request.private);
        let before = request.prior.clone();
        for object in [&mut request.prior, &mut request.proposed, &mut request.config] {
            *object = self.0.without_id(std::mem::replace(object, Value::Null));
        }
        Box::pin(async move {
            plan(&self.0, request, cx).await.map(|planned| Planned {
                state: planned.state.map(|state| self.0.with_id_after(&before, state)),
                ..planned
            })
        })
    }

    fn apply(
        &self,
        mut request: ApplyRequest,
        clients: Option<Arc<R::Clients>>,
        cancel: CancellationToken,
    ) -> Boxed<'_, Answer<Kept>> {
        let cx = Context::new(clients, cancel).with_private(&request.private);
        let before = if request.planned.is_null() { request.prior.clone() } else { request.planned.clone() };
        for object in [&mut request.prior, &mut request.planned, &mut request.config] {
            *object = self.0.without_id(std::mem::replace(object, Value::Null));
        }
        Box::pin(async move { apply(&self.0, request, cx).await.map(|kept| self.kept(&before, kept)) })
    }
}
