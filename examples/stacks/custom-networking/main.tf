# Pods in a secondary CIDR: a subnet and an ENIConfig for each zone, aws-node switched to custom networking, nodes with
# the right number of pods, in one apply.
#
# aws.tf holds what the AWS provider makes: networks, the cluster and its nodes. The order that matters comes from
# references alone:
#
#   cluster ─▶ ENIConfigs ─▶ custom networking ─▶ node group ─▶ annotations of the nodes
#
# The ENIConfigs take the cluster's name from the cluster, custom networking takes it from the ENIConfigs, and the node
# group takes it from custom networking (`local.cluster_ready_for_nodes`). So no node ever starts without its ENIConfig,
# and on destroy the nodes go first.

terraform {
  required_version = ">= 1.8"

  required_providers {
    ekshybrid = {
      source = "ekshybrid/ekshybrid"
    }
  }
}

provider "ekshybrid" {
  region = local.region
}

module "custom_networking" {
  source = "./module"

  cluster_name   = local.cluster_name
  pod_subnet_ids = local.pod_subnet_ids
}

locals {
  # The same name, but whoever takes it from here comes after the ENIConfigs and after the switch.
  cluster_ready_for_nodes = module.custom_networking.cluster_name

  # One network interface fewer is left for pods, and AL2023 does not count that by itself.
  max_pods = provider::ekshybrid::max_pods(local.instance_type, { custom_networking = true })

  node_user_data = provider::ekshybrid::user_data({
    os = "al2023"
    node_config = {
      cluster = {
        name                  = local.cluster_ready_for_nodes
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

# Nodes find their ENIConfig by their zone. The annotation says the same where everybody can see it, and wins over the
# label when zones are given other ENIConfigs later.
resource "ekshybrid_eniconfig_binding" "nodes" {
  for_each = module.custom_networking.eniconfigs

  cluster_name = local.cluster_name_of_nodes
  eniconfig    = each.value

  node_selector = {
    "eks.amazonaws.com/nodegroup" = local.node_group_name
    "topology.kubernetes.io/zone" = each.key
  }
}
