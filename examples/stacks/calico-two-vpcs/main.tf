# A cluster in one VPC, hosts in a second VPC that plays the premises, and Calico on all of them.
#
# aws.tf holds what the AWS provider makes: both VPCs, the cluster, the managed nodes, the hosts, a load balancer. The
# order that matters comes from references alone:
#
#   cluster ─▶ Calico in the place of aws-node ─▶ managed nodes ─────────────┐
#                                             └▶ access ─▶ activation ─▶ hosts ─▶ all of them Ready
#
# Calico takes the cluster's name from the cluster, and nodes take it from Calico (`local.cluster_ready_for_nodes`). So no
# node ever starts with the VPC CNI, and none has to be replaced afterwards. On destroy the nodes go first, then Calico.

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

locals {
  # Pods on both sides. No route table knows these addresses: packets travel in VXLAN.
  pod_cidr = "192.168.0.0/16"

  # The same name, but whoever takes it from here comes after Calico.
  cluster_ready_for_nodes = ekshybrid_cni.calico.cluster_name

  # Calico needs no address of a network interface for a pod, so the instance type sets no limit. Hosts have this number
  # by themselves.
  max_pods = 110

  # Endpoint, certificate authority and service network are given, so that a machine asks AWS for nothing when it joins.
  cluster = {
    api_server_endpoint   = local.cluster_endpoint
    certificate_authority = local.cluster_certificate_authority
    cidr                  = local.cluster_service_cidr
  }

  # User data of the managed nodes' launch template.
  node_user_data = provider::ekshybrid::user_data({
    os = "al2023"
    node_config = {
      cluster = merge(local.cluster, { name = local.cluster_ready_for_nodes })
      kubelet = { max_pods = local.max_pods }
    }
  })

  # User data of the hosts: it fetches nodeadm, installs what a node needs, and joins at the first boot.
  host_user_data = provider::ekshybrid::user_data({
    kubernetes_version = local.cluster_version
    architecture       = "arm64"
    node_config = {
      cluster = merge(local.cluster, { name = ekshybrid_node_access.hosts.cluster_name, region = local.region })
      hybrid = {
        ssm = {
          activation_id   = ekshybrid_activation.hosts.id
          activation_code = ekshybrid_activation.hosts.activation_code
        }
      }
    }
  })
}

# Lets the hosts join as nodes.
resource "ekshybrid_node_access" "hosts" {
  cluster_name  = local.cluster_ready_for_nodes
  principal_arn = local.hybrid_role_arn
}

# The id and code with which the hosts register. Destroy deregisters them.
resource "ekshybrid_activation" "hosts" {
  iam_role              = local.hybrid_role_name
  description           = "Hosts of ${local.cluster_name}"
  default_instance_name = "hybrid-ssm-node"
  registration_limit    = length(local.host_names)
  expires_in            = "24h"
  deregister_on_destroy = true

  # Hosts inherit the tags; by this one their role may deregister them when nodeadm is uninstalled.
  tags = {
    EKSClusterARN = local.cluster_arn
  }
}

# Known only when nodes and hosts have been started, so that they are looked for after that.
resource "terraform_data" "started" {
  input = {
    cluster_name = local.cluster_name_of_nodes
    host_ids     = local.host_ids
  }
}

# The apply ends when every node is Ready.
data "ekshybrid_nodes" "all" {
  cluster_name   = terraform_data.started.output.cluster_name
  wait_for_ready = local.managed_node_count + length(local.host_names)
}
