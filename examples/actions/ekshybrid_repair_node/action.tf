# Run it with: terraform apply -invoke=action.ekshybrid_repair_node.edge_7
action "ekshybrid_repair_node" "edge_7" {
  config {
    cluster_name = "workshop"
    ssh = {
      host = "10.80.0.17"
      user = "ubuntu"
    }
  }
}
