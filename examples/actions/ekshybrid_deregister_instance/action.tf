# Check these hosts before you run the action: hosts of a site that is offline look the same.
data "ekshybrid_managed_instances" "edge" {
  cluster_name = "edge"
  iam_role     = "hybrid-nodes"
  silent_for   = "60d"
}

# Run it with: terraform apply -invoke=action.ekshybrid_deregister_instance.forgotten
action "ekshybrid_deregister_instance" "forgotten" {
  config {
    instance_ids = data.ekshybrid_managed_instances.edge.orphaned_ids
    silent_for   = "60d"
  }
}
