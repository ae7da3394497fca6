# Replaces aws.tf of the stack `workshop` if hashicorp/aws is not available: accounts in the sandbox already have the role
# and its access to the cluster.

variable "sandbox" {
  description = "Facts of the account."
  type        = any
}

variable "cluster_name" {
  description = "Name of the cluster."
  type        = string
}

locals {
  region           = var.sandbox.region
  cluster_name     = var.cluster_name
  hybrid_role_name = "hybrid-nodes"
}

# Stands for the access entry, which exists.
resource "terraform_data" "hybrid_nodes" {}
