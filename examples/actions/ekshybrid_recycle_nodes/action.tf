# Run it with: terraform apply -invoke=action.ekshybrid_recycle_nodes.workers
action "ekshybrid_recycle_nodes" "workers" {
  config {
    cluster_name    = "workshop"
    node_group_name = "workers"
    max_unavailable = 2
    drain = {
      delete_emptydir_data = true
    }
    timeouts = { invoke = "2h" }
  }
}
