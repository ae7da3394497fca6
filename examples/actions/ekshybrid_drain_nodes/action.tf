# Run it with: terraform apply -invoke=action.ekshybrid_drain_nodes.rack_7
action "ekshybrid_drain_nodes" "rack_7" {
  config {
    cluster_name         = "edge"
    node_selector        = { "example.com/rack" = "7" }
    delete_emptydir_data = true
    timeouts             = { invoke = "1h" }
  }
}
