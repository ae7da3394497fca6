data "ekshybrid_nodes" "hybrid" {
  cluster_name = "workshop"
  match_labels = { "eks.amazonaws.com/compute-type" = "hybrid" }
}

# Every plan and apply checks this once, without waiting.
check "hybrid_nodes" {
  assert {
    condition     = data.ekshybrid_nodes.hybrid.ready_count >= 2
    error_message = "Not Ready: ${join(", ", data.ekshybrid_nodes.hybrid.not_ready_names)}"
  }
}

output "addresses" {
  value = { for node in data.ekshybrid_nodes.hybrid.nodes : node.name => node.internal_ip }
}
