import {
  to = ekshybrid_node_access.hybrid
  id = "workshop/arn:aws:iam::111122223333:role/hybrid-nodes"
}
