import {
  to = ekshybrid_host_file.kubeconfig
  id = "10.80.0.4:/home/ubuntu/.kube/config"
}
