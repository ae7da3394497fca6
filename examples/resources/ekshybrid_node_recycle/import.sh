terraform import ekshybrid_node_recycle.workers workshop/eks.amazonaws.com/nodegroup=workers
