# Run it with: terraform apply -invoke=action.ekshybrid_network_check.hybrid
action "ekshybrid_network_check" "hybrid" {
  config {
    cluster_name  = "workshop"
    node_selector = { "eks.amazonaws.com/compute-type" = "hybrid" }
  }
}
