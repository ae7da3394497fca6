# The role of the hybrid nodes may join. An access entry, or an entry of aws-auth where the cluster's mode asks for it.
resource "ekshybrid_node_access" "hybrid" {
  cluster_name  = "workshop"
  principal_arn = "arn:aws:iam::111122223333:role/hybrid-nodes"
  tags          = { team = "platform" }
}

# Whatever joins refers to it, so that it comes after.
resource "ekshybrid_activation" "hosts" {
  iam_role   = "hybrid-nodes"
  depends_on = [ekshybrid_node_access.hybrid]
}
