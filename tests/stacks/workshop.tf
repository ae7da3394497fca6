# Stands in for aws.tf of the stack `workshop` when it runs in the sandbox, whose accounts hold the role, its access
# to the cluster and the cluster already.

variable "sandbox" {
  description = "What the sandbox tells about the account."
  type        = any
}

locals {
  region           = var.sandbox.region
  cluster_name     = var.sandbox.holds.cluster_names[0]
  hybrid_role_name = "hybrid-nodes"
}
