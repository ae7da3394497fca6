# Pods on the hosts get their network: Cilium, with the defaults for hybrid nodes and addresses from the cluster's remote
# pod networks. Hosts become Ready as soon as its agent runs on them.

variable "cilium_version" {
  description = "Version of Cilium's chart."
  type        = string
  default     = "1.17.1"
}

variable "cilium_chart" {
  description = "Cilium's chart of that version as a .tgz file or a folder, where its publisher cannot be reached from here."
  type        = string
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
}
