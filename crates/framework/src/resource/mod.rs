//! Managed resources: what a provider's author writes, and what planning needs to know of it.

mod draft;
mod form;
mod id;
mod import;
pub mod plan;
pub(crate) mod write_only;

use serde_json::Value as Json;

use crate::context::Context;
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::model::Model;
use crate::note::Note;
use crate::permission::Permissions;
use crate::value::Value;

pub(crate) use draft::{Draft, draft, promise};
pub(crate) use form::{Form, is_unset, results_over, unconfigured};
pub use plan::Plan;
pub(crate) use plan::{PROMISED, Promises};

/// A managed resource: declares its attributes, and creates, reads, updates and deletes its objects.
///
/// In `create` and `update` the arguments are wholly known; unknown values occur in `validate` and `plan` only.
pub trait Resource: Sized + Send + Sync + 'static {
    /// The provider's clients.
    type Clients: Send + Sync + 'static;
    /// What the configuration says.
    type Args: Model;
    /// What the provider reports. An attribute that is also an argument is one that the provider decides when it is
    /// not set.
    type Outputs: Model;
    /// What identifies this object: names of attributes above.
    type Identity: Model;

    /// The type's whole name, such as `ekshybrid_activation`.
    const NAME: &'static str;
    /// Version of the stored state's form.
    const VERSION: i64 = 0;
    /// The whole description, in Markdown.
    const DESCRIPTION: &'static str;
    /// How an import id is written, for documentation and messages.
    const IMPORT_ID: &'static str;
    /// Why no object can be imported: a sentence for the type's page. `None` if they can.
    const NOT_IMPORTABLE: Option<&'static str> = None;
    /// What the type must be allowed to do in other systems.
    const PERMISSIONS: Permissions = &[];

    /// Checks what concerns several attributes, beyond the model's own rules. Unknown attributes may turn out well.
    fn validate(_args: &<Self::Args as Model>::Planned, _faults: &mut Diagnostics) {}

    /// Completes the plan: what can be known early, what must be replaced, what cannot work.
    fn plan(_plan: &mut Plan<Self>, _cx: &Context<Self::Clients>) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }

    /// Checks a deletion while it is planned; a warning is left with [`Context::report`].
    fn plan_delete(_state: &State<Self>, _cx: &Context<Self::Clients>) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }

    /// Creates the object.
    fn create(args: &Self::Args, cx: &Context<Self::Clients>) -> impl Future<Output = Result<Self::Outputs>> + Send;

    /// Reads the object; `None` if it does not exist. `prior` is `None` right after an import.
    fn read(
        identity: &Self::Identity,
        prior: Option<&State<Self>>,
        cx: &Context<Self::Clients>,
    ) -> impl Future<Output = Result<Option<State<Self>>>> + Send;

    /// Updates the object in place.
    fn update(
        _prior: &State<Self>,
        _args: &Self::Args,
        _cx: &Context<Self::Clients>,
    ) -> impl Future<Output = Result<Self::Outputs>> + Send {
        async { Err(Diagnostic::bug(format!("`{}` has nothing to update in place", Self::NAME)).into()) }
    }

    /// Deletes the object. It is a success if it does not exist.
    fn delete(state: &State<Self>, cx: &Context<Self::Clients>) -> impl Future<Output = Result<()>> + Send;

    /// The identity that an import id names. By default, an id gives the identity's attributes in the order of their
    /// declaration: those that must be given with `/` between them, and the one that need not behind an `@`
    /// (`CLUSTER/NAME@REGION`). Of attributes of which [exactly one](crate::model::Rule::ExactlyOneOf) is set, an id
    /// gives whichever it fits.
    ///
    /// # Errors
    /// What is wrong with the id.
    fn import_id(id: &str) -> std::result::Result<Self::Identity, String> {
        import::identity(id, Self::IMPORT_ID)
    }

    /// The other way round: the import id of a wholly known identity, which is the resource's `id`. `None` if a part that
    /// it needs is null, as the name of a node that has not joined yet.
    fn id(identity: &crate::value::Value) -> Option<String> {
        import::id::<Self::Identity>(identity)
    }

    /// Brings a stored state of an older version into the present form.
    ///
    /// # Errors
    /// If the version is unknown.
    fn upgrade(version: i64, _state: Json) -> Result<Json> {
        Err(Diagnostic::error(
            "State is of an unknown version",
            format!(
                "The state of this `{}` has version {version}, this provider knows up to {}. Use the provider version that wrote it, or newer.",
                Self::NAME,
                Self::VERSION
            ),
        )
        .into())
    }

    /// Adopts the state of another type; `None` if it is none that this type can adopt. Terraform calls this on a
    /// provider that is not configured. What the other state does not record may be null: as after an import, the
    /// first read has no `prior` state then.
    fn move_from(_source: &MoveSource<'_>) -> Option<Result<Json>> {
        None
    }

    /// Completes the identity of a state that was moved or imported, before the first read: parts that the provider's
    /// configuration gives, and that the other provider's state does not record, are null.
    ///
    /// # Errors
    /// A part is missing, and the configuration does not give it either.
    fn complete(identity: Value, _cx: &Context<Self::Clients>) -> Result<Value> {
        Ok(identity)
    }
}

/// The type from whose state this one was just moved, until the first read.
pub(crate) const MOVED: Note<String> = Note::named("framework:moved");

/// Another resource's state, offered to a type that may adopt it.
pub struct MoveSource<'a> {
    /// The other provider's address, such as `registry.terraform.io/hashicorp/aws`.
    pub provider: &'a str,
    /// The other type's name.
    pub type_name: &'a str,
    /// Version of the other state's form.
    pub version: i64,
    /// The other state.
    pub state: &'a Json,
}

/// Arguments and results of an object that exists.
pub struct State<R: Resource> {
    /// The arguments.
    pub args: R::Args,
    /// The results.
    pub outputs: R::Outputs,
}

impl<R: Resource> Clone for State<R>
where
    R::Args: Clone,
    R::Outputs: Clone,
{
    fn clone(&self) -> Self {
        Self { args: self.args.clone(), outputs: self.outputs.clone() }
    }
}
