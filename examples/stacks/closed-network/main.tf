# A cluster in a network without a way to the internet: everything that nodes need of AWS comes through VPC endpoints, which
# lead to this account only.
#
# aws.tf contains the resources of the AWS provider. The order:
#
#   VPCs, roles ─▶ endpoints ─▶ cluster ─▶ aws-auth ─▶ worker nodes
#
# Destroy goes the other way: the endpoints are deleted after the cluster and its nodes.

provider "ekshybrid" {
  region = local.region
}

# Eleven endpoints, created side by side. Nothing in the VPC reaches buckets, repositories or keys of other accounts, except
# what nodes need of AWS.
resource "ekshybrid_vpc_endpoints" "this" {
  vpc_id              = local.vpc_id
  profile             = "private_cluster"
  subnet_ids          = local.endpoint_subnet_ids
  security_group_ids  = [local.endpoint_security_group_id]
  route_table_ids     = [local.route_table_id]
  restrict_to_account = true

  tags = { Name = "closed-network" }
}

locals {
  # The cluster as its nodes need to know it. With all of it given, no node has to ask EKS.
  cluster = {
    name                  = local.cluster_name
    api_server_endpoint   = local.cluster_endpoint
    certificate_authority = local.cluster_certificate_authority
    cidr                  = local.cluster_service_cidr
  }

  # User data of the workers' launch template (Amazon Linux 2023).
  worker_user_data = provider::ekshybrid::user_data({
    os          = "al2023"
    node_config = { cluster = local.cluster }
  })

  # The same for images with bootstrap.sh.
  bootstrap_arguments = provider::ekshybrid::bootstrap_arguments({
    cluster_name          = local.cluster_name
    api_server_endpoint   = local.cluster_endpoint
    certificate_authority = local.cluster_certificate_authority
    service_ipv4_cidr     = local.cluster_service_cidr
  })

  access = {
    workers  = { role_arn = local.worker_role_arn, groups = ["system:bootstrappers", "system:nodes"] }
    operator = { role_arn = local.operator_role_arn, groups = ["system:masters"] }
  }

  # For ~/.ssh/config: the operator's machine is reached through the bastion.
  ssh_config = <<-EOT
    Host bastion
      HostName ${local.bastion_address}
      User ubuntu

    Host operator
      HostName ${local.operator_address}
      User ubuntu
      ProxyJump bastion
  EOT
}

# One entry for each role; entries of others in aws-auth stay untouched.
resource "ekshybrid_aws_auth_entry" "this" {
  for_each = local.access

  cluster_name = local.cluster_name
  role_arn     = each.value.role_arn
  groups       = each.value.groups
}

# For the operator's machine, whose role is in aws-auth.
data "ekshybrid_kubeconfig" "operator" {
  cluster_name = local.cluster_name
  context_name = "closed-network"

  depends_on = [aws_eks_cluster.this]
}
