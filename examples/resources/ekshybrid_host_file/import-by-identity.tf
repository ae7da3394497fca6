import {
  to = ekshybrid_host_file.kubeconfig
  identity = {
    host = "10.80.0.4"
    path = "/home/ubuntu/.kube/config"
  }
}
