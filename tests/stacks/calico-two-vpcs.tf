# Stands in for aws.tf of the stack `calico-two-vpcs` when it runs in the sandbox. The cluster is there before, so that it
# can be compared with what it was when all is destroyed; managed nodes and hosts are made at the same places of the graph.

variable "sandbox" {
  description = "What the sandbox tells about the account, and the cluster that was made for the stack."
  type        = any
}

resource "terraform_data" "nodes" {
  input = { cluster = local.cluster_ready_for_nodes, name = "calico-two-vpcs-nodes", aws = var.sandbox.aws }

  # A launch template has the user data; nodes with another one are made anew.
  triggers_replace = sha256(local.node_user_data)

  provisioner "local-exec" {
    command = "${self.input.aws} create-node-group ${self.input.cluster} ${self.input.name} ${var.sandbox.node_role_arn} ${local.managed_node_count} ${join(" ", var.sandbox.node_subnet_ids)}"
  }

  provisioner "local-exec" {
    when    = destroy
    command = "${self.input.aws} delete-node-group ${self.input.cluster} ${self.input.name}"
  }
}

resource "terraform_data" "hosts" {
  for_each = { host-1 = "10.90.1.182" }

  input = { name = each.key, host = var.sandbox.host, account = var.sandbox.control_url, cluster = local.cluster_name }

  # A host boots with its user data once.
  provisioner "local-exec" {
    command     = "${self.input.host} boot ${self.input.account} ${self.input.cluster} ${self.input.name} ${each.value}"
    environment = { USER_DATA = local.host_user_data }
  }

  provisioner "local-exec" {
    when    = destroy
    command = "${self.input.host} remove ${self.input.account} ${self.input.cluster} ${self.input.name}"
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
  cluster_name_of_nodes         = terraform_data.nodes.input.cluster
  managed_node_count            = 2
  hybrid_role_arn               = var.sandbox.hybrid_role_arn
  hybrid_role_name              = "calico-two-vpcs-hybrid-nodes"
  host_names                    = ["host-1"]
  host_ids                      = { for name, host in terraform_data.hosts : name => host.id }
}
