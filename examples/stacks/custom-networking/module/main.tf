# Custom networking of the VPC CNI: first an ENIConfig for each zone, then the switch.
#
# Nodes find their ENIConfig by the label of their zone, so nodes added later need no further configuration.
#
# Usage as a module:
#
#   module "custom_networking" {
#     source = "…/custom-networking/module"
#
#     cluster_name   = aws_eks_cluster.this.name
#     pod_subnet_ids = { for zone, subnet in aws_subnet.pods : zone => subnet.id }
#   }
#
#   resource "aws_eks_node_group" "this" {
#     …
#     depends_on = [module.custom_networking]
#   }

terraform {
  required_version = ">= 1.8"

  required_providers {
    ekshybrid = {
      source  = "ekshybrid/ekshybrid"
      version = ">= 0.1"
    }
  }
}

resource "ekshybrid_eniconfig" "this" {
  for_each = var.pod_subnet_ids

  cluster_name       = var.cluster_name
  name               = each.key
  subnet_id          = each.value
  security_group_ids = var.security_group_ids
}

resource "ekshybrid_vpc_cni" "this" {
  cluster_name = var.cluster_name

  custom_networking = true
  eni_config_label  = "topology.kubernetes.io/zone"
  prefix_delegation = var.prefix_delegation
  external_snat     = var.external_snat
  minimum_version   = var.minimum_version

  # As soon as custom networking is on, new network interfaces look for their ENIConfig.
  depends_on = [ekshybrid_eniconfig.this]
}
