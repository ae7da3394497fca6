data "ekshybrid_managed_instances" "example" {
  cluster_name = "edge"
  iam_role     = "hybrid-nodes"
}

# Hosts whose agent has been silent for 30 days, and whose activation has expired or no longer exists.
output "forgotten" {
  value = data.ekshybrid_managed_instances.example.orphaned_ids
}
