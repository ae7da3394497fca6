//! Stands in for other providers when a case puts their objects into the state: `moved` and `removed` blocks must take
//! all of them. Objects are read as they are recorded, and every change and deletion fails, so a case that would run
//! a destroy-time provisioner or delete something of others fails too.

use std::collections::BTreeMap;
use std::process::ExitCode;

use framework::context::Context;
use framework::diagnostic::{Diagnostic, Result};
use framework::model::Model;
use framework::provider::{Provider, ProviderServer, Registry};
use framework::resource::{Resource, State};
use framework::wire::{ServeOptions, serve};

/// The provider.
enum Others {}

/// Configuration: none.
#[derive(Clone, Debug, Model)]
pub struct Config {}

impl Provider for Others {
    type Config = Config;
    type Clients = ();

    const NAME: &'static str = "stand_in";
    const DESCRIPTION: &'static str = "Stands in for other providers.";

    async fn configure(_: <Config as Model>::Planned, _: &str, _: &Context<()>) -> Result<()> {
        Ok(())
    }

    fn registry() -> Registry<()> {
        Registry::new().resource::<NullResource>().resource::<ConfigMapData>()
    }
}

/// Identity.
#[derive(Clone, Debug, Model)]
pub struct Identity {
    /// Id.
    pub id: String,
}

/// Outputs.
#[derive(Clone, Debug, Model)]
pub struct Outputs {
    /// Id.
    #[attr(keep)]
    pub id: String,
}

/// Arguments of `null_resource`.
#[derive(Clone, Debug, Model)]
pub struct Triggers {
    /// A change replaces the resource.
    pub triggers: Option<BTreeMap<String, String>>,
}

/// Arguments of `kubernetes_config_map_v1_data`, without the name of the ConfigMap, which is a block.
#[derive(Clone, Debug, Model)]
pub struct Data {
    /// Data to set.
    pub data: Option<BTreeMap<String, String>>,
    /// Overwrite what others manage.
    pub force: Option<bool>,
    /// Field manager.
    pub field_manager: Option<String>,
}

macro_rules! inert {
    ($name:ident, $type_name:literal, $args:ty) => {
        #[doc = concat!("`", $type_name, "`")]
        enum $name {}

        impl Resource for $name {
            type Clients = ();
            type Args = $args;
            type Outputs = Outputs;
            type Identity = Identity;

            const NAME: &'static str = $type_name;
            const DESCRIPTION: &'static str = "Of another provider.";
            const IMPORT_ID: &'static str = "the id";

            async fn create(_: &$args, _: &Context<()>) -> Result<Outputs> {
                Err(refused())
            }

            async fn read(_: &Identity, prior: Option<&State<Self>>, _: &Context<()>) -> Result<Option<State<Self>>> {
                Ok(prior.cloned())
            }

            async fn delete(_: &State<Self>, _: &Context<()>) -> Result<()> {
                Err(refused())
            }
        }
    };
}

inert!(NullResource, "null_resource", Triggers);
inert!(ConfigMapData, "kubernetes_config_map_v1_data", Data);

fn refused() -> framework::diagnostic::Diagnostics {
    Diagnostic::error("Changed an object of another provider", "A case must move or remove it from the state.").into()
}

fn main() -> ExitCode {
    let options = ServeOptions {
        name: "stand_in",
        address: "registry.terraform.io/hashicorp/null",
        version: env!("CARGO_PKG_VERSION"),
        log_targets: &["framework"],
    };
    serve(ProviderServer::<Others>::new, &options)
}
