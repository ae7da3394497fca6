//! The provider: its configuration, its clients, and the one list of everything that it offers.

mod clients;
mod config;
mod ecr;
mod kubernetes;
mod registry;
mod settings;

use framework::context::Context as Surroundings;
use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::model::{Maybe, Model};
use framework::path::Path;
use framework::provider::{Provider, Registry};

pub use clients::{Clients, Defaults};
pub use config::Config;
pub use kubernetes::Way;

use crate::attributes::tags;

/// What every type of this provider is given beside its own values.
pub type Context = Surroundings<Clients>;

/// The provider.
#[derive(Debug)]
pub enum Ekshybrid {}

impl Provider for Ekshybrid {
    type Config = Config;
    type Clients = Clients;

    const NAME: &'static str = "ekshybrid";
    const DESCRIPTION: &'static str = "\
Amazon EKS beyond the plain VPC. This release covers what a host outside AWS needs in order to join a cluster as a \
hybrid node (activations, registered hosts, access, NodeConfig and user data), pods in a second range (ENIConfigs, \
the settings of the VPC CNI, annotated nodes), and Cilium or Calico in a cluster.

Arguments have the names and meanings that they have in the AWS, Kubernetes and Helm providers. Nested ones are \
attributes, not blocks: `assume_role = [{ … }]`, `default_tags = { tags = { … } }`, `endpoints = { … }`.";

    fn validate(config: &<Config as Model>::Planned, faults: &mut Diagnostics) {
        let lists = [&config.allowed_account_ids, &config.forbidden_account_ids];
        if lists.iter().all(|list| list.set().is_some()) {
            for name in [Config::NAMES.allowed_account_ids, Config::NAMES.forbidden_account_ids] {
                let detail = "At most one of `allowed_account_ids` and `forbidden_account_ids` may be set.";
                faults.push(Diagnostic::error("Conflicting arguments", detail).at(Path::attribute(name)));
            }
        }
        if let Some(default_tags) = config.default_tags.set() {
            tags::check(&Maybe::Known(default_tags.tags.clone()), Config::NAMES.default_tags, faults);
        }
    }

    async fn configure(config: <Config as Model>::Planned, _: &str, _: &Context) -> Result<Clients> {
        Clients::new(&config)
    }

    fn registry() -> Registry<Clients> {
        registry::registry()
    }
}
