import {
  to = ekshybrid_node_recycle.workers
  identity = {
    cluster_name = "workshop"
    selector     = "eks.amazonaws.com/nodegroup=workers"
    region       = "us-west-2"
  }
}
