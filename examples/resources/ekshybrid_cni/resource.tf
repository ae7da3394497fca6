# Cilium on the hybrid nodes of a cluster. Pods get addresses from the cluster's remote pod networks.
resource "ekshybrid_cni" "cilium" {
  cluster_name = "workshop"

  cilium = {
    version           = "1.17.9-0"
    operator_replicas = 1
  }

  wait_for_nodes = 1
}
