# A local cluster whose control plane runs on EBS volumes of the Outpost, in the user's account.
resource "ekshybrid_outpost_cluster" "plant" {
  name                        = "plant"
  version                     = "1.34"
  role_arn                    = "arn:aws:iam::111122223333:role/outpost-cluster"
  outpost_arn                 = "arn:aws:outposts:us-west-2:111122223333:outpost/op-0123456789abcdef0"
  subnet_ids                  = ["subnet-0123456789abcdef0"]
  control_plane_instance_type = "m5.large"
  region                      = "us-west-2"

  admins            = ["arn:aws:iam::111122223333:role/plant-operators"]
  enabled_log_types = ["api", "audit"]
  tags              = { site = "plant" }
}

# Lines for /etc/hosts of machines that use the cluster while Route 53 cannot be reached.
output "hosts_entries" {
  value = ekshybrid_outpost_cluster.plant.hosts_entries
}
