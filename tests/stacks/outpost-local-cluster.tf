# Replaces aws.tf of the stack `outpost-local-cluster` if hashicorp/aws is not available: the network and the roles were
# created by outpost_local_cluster.py.

variable "sandbox" {
  description = "Facts of the account, and the network and roles created for the stack."
  type        = any
}

variable "outpost_arn" {
  description = "ARN of the Outpost."
  type        = string
}

# In place of the role's policy.
resource "terraform_data" "role" {}

locals {
  region             = var.sandbox.region
  name               = "outpost-local-cluster"
  outpost_arn        = var.outpost_arn
  vpc_id             = var.sandbox.vpc_id
  subnet_ids         = [var.sandbox.subnet_id]
  endpoint_subnets   = [var.sandbox.endpoint_subnet_id]
  route_table_ids    = [var.sandbox.route_table_id]
  security_group_ids = [var.sandbox.security_group_id]
  cluster_role_arn   = var.sandbox.cluster_role_arn
  operators_role_arn = var.sandbox.operators_role_arn
}
