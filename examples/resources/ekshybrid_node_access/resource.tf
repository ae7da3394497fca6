# Lets the role of the hybrid nodes join: by an access entry, which hybrid nodes require.
resource "ekshybrid_node_access" "hybrid" {
  cluster_name  = "workshop"
  principal_arn = "arn:aws:iam::111122223333:role/hybrid-nodes"
  tags          = { team = "platform" }
}

# Whatever creates the nodes depends on it, so that access exists first.
resource "ekshybrid_activation" "hosts" {
  iam_role   = "hybrid-nodes"
  depends_on = [ekshybrid_node_access.hybrid]
}
