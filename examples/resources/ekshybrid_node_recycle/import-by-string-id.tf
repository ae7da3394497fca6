import {
  to = ekshybrid_node_recycle.workers
  id = "workshop/eks.amazonaws.com/nodegroup=workers"
}
