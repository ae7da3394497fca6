terraform import ekshybrid_host_file.kubeconfig 10.80.0.4:/home/ubuntu/.kube/config
