output "cluster_id" {
  description = "ID of the cluster, which is not its name. Tokens and nodes name the cluster by it."
  value       = ekshybrid_outpost_cluster.this.cluster_id
}

output "control_plane_instances" {
  description = "Instances of the control plane. Never change or stop them."
  value       = ekshybrid_outpost_cluster.this.control_plane_instances
}

output "hosts_entries" {
  description = "Lines for /etc/hosts of machines that use the cluster while Route 53 cannot be reached."
  value       = join("\n", ekshybrid_outpost_cluster.this.hosts_entries)
}

output "node_bootstrap" {
  description = "How self-managed nodes join, on Amazon Linux 2 and 2023."
  value       = ekshybrid_outpost_cluster.this.node_bootstrap
}

output "kubeconfig" {
  description = "The administrators' kubeconfig."
  value       = data.ekshybrid_kubeconfig.operators.kubeconfig
}

output "disconnected_kubeconfig" {
  description = "The administrators' kubeconfig for the time when the Outpost is disconnected. It contains a private key."
  value       = data.ekshybrid_kubeconfig.disconnected.sensitive_kubeconfig
  sensitive   = true
}
