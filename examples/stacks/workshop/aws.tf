# Resources of the AWS provider: the role of the hosts and their access. The cluster already exists.

variable "region" {
  description = "Region of the cluster."
  type        = string
  default     = "us-west-2"
}

variable "cluster_name" {
  description = "Name of an EKS cluster with remote node networks."
  type        = string
}

provider "aws" {
  region = var.region
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_eks_cluster" "this" {
  name = var.cluster_name
}

# The role of every host that registers with Systems Manager.
resource "aws_iam_role" "hybrid_nodes" {
  name = "${var.cluster_name}-hybrid-nodes"
  assume_role_policy = provider::ekshybrid::hybrid_node_trust_policy({
    account_id = data.aws_caller_identity.current.account_id
    region     = var.region
  })
}

resource "aws_iam_role_policy_attachment" "hybrid_nodes" {
  for_each = toset(["AmazonSSMManagedInstanceCore", "AmazonEC2ContainerRegistryPullOnly"])

  role       = aws_iam_role.hybrid_nodes.name
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/${each.key}"
}

# `nodeadm init` reads the cluster and checks that the role has access to it; `nodeadm uninstall` deregisters the host.
resource "aws_iam_role_policy" "hybrid_nodes" {
  name = "nodeadm"
  role = aws_iam_role.hybrid_nodes.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["eks:DescribeCluster", "eks:ListAccessEntries"]
        Resource = data.aws_eks_cluster.this.arn
      },
      {
        Effect   = "Allow"
        Action   = "ssm:DescribeInstanceInformation"
        Resource = "*"
      },
      {
        Effect   = "Allow"
        Action   = "ssm:DeregisterManagedInstance"
        Resource = "arn:${data.aws_partition.current.partition}:ssm:${var.region}:${data.aws_caller_identity.current.account_id}:managed-instance/*"
        Condition = {
          StringEquals = { "ssm:resourceTag/EKSClusterARN" = data.aws_eks_cluster.this.arn }
        }
      },
    ]
  })
}

# Lets the hosts join as nodes.
resource "aws_eks_access_entry" "hybrid_nodes" {
  cluster_name  = data.aws_eks_cluster.this.name
  principal_arn = aws_iam_role.hybrid_nodes.arn
  type          = "HYBRID_LINUX"
}

locals {
  region           = var.region
  cluster_name     = data.aws_eks_cluster.this.name
  hybrid_role_name = aws_iam_role.hybrid_nodes.name
}
