use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::aws::ssm::{ActivationSpec, ParameterSpec, Tags};
use crate::aws::stub::{Reply, Stub};

/// Everything logged at any level, including spans.
#[derive(Clone, Default)]
struct Logged(Arc<Mutex<String>>);

impl Visit for Logged {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let mut text = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(text, "{field}={value:?}").expect("a string takes it");
    }
}

impl Subscriber for Logged {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut self.clone());
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut self.clone());
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn logs_name_the_calls_and_hold_no_secret() {
    let logged = Logged::default();
    let guard = tracing::subscriber::set_default(logged.clone());
    let throttled = std::sync::atomic::AtomicBool::new(true);
    let stub = Stub::new(move |asked| match asked.operation.as_str() {
        "CreateActivation" if throttled.swap(false, std::sync::atomic::Ordering::SeqCst) => {
            Reply::refused("ThrottlingException", "Rate exceeded")
        }
        "CreateActivation" => Reply::json(&json!({ "ActivationId": "a-1", "ActivationCode": "hunter2-code-hunter2" })),
        "GetParameter" => Reply::json(&json!({ "Parameter": { "Name": "/p", "Value": "hunter2-stored" } })),
        _ => Reply::refused("ValidationException", "no"),
    });
    let ssm = stub.clients().ssm(None);
    let spec = ActivationSpec { iam_role: "hybrid".to_owned(), ..ActivationSpec::default() };
    ssm.create_activation(&spec, |_| {}).await.expect("created");
    ssm.parameter("/p").await.expect("read");
    let parameter = ParameterSpec {
        name: "/p".to_owned(),
        value: "hunter2-given".into(),
        description: None,
        key_id: None,
        overwrite: false,
        tags: Tags::new(),
    };
    let refused = ssm.put_parameter(&parameter).await.expect_err("refused");
    drop(guard);
    let text = logged.0.lock().unwrap_or_else(PoisonError::into_inner);
    for expected in ["operation=ssm:CreateActivation", "attempts=2", "attempt=1", "status=400", "ssm:PutParameter"] {
        assert!(text.contains(expected), "{expected} is missing in {text}");
    }
    assert!(!text.contains("hunter2"), "{text}");
    assert!(!format!("{refused:?}").contains("hunter2"));
}
