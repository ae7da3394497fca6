//! State that the provider's types share in one run.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use framework::diagnostic::{Diagnostic, Result};
use framework::model::{Maybe, Model};
use framework::path::Path;
use tokio_util::sync::CancellationToken;

use super::config::{Config, Kubernetes, Ssh};
use super::connections::Connections;
use super::ecr::Passwords;
use super::explain::{Need, explain, unknown_configuration};
use super::ignored_tags::Ignored;
use super::settings::{ignored_tags, settings, sources};
use crate::attributes::{ClusterName, Region};
use crate::aws;
use crate::charts;
use crate::host;

/// Clients and defaults for one call from Terraform: everything they do ends when Terraform asks to stop.
#[derive(Clone, Debug)]
pub struct Clients {
    pub(super) aws: std::result::Result<aws::Clients, Unready>,
    charts: std::result::Result<charts::Client, Unready>,
    pub(super) shared: Arc<Shared>,
    pub(super) cancel: CancellationToken,
}

/// State shared by all calls, created once when Terraform configures the provider. Nothing here has used the network.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) kubernetes: Maybe<Option<Kubernetes>>,
    pub(super) connections: Connections,
    pub(super) ssh: Maybe<Option<Ssh>>,
    pub(super) hosts: host::ssh::Ssh,
    pub(super) defaults: Defaults,
    handovers: Mutex<HashMap<String, Vec<String>>>,
}

/// The provider's defaults for arguments of its types; unknown while the configuration is unknown.
#[derive(Debug)]
pub struct Defaults {
    /// Region, if the configuration sets it. The environment or the profile may still set it.
    pub region: Maybe<Option<Region>>,
    /// Tags for all taggable resources.
    pub tags: Maybe<BTreeMap<String, String>>,
    /// Tags that are left to others.
    pub ignored_tags: Maybe<Ignored>,
    /// EKS cluster.
    pub cluster_name: Maybe<Option<ClusterName>>,
}

/// The clients cannot be created yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unready {
    pub(super) argument: &'static str,
}

impl Clients {
    /// Stores the configuration, as far as it is known.
    ///
    /// # Errors
    /// A known part of it cannot be used.
    pub fn new(config: &<Config as Model>::Planned) -> Result<Self> {
        let tags = match &config.default_tags {
            Maybe::Known(Some(default_tags)) => Maybe::Known(default_tags.tags.clone().unwrap_or_default()),
            Maybe::Known(None) => Maybe::Known(BTreeMap::new()),
            Maybe::Unknown => Maybe::Unknown,
        };
        let ignored_tags = ignored_tags(config);
        if let (Maybe::Known(ignored), Maybe::Known(tags)) = (&ignored_tags, &tags) {
            ignored.refuse(tags, Config::NAMES.default_tags)?;
        }
        let cluster_name = config.cluster_name.clone();
        let defaults = Defaults { region: config.region.clone(), tags, ignored_tags, cluster_name };
        let aws = match settings(config) {
            Ok(settings) => Ok(aws::Clients::new(settings)
                .map_err(|error| explain("Could not use the provider's configuration", &error, None))?),
            Err(argument) => Err(Unready { argument }),
        };
        let passwords = Arc::new(Passwords(aws.clone().map_err(|unready| unready.argument)));
        let charts = sources(config)
            .map(|settings| charts::Client::new(settings, Some(passwords)))
            .map_err(|argument| Unready { argument });
        let shared = Shared {
            kubernetes: config.kubernetes.clone(),
            connections: Connections::default(),
            ssh: config.ssh.clone(),
            hosts: host::ssh::Ssh::default(),
            defaults,
            handovers: Mutex::default(),
        };
        Ok(Self { aws, charts, shared: Arc::new(shared), cancel: CancellationToken::new() })
    }

    /// The same clients, for a call that ends when `cancel` fires.
    #[must_use]
    pub fn bound(&self, cancel: &CancellationToken) -> Self {
        let aws = self.aws.as_ref().map(|aws| aws.with_cancel(cancel.clone())).map_err(|unready| *unready);
        let charts = self.charts.as_ref().map(|charts| charts.with_cancel(cancel.clone())).map_err(|unready| *unready);
        Self { aws, charts, shared: Arc::clone(&self.shared), cancel: cancel.clone() }
    }

    /// The AWS clients.
    ///
    /// # Errors
    /// An argument of the provider is unknown, which is possible only in some plans.
    pub fn aws(&self) -> Result<&aws::Clients> {
        self.aws.as_ref().map_err(|unready| unknown_configuration(unready.argument, Need::Aws))
    }

    /// The AWS clients, if the configuration is known.
    #[must_use]
    pub fn known_aws(&self) -> Option<&aws::Clients> {
        self.aws.as_ref().ok()
    }

    /// The client for external charts and manifests.
    ///
    /// # Errors
    /// An argument of the provider is unknown, which is possible only in some plans.
    pub fn charts(&self) -> Result<&charts::Client> {
        self.charts.as_ref().map_err(|unready| unknown_configuration(unready.argument, Need::Charts))
    }

    /// The same, if the configuration is known.
    #[must_use]
    pub fn known_charts(&self) -> Option<&charts::Client> {
        self.charts.as_ref().ok()
    }

    /// The defaults.
    #[must_use]
    pub fn defaults(&self) -> &Defaults {
        &self.shared.defaults
    }

    /// Leaves a note for the replacement of an object in this run. Terraform deletes the old object and creates the
    /// new one in two independent calls; `key` is known to both.
    pub fn hand_over(&self, key: &str, note: String) {
        let mut handovers = self.shared.handovers.lock().unwrap_or_else(PoisonError::into_inner);
        handovers.entry(key.to_owned()).or_default().push(note);
    }

    /// Takes such a note; each can be taken once. If several objects left a note under the same key, they cannot be
    /// told apart: all of them are returned, and none is taken.
    #[must_use]
    pub fn take_over(&self, key: &str) -> Vec<String> {
        let mut handovers = self.shared.handovers.lock().unwrap_or_else(PoisonError::into_inner);
        match handovers.get_mut(key) {
            Some(notes) if notes.len() > 1 => notes.clone(),
            Some(notes) => std::mem::take(notes),
            None => Vec::new(),
        }
    }

    /// The cluster that `argument` names, or the provider's.
    ///
    /// # Errors
    /// Neither names one.
    pub fn cluster_name(&self, argument: Option<&ClusterName>) -> Result<ClusterName> {
        match (argument, &self.shared.defaults.cluster_name) {
            (Some(name), _) | (None, Maybe::Known(Some(name))) => Ok(name.clone()),
            (None, Maybe::Known(None)) => Err(Diagnostic::error(
                "No cluster is named",
                "Set `cluster_name` here or in the provider's configuration.",
            )
            .at(Path::attribute("cluster_name"))
            .into()),
            (None, Maybe::Unknown) => {
                let faults = unknown_configuration(Config::NAMES.cluster_name, Need::Cluster);
                Err(faults.remedy("Or set `cluster_name` here."))
            }
        }
    }
}
