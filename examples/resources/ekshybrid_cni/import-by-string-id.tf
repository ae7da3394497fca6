import {
  to = ekshybrid_cni.cilium
  id = "workshop/kube-system/cilium"
}
