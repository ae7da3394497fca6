# Assigns the nodes of a node group an ENIConfig that is not named after their zone.
resource "ekshybrid_eniconfig" "batch" {
  cluster_name = "workshop"
  name         = "batch"
  subnet_id    = "subnet-0123456789abcdef0"
}

resource "ekshybrid_eniconfig_binding" "example" {
  cluster_name = "workshop"
  eniconfig    = ekshybrid_eniconfig.batch.name

  node_selector = {
    "eks.amazonaws.com/nodegroup" = "batch"
    "topology.kubernetes.io/zone" = "us-west-2a"
  }
}
