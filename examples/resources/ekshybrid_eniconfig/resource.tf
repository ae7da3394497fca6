# One ENIConfig for each zone, named after it: nodes choose theirs by the label topology.kubernetes.io/zone.
resource "ekshybrid_eniconfig" "example" {
  for_each = {
    "us-west-2a" = "subnet-0123456789abcdef0"
    "us-west-2d" = "subnet-0fedcba9876543210"
  }

  cluster_name = "workshop"
  name         = each.key
  subnet_id    = each.value

  # Without this the cluster's security group is taken.
  security_group_ids = ["sg-0123456789abcdef0"]
}
