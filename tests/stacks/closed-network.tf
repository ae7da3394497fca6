# Replaces aws.tf of the stack `closed-network` if hashicorp/aws is not available: calls to EKS create the cluster and its
# node group at the same positions in the graph, in the network created by closed_network.py.

variable "sandbox" {
  description = "Facts of the account, and the network created for the stack."
  type        = any
}

resource "terraform_data" "cluster" {
  input = { name = "closed-network", aws = var.sandbox.aws }

  provisioner "local-exec" {
    command = "${self.input.aws} create-cluster ${self.input.name} ${var.sandbox.cluster_role_arn} ${join(" ", var.sandbox.subnet_ids)}"
  }

  provisioner "local-exec" {
    when    = destroy
    command = "${self.input.aws} delete-cluster ${self.input.name}"
  }

  depends_on = [ekshybrid_vpc_endpoints.this]
}

# Like the attributes of `aws_eks_cluster`, its attributes are known only once the cluster exists.
data "ekshybrid_cluster" "this" {
  cluster_name = terraform_data.cluster.output.name
}

resource "terraform_data" "nodes" {
  input = { cluster = terraform_data.cluster.input.name, name = "closed-network-workers", aws = var.sandbox.aws }

  # The launch template contains the user data; a change replaces the nodes.
  triggers_replace = sha256(local.worker_user_data)

  provisioner "local-exec" {
    command     = "${self.input.aws} create-node-group ${self.input.cluster} ${self.input.name} ${var.sandbox.worker_role_arn} 2 ${local.instance_type} ${join(" ", var.sandbox.subnet_ids)}"
    environment = { USER_DATA = local.worker_user_data }
  }

  provisioner "local-exec" {
    when    = destroy
    command = "${self.input.aws} delete-node-group ${self.input.cluster} ${self.input.name}"
  }

  depends_on = [ekshybrid_aws_auth_entry.this]
}

locals {
  region                        = var.sandbox.region
  instance_type                 = "m5.large"
  cluster_name                  = terraform_data.cluster.output.name
  cluster_endpoint              = data.ekshybrid_cluster.this.endpoint
  cluster_certificate_authority = data.ekshybrid_cluster.this.certificate_authority
  cluster_service_cidr          = data.ekshybrid_cluster.this.service_cidr
  vpc_id                        = var.sandbox.vpc_id
  endpoint_subnet_ids           = var.sandbox.subnet_ids
  endpoint_security_group_id    = var.sandbox.security_group_id
  route_table_id                = var.sandbox.route_table_id
  worker_role_arn               = var.sandbox.worker_role_arn
  operator_role_arn             = var.sandbox.operator_role_arn
  bastion_address               = "172.24.0.4"
  operator_address              = "172.25.192.4"
}
