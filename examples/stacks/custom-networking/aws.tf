# Resources of the AWS provider: the VPC with its secondary CIDR, the cluster, and nodes that start once custom networking
# is on.

variable "region" {
  description = "Region of the cluster."
  type        = string
  default     = "us-west-2"
}

variable "name" {
  description = "Name of the cluster, and name prefix of the other resources."
  type        = string
  default     = "custom-networking"
}

variable "zones" {
  description = "Availability zones with nodes, at least two."
  type        = list(string)
  default     = ["us-west-2a", "us-west-2b"]
}

provider "aws" {
  region = var.region
}

data "aws_partition" "current" {}

resource "aws_vpc" "this" {
  cidr_block           = "192.168.0.0/24"
  enable_dns_support   = true
  enable_dns_hostnames = true

  tags = { Name = var.name }
}

# Pods get their addresses from here.
resource "aws_vpc_ipv4_cidr_block_association" "pods" {
  vpc_id     = aws_vpc.this.id
  cidr_block = "192.168.1.0/24"
}

resource "aws_subnet" "nodes" {
  for_each = { for index, zone in var.zones : zone => cidrsubnet("192.168.0.64/26", 1, index) }

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = each.value

  # Internal load balancers are placed here, never in the pods' subnets.
  tags = {
    Name                              = "${var.name}-nodes-${each.key}"
    "kubernetes.io/role/internal-elb" = "1"
  }
}

resource "aws_subnet" "public" {
  for_each = { for index, zone in var.zones : zone => cidrsubnet("192.168.0.0/26", 1, index) }

  vpc_id                  = aws_vpc.this.id
  availability_zone       = each.key
  cidr_block              = each.value
  map_public_ip_on_launch = true

  tags = {
    Name                     = "${var.name}-public-${each.key}"
    "kubernetes.io/role/elb" = "1"
  }
}

# One in each zone that has nodes.
resource "aws_subnet" "pods" {
  for_each = { for index, zone in var.zones : zone => cidrsubnet("192.168.1.0/26", 1, index) }

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = each.value

  tags = { Name = "${var.name}-pods-${each.key}" }

  # AWS rejects a subnet outside the VPC's CIDR blocks, so the secondary CIDR comes first.
  depends_on = [aws_vpc_ipv4_cidr_block_association.pods]
}

resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id
}

resource "aws_eip" "nat" {
  domain = "vpc"

  depends_on = [aws_internet_gateway.this]
}

resource "aws_nat_gateway" "this" {
  allocation_id = aws_eip.nat.id
  subnet_id     = aws_subnet.public[var.zones[0]].id

  depends_on = [aws_internet_gateway.this]
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.this.id

  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.this.id
  }
}

# Nodes and pods share one NAT gateway.
resource "aws_route_table" "private" {
  vpc_id = aws_vpc.this.id

  route {
    cidr_block     = "0.0.0.0/0"
    nat_gateway_id = aws_nat_gateway.this.id
  }
}

resource "aws_route_table_association" "public" {
  for_each = aws_subnet.public

  subnet_id      = each.value.id
  route_table_id = aws_route_table.public.id
}

resource "aws_route_table_association" "nodes" {
  for_each = aws_subnet.nodes

  subnet_id      = each.value.id
  route_table_id = aws_route_table.private.id
}

resource "aws_route_table_association" "pods" {
  for_each = aws_subnet.pods

  subnet_id      = each.value.id
  route_table_id = aws_route_table.private.id
}

resource "aws_iam_role" "cluster" {
  name = "${var.name}-cluster"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "eks.amazonaws.com" } }]
  })
}

resource "aws_iam_role_policy_attachment" "cluster" {
  role       = aws_iam_role.cluster.name
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/AmazonEKSClusterPolicy"
}

resource "aws_eks_cluster" "this" {
  name     = var.name
  role_arn = aws_iam_role.cluster.arn

  access_config {
    authentication_mode                         = "API_AND_CONFIG_MAP"
    bootstrap_cluster_creator_admin_permissions = true
  }

  vpc_config {
    subnet_ids              = concat(values(aws_subnet.nodes)[*].id, values(aws_subnet.public)[*].id)
    endpoint_private_access = true
    endpoint_public_access  = true
  }

  depends_on = [aws_iam_role_policy_attachment.cluster]
}

resource "aws_iam_role" "nodes" {
  name = "${var.name}-nodes"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }]
  })
}

resource "aws_iam_role_policy_attachment" "nodes" {
  for_each = toset(["AmazonEKSWorkerNodePolicy", "AmazonEKS_CNI_Policy", "AmazonEC2ContainerRegistryPullOnly"])

  role       = aws_iam_role.nodes.name
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/${each.key}"
}

# The newest image of that Kubernetes version.
data "aws_ssm_parameter" "node_image" {
  name = "/aws/service/eks/optimized-ami/${aws_eks_cluster.this.version}/amazon-linux-2023/x86_64/standard/recommended/image_id"
}

# Keeps the image with which the nodes were created. Otherwise any later apply could replace all nodes because a newer
# image exists. To move to the newest image: terraform apply -replace=terraform_data.node_image
resource "terraform_data" "node_image" {
  input = nonsensitive(data.aws_ssm_parameter.node_image.value)

  lifecycle {
    ignore_changes = [input]
  }
}

# Because the launch template names an image, EKS does not change the user data, and the number of pods applies.
resource "aws_launch_template" "nodes" {
  name          = "${var.name}-nodes"
  image_id      = terraform_data.node_image.output
  instance_type = local.instance_type
  user_data     = base64encode(local.node_user_data)

  # IMDSv2 only, and not reachable from pods.
  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      volume_type = "gp3"
      volume_size = 20
      encrypted   = true
    }
  }
}

resource "aws_eks_node_group" "this" {
  cluster_name    = aws_eks_cluster.this.name
  node_group_name = "${var.name}-nodes"
  node_role_arn   = aws_iam_role.nodes.arn
  subnet_ids      = values(aws_subnet.nodes)[*].id

  launch_template {
    id      = aws_launch_template.nodes.id
    version = aws_launch_template.nodes.latest_version
  }

  scaling_config {
    desired_size = 2
    min_size     = 2
    max_size     = 4
  }

  # Pods on nodes that start before custom networking is on stay in the nodes' subnets.
  depends_on = [
    module.custom_networking,
    aws_iam_role_policy_attachment.nodes,
    aws_route_table_association.nodes,
    aws_route_table_association.pods,
  ]
}

locals {
  region                        = var.region
  instance_type                 = "m5.large"
  cluster_name                  = aws_eks_cluster.this.name
  cluster_endpoint              = aws_eks_cluster.this.endpoint
  cluster_certificate_authority = aws_eks_cluster.this.certificate_authority[0].data
  cluster_service_cidr          = aws_eks_cluster.this.kubernetes_network_config[0].service_ipv4_cidr
  pod_cidr                      = aws_vpc_ipv4_cidr_block_association.pods.cidr_block
  pod_subnet_ids                = { for zone, subnet in aws_subnet.pods : zone => subnet.id }
}
