//! List resources: the existing objects of a managed type, for `terraform query` and bulk import.

use tokio::sync::mpsc;

use crate::context::Context;
use crate::diagnostic::{Diagnostics, Result};
use crate::model::Model;
use crate::permission::Permissions;
use crate::resource::{Form, Resource, State, results_over};
use crate::value::Value;

/// Lists the objects of a managed resource type; it has that type's name.
pub trait List: Sized + Send + Sync + 'static {
    /// The managed type.
    type Resource: Resource;
    /// What narrows the list down.
    type Args: Model;

    /// The whole description, in Markdown.
    const DESCRIPTION: &'static str;
    /// What the type must be allowed to do in other systems.
    const PERMISSIONS: Permissions = &[];

    /// Finds objects and hands each to `found`; ends early when that says that no more are wanted.
    fn list(
        args: &Self::Args,
        found: &mut Found<Self::Resource>,
        cx: &Context<<Self::Resource as Resource>::Clients>,
    ) -> impl Future<Output = Result<()>> + Send;
}

/// Where found objects go.
pub struct Found<R: Resource> {
    sink: mpsc::Sender<Listed>,
    left: i64,
    /// How a state is written; `None` when only identities are asked for.
    form: Option<Form<R>>,
}

impl<R: Resource> Found<R> {
    /// A place for at the most `limit` objects, with their whole states if they are asked for.
    pub(crate) fn new(sink: mpsc::Sender<Listed>, limit: i64, include_resource: bool) -> Self {
        // Terraform's own limit; none given means all.
        let left = if limit > 0 { limit } else { i64::MAX };
        Self { sink, left, form: include_resource.then(Form::new) }
    }

    /// Hands over one object. `false`: no more are wanted.
    pub async fn push(&mut self, identity: &R::Identity, display_name: impl Into<String>, state: &State<R>) -> bool {
        if self.left <= 0 {
            return false;
        }
        self.left -= 1;
        // A whole object has every attribute.
        let resource = self.form.as_ref().map(|form| match Form::encode(state) {
            Value::Map(entries) => form.with_id(results_over(&Value::Map(form.null_object()), entries)),
            other => other,
        });
        let listed = Listed {
            identity: Value::Map(identity.encode()),
            display_name: display_name.into(),
            resource,
            diagnostics: Diagnostics::new(),
        };
        self.sink.send(listed).await.is_ok() && self.left > 0
    }
}

/// One object that a list resource found.
#[derive(Debug)]
pub struct Listed {
    /// Its identity.
    pub identity: Value,
    /// A name for people.
    pub display_name: String,
    /// Its state, when it was asked for.
    pub resource: Option<Value>,
    /// Messages about this object.
    pub diagnostics: Diagnostics,
}
