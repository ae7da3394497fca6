//! From the calls of the protocol to the registered types that answer them.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tokio_util::sync::CancellationToken;

use super::{Provider, Registry};
use crate::context::Context;
use crate::diagnostic::Diagnostics;
use crate::model::{Model, Rule, as_configuration, check_config};
use crate::path::Path;
use crate::permission::{Declared, TypeKind};
use crate::schema::{ProviderSchema, Schema};
use crate::server::{
    Answer, ApplyRequest, Boxed, FunctionError, Host, ImportRequest, Imported, Kept, ListRequest, Listed, MoveRequest,
    Opened, PlanRequest, Planned, Private, ReadRequest, Server, Sink, unknown_type,
};
use crate::value::Value;

/// The rules over several attributes, and the import id's form, of a type: for documentation.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The rules.
    pub rules: Vec<Rule>,
    /// How an import id is written.
    pub import_id: &'static str,
    /// Why no object can be imported.
    pub not_importable: Option<&'static str>,
    /// Whether objects of the type can be listed.
    pub is_listed: bool,
    /// Why they cannot.
    pub unlisted: Option<&'static str>,
}

/// A provider behind the calls of the protocol.
pub struct ProviderServer<P: Provider> {
    registry: Registry<P::Clients>,
    schema: ProviderSchema,
    declared: Vec<Declared>,
    clients: RwLock<Option<Arc<P::Clients>>>,
    /// Whether something was applied since the provider was configured: every plan from then on is part of an apply.
    is_applying: AtomicBool,
    provider: PhantomData<fn() -> P>,
}

impl<P: Provider> Default for ProviderServer<P> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Provider> ProviderServer<P> {
    /// The provider, not configured yet.
    pub fn new() -> Self {
        let registry = P::registry();
        let schema = schema::<P>(&registry);
        let declared = declared::<P>(&registry);
        Self {
            registry,
            schema,
            declared,
            clients: RwLock::new(None),
            is_applying: AtomicBool::new(false),
            provider: PhantomData,
        }
    }

    /// What documentation needs of each managed type beyond its schema.
    pub fn resource_rules(&self) -> BTreeMap<&'static str, Rules> {
        let Registry { resources, lists, unlisted, .. } = &self.registry;
        let of_each = resources.iter().map(|(name, resource)| {
            let rules = Rules {
                rules: resource.rules(),
                import_id: resource.import_id(),
                not_importable: resource.not_importable(),
                is_listed: lists.contains_key(name),
                unlisted: unlisted.get(name).copied(),
            };
            (*name, rules)
        });
        of_each.collect()
    }

    /// Kind and name of every type with attributes that are an argument and a result of different types, with them.
    pub(crate) fn of_two_types(&self) -> Vec<(&'static str, &'static str, String)> {
        let resources = self.registry.resources.iter().map(|(name, it)| ("resource", *name, it.of_two_types()));
        let data_sources =
            self.registry.data_sources.iter().map(|(name, it)| ("data source", *name, it.of_two_types()));
        let ephemerals =
            self.registry.ephemerals.iter().map(|(name, it)| ("ephemeral resource", *name, it.of_two_types()));
        let all = resources.chain(data_sources).chain(ephemerals);
        all.flat_map(|(kind, name, attributes)| attributes.into_iter().map(move |it| (kind, name, it))).collect()
    }

    /// Kind and name of every type that was registered more than once.
    pub(crate) fn duplicates(&self) -> &[(&'static str, &'static str)] {
        &self.registry.duplicates
    }

    /// The clients for one call; `None` while the provider is not configured.
    fn clients(&self, cancel: &CancellationToken) -> Option<Arc<P::Clients>> {
        let clients = self.clients.read().unwrap_or_else(PoisonError::into_inner);
        clients.as_ref().map(|clients| P::bound(clients, cancel))
    }
}

fn schema<P: Provider>(registry: &Registry<P::Clients>) -> ProviderSchema {
    let named = |name: &&'static str| (*name).to_owned();
    ProviderSchema {
        provider: Schema {
            description: P::DESCRIPTION.to_owned(),
            attributes: as_configuration(P::Config::attributes()),
            ..Schema::default()
        },
        resources: registry.resources.iter().map(|(name, it)| (named(name), it.schema())).collect(),
        identities: registry.resources.iter().map(|(name, it)| (named(name), it.identity_schema())).collect(),
        data_sources: registry.data_sources.iter().map(|(name, it)| (named(name), it.schema())).collect(),
        ephemeral_resources: registry.ephemerals.iter().map(|(name, it)| (named(name), it.schema())).collect(),
        list_resources: registry.lists.iter().map(|(name, it)| (named(name), it.schema())).collect(),
        actions: registry.actions.iter().map(|(name, it)| (named(name), it.schema())).collect(),
        functions: registry.functions.iter().map(|(name, it)| (named(name), it.signature())).collect(),
    }
}

/// What every type declares, by kind and name.
fn declared<P: Provider>(registry: &Registry<P::Clients>) -> Vec<Declared> {
    let of = |kind| move |name: &&'static str, permissions| Declared { kind, name, permissions };
    let resources = registry.resources.iter().map(|(name, it)| of(TypeKind::Resource)(name, it.permissions()));
    let data_sources = registry.data_sources.iter().map(|(name, it)| of(TypeKind::DataSource)(name, it.permissions()));
    let ephemerals = registry.ephemerals.iter().map(|(name, it)| of(TypeKind::Ephemeral)(name, it.permissions()));
    let actions = registry.actions.iter().map(|(name, it)| of(TypeKind::Action)(name, it.permissions()));
    let lists = registry.lists.iter().map(|(name, it)| of(TypeKind::List)(name, it.permissions()));
    let provider = std::iter::once(of(TypeKind::Provider)(&P::NAME, P::PERMISSIONS));
    provider.chain(resources).chain(data_sources).chain(ephemerals).chain(actions).chain(lists).collect()
}

/// A future that is ready: for calls that are answered at once.
fn ready<'a, T: Send + 'a>(value: T) -> Boxed<'a, T> {
    Box::pin(std::future::ready(value))
}

fn missing<'a, T: Default + Send + 'a>(kind: &str, name: &str) -> Boxed<'a, Answer<T>> {
    ready(unknown_type(kind, name).into())
}

impl<P: Provider> Server for ProviderServer<P> {
    fn schema(&self) -> &ProviderSchema {
        &self.schema
    }

    fn declared(&self) -> &[Declared] {
        &self.declared
    }

    fn validate_provider(&self, config: Value) -> Boxed<'_, Diagnostics> {
        ready(check_config::<P::Config>(&config, P::validate))
    }

    fn configure(&self, config: Value, terraform_version: String, _host: Host) -> Boxed<'_, Diagnostics> {
        Box::pin(async move {
            let mut faults = Diagnostics::new();
            let config = P::Config::decode_planned(&config, &Path::root(), &mut faults);
            if faults.has_errors() {
                return faults;
            }
            // A process that is being debugged serves the next run too.
            self.is_applying.store(false, Ordering::Relaxed);
            let cx = Context::new(None, CancellationToken::new());
            match P::configure(config, &terraform_version, &cx).await {
                Ok(clients) => {
                    *self.clients.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(clients));
                    cx.take_warnings()
                }
                Err(mut errors) => {
                    errors.append(cx.take_warnings());
                    errors
                }
            }
        })
    }

    fn validate_resource(&self, type_name: String, config: Value, host: Host) -> Boxed<'_, Diagnostics> {
        let Some(resource) = self.registry.resources.get(type_name.as_str()) else {
            return ready(unknown_type("resource", &type_name).into());
        };
        ready(resource.validate(&config, host))
    }

    fn upgrade_state(
        &self,
        type_name: String,
        version: i64,
        state: serde_json::Value,
    ) -> Boxed<'_, Answer<Option<Value>>> {
        match self.registry.resources.get(type_name.as_str()) {
            Some(resource) => ready(resource.upgrade_state(version, state)),
            None => missing("resource", &type_name),
        }
    }

    fn upgrade_identity(
        &self,
        type_name: String,
        _version: i64,
        identity: serde_json::Value,
    ) -> Boxed<'_, Answer<Option<Value>>> {
        match self.registry.resources.get(type_name.as_str()) {
            Some(resource) => ready(resource.upgrade_identity(&identity)),
            None => missing("resource", &type_name),
        }
    }

    fn read(&self, request: ReadRequest, cancel: CancellationToken) -> Boxed<'_, Answer<Kept>> {
        match self.registry.resources.get(request.type_name.as_str()) {
            Some(resource) => resource.read(request, self.clients(&cancel), cancel),
            None => missing("resource", &request.type_name),
        }
    }

    fn plan(&self, mut request: PlanRequest, cancel: CancellationToken) -> Boxed<'_, Answer<Planned>> {
        request.is_final |= self.is_applying.load(Ordering::Relaxed);
        match self.registry.resources.get(request.type_name.as_str()) {
            Some(resource) => resource.plan(request, self.clients(&cancel), cancel),
            None => missing("resource", &request.type_name),
        }
    }

    fn apply(&self, request: ApplyRequest, cancel: CancellationToken) -> Boxed<'_, Answer<Kept>> {
        self.is_applying.store(true, Ordering::Relaxed);
        match self.registry.resources.get(request.type_name.as_str()) {
            Some(resource) => resource.apply(request, self.clients(&cancel), cancel),
            None => missing("resource", &request.type_name),
        }
    }

    fn import(&self, request: ImportRequest, _cancel: CancellationToken) -> Boxed<'_, Answer<Vec<Imported>>> {
        match self.registry.resources.get(request.type_name.as_str()) {
            Some(resource) => ready(resource.import(request)),
            None => missing("resource", &request.type_name),
        }
    }

    fn move_state(&self, request: MoveRequest) -> Boxed<'_, Answer<Kept>> {
        match self.registry.resources.get(request.target_type.as_str()) {
            Some(resource) => ready(resource.move_state(&request)),
            None => missing("resource", &request.target_type),
        }
    }

    fn generate_config(&self, type_name: String, state: Value) -> Boxed<'_, Answer<Option<Value>>> {
        match self.registry.resources.get(type_name.as_str()) {
            Some(resource) => ready(Answer::of(Some(resource.generate_config(&state)))),
            None => missing("resource", &type_name),
        }
    }

    fn validate_data_source(&self, type_name: String, config: Value) -> Boxed<'_, Diagnostics> {
        ready(match self.registry.data_sources.get(type_name.as_str()) {
            Some(data_source) => data_source.validate(&config),
            None => unknown_type("data source", &type_name).into(),
        })
    }

    fn read_data_source(
        &self,
        type_name: String,
        config: Value,
        _host: Host,
        cancel: CancellationToken,
    ) -> Boxed<'_, Answer<Option<Value>>> {
        match self.registry.data_sources.get(type_name.as_str()) {
            Some(data_source) => data_source.read(config, self.clients(&cancel), cancel),
            None => missing("data source", &type_name),
        }
    }

    fn call_function(&self, name: String, arguments: Vec<Value>) -> Boxed<'_, Result<Value, FunctionError>> {
        ready(match self.registry.functions.get(name.as_str()) {
            Some(function) => function.call(&arguments, &self.declared),
            None => Err(FunctionError::new(format!("This provider has no function `{name}`."))),
        })
    }

    fn validate_ephemeral(&self, type_name: String, config: Value) -> Boxed<'_, Diagnostics> {
        ready(match self.registry.ephemerals.get(type_name.as_str()) {
            Some(ephemeral) => ephemeral.validate(&config),
            None => unknown_type("ephemeral resource", &type_name).into(),
        })
    }

    fn open_ephemeral(
        &self,
        type_name: String,
        config: Value,
        _host: Host,
        cancel: CancellationToken,
    ) -> Boxed<'_, Answer<Opened>> {
        match self.registry.ephemerals.get(type_name.as_str()) {
            Some(ephemeral) => ephemeral.open(config, self.clients(&cancel), cancel),
            None => missing("ephemeral resource", &type_name),
        }
    }

    fn renew_ephemeral(
        &self,
        type_name: String,
        private: Private,
        cancel: CancellationToken,
    ) -> Boxed<'_, Answer<Opened>> {
        match self.registry.ephemerals.get(type_name.as_str()) {
            Some(ephemeral) => ephemeral.renew(private, self.clients(&cancel), cancel),
            None => missing("ephemeral resource", &type_name),
        }
    }

    fn close_ephemeral(
        &self,
        type_name: String,
        private: Private,
        cancel: CancellationToken,
    ) -> Boxed<'_, Diagnostics> {
        match self.registry.ephemerals.get(type_name.as_str()) {
            Some(ephemeral) => ephemeral.close(private, self.clients(&cancel), cancel),
            None => ready(unknown_type("ephemeral resource", &type_name).into()),
        }
    }

    fn validate_list(
        &self,
        type_name: String,
        config: Value,
        _include_resource: Value,
        _limit: Value,
    ) -> Boxed<'_, Diagnostics> {
        ready(match self.registry.lists.get(type_name.as_str()) {
            Some(list) => list.validate(&config),
            None => unknown_type("list resource", &type_name).into(),
        })
    }

    fn list(&self, request: ListRequest, sink: Sink<Listed>, cancel: CancellationToken) -> Boxed<'_, Diagnostics> {
        match self.registry.lists.get(request.type_name.as_str()) {
            Some(list) => list.list(request, self.clients(&cancel), sink, cancel),
            None => ready(unknown_type("list resource", &request.type_name).into()),
        }
    }

    fn validate_action(&self, type_name: String, config: Value) -> Boxed<'_, Diagnostics> {
        ready(match self.registry.actions.get(type_name.as_str()) {
            Some(action) => action.validate(&config),
            None => unknown_type("action", &type_name).into(),
        })
    }

    fn plan_action(
        &self,
        type_name: String,
        config: Value,
        _host: Host,
        _cancel: CancellationToken,
    ) -> Boxed<'_, Diagnostics> {
        self.validate_action(type_name, config)
    }

    fn invoke_action(
        &self,
        type_name: String,
        config: Value,
        sink: Sink<String>,
        cancel: CancellationToken,
    ) -> Boxed<'_, Diagnostics> {
        match self.registry.actions.get(type_name.as_str()) {
            Some(action) => action.invoke(config, self.clients(&cancel), sink, cancel),
            None => ready(unknown_type("action", &type_name).into()),
        }
    }
}
