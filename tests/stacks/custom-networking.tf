# Replaces aws.tf of the stack `custom-networking` if hashicorp/aws is not available: calls to EKS create the cluster and its
# node group at the same positions in the graph, in the networks created by custom_networking.py.

variable "sandbox" {
  description = "Facts of the account, and the networks created for the stack."
  type        = any
}

resource "terraform_data" "cluster" {
  input = { name = "custom-networking", aws = var.sandbox.aws }

  provisioner "local-exec" {
    command = "${self.input.aws} create-cluster ${self.input.name} ${var.sandbox.cluster_role_arn} ${join(" ", values(var.sandbox.node_subnet_ids))}"
  }

  provisioner "local-exec" {
    when    = destroy
    command = "${self.input.aws} delete-cluster ${self.input.name}"
  }
}

# Like the attributes of `aws_eks_cluster`, its attributes are known only once the cluster exists.
data "ekshybrid_cluster" "this" {
  cluster_name = terraform_data.cluster.output.name
}

resource "terraform_data" "nodes" {
  input = { cluster = terraform_data.cluster.input.name, name = "custom-networking-nodes", aws = var.sandbox.aws }

  # The launch template contains the user data; a change replaces the nodes.
  triggers_replace = sha256(local.node_user_data)

  provisioner "local-exec" {
    command     = "${self.input.aws} create-node-group ${self.input.cluster} ${self.input.name} ${var.sandbox.node_role_arn} 2 ${local.instance_type} ${join(" ", values(var.sandbox.node_subnet_ids))}"
    environment = { USER_DATA = local.node_user_data }
  }

  provisioner "local-exec" {
    when    = destroy
    command = "${self.input.aws} delete-node-group ${self.input.cluster} ${self.input.name}"
  }

  depends_on = [module.custom_networking]
}

locals {
  region                        = var.sandbox.region
  instance_type                 = "m5.large"
  cluster_name                  = terraform_data.cluster.input.name
  cluster_endpoint              = data.ekshybrid_cluster.this.endpoint
  cluster_certificate_authority = data.ekshybrid_cluster.this.certificate_authority
  cluster_service_cidr          = data.ekshybrid_cluster.this.service_cidr
  pod_cidr                      = "192.168.1.0/24"
  pod_subnet_ids                = var.sandbox.pod_subnet_ids
}
