# Checks the network between all nodes when it is created and after each change of the CNI.
resource "ekshybrid_network_check" "all" {
  cluster_name   = "workshop"
  expected_cidrs = ["10.85.0.0/16", "10.0.0.0/16"]

  # Nodes outside AWS pull from a mirror.
  image = "registry.example.com/mirror/busybox:1.37.0"

  triggers = {
    cilium = "1.18.3-0"
  }
}
