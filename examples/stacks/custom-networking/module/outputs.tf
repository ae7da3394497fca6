output "cluster_name" {
  description = "Name of the cluster."
  value       = ekshybrid_vpc_cni.this.cluster_name
}

output "eniconfigs" {
  description = "Names of the ENIConfigs by zone."
  value       = { for zone, config in ekshybrid_eniconfig.this : zone => config.name }
}

output "vpc_cni_version" {
  description = "Version of the VPC CNI."
  value       = ekshybrid_vpc_cni.this.version
}
