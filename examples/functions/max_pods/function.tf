variable "instance_type" {
  type    = string
  default = "m5.large"
}

output "max_pods" {
  value = provider::ekshybrid::max_pods(var.instance_type, {
    custom_networking = true
    cni_version       = "1.20.4"
  })
}
