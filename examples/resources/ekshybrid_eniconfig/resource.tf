# For pods on nodes in one zone. Without `name`, the ENIConfig is named after the zone of its subnet, which is where nodes
# look if `eni_config_label` of ekshybrid_vpc_cni is topology.kubernetes.io/zone.
resource "ekshybrid_eniconfig" "example" {
  cluster_name = "workshop"
  subnet_id    = "subnet-0123456789abcdef0"

  # Default: the cluster's security group.
  security_group_ids = ["sg-0123456789abcdef0"]
}
