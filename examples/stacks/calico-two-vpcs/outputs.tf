output "cni" {
  description = "The CNI that replaces the VPC CNI."
  value = {
    version        = ekshybrid_cni.calico.app_version
    release_status = ekshybrid_cni.calico.release_status
    images         = ekshybrid_cni.calico.images
  }
}

output "nodes" {
  description = "Address and kind of each node: `hybrid` for hosts, `ec2` for managed nodes."
  value = {
    for node in data.ekshybrid_nodes.all.nodes : node.name => {
      address = node.internal_ip
      kind    = coalesce(node.compute_type, "ec2")
    }
  }
}

output "network" {
  description = "What pods on each node reached."
  value       = ekshybrid_network_check.all.matrix
}

output "host_user_data" {
  description = "Cloud-init user data of the hosts, including the activation code."
  value       = local.host_user_data
  sensitive   = true
}
