# Stands in for aws.tf of the stack `custom-networking` when it runs in the sandbox: the cluster and its node group are
# made by calls to EKS at the same places of the graph, in the networks that custom_networking.py has made before.

variable "sandbox" {
  description = "What the sandbox tells about the account, and the networks that were made for the stack."
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

# Like the attributes of `aws_eks_cluster`, its results are known only when the cluster is there.
data "ekshybrid_cluster" "made" {
  cluster_name = terraform_data.cluster.output.name
}

resource "terraform_data" "nodes" {
  input = { cluster = local.cluster_ready_for_nodes, name = "custom-networking-nodes", aws = var.sandbox.aws }

  # A launch template has the user data; nodes with another one are made anew.
  triggers_replace = sha256(local.node_user_data)

  provisioner "local-exec" {
    command = "${self.input.aws} create-node-group ${self.input.cluster} ${self.input.name} ${var.sandbox.node_role_arn} 2 ${join(" ", values(var.sandbox.node_subnet_ids))}"
  }

  provisioner "local-exec" {
    when    = destroy
    command = "${self.input.aws} delete-node-group ${self.input.cluster} ${self.input.name}"
  }
}

locals {
  region                        = var.sandbox.region
  instance_type                 = "m5.large"
  cluster_name                  = terraform_data.cluster.input.name
  cluster_endpoint              = data.ekshybrid_cluster.made.endpoint
  cluster_certificate_authority = data.ekshybrid_cluster.made.certificate_authority
  cluster_service_cidr          = data.ekshybrid_cluster.made.service_cidr
  cluster_name_of_nodes         = terraform_data.nodes.input.cluster
  node_group_name               = terraform_data.nodes.input.name
  pod_subnet_ids                = var.sandbox.pod_subnet_ids
}
