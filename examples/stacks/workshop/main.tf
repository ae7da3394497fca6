# Hosts outside AWS join an existing EKS cluster as hybrid nodes: by themselves at first boot, with the activation below, or
# over SSH (hosts.tf). README.md says what the cluster needs, and how the outputs reach the hosts.
#
# aws.tf contains the resources of the AWS provider: the role of the hosts and their access to the cluster.

provider "ekshybrid" {
  region       = local.region
  cluster_name = local.cluster_name
}

data "ekshybrid_cluster" "this" {}

# The ID and code with which hosts register. The next apply replaces an expired activation; registered hosts are kept.
resource "ekshybrid_activation" "hosts" {
  iam_role              = local.hybrid_role_name
  description           = "Hybrid nodes of ${local.cluster_name}"
  default_instance_name = "hybrid-ssm-node"
  registration_limit    = 5
  expires_in            = "24h"
  rotate_when_expired   = true

  # Destroy deregisters the hosts, which disconnects them from the cluster.
  deregister_on_destroy = true

  # Hosts inherit the tags. The policy in aws.tf lets their role deregister instances with this tag.
  tags = {
    EKSClusterARN = data.ekshybrid_cluster.this.arn
  }
}

locals {
  # nodeadm asks EKS for the cluster's endpoint and certificate authority, and also checks the host's address, version and
  # access. It skips these checks if the endpoint is given here.
  node_config = {
    cluster = {
      name   = local.cluster_name
      region = local.region
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
