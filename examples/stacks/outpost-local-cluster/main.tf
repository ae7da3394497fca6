# An EKS local cluster on an Outpost with the VPC endpoints that it needs, an administrator besides its creator, and a
# kubeconfig for the time when the Outpost is disconnected from the Region.
#
# aws.tf contains the resources of the AWS provider: the VPC with a subnet on the Outpost, and the roles.

provider "ekshybrid" {
  region = local.region
}

# EKS cannot create the control plane before these endpoints exist.
resource "ekshybrid_vpc_endpoints" "this" {
  vpc_id             = local.vpc_id
  profile            = "outpost_local_cluster"
  subnet_ids         = local.endpoint_subnets
  security_group_ids = local.security_group_ids
  route_table_ids    = local.route_table_ids

  tags = { Name = local.name }
}

resource "ekshybrid_outpost_cluster" "this" {
  name                        = local.name
  version                     = "1.34"
  role_arn                    = local.cluster_role_arn
  outpost_arn                 = local.outpost_arn
  subnet_ids                  = local.subnet_ids
  security_group_ids          = local.security_group_ids
  control_plane_instance_type = "m5.large"

  # EKS shows nowhere who has created a cluster, and the creator may leave.
  admins = [local.operators_role_arn]

  enabled_log_types = ["api", "audit", "authenticator"]
  tags              = { Name = local.name }

  # Without its policy, the role cannot create the control plane, nor delete it.
  depends_on = [aws_iam_role_policy_attachment.cluster, ekshybrid_vpc_endpoints.this]
}

# The kubeconfig of the administrators, while the Outpost is connected to the Region.
data "ekshybrid_kubeconfig" "operators" {
  cluster_name = ekshybrid_outpost_cluster.this.name
  role_arn     = local.operators_role_arn
}

# While the Outpost is disconnected, IAM cannot be reached, and the cluster refuses tokens. Only local clusters sign client
# certificates.
resource "ekshybrid_client_certificate" "operators" {
  cluster_name  = ekshybrid_outpost_cluster.this.name
  common_name   = "${local.name}-operators"
  organizations = [local.name]
  duration      = "90d"
  renew_before  = "30d"
  cluster_role  = "cluster-admin"
}

data "ekshybrid_kubeconfig" "disconnected" {
  cluster_name       = ekshybrid_client_certificate.operators.cluster_name
  client_certificate = ekshybrid_client_certificate.operators.certificate
  client_key         = ekshybrid_client_certificate.operators.private_key
}
