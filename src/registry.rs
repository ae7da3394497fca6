//! The provider, and the one list of everything that it offers.

use std::sync::Arc;

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::model::{Maybe, Model};
use framework::path::Path;
use framework::permission::Permissions;
use framework::provider::{Provider, Registry};
use tokio_util::sync::CancellationToken;

use crate::actions::deregister_instance::DeregisterInstance;
use crate::actions::drain_nodes::DrainNodes;
use crate::actions::network_check::NetworkCheckAction;
use crate::actions::recycle_nodes::RecycleNodes;
use crate::actions::repair_node::RepairNode;
use crate::actions::upgrade_node::UpgradeNode;
use crate::attributes::permissions;
use crate::data_sources::cluster::ClusterData;
use crate::data_sources::cni_images::CniImages;
use crate::data_sources::kubeconfig::Kubeconfig;
use crate::data_sources::managed_instances::ManagedInstances;
use crate::data_sources::max_pods::MaxPodsData;
use crate::data_sources::nodes::Nodes;
use crate::data_sources::preflight::Preflight;
use crate::ephemeral::activation_code::ActivationCode;
use crate::ephemeral::cluster_token::ClusterToken;
use crate::functions::bootstrap_arguments::BootstrapArguments;
use crate::functions::cidrs_overlap::CidrsOverlap;
use crate::functions::hybrid_node_role_policy::HybridNodeRolePolicy;
use crate::functions::hybrid_node_trust_policy::HybridNodeTrustPolicy;
use crate::functions::join_command::JoinCommand;
use crate::functions::kubeconfig::Kubeconfig as KubeconfigFunction;
use crate::functions::max_pods::MaxPods;
use crate::functions::node_config::NodeConfig;
use crate::functions::required_permissions::RequiredPermissions;
use crate::functions::s3_gateway_policy::S3GatewayPolicy;
use crate::functions::user_data::UserData;
use crate::functions::vpc_endpoint_services::VpcEndpointServices;
use crate::list::activation::ActivationList;
use crate::list::aws_auth_entry::AwsAuthEntryList;
use crate::list::cni::CniList;
use crate::list::eniconfig::EniConfigList;
use crate::list::eniconfig_binding::EniConfigBindingList;
use crate::list::managed_instance::ManagedInstanceList;
use crate::list::node::NodeList;
use crate::list::node_access::NodeAccessList;
use crate::list::outpost_cluster::OutpostClusterList;
use crate::list::target_group_attachment::TargetGroupAttachmentList;
use crate::list::vpc_cni::VpcCniList;
use crate::list::vpc_endpoints::VpcEndpointsList;
use crate::resources::activation::Activation;
use crate::resources::aws_auth_entry::AwsAuthEntry;
use crate::resources::client_certificate::ClientCertificate;
use crate::resources::cni::Cni;
use crate::resources::eniconfig::EniConfig;
use crate::resources::eniconfig_binding::EniConfigBinding;
use crate::resources::host_file::HostFile;
use crate::resources::image_mirror::ImageMirror;
use crate::resources::managed_instance::ManagedInstance;
use crate::resources::network_check::NetworkCheck;
use crate::resources::node::Node;
use crate::resources::node_access::NodeAccess;
use crate::resources::node_recycle::NodeRecycle;
use crate::resources::nodeadm_artifacts::NodeadmArtifacts;
use crate::resources::outpost_cluster::OutpostCluster;
use crate::resources::target_group_attachment::TargetGroupAttachment;
use crate::resources::vpc_cni::VpcCni;
use crate::resources::vpc_endpoints::VpcEndpoints;
use crate::session::{Clients, Config, Context, tags};

/// The provider.
#[derive(Debug)]
pub enum Ekshybrid {}

impl Provider for Ekshybrid {
    type Config = Config;
    type Clients = Clients;

    const NAME: &'static str = "ekshybrid";
    const DESCRIPTION: &'static str = "\
Amazon EKS beyond the plain VPC. This release covers what a host outside AWS needs in order to join a cluster as a \
hybrid node (joining over SSH or by user data, activations, registered hosts, access), pods in a second range (ENIConfigs, \
the settings of the VPC CNI, annotated nodes), and Cilium or Calico in a cluster.

Arguments have the names and meanings that they have in the AWS, Kubernetes and Helm providers. Nested ones are \
attributes, not blocks: `assume_role = [{ … }]`, `default_tags = { tags = { … } }`, `endpoints = { … }`.";

    const PERMISSIONS: Permissions = &[permissions::PROVIDER];
    const PERMISSIONS_NOTE: &'static str = "\
The function [`required_permissions`](../functions/required_permissions.md) writes an IAM policy and RBAC roles with \
them; the guide [Permissions](../guides/permissions.md) shows how to use it.";

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

    fn bound(clients: &Arc<Clients>, cancel: &CancellationToken) -> Arc<Clients> {
        Arc::new(clients.bound(cancel))
    }

    fn registry() -> Registry<Clients> {
        registry()
    }
}

/// All types and functions.
fn registry() -> Registry<Clients> {
    Registry::new()
        .resource::<Activation>()
        .resource::<AwsAuthEntry>()
        .resource::<ClientCertificate>()
        .resource::<Cni>()
        .resource::<EniConfig>()
        .resource::<EniConfigBinding>()
        .resource::<HostFile>()
        .resource::<ImageMirror>()
        .resource::<ManagedInstance>()
        .resource::<NetworkCheck>()
        .resource::<Node>()
        .resource::<NodeAccess>()
        .resource::<NodeRecycle>()
        .resource::<OutpostCluster>()
        .resource::<NodeadmArtifacts>()
        .resource::<TargetGroupAttachment>()
        .resource::<VpcCni>()
        .resource::<VpcEndpoints>()
        .data_source::<ClusterData>()
        .data_source::<CniImages>()
        .data_source::<Kubeconfig>()
        .data_source::<ManagedInstances>()
        .data_source::<MaxPodsData>()
        .data_source::<Nodes>()
        .data_source::<Preflight>()
        .function::<BootstrapArguments>()
        .function::<CidrsOverlap>()
        .function::<HybridNodeRolePolicy>()
        .function::<HybridNodeTrustPolicy>()
        .function::<JoinCommand>()
        .function::<KubeconfigFunction>()
        .function::<MaxPods>()
        .function::<NodeConfig>()
        .function::<RequiredPermissions>()
        .function::<S3GatewayPolicy>()
        .function::<UserData>()
        .function::<VpcEndpointServices>()
        .ephemeral::<ActivationCode>()
        .ephemeral::<ClusterToken>()
        .action::<DeregisterInstance>()
        .action::<DrainNodes>()
        .action::<NetworkCheckAction>()
        .action::<RecycleNodes>()
        .action::<RepairNode>()
        .action::<UpgradeNode>()
        .list::<ActivationList>()
        .list::<AwsAuthEntryList>()
        .list::<CniList>()
        .list::<EniConfigList>()
        .list::<EniConfigBindingList>()
        .list::<ManagedInstanceList>()
        .list::<NodeList>()
        .list::<NodeAccessList>()
        .list::<OutpostClusterList>()
        .list::<TargetGroupAttachmentList>()
        .list::<VpcCniList>()
        .list::<VpcEndpointsList>()
        // Every other resource says why its objects cannot be listed; a check of the declarations asks for it.
        .unlisted::<ClientCertificate>(
            "Certificates cannot be listed: a private key exists only in the apply that created it.",
        )
        .unlisted::<HostFile>("Files cannot be listed: nothing records which file of a host is managed.")
        .unlisted::<ImageMirror>(
            "Mirrors cannot be listed: a registry does not record which of its images are copies, and of what.",
        )
        .unlisted::<NetworkCheck>("Checks cannot be listed: they leave nothing in the cluster.")
        .unlisted::<NodeRecycle>("Recyclings cannot be listed: they leave nothing in the cluster.")
        .unlisted::<NodeadmArtifacts>("Copies cannot be listed: nothing records which folders and buckets hold them.")
}
