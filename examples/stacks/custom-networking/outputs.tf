output "eniconfigs" {
  description = "Names of the ENIConfigs by zone."
  value       = module.custom_networking.eniconfigs
}

output "vpc_cni_version" {
  description = "Version of the VPC CNI."
  value       = module.custom_networking.vpc_cni_version
}

output "max_pods" {
  description = "Number of pods that a node can run."
  value       = local.max_pods
}

output "user_data" {
  description = "User data of the nodes' launch template."
  value       = local.node_user_data
}
