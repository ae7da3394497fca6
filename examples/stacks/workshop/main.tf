# A host outside AWS joins an existing EKS cluster as a hybrid node.
#
# aws.tf holds what the AWS provider makes: the role of the hosts and their access to the cluster.

terraform {
  required_version = ">= 1.8"

  required_providers {
    ekshybrid = {
      source = "ekshybrid/ekshybrid"
    }
  }
}

provider "ekshybrid" {
  region       = local.region
  cluster_name = local.cluster_name
}

data "ekshybrid_cluster" "this" {}

# The id and code with which hosts register. A new one is planned when this one has expired; hosts that have
# registered stay, until destroy deregisters them.
resource "ekshybrid_activation" "hosts" {
  iam_role              = local.hybrid_role_name
  description           = "Hybrid nodes of ${local.cluster_name}"
  default_instance_name = "hybrid-ssm-node"
  registration_limit    = 5
  expires_in            = "24h"
  deregister_on_destroy = true

  # Hosts inherit the tags; by this one their role may deregister them when nodeadm is uninstalled.
  tags = {
    EKSClusterARN = data.ekshybrid_cluster.this.arn
  }
}

# The hosts that have registered so far, with this activation or with one that it replaced.
data "ekshybrid_managed_instances" "hosts" {
  iam_role = local.hybrid_role_name
}

locals {
  # Endpoint, certificate authority and service network are given, so that a host asks AWS for nothing when it joins.
  node_config = {
    cluster = {
      name                  = local.cluster_name
      region                = local.region
      api_server_endpoint   = data.ekshybrid_cluster.this.endpoint
      certificate_authority = data.ekshybrid_cluster.this.certificate_authority
      cidr                  = data.ekshybrid_cluster.this.service_cidr
    }
    hybrid = {
      ssm = {
        activation_id   = ekshybrid_activation.hosts.id
        activation_code = ekshybrid_activation.hosts.activation_code
      }
    }
    kubelet = {
      flags = ["--node-labels=site=workshop"]
    }
  }
}
