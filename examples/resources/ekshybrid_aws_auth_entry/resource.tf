# Self-managed EC2 nodes. The user name is that of the node by default.
resource "ekshybrid_aws_auth_entry" "workers" {
  cluster_name = "closed"
  role_arn     = "arn:aws:iam::111122223333:role/workers"
  groups       = ["system:bootstrappers", "system:nodes"]
}

# People who administer the cluster.
resource "ekshybrid_aws_auth_entry" "operators" {
  cluster_name = "closed"
  role_arn     = "arn:aws:iam::111122223333:role/operators"
  username     = "operator:{{SessionName}}"
  groups       = ["system:masters"]
}
