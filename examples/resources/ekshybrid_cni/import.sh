terraform import ekshybrid_cni.cilium workshop/kube-system/cilium
terraform import ekshybrid_cni.elsewhere workshop/kube-system/cilium@eu-central-1
