//! The provider's gRPC service: every call converted, run by the neutral [`Server`], and converted back.
//!
//! Whatever goes wrong is a diagnostic in the answer. A gRPC error would show the person only a status, so there is
//! one kind alone: state stores do not exist here, and their calls are unimplemented.

mod answer;
mod guard;
mod resource;
mod rest;
mod stream;
mod types;

use std::pin::Pin;
use std::sync::Arc;

use futures::stream::Stream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use self::answer::Fails;
use self::guard::{Call, Stop};
use self::types::Types;
use super::convert;
use super::proto::tfplugin6 as wire;
use super::proto::tfplugin6::provider_server::{Provider, ProviderServer};
use crate::diagnostic::Diagnostics;
use crate::server::Server;

/// As much as the host takes and sends.
const LARGEST_MESSAGE: usize = 256 << 20;

/// The service of one provider.
#[derive(Clone)]
pub struct Service {
    inner: Arc<Inner>,
    stop: Arc<Stop>,
}

/// What a call needs.
struct Inner {
    server: Arc<dyn Server>,
    types: Types,
}

type Shared = Arc<Inner>;
type Reply<T> = Result<Response<T>, Status>;
type Events<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

impl Service {
    /// Serves `server`.
    pub fn new(server: Arc<dyn Server>) -> Self {
        Self::within(server, CancellationToken::new())
    }

    /// The same; `end` asks all calls to stop, now and later.
    pub fn within(server: Arc<dyn Server>, end: CancellationToken) -> Self {
        let types = Types::of(server.schema());
        Self { inner: Arc::new(Inner { server, types }), stop: Arc::new(Stop::within(end)) }
    }

    /// The service with the limits of the protocol: 256 MiB a message, both ways.
    pub fn into_server(self) -> ProviderServer<Self> {
        ProviderServer::new(self).max_decoding_message_size(LARGEST_MESSAGE).max_encoding_message_size(LARGEST_MESSAGE)
    }

    /// Asks all calls under way to stop.
    pub fn stop_calls(&self) {
        self.stop.now();
    }

    fn call(&self, rpc: &'static str, subject: &str) -> Call {
        Call { rpc, subject: subject.to_owned(), cancel: self.stop.token() }
    }

    /// Runs a call that has one answer.
    async fn run<Q, A, W>(
        &self,
        rpc: &'static str,
        subject: fn(&Q) -> &str,
        request: Request<Q>,
        work: impl FnOnce(Shared, Q, CancellationToken) -> W,
    ) -> Reply<A>
    where
        A: Fails + Send + 'static,
        W: Future<Output = Result<A, Diagnostics>> + Send + 'static,
    {
        let request = request.into_inner();
        let call = self.call(rpc, subject(&request));
        let work = work(Arc::clone(&self.inner), request, call.cancel.clone());
        let answer = call.start(work).finished().await.flatten();
        Ok(Response::new(answer.unwrap_or_else(|diagnostics| A::failed(convert::diagnostics(&diagnostics)))))
    }
}

fn no_state_stores<T>() -> Result<T, Status> {
    Err(Status::unimplemented("this provider has no state stores"))
}

/// For calls that are about the provider itself.
fn provider<Q>(_: &Q) -> &'static str {
    ""
}

#[tonic::async_trait]
impl Provider for Service {
    async fn get_metadata(&self, _: Request<wire::get_metadata::Request>) -> Reply<wire::get_metadata::Response> {
        Ok(Response::new(convert::metadata(self.inner.server.schema())))
    }

    async fn get_provider_schema(
        &self,
        _: Request<wire::get_provider_schema::Request>,
    ) -> Reply<wire::get_provider_schema::Response> {
        Ok(Response::new(convert::provider_schema(self.inner.server.schema())))
    }

    async fn get_resource_identity_schemas(
        &self,
        _: Request<wire::get_resource_identity_schemas::Request>,
    ) -> Reply<wire::get_resource_identity_schemas::Response> {
        Ok(Response::new(wire::get_resource_identity_schemas::Response {
            identity_schemas: convert::identities(self.inner.server.schema()),
            diagnostics: Vec::new(),
        }))
    }

    async fn get_functions(&self, _: Request<wire::get_functions::Request>) -> Reply<wire::get_functions::Response> {
        Ok(Response::new(wire::get_functions::Response {
            functions: convert::functions(self.inner.server.schema()),
            diagnostics: Vec::new(),
        }))
    }

    async fn validate_provider_config(
        &self,
        request: Request<wire::validate_provider_config::Request>,
    ) -> Reply<wire::validate_provider_config::Response> {
        self.run("ValidateProviderConfig", |request| provider(request), request, rest::validate_provider).await
    }

    async fn configure_provider(
        &self,
        request: Request<wire::configure_provider::Request>,
    ) -> Reply<wire::configure_provider::Response> {
        self.run("ConfigureProvider", |request| provider(request), request, rest::configure).await
    }

    async fn stop_provider(&self, _: Request<wire::stop_provider::Request>) -> Reply<wire::stop_provider::Response> {
        tracing::debug!("The host asks to stop");
        self.stop_calls();
        Ok(Response::new(wire::stop_provider::Response::default()))
    }

    async fn validate_resource_config(
        &self,
        request: Request<wire::validate_resource_config::Request>,
    ) -> Reply<wire::validate_resource_config::Response> {
        self.run("ValidateResourceConfig", |request| &request.type_name, request, resource::validate).await
    }

    async fn upgrade_resource_state(
        &self,
        request: Request<wire::upgrade_resource_state::Request>,
    ) -> Reply<wire::upgrade_resource_state::Response> {
        self.run("UpgradeResourceState", |request| &request.type_name, request, resource::upgrade_state).await
    }

    async fn upgrade_resource_identity(
        &self,
        request: Request<wire::upgrade_resource_identity::Request>,
    ) -> Reply<wire::upgrade_resource_identity::Response> {
        self.run("UpgradeResourceIdentity", |request| &request.type_name, request, resource::upgrade_identity).await
    }

    async fn read_resource(
        &self,
        request: Request<wire::read_resource::Request>,
    ) -> Reply<wire::read_resource::Response> {
        self.run("ReadResource", |request| &request.type_name, request, resource::read).await
    }

    async fn plan_resource_change(
        &self,
        request: Request<wire::plan_resource_change::Request>,
    ) -> Reply<wire::plan_resource_change::Response> {
        self.run("PlanResourceChange", |request| &request.type_name, request, resource::plan).await
    }

    async fn apply_resource_change(
        &self,
        request: Request<wire::apply_resource_change::Request>,
    ) -> Reply<wire::apply_resource_change::Response> {
        self.run("ApplyResourceChange", |request| &request.type_name, request, resource::apply).await
    }

    async fn import_resource_state(
        &self,
        request: Request<wire::import_resource_state::Request>,
    ) -> Reply<wire::import_resource_state::Response> {
        self.run("ImportResourceState", |request| &request.type_name, request, resource::import).await
    }

    async fn move_resource_state(
        &self,
        request: Request<wire::move_resource_state::Request>,
    ) -> Reply<wire::move_resource_state::Response> {
        self.run("MoveResourceState", |request| &request.target_type_name, request, resource::move_state).await
    }

    async fn generate_resource_config(
        &self,
        request: Request<wire::generate_resource_config::Request>,
    ) -> Reply<wire::generate_resource_config::Response> {
        self.run("GenerateResourceConfig", |request| &request.type_name, request, resource::generate_config).await
    }

    async fn validate_data_resource_config(
        &self,
        request: Request<wire::validate_data_resource_config::Request>,
    ) -> Reply<wire::validate_data_resource_config::Response> {
        self.run("ValidateDataResourceConfig", |request| &request.type_name, request, rest::validate_data_source).await
    }

    async fn read_data_source(
        &self,
        request: Request<wire::read_data_source::Request>,
    ) -> Reply<wire::read_data_source::Response> {
        self.run("ReadDataSource", |request| &request.type_name, request, rest::read_data_source).await
    }

    async fn call_function(
        &self,
        request: Request<wire::call_function::Request>,
    ) -> Reply<wire::call_function::Response> {
        self.run("CallFunction", |request| &request.name, request, rest::call_function).await
    }

    async fn validate_ephemeral_resource_config(
        &self,
        request: Request<wire::validate_ephemeral_resource_config::Request>,
    ) -> Reply<wire::validate_ephemeral_resource_config::Response> {
        self.run("ValidateEphemeralResourceConfig", |request| &request.type_name, request, rest::validate_ephemeral)
            .await
    }

    async fn open_ephemeral_resource(
        &self,
        request: Request<wire::open_ephemeral_resource::Request>,
    ) -> Reply<wire::open_ephemeral_resource::Response> {
        self.run("OpenEphemeralResource", |request| &request.type_name, request, rest::open_ephemeral).await
    }

    async fn renew_ephemeral_resource(
        &self,
        request: Request<wire::renew_ephemeral_resource::Request>,
    ) -> Reply<wire::renew_ephemeral_resource::Response> {
        self.run("RenewEphemeralResource", |request| &request.type_name, request, rest::renew_ephemeral).await
    }

    async fn close_ephemeral_resource(
        &self,
        request: Request<wire::close_ephemeral_resource::Request>,
    ) -> Reply<wire::close_ephemeral_resource::Response> {
        self.run("CloseEphemeralResource", |request| &request.type_name, request, rest::close_ephemeral).await
    }

    async fn validate_list_resource_config(
        &self,
        request: Request<wire::validate_list_resource_config::Request>,
    ) -> Reply<wire::validate_list_resource_config::Response> {
        self.run("ValidateListResourceConfig", |request| &request.type_name, request, rest::validate_list).await
    }

    type ListResourceStream = Events<wire::list_resource::Event>;

    async fn list_resource(&self, request: Request<wire::list_resource::Request>) -> Reply<Self::ListResourceStream> {
        let request = request.into_inner();
        let call = self.call("ListResource", &request.type_name);
        Ok(Response::new(stream::list(&self.inner, call, request)))
    }

    async fn validate_action_config(
        &self,
        request: Request<wire::validate_action_config::Request>,
    ) -> Reply<wire::validate_action_config::Response> {
        self.run("ValidateActionConfig", |request| &request.type_name, request, rest::validate_action).await
    }

    async fn plan_action(&self, request: Request<wire::plan_action::Request>) -> Reply<wire::plan_action::Response> {
        self.run("PlanAction", |request| &request.action_type, request, rest::plan_action).await
    }

    type InvokeActionStream = Events<wire::invoke_action::Event>;

    async fn invoke_action(&self, request: Request<wire::invoke_action::Request>) -> Reply<Self::InvokeActionStream> {
        let request = request.into_inner();
        let call = self.call("InvokeAction", &request.action_type);
        Ok(Response::new(stream::invoke(&self.inner, call, request)))
    }

    async fn validate_state_store_config(
        &self,
        _: Request<wire::validate_state_store::Request>,
    ) -> Reply<wire::validate_state_store::Response> {
        no_state_stores()
    }

    async fn configure_state_store(
        &self,
        _: Request<wire::configure_state_store::Request>,
    ) -> Reply<wire::configure_state_store::Response> {
        no_state_stores()
    }

    async fn get_states(&self, _: Request<wire::get_states::Request>) -> Reply<wire::get_states::Response> {
        no_state_stores()
    }

    type ReadStateBytesStream = Events<wire::read_state_bytes::Response>;

    async fn read_state_bytes(&self, _: Request<wire::read_state_bytes::Request>) -> Reply<Self::ReadStateBytesStream> {
        no_state_stores()
    }

    async fn write_state_bytes(
        &self,
        _: Request<Streaming<wire::write_state_bytes::RequestChunk>>,
    ) -> Reply<wire::write_state_bytes::Response> {
        no_state_stores()
    }

    async fn lock_state(&self, _: Request<wire::lock_state::Request>) -> Reply<wire::lock_state::Response> {
        no_state_stores()
    }

    async fn unlock_state(&self, _: Request<wire::unlock_state::Request>) -> Reply<wire::unlock_state::Response> {
        no_state_stores()
    }

    async fn delete_state(&self, _: Request<wire::delete_state::Request>) -> Reply<wire::delete_state::Response> {
        no_state_stores()
    }
}
