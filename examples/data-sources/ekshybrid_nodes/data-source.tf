# Both hybrid nodes must be Ready before anything that depends on this goes on.
data "ekshybrid_nodes" "hybrid" {
  cluster_name   = "workshop"
  match_labels   = { "eks.amazonaws.com/compute-type" = "hybrid" }
  wait_for_ready = 2
  timeouts       = { read = "15m" }
}

output "addresses" {
  value = { for node in data.ekshybrid_nodes.hybrid.nodes : node.name => node.internal_ip }
}
