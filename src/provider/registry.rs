//! The one list of everything that the provider offers.

use framework::provider::Registry;

use super::Clients;
use crate::actions::deregister_instance::DeregisterInstance;
use crate::data_sources::cluster::ClusterData;
use crate::data_sources::cni_images::CniImages;
use crate::data_sources::managed_instances::ManagedInstances;
use crate::data_sources::max_pods::MaxPodsData;
use crate::data_sources::nodes::Nodes;
use crate::ephemeral::activation_code::ActivationCode;
use crate::functions::bootstrap_arguments::BootstrapArguments;
use crate::functions::cidrs_overlap::CidrsOverlap;
use crate::functions::hybrid_node_trust_policy::HybridNodeTrustPolicy;
use crate::functions::max_pods::MaxPods;
use crate::functions::node_config::NodeConfig;
use crate::functions::user_data::UserData;
use crate::list::activation::ActivationList;
use crate::list::eniconfig::EniConfigList;
use crate::list::managed_instance::ManagedInstanceList;
use crate::list::node_access::NodeAccessList;
use crate::resources::activation::Activation;
use crate::resources::aws_auth_entry::AwsAuthEntry;
use crate::resources::cni::Cni;
use crate::resources::eniconfig::EniConfig;
use crate::resources::eniconfig_binding::EniConfigBinding;
use crate::resources::managed_instance::ManagedInstance;
use crate::resources::node_access::NodeAccess;
use crate::resources::vpc_cni::VpcCni;

/// All types and functions.
pub(super) fn registry() -> Registry<Clients> {
    Registry::new()
        .resource::<Activation>()
        .resource::<AwsAuthEntry>()
        .resource::<Cni>()
        .resource::<EniConfig>()
        .resource::<EniConfigBinding>()
        .resource::<ManagedInstance>()
        .resource::<NodeAccess>()
        .resource::<VpcCni>()
        .data_source::<ClusterData>()
        .data_source::<CniImages>()
        .data_source::<ManagedInstances>()
        .data_source::<MaxPodsData>()
        .data_source::<Nodes>()
        .function::<BootstrapArguments>()
        .function::<CidrsOverlap>()
        .function::<HybridNodeTrustPolicy>()
        .function::<MaxPods>()
        .function::<NodeConfig>()
        .function::<UserData>()
        .ephemeral::<ActivationCode>()
        .action::<DeregisterInstance>()
        .list::<ActivationList>()
        .list::<EniConfigList>()
        .list::<ManagedInstanceList>()
        .list::<NodeAccessList>()
}
