# Pods in a secondary CIDR: a subnet and an ENIConfig for each zone, the VPC CNI switched to custom networking, and nodes
# with the right number of pods, in one apply.
#
# aws.tf contains the resources of the AWS provider: networks, the cluster and its nodes. The order:
#
#   cluster ─▶ ENIConfigs ─▶ custom networking ─▶ node group ─▶ network check
#
# The node group depends on the module, so no node starts without its ENIConfig, and destroy deletes the nodes first.

provider "ekshybrid" {
  region = local.region
}

module "custom_networking" {
  source = "./module"

  cluster_name   = local.cluster_name
  pod_subnet_ids = local.pod_subnet_ids
}

locals {
  # With custom networking, the primary network interface has no addresses for pods. Nodes on AL2023 ignore that.
  max_pods = provider::ekshybrid::max_pods(local.instance_type, { custom_networking = true })

  node_user_data = provider::ekshybrid::user_data({
    os = "al2023"
    node_config = {
      cluster = {
        name                  = local.cluster_name
        api_server_endpoint   = local.cluster_endpoint
        certificate_authority = local.cluster_certificate_authority
        cidr                  = local.cluster_service_cidr
      }
      kubelet = {
        max_pods = local.max_pods
      }
    }
  })
}

# Pods on the nodes have addresses of the secondary CIDR, and reach each other, services, DNS and the API server.
resource "ekshybrid_network_check" "pods" {
  cluster_name   = local.cluster_name
  expected_cidrs = [local.pod_cidr]

  triggers = {
    nodes = sha256(local.node_user_data)
  }

  depends_on = [aws_eks_node_group.this]
}
