# A module that calls every function of the provider. It needs no credentials, no cluster and no provider block.
terraform {
  required_providers {
    ekshybrid = { source = "ekshybrid/ekshybrid" }
  }
}

variable "region" {
  type    = string
  default = "us-west-2"
}

locals {
  # As `certificate_authority` of ekshybrid_cluster has it.
  certificate_authority = base64encode("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n")

  node_config = {
    cluster = { name = "plant", region = var.region }
    hybrid = {
      ssm = {
        activation_id   = "12345678-1234-1234-1234-123456789012"
        activation_code = "Fjz3/sZfSvv78EXAMPLE"
      }
    }
  }
}

output "bootstrap_arguments" {
  value = provider::ekshybrid::bootstrap_arguments({
    cluster_name          = "plant"
    api_server_endpoint   = "https://ABC.gr7.us-west-2.eks.amazonaws.com"
    certificate_authority = local.certificate_authority
    service_ipv4_cidr     = "172.20.0.0/16"
    max_pods              = 20
  })
}

output "cidrs_overlap" {
  value = {
    inside  = provider::ekshybrid::cidrs_overlap("10.0.0.0/16", ["10.0.128.0/17"])
    outside = provider::ekshybrid::cidrs_overlap("10.0.0.0/16", ["10.85.0.0/16"])
  }
}

output "hybrid_node_role_policy" {
  value = provider::ekshybrid::hybrid_node_role_policy({
    cluster_arns = ["arn:aws:eks:${var.region}:123456789012:cluster/plant"]
  })
}

output "hybrid_node_trust_policy" {
  value = provider::ekshybrid::hybrid_node_trust_policy({ account_id = "123456789012", region = var.region })
}

output "join_command" {
  value = provider::ekshybrid::join_command({ kubernetes_version = "1.34", node_config = local.node_config })
}

output "kubeconfig" {
  value = provider::ekshybrid::kubeconfig({
    contexts = [{
      name                  = "plant"
      server                = "https://ABC.gr7.us-west-2.eks.amazonaws.com"
      certificate_authority = local.certificate_authority
      aws                   = { cluster_name = "plant", region = var.region }
    }]
  })
}

output "max_pods" {
  value = provider::ekshybrid::max_pods("m5.large", { custom_networking = true })
}

output "node_config" {
  value = provider::ekshybrid::node_config(local.node_config)
}

output "required_permissions" {
  value = provider::ekshybrid::required_permissions(["ekshybrid_activation"], {
    region     = var.region
    account_id = "123456789012"
  })
}

output "s3_gateway_policy" {
  value = provider::ekshybrid::s3_gateway_policy(var.region)
}

output "user_data" {
  value = provider::ekshybrid::user_data({ kubernetes_version = "1.34", node_config = local.node_config })
}

output "vpc_endpoint_services" {
  value = provider::ekshybrid::vpc_endpoint_services("private_cluster", var.region)
}
