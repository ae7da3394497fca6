//! The loopback port: reads a complete request, has it handled, and writes or withholds the response.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

use crate::{
    aws::{self, Delivery, sigv4::Wire},
    control,
    edge::{self, Edge},
    hosts::{self, Hosts},
    moment::Moment,
    plane::{self, Planes},
    store::Shared,
};

/// Maximum size of a request body; AWS's own limits are far below.
const LARGEST_BODY: usize = 8 << 20;

/// The connection is to be cut without a response.
#[derive(Debug, thiserror::Error)]
#[error("the connection is cut on purpose")]
struct Cut;

/// Accepts connections until the process ends.
pub async fn serve(
    listener: TcpListener,
    shared: Arc<Shared>,
    planes: Arc<Planes>,
    edge: Arc<Edge>,
    hosts: Arc<Hosts>,
) {
    let services = Arc::new(Services { shared, planes, edge, hosts });
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(connection(stream, Arc::clone(&services)));
            }
            // Out of file descriptors: other connections will end soon.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// The request handlers.
struct Services {
    shared: Arc<Shared>,
    planes: Arc<Planes>,
    edge: Arc<Edge>,
    hosts: Arc<Hosts>,
}

async fn connection(stream: TcpStream, services: Arc<Services>) {
    // Without this option it is only slower.
    let _ = stream.set_nodelay(true);
    // A second handle, to request a reset while the HTTP server owns the first.
    let Ok((stream, handle)) = twice(stream) else {
        return;
    };
    let handle = Arc::new(handle);
    let service = service_fn(move |request| answer(request, Arc::clone(&handle), Arc::clone(&services)));
    // Errors here mean that the client disconnected, or that we cut the connection.
    let _ = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await;
}

fn twice(stream: TcpStream) -> std::io::Result<(TcpStream, std::net::TcpStream)> {
    let stream = stream.into_std()?;
    let handle = stream.try_clone()?;
    Ok((TcpStream::from_std(stream)?, handle))
}

async fn answer(
    request: Request<Incoming>,
    handle: Arc<std::net::TcpStream>,
    services: Arc<Services>,
) -> Result<Response<Full<Bytes>>, Cut> {
    let Services { shared, planes, edge, hosts } = &*services;
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, LARGEST_BODY).collect().await else {
        return Ok(plain(413, "request body too large or incomplete"));
    };
    let body = body.to_bytes();
    let path = head.uri.path().to_owned();
    let query = head.uri.query().unwrap_or_default().to_owned();
    if let Some(path) = path.strip_prefix("/_sandbox") {
        let method = head.method.as_str();
        let mut answered = plane::answer(planes, shared, method, path, &query, &body).await;
        if answered.is_none() {
            answered = edge::answer(edge, shared, method, path, &query, &body).await;
        }
        if answered.is_none() {
            answered = hosts::answer(hosts, planes, shared, method, path, &body).await;
        }
        let (status, value) = match answered {
            Some(answer) => answer,
            None => shared.change(|world| control::handle(world, method, path, &query, &body)),
        };
        return Ok(response(status, &[("content-type", "application/json".to_owned())], value.to_string()));
    }
    let host = head.headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or_default();
    if let Some((status, content)) = hosts::artifact(host, &path) {
        let kind = "application/octet-stream".to_owned();
        return Ok(response(status, &[("content-type", kind)], content));
    }
    let authorization = head.headers.get("authorization").and_then(|value| value.to_str().ok());
    let pulled = shared.look(|world| hosts.pull(world, host, head.method.as_str(), &path, authorization));
    if let Some(pulled) = pulled {
        return Ok(response(pulled.status, &pulled.headers, pulled.body));
    }
    let headers: Vec<(String, String)> = head
        .headers
        .iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        })
        .collect();
    let (delivery, ordered, sent) = shared.change(|world| {
        let wire = Wire { method: head.method.as_str(), path: &path, query: &query, headers: &headers, body: &body };
        (aws::handle(world, &wire), std::mem::take(&mut world.ordered), std::mem::take(&mut world.sent))
    });
    planes.start_ordered(shared, ordered);
    hosts::deliver(hosts, shared, sent);
    let rendered = match delivery {
        Delivery::Send(rendered) => rendered,
        Delivery::Slow(rendered, milliseconds) => {
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
            rendered
        }
        Delivery::Reset => {
            // With a linger time of zero, closing sends a reset instead of a regular end.
            let _ = socket2::SockRef::from(&*handle).set_linger(Some(Duration::ZERO));
            return Err(Cut);
        }
    };
    Ok(response(rendered.status, &rendered.headers, rendered.body))
}

fn plain(status: u16, text: &str) -> Response<Full<Bytes>> {
    response(status, &[("content-type", "text/plain".to_owned())], text.to_owned())
}

fn response(status: u16, headers: &[(&'static str, String)], body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut builder = Response::builder().status(status).header("date", Moment::now().http());
    for (name, value) in headers {
        builder = builder.header(*name, value);
    }
    // Every name and value above is built here from plain ASCII.
    builder.body(Full::new(body.into())).unwrap_or_else(|error| unreachable!("own headers are valid: {error}"))
}
