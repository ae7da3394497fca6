//! From a call's path to the service that it is for.
//!
//! tonic's own router brings a whole web framework along; five fixed names need none of it.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};

use tonic::Status;
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service as Answers};
use tonic::server::NamedService;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};

use super::plugin::Plugin;
use super::proto::plugin::grpc_broker_server::GrpcBrokerServer;
use super::proto::plugin::grpc_controller_server::GrpcControllerServer;
use super::proto::plugin::grpc_stdio_server::GrpcStdioServer;
use super::proto::tfplugin6::provider_server::ProviderServer;
use super::service::Service;
use super::transport::ConnectionId;

/// Which provider answers a call.
#[derive(Clone)]
pub enum Providers {
    /// This one, always.
    One(ProviderServer<Service>),
    /// Each connection has one of its own. While debugging, all of a run's providers are this process: an alias with
    /// another configuration is another connection.
    OfEach(Each),
}

/// A provider for every open connection.
#[derive(Clone)]
pub struct Each {
    make: Arc<dyn Fn() -> ProviderServer<Service> + Send + Sync>,
    made: Arc<Mutex<Vec<(Weak<()>, ProviderServer<Service>)>>>,
}

impl Providers {
    /// A provider for each connection, from `make`.
    pub fn of_each(make: impl Fn() -> ProviderServer<Service> + Send + Sync + 'static) -> Self {
        Self::OfEach(Each { make: Arc::new(make), made: Arc::default() })
    }

    fn of(&self, connection: Option<&ConnectionId>) -> ProviderServer<Service> {
        match self {
            Self::One(provider) => provider.clone(),
            Self::OfEach(each) => each.of(connection),
        }
    }
}

impl Each {
    fn of(&self, connection: Option<&ConnectionId>) -> ProviderServer<Service> {
        // Every request has the mark of its connection; one without it is on its own.
        let Some(ConnectionId(own)) = connection else { return (self.make)() };
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.retain(|(other, _)| other.strong_count() > 0);
        if let Some((_, provider)) = made.iter().find(|(other, _)| other.as_ptr() == Arc::as_ptr(own)) {
            return provider.clone();
        }
        let provider = (self.make)();
        made.push((Arc::downgrade(own), provider.clone()));
        provider
    }
}

/// Everything that the host may call.
#[derive(Clone)]
pub struct Routes {
    providers: Providers,
    controller: GrpcControllerServer<Plugin>,
    stdio: GrpcStdioServer<Plugin>,
    broker: GrpcBrokerServer<Plugin>,
    health: HealthServer<HealthService>,
}

impl Routes {
    /// The provider, the services of every plugin, and health, which go-plugin asks for by the name `plugin`.
    pub async fn new(providers: Providers, plugin: Plugin) -> Self {
        let reporter = HealthReporter::new();
        reporter.set_service_status("plugin", tonic_health::ServingStatus::Serving).await;
        Self {
            providers,
            controller: GrpcControllerServer::new(plugin.clone()),
            stdio: GrpcStdioServer::new(plugin.clone()),
            broker: GrpcBrokerServer::new(plugin),
            health: HealthServer::new(HealthService::from_health_reporter(reporter)),
        }
    }
}

impl Answers<http::Request<Body>> for Routes {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // All of them always are.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let name = request.uri().path().trim_start_matches('/').split('/').next().unwrap_or_default();
        match name {
            <ProviderServer<Service>>::NAME => {
                self.providers.of(request.extensions().get::<ConnectionId>()).call(request)
            }
            <GrpcControllerServer<Plugin>>::NAME => self.controller.call(request),
            <GrpcStdioServer<Plugin>>::NAME => self.stdio.call(request),
            <GrpcBrokerServer<Plugin>>::NAME => self.broker.call(request),
            <HealthServer<HealthService>>::NAME => self.health.call(request),
            _ => Box::pin(std::future::ready(Ok(Status::unimplemented("there is no such service").into_http()))),
        }
    }
}
