# A node group with two instance types and custom networking: the lower number applies to both.
data "ekshybrid_max_pods" "workers" {
  instance_types    = ["m5.large", "m6i.large"]
  custom_networking = true
}

output "max_pods" {
  value = data.ekshybrid_max_pods.workers.lowest
}
