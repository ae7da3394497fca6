//! From a call's path to the service that it is for.
//!
//! tonic's own router brings a whole web framework along; five fixed names need none of it.

use std::convert::Infallible;
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

/// Everything that the host may call.
#[derive(Clone)]
pub struct Routes {
    provider: ProviderServer<Service>,
    controller: GrpcControllerServer<Plugin>,
    stdio: GrpcStdioServer<Plugin>,
    broker: GrpcBrokerServer<Plugin>,
    health: HealthServer<HealthService>,
}

impl Routes {
    /// Beside the provider itself the plugin's services, and health, which go-plugin asks for by the name `plugin`.
    pub async fn new(service: Service, plugin: Plugin) -> Self {
        let reporter = HealthReporter::new();
        reporter.set_service_status("plugin", tonic_health::ServingStatus::Serving).await;
        Self {
            provider: service.into_server(),
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
            <ProviderServer<Service>>::NAME => self.provider.call(request),
            <GrpcControllerServer<Plugin>>::NAME => self.controller.call(request),
            <GrpcStdioServer<Plugin>>::NAME => self.stdio.call(request),
            <GrpcBrokerServer<Plugin>>::NAME => self.broker.call(request),
            <HealthServer<HealthService>>::NAME => self.health.call(request),
            _ => Box::pin(std::future::ready(Ok(Status::unimplemented("there is no such service").into_http()))),
        }
    }
}
