# A node group of two types with custom networking: the kubelet takes the lower number.
data "ekshybrid_max_pods" "workers" {
  instance_types    = ["m5.large", "m6i.large"]
  custom_networking = true
}

output "max_pods" {
  value = data.ekshybrid_max_pods.workers.lowest
}
