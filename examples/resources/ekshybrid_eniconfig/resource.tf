# Pods of the nodes in one zone. Without `name` it is named after the zone of its subnet, which is what nodes look for
# with the label topology.kubernetes.io/zone.
resource "ekshybrid_eniconfig" "example" {
  cluster_name = "workshop"
  subnet_id    = "subnet-0123456789abcdef0"

  # Without this the cluster's security group is taken.
  security_group_ids = ["sg-0123456789abcdef0"]
}
