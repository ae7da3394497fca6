# Self-managed EC2 nodes. The default user name is the node's.
resource "ekshybrid_aws_auth_entry" "workers" {
  cluster_name = "closed"
  role_arn     = "arn:aws:iam::111122223333:role/workers"
  groups       = ["system:bootstrappers", "system:nodes"]
}

# Administrators of the cluster.
resource "ekshybrid_aws_auth_entry" "operators" {
  cluster_name = "closed"
  role_arn     = "arn:aws:iam::111122223333:role/operators"
  username     = "operator:{{SessionName}}"
  groups       = ["system:masters"]
}
