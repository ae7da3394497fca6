# The CNI of the hosts: Cilium with the defaults for hybrid nodes, and addresses from the cluster's remote pod networks.
# Hosts become Ready when its agent runs on them.

variable "cilium_version" {
  description = "Version of Cilium's chart."
  type        = string
  default     = "1.17.1"
}

variable "cilium_chart" {
  description = "Cilium's chart of that version as a .tgz file or a folder, for networks that cannot reach helm.cilium.io."
  type        = string
  default     = null
}

variable "ready_hosts" {
  description = "How many hosts must be Ready before an apply is complete. Set it once hosts have joined."
  type        = number
  default     = null
}

resource "ekshybrid_cni" "cilium" {
  cilium = {
    version           = var.cilium_version
    repository        = var.cilium_chart == null ? "https://helm.cilium.io" : null
    chart             = var.cilium_chart
    namespace         = "cilium"
    operator_replicas = 1
  }

  wait_for_nodes = var.ready_hosts

  # Destroy also deletes the CRDs that Cilium created, except those that still contain objects of others, such as network
  # policies. Remove this line to keep all of them.
  cleanup_on_destroy = true
}
