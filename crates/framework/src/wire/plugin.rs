//! The services that every plugin has in addition to its own: control, output, further connections.

use std::pin::Pin;

use futures::StreamExt;
use futures::stream::{Stream, pending};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::proto::plugin::grpc_broker_server::GrpcBroker;
use super::proto::plugin::grpc_controller_server::GrpcController;
use super::proto::plugin::grpc_stdio_server::GrpcStdio;
use super::proto::plugin::{ConnInfo, Empty, StdioData};

/// Ends the process when the host asks for it.
#[derive(Clone, Debug)]
pub struct Plugin {
    /// Fires when the process is to end.
    pub end: CancellationToken,
    /// Whether the host may end it: not while debugging, where the process serves one Terraform run after another.
    pub host_may_end: bool,
}

type Open<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

impl Plugin {
    /// A stream that says nothing and lasts as long as the process. The host takes its end for the process's end.
    fn open<T: Send + 'static>(&self) -> Response<Open<T>> {
        Response::new(Box::pin(pending().take_until(self.end.clone().cancelled_owned())))
    }
}

#[tonic::async_trait]
impl GrpcController for Plugin {
    async fn shutdown(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        if self.host_may_end {
            self.end.cancel();
        }
        Ok(Response::new(Empty {}))
    }
}

#[tonic::async_trait]
impl GrpcStdio for Plugin {
    type StreamStdioStream = Open<StdioData>;

    /// Nothing but the handshake and the log is ever written, and the host reads both directly.
    async fn stream_stdio(&self, _: Request<()>) -> Result<Response<Self::StreamStdioStream>, Status> {
        Ok(self.open())
    }
}

#[tonic::async_trait]
impl GrpcBroker for Plugin {
    type StartStreamStream = Open<ConnInfo>;

    /// No further connections are asked for or offered.
    async fn start_stream(&self, _: Request<Streaming<ConnInfo>>) -> Result<Response<Self::StartStreamStream>, Status> {
        Ok(self.open())
    }
}
