locals {
  permissions = provider::ekshybrid::required_permissions(
    ["ekshybrid_activation", "ekshybrid_node", "data.ekshybrid_cluster"],
    {
      region       = "us-west-2"
      account_id   = "123456789012"
      cluster_name = "plant"
      role_arns    = ["arn:aws:iam::123456789012:role/hybrid-nodes"]
      group        = "terraform"
    }
  )
}

# What the caller needs in AWS.
resource "aws_iam_role_policy" "ci" {
  name   = "ekshybrid"
  role   = "ci"
  policy = local.permissions.iam_policy
}

# The caller's way into the cluster; its permissions there come from the group.
resource "aws_eks_access_entry" "ci" {
  cluster_name      = "plant"
  principal_arn     = "arn:aws:iam::123456789012:role/ci"
  kubernetes_groups = ["terraform"]
}

# Apply it once, as an administrator: kubectl apply -f -
output "rbac" {
  value = local.permissions.rbac
}
