//! Functions, one file each: thin over the `node` room, which does the work and knows the rules.

mod arguments;
pub mod bootstrap_arguments;
pub mod cidrs_overlap;
pub mod hybrid_node_role_policy;
pub mod hybrid_node_trust_policy;
pub mod join_command;
pub mod kubeconfig;
pub mod max_pods;
pub mod node_config;
pub mod required_permissions;
pub mod s3_gateway_policy;
pub mod user_data;
pub mod vpc_endpoint_services;
