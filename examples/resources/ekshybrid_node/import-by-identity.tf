import {
  to = ekshybrid_node.edge
  identity = {
    cluster_name = "workshop"
    node_name    = "mi-0123456789abcdef0"
    region       = "us-west-2"
  }
}
