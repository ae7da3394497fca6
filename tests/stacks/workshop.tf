# Stands in for aws.tf of the stack `workshop` where hashicorp/aws is not at hand: accounts of the sandbox have the role and
# its access to the cluster already.

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
