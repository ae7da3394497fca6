import {
  to = ekshybrid_node_access.hybrid
  identity = {
    cluster_name  = "workshop"
    principal_arn = "arn:aws:iam::111122223333:role/hybrid-nodes"
    region        = "us-west-2"
  }
}
