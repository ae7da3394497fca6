# A local cluster whose control plane and etcd run on instance stores, in AWS's account. Access is by access entries.
resource "ekshybrid_outpost_cluster" "hall" {
  name                        = "hall"
  role_arn                    = "arn:aws:iam::111122223333:role/outpost-cluster"
  outpost_arn                 = "arn:aws:outposts:us-west-2:111122223333:outpost/op-0123456789abcdef0"
  subnet_ids                  = ["subnet-0123456789abcdef0"]
  control_plane_instance_type = "m5.large"
  control_plane_spread_level  = "host"
  etcd_instance_type          = "m5d.large"
  etcd_spread_level           = "host"
  authentication_mode         = "API"

  bootstrap_cluster_creator_admin_permissions = false

  admins = ["arn:aws:iam::111122223333:role/hall-operators"]
}
