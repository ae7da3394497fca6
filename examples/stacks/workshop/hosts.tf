# Running hosts that Terraform joins over SSH: it installs nodeadm and a kubelet on them, registers them, and waits until
# they are Ready. Hosts that join by themselves, at first boot, need nothing here.

variable "hosts" {
  description = "Hosts to join, by a name of your own. `host_key` is the host's public key (`ssh-ed25519 …`), which `ssh-keyscan` prints: compare it with the host's console. The user may run commands with sudo without a password."
  type = map(object({
    address  = string
    user     = string
    host_key = string
  }))
  default = {}
}

variable "ssh_private_key_path" {
  description = "File with the private key of these users."
  type        = string
  default     = "~/.ssh/id_ed25519"
}

resource "ekshybrid_node" "hosts" {
  for_each = var.hosts

  kubernetes_version = data.ekshybrid_cluster.this.version

  ssh = {
    host             = each.value.address
    user             = each.value.user
    private_key_path = var.ssh_private_key_path
    host_key         = each.value.host_key
  }

  # Each host registers with an activation of its own, which exists only during the join.
  ssm = {
    iam_role = local.hybrid_role_name
  }

  labels = {
    site = "workshop"
  }

  # Nodes become Ready once Cilium runs on them. On destroy, they leave before Cilium is removed, and while their role may
  # still deregister them.
  wait_for = "ready"
  depends_on = [
    ekshybrid_cni.cilium,
    aws_eks_access_entry.hybrid_nodes,
    aws_iam_role_policy.hybrid_nodes,
    aws_iam_role_policy_attachment.hybrid_nodes,
  ]
}

output "nodes" {
  description = "The hosts that Terraform has joined, as Kubernetes knows them."
  value = {
    for name, host in ekshybrid_node.hosts : name => {
      node    = host.node_name
      address = host.internal_ip
      kubelet = host.kubelet_version
    }
  }
}

# The hosts that have registered: joined by Terraform, or by themselves with this activation or an earlier one.
data "ekshybrid_managed_instances" "hosts" {
  iam_role = local.hybrid_role_name

  depends_on = [ekshybrid_node.hosts]
}

output "hosts" {
  description = "Managed instance IDs of the hosts that had registered when this was applied."
  value       = data.ekshybrid_managed_instances.hosts.ids
}
