# Run it with: terraform apply -invoke=action.ekshybrid_upgrade_node.edge_7
action "ekshybrid_upgrade_node" "edge_7" {
  config {
    cluster_name       = "workshop"
    kubernetes_version = "1.34"
    ssh = {
      host = "10.80.0.17"
      user = "ubuntu"
    }
    drain = {
      delete_emptydir_data = true
    }
  }
}
