data "ekshybrid_managed_instances" "example" {
  iam_role    = "hybrid-nodes"
  ping_status = "ConnectionLost"
}

# Hosts that do not report any more and whose activation is over.
output "forgotten" {
  value = data.ekshybrid_managed_instances.example.orphaned_ids
}
