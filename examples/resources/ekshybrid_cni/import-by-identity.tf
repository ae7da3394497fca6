import {
  to = ekshybrid_cni.cilium
  identity = {
    cluster_name      = "workshop"
    release_namespace = "kube-system"
    release_name      = "cilium"
    region            = "us-west-2"
  }
}
