# A cluster in one VPC, hosts in a second VPC that represents the on-premises network, and Calico on all of them.
#
# aws.tf contains the resources of the AWS provider: both VPCs, the cluster, the managed nodes, the hosts and a load
# balancer. The order:
#
#   cluster ─▶ access, activation ─▶ hosts ─▶ Calico instead of aws-node ─▶ managed nodes ─▶ network check
#
# Hosts join first and become Ready with Calico, which waits for them. The managed nodes depend on Calico: none starts
# with the VPC CNI, so none has to be replaced afterwards. On destroy, the managed nodes are deleted first, then Calico,
# then the hosts.

provider "ekshybrid" {
  region = local.region
}

locals {
  # Pods on both sides. No route table contains these addresses: packets are encapsulated in VXLAN.
  pod_cidr = "192.168.0.0/16"

  # Calico assigns pods no addresses of network interfaces, so the instance type sets no limit. On hosts, this number is
  # the default.
  max_pods = 110

  # User data of the managed nodes' launch template.
  node_user_data = provider::ekshybrid::user_data({
    os = "al2023"
    node_config = {
      cluster = {
        name                  = local.cluster_name
        api_server_endpoint   = local.cluster_endpoint
        certificate_authority = local.cluster_certificate_authority
        cidr                  = local.cluster_service_cidr
      }
      kubelet = { max_pods = local.max_pods }
    }
  })

  # User data of the hosts: downloads nodeadm, installs the components of a node, and joins at the first boot. nodeadm
  # asks EKS for the cluster's endpoint, and also checks the host's address, version and access.
  host_user_data = provider::ekshybrid::user_data({
    kubernetes_version = local.cluster_version
    architecture       = "arm64"
    node_config = {
      cluster = {
        name   = ekshybrid_node_access.hosts.cluster_name
        region = local.region
      }
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
  cluster_name  = local.cluster_name
  principal_arn = local.hybrid_role_arn
}

# The ID and code with which the hosts register.
resource "ekshybrid_activation" "hosts" {
  iam_role              = local.hybrid_role_name
  description           = "Hosts of ${local.cluster_name}"
  default_instance_name = "hybrid-ssm-node"
  registration_limit    = length(local.host_names)
  expires_in            = "24h"

  # Destroy deregisters the hosts. They are terminated with this stack.
  deregister_on_destroy = true

  # Hosts inherit the tags. The policy in aws.tf lets their role deregister instances with this tag.
  tags = {
    EKSClusterARN = local.cluster_arn
  }
}

# From pods on every node: pods on all nodes, a service, the NodePort of every node, DNS and the API server. Runs again when
# the CNI or the nodes change.
resource "ekshybrid_network_check" "all" {
  cluster_name   = local.cluster_name
  expected_cidrs = [local.pod_cidr]

  triggers = {
    calico = ekshybrid_cni.calico.manifest_digest
    nodes  = sha256(local.node_user_data)
    hosts  = join(",", local.host_names)
  }

  depends_on = [aws_eks_node_group.this, ekshybrid_cni.calico]
}

# For the outputs.
data "ekshybrid_nodes" "all" {
  cluster_name = local.cluster_name

  depends_on = [aws_eks_node_group.this, ekshybrid_cni.calico]
}
