output "activation_id" {
  description = "ID of the activation that hosts register with."
  value       = ekshybrid_activation.hosts.id
}

output "node_config" {
  description = "NodeConfig for a running host: nodeadm init -c file://nodeConfig.yaml."
  value       = provider::ekshybrid::node_config(local.node_config)
  sensitive   = true
}

output "user_data" {
  description = "Cloud-init user data for a new host: installs nodeadm and joins the cluster at the first boot."
  value = provider::ekshybrid::user_data({
    node_config        = local.node_config
    kubernetes_version = data.ekshybrid_cluster.this.version
  })
  sensitive = true
}
