//! A server that breaks the contract in one place, around one that keeps it.

use framework::diagnostic::Diagnostics;
use framework::schema::ProviderSchema;
use framework::server::{
    Answer, ApplyRequest, Boxed, FunctionError, Host, ImportRequest, Imported, Kept, ListRequest, Listed, MoveRequest,
    Opened, PlanRequest, Planned, Private, ReadRequest, Server, Sink,
};
use framework::value::Value;
use serde_json::Value as Json;
use tokio_util::sync::CancellationToken;

/// What is done to the answers.
#[derive(Clone, Copy)]
pub enum Breach {
    /// To every validation.
    Validation(fn(&Value, &mut Diagnostics)),
    /// To every plan; the first value is the prior state.
    Plan(fn(&Value, &mut Planned)),
    /// To every applied state that is no deletion.
    Apply(fn(&mut Kept)),
    /// To every refreshed state.
    Read(fn(&mut Kept)),
    /// To everything imported.
    Import(fn(&mut Vec<Imported>)),
    /// To every state read from storage.
    Upgrade(fn(&mut Option<Value>)),
    /// To every moved state.
    Move(fn(&mut Answer<Kept>)),
    /// To every generated configuration.
    Generate(fn(&mut Option<Value>)),
    /// To every result of a function.
    Function(fn(&mut Result<Value, FunctionError>)),
    /// To every value of a data source.
    Data(fn(&mut Answer<Option<Value>>)),
}

/// The server.
pub struct Spoiled<S>(pub S, pub Breach);

impl<S: Server> Server for Spoiled<S> {
    fn schema(&self) -> &ProviderSchema {
        self.0.schema()
    }

    fn validate_provider(&self, config: Value) -> Boxed<'_, Diagnostics> {
        self.0.validate_provider(config)
    }

    fn configure(&self, config: Value, version: String, host: Host) -> Boxed<'_, Diagnostics> {
        self.0.configure(config, version, host)
    }

    fn validate_resource(&self, name: String, config: Value, host: Host) -> Boxed<'_, Diagnostics> {
        Box::pin(async move {
            let mut answer = self.0.validate_resource(name, config.clone(), host).await;
            if let Breach::Validation(spoil) = self.1 {
                spoil(&config, &mut answer);
            }
            answer
        })
    }

    fn upgrade_state(&self, name: String, version: i64, state: Json) -> Boxed<'_, Answer<Option<Value>>> {
        Box::pin(async move {
            let mut answer = self.0.upgrade_state(name, version, state).await;
            if let Breach::Upgrade(spoil) = self.1 {
                spoil(&mut answer.value);
            }
            answer
        })
    }

    fn upgrade_identity(&self, name: String, version: i64, identity: Json) -> Boxed<'_, Answer<Option<Value>>> {
        self.0.upgrade_identity(name, version, identity)
    }

    fn read(&self, request: ReadRequest, cancel: CancellationToken) -> Boxed<'_, Answer<Kept>> {
        Box::pin(async move {
            let mut answer = self.0.read(request, cancel).await;
            if let Breach::Read(spoil) = self.1 {
                spoil(&mut answer.value);
            }
            answer
        })
    }

    fn plan(&self, request: PlanRequest, cancel: CancellationToken) -> Boxed<'_, Answer<Planned>> {
        Box::pin(async move {
            let prior = request.prior.clone();
            let mut answer = self.0.plan(request, cancel).await;
            if let Breach::Plan(spoil) = self.1
                && !answer.diagnostics.has_errors()
            {
                spoil(&prior, &mut answer.value);
            }
            answer
        })
    }

    fn apply(&self, request: ApplyRequest, cancel: CancellationToken) -> Boxed<'_, Answer<Kept>> {
        Box::pin(async move {
            let deletion = request.planned.is_null();
            let mut answer = self.0.apply(request, cancel).await;
            if let Breach::Apply(spoil) = self.1
                && !deletion
            {
                spoil(&mut answer.value);
            }
            answer
        })
    }

    fn import(&self, request: ImportRequest, cancel: CancellationToken) -> Boxed<'_, Answer<Vec<Imported>>> {
        Box::pin(async move {
            let mut answer = self.0.import(request, cancel).await;
            if let Breach::Import(spoil) = self.1 {
                spoil(&mut answer.value);
            }
            answer
        })
    }

    fn move_state(&self, request: MoveRequest) -> Boxed<'_, Answer<Kept>> {
        Box::pin(async move {
            let mut answer = self.0.move_state(request).await;
            if let Breach::Move(spoil) = self.1 {
                spoil(&mut answer);
            }
            answer
        })
    }

    fn generate_config(&self, name: String, state: Value) -> Boxed<'_, Answer<Option<Value>>> {
        Box::pin(async move {
            let mut answer = self.0.generate_config(name, state).await;
            if let Breach::Generate(spoil) = self.1 {
                spoil(&mut answer.value);
            }
            answer
        })
    }

    fn validate_data_source(&self, name: String, config: Value) -> Boxed<'_, Diagnostics> {
        self.0.validate_data_source(name, config)
    }

    fn read_data_source(
        &self,
        name: String,
        config: Value,
        host: Host,
        cancel: CancellationToken,
    ) -> Boxed<'_, Answer<Option<Value>>> {
        Box::pin(async move {
            let mut answer = self.0.read_data_source(name, config, host, cancel).await;
            if let Breach::Data(spoil) = self.1 {
                spoil(&mut answer);
            }
            answer
        })
    }

    fn call_function(&self, name: String, arguments: Vec<Value>) -> Boxed<'_, Result<Value, FunctionError>> {
        Box::pin(async move {
            let mut answer = self.0.call_function(name, arguments).await;
            if let Breach::Function(spoil) = self.1 {
                spoil(&mut answer);
            }
            answer
        })
    }

    fn validate_ephemeral(&self, name: String, config: Value) -> Boxed<'_, Diagnostics> {
        self.0.validate_ephemeral(name, config)
    }

    fn open_ephemeral(
        &self,
        name: String,
        config: Value,
        host: Host,
        cancel: CancellationToken,
    ) -> Boxed<'_, Answer<Opened>> {
        self.0.open_ephemeral(name, config, host, cancel)
    }

    fn renew_ephemeral(&self, name: String, private: Private, cancel: CancellationToken) -> Boxed<'_, Answer<Opened>> {
        self.0.renew_ephemeral(name, private, cancel)
    }

    fn close_ephemeral(&self, name: String, private: Private, cancel: CancellationToken) -> Boxed<'_, Diagnostics> {
        self.0.close_ephemeral(name, private, cancel)
    }

    fn validate_list(&self, name: String, config: Value, include: Value, limit: Value) -> Boxed<'_, Diagnostics> {
        self.0.validate_list(name, config, include, limit)
    }

    fn list(&self, request: ListRequest, sink: Sink<Listed>, cancel: CancellationToken) -> Boxed<'_, Diagnostics> {
        self.0.list(request, sink, cancel)
    }

    fn validate_action(&self, name: String, config: Value) -> Boxed<'_, Diagnostics> {
        self.0.validate_action(name, config)
    }

    fn plan_action(
        &self,
        name: String,
        config: Value,
        host: Host,
        cancel: CancellationToken,
    ) -> Boxed<'_, Diagnostics> {
        self.0.plan_action(name, config, host, cancel)
    }

    fn invoke_action(
        &self,
        name: String,
        config: Value,
        sink: Sink<String>,
        cancel: CancellationToken,
    ) -> Boxed<'_, Diagnostics> {
        self.0.invoke_action(name, config, sink, cancel)
    }
}
