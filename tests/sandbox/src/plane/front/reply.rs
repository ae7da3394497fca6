//! Responses of the front: those of the API server, forwarded or cut off, and its own.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::{
    Response,
    body::{Frame, Incoming},
};
use serde_json::json;

pub type Body = UnsyncBoxBody<Bytes, hyper::Error>;

/// Time for written data to be sent before the connection ends.
const FLUSH: Duration = Duration::from_millis(50);

pub fn passed_on(body: Incoming) -> Body {
    body.boxed_unsync()
}

fn whole(text: String) -> Body {
    Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed_unsync()
}

/// As rejected by API Priority and Fairness.
pub fn throttled(retry_after_seconds: u64) -> Response<Body> {
    let mut answer = Response::new(whole("Too many requests, please try again later.\n".to_owned()));
    *answer.status_mut() = hyper::StatusCode::TOO_MANY_REQUESTS;
    let headers = answer.headers_mut();
    headers.insert("content-type", hyper::header::HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert("retry-after", retry_after_seconds.into());
    answer
}

/// A Kubernetes Status error.
pub fn status(code: u16, reason: &str, message: &str) -> Response<Body> {
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code,
    });
    let mut answer = Response::new(whole(body.to_string()));
    *answer.status_mut() = hyper::StatusCode::from_u16(code).unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    answer.headers_mut().insert("content-type", hyper::header::HeaderValue::from_static("application/json"));
    answer
}

/// A body that does not end after these bytes; `end` is called once they are being sent.
pub fn cut(bytes: Bytes, end: impl FnOnce() + Send + 'static) -> Body {
    Cut { bytes: Some(bytes), end: Some(Box::new(end)) }.boxed_unsync()
}

struct Cut {
    bytes: Option<Bytes>,
    end: Option<Box<dyn FnOnce() + Send>>,
}

impl hyper::body::Body for Cut {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if let Some(bytes) = self.bytes.take().filter(|bytes| !bytes.is_empty()) {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        if let Some(end) = self.end.take() {
            tokio::spawn(async move {
                tokio::time::sleep(FLUSH).await;
                end();
            });
        }
        // The connection ends, and this body with it.
        Poll::Pending
    }
}
