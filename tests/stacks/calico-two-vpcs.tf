# Replaces aws.tf of the stack `calico-two-vpcs` if hashicorp/aws is not available. The cluster already exists, so it can be
# compared after everything is destroyed; managed nodes and hosts are created at the same positions in the graph.

variable "sandbox" {
  description = "Facts of the account, and the cluster created for the stack."
  type        = any
}

resource "terraform_data" "nodes" {
  input = { cluster = local.cluster_name, name = "calico-two-vpcs-nodes", aws = var.sandbox.aws }

  # The launch template contains the user data; a change replaces the nodes.
  triggers_replace = sha256(local.node_user_data)

  provisioner "local-exec" {
    command     = "${self.input.aws} create-node-group ${self.input.cluster} ${self.input.name} ${var.sandbox.node_role_arn} ${local.managed_node_count} t4g.medium ${join(" ", var.sandbox.node_subnet_ids)}"
    environment = { USER_DATA = local.node_user_data }
  }

  provisioner "local-exec" {
    when    = destroy
    command = "${self.input.aws} delete-node-group ${self.input.cluster} ${self.input.name}"
  }

  depends_on = [ekshybrid_cni.calico]
}

resource "terraform_data" "hosts" {
  for_each = toset(local.host_names)

  input = { name = each.key, aws = var.sandbox.aws }

  # A host reads its user data only once, at first boot.
  provisioner "local-exec" {
    command     = "${self.input.aws} run-instance ${self.input.name} t4g.medium ${var.sandbox.host_subnet_id}"
    environment = { USER_DATA = local.host_user_data }
  }

  provisioner "local-exec" {
    when    = destroy
    command = "${self.input.aws} terminate-instance ${self.input.name}"
  }
}

locals {
  region                        = var.sandbox.region
  cluster_name                  = var.sandbox.cluster.name
  cluster_arn                   = var.sandbox.cluster.arn
  cluster_version               = var.sandbox.cluster.version
  cluster_endpoint              = var.sandbox.cluster.endpoint
  cluster_certificate_authority = var.sandbox.cluster.certificateAuthority.data
  cluster_service_cidr          = var.sandbox.cluster.kubernetesNetworkConfig.serviceIpv4Cidr
  managed_node_count            = 2
  hybrid_role_arn               = var.sandbox.hybrid_role_arn
  hybrid_role_name              = "calico-two-vpcs-hybrid-nodes"
  host_names                    = ["host-1"]
}
