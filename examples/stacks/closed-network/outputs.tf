output "endpoints" {
  description = "Ids of the VPC endpoints by service."
  value       = { for service, endpoint in ekshybrid_vpc_endpoints.this.endpoints : service => endpoint.id }
}

output "repository_policy" {
  description = "Policy for ECR repositories whose images must only be pulled through the endpoints."
  value       = ekshybrid_vpc_endpoints.this.repository_policy
}

output "bootstrap_arguments" {
  description = "Arguments of bootstrap.sh, for worker images that have it."
  value       = local.bootstrap_arguments
}

output "kubeconfig" {
  description = "Kubeconfig for the operator's machine."
  value       = data.ekshybrid_kubeconfig.operator.kubeconfig
}

output "ssh_config" {
  description = "Part of ~/.ssh/config that leads to the operator's machine through the bastion."
  value       = local.ssh_config
}
