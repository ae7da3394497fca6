# Resources of the AWS provider: the VPC with a subnet on the Outpost, the cluster role, and the administrators' role.

variable "region" {
  description = "Region of the Outpost."
  type        = string
  default     = "us-west-2"
}

variable "name" {
  description = "Name of the cluster, and name prefix of the other resources."
  type        = string
  default     = "outpost-local-cluster"
}

variable "outpost_arn" {
  description = "ARN of the Outpost."
  type        = string
}

variable "zone" {
  description = "Availability zone of the Outpost."
  type        = string
  default     = "us-west-2a"
}

provider "aws" {
  region = var.region
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

resource "aws_vpc" "this" {
  cidr_block           = "10.30.0.0/16"
  enable_dns_support   = true
  enable_dns_hostnames = true

  tags = { Name = var.name }
}

# The control plane and the nodes run here.
resource "aws_subnet" "outpost" {
  vpc_id            = aws_vpc.this.id
  availability_zone = var.zone
  cidr_block        = "10.30.1.0/24"
  outpost_arn       = var.outpost_arn

  tags = { Name = "${var.name}-outpost" }
}

# The VPC endpoints' interfaces are in the Region, in the Outpost's zone.
resource "aws_subnet" "region" {
  vpc_id            = aws_vpc.this.id
  availability_zone = var.zone
  cidr_block        = "10.30.2.0/24"

  tags = { Name = "${var.name}-region" }
}

# The gateway endpoint of S3 adds its route here. Routes to the site belong here too.
resource "aws_route_table" "private" {
  vpc_id = aws_vpc.this.id

  tags = { Name = var.name }

  lifecycle {
    ignore_changes = [route]
  }
}

resource "aws_route_table_association" "private" {
  for_each = { outpost = aws_subnet.outpost.id, region = aws_subnet.region.id }

  subnet_id      = each.value
  route_table_id = aws_route_table.private.id
}

# The control plane reaches AWS services through the VPC's endpoints.
resource "aws_security_group" "endpoints" {
  name        = "${var.name}-endpoints"
  description = "HTTPS from the Outpost's subnet"
  vpc_id      = aws_vpc.this.id

  ingress {
    description = "HTTPS"
    protocol    = "tcp"
    from_port   = 443
    to_port     = 443
    cidr_blocks = [aws_subnet.outpost.cidr_block]
  }

  tags = { Name = "${var.name}-endpoints" }
}

# The control-plane instances are in this account: EC2 assumes the role.
resource "aws_iam_role" "cluster" {
  name = "${var.name}-cluster"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }]
  })
}

resource "aws_iam_role_policy_attachment" "cluster" {
  role       = aws_iam_role.cluster.name
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/AmazonEKSLocalOutpostClusterPolicy"
}

# People assume this role to administer the cluster.
resource "aws_iam_role" "operators" {
  name = "${var.name}-operators"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { AWS = "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:root" }
    }]
  })
}

locals {
  region             = var.region
  name               = var.name
  outpost_arn        = var.outpost_arn
  vpc_id             = aws_vpc.this.id
  subnet_ids         = [aws_subnet.outpost.id]
  endpoint_subnets   = [aws_subnet.region.id]
  route_table_ids    = [aws_route_table.private.id]
  security_group_ids = [aws_security_group.endpoints.id]
  cluster_role_arn   = aws_iam_role.cluster.arn
  operators_role_arn = aws_iam_role.operators.arn
}
