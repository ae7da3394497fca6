//! A small provider of every kind of type. Its cloud is a table in memory, one for each region that a test names.

mod functions;
pub mod further;
mod server;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use framework::context::Context;
use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::model::{Field, Model, Secret};
use framework::provider::{Provider, Registry};

pub use server::Server;

/// The provider.
pub struct Cloud;

/// Configuration of the provider.
#[derive(Clone, Debug, Model)]
pub struct Config {
    /// Region to work in: a table of its own.
    pub region: Option<String>,
    /// Token that the cloud takes.
    pub token: Option<Secret<String>>,
    /// How often a call is tried.
    #[attr(default = 3)]
    pub attempts: i64,
}

/// One region of the cloud.
pub struct Region {
    servers: Mutex<BTreeMap<String, Machine>>,
    /// Whether it tells where new servers go.
    pub is_silent: AtomicBool,
    pub log: Mutex<Vec<String>>,
}

/// A server as the cloud has it.
#[derive(Clone, Debug)]
pub struct Machine {
    pub name: String,
    pub size: i64,
    pub zone: String,
    pub generation: i64,
    pub password: Option<String>,
    /// Token of its watch, with its version.
    pub token: Option<(i64, String)>,
}

static REGIONS: Mutex<BTreeMap<String, Arc<Region>>> = Mutex::new(BTreeMap::new());

impl Region {
    /// The region of that name, for the provider and for a test that looks at it from outside.
    pub fn named(name: &str) -> Arc<Self> {
        let mut regions = REGIONS.lock().unwrap_or_else(PoisonError::into_inner);
        let region =
            || Arc::new(Self { servers: Mutex::default(), is_silent: AtomicBool::new(false), log: Mutex::default() });
        Arc::clone(regions.entry(name.to_owned()).or_insert_with(region))
    }

    pub fn servers(&self) -> MutexGuard<'_, BTreeMap<String, Machine>> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where new servers go.
    pub fn zone(&self) -> Result<String> {
        if self.is_silent.load(Ordering::Relaxed) {
            return Err(Diagnostic::error("Could not find a zone", "The cloud says nothing.").into());
        }
        Ok("zone-a".to_owned())
    }

    pub fn note(&self, line: impl Into<String>) {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).push(line.into());
    }
}

impl Provider for Cloud {
    type Config = Config;
    type Clients = Arc<Region>;

    const NAME: &'static str = "cloud";
    const DESCRIPTION: &'static str = "Servers of a cloud that exists only in tests.";

    fn validate(config: &<Config as Model>::Planned, faults: &mut Diagnostics) {
        if config.attempts.known().is_some_and(|attempts| *attempts < 1) {
            faults.push(Diagnostic::error("Too few attempts", "`attempts` must be 1 or more.").at("attempts"));
        }
    }

    async fn configure(config: <Config as Model>::Planned, _: &str, cx: &Context<Arc<Region>>) -> Result<Arc<Region>> {
        if config.token.known().is_some_and(Option::is_none) {
            cx.report(Diagnostic::warning("No token", "The cloud lets everybody in."));
        }
        let name = config.region.set().cloned().unwrap_or_else(|| "default".to_owned());
        if name == "nowhere" {
            return Err(Diagnostic::error("Unknown region", "There is no region `nowhere`.").at("region").into());
        }
        Ok(Region::named(&name))
    }

    fn registry() -> Registry<Arc<Region>> {
        Registry::new()
            .resource::<Server>()
            .data_source::<further::Image>()
            .ephemeral::<further::Token>()
            .action::<further::Reboot>()
            .list::<further::Servers>()
            .function::<functions::Join>()
            .function::<functions::Ratio>()
            .function::<functions::Shout>()
    }
}

/// A field's text as Terraform writes it, for messages.
pub fn shown(field: &impl Field) -> String {
    format!("{:?}", field.encode())
}
