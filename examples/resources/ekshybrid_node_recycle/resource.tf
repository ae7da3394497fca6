# Replaces the nodes of a node group, two at a time, when the maximum number of pods changes.
resource "ekshybrid_node_recycle" "workers" {
  cluster_name    = "workshop"
  node_group_name = "workers"
  max_unavailable = 2

  triggers = {
    max_pods = 110
  }

  drain = {
    delete_emptydir_data = true
  }
}
