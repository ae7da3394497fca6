# Custom networking of the VPC CNI: an ENIConfig for each zone, then aws-node switched over.
#
# To be used as a module of its own:
#
#   module "custom_networking" {
#     source = "…/custom-networking/module"
#
#     cluster_name   = aws_eks_cluster.this.name
#     pod_subnet_ids = { for zone, subnet in aws_subnet.pods : zone => subnet.id }
#   }
#
#   resource "aws_eks_node_group" "this" {
#     cluster_name = module.custom_networking.cluster_name # after everything above
#     …
#   }

terraform {
  required_version = ">= 1.8"

  required_providers {
    ekshybrid = {
      source = "ekshybrid/ekshybrid"
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
  # The cluster's name by way of the ENIConfigs: they are there before aws-node asks for them.
  cluster_name = one(toset([for config in ekshybrid_eniconfig.this : config.cluster_name]))

  custom_networking = true
  eni_config_label  = "topology.kubernetes.io/zone"
  prefix_delegation = var.prefix_delegation
  external_snat     = var.external_snat
  minimum_version   = var.minimum_version
}
