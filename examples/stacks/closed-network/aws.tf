# Resources of the AWS provider: the bastion's VPC, peered with the cluster's VPC, which has no way to the internet; roles;
# the cluster with a private API endpoint; worker nodes; the bastion and the operator's machine.

variable "region" {
  description = "Region of all resources."
  type        = string
  default     = "ap-northeast-1"
}

variable "name" {
  description = "Name of the cluster, and name prefix of the other resources."
  type        = string
  default     = "closed-network"
}

variable "zones" {
  description = "Two availability zones with worker nodes."
  type        = list(string)
  default     = ["ap-northeast-1a", "ap-northeast-1c"]
}

variable "admin_cidrs" {
  description = "Networks from which the bastion can be reached over SSH, such as [\"203.0.113.7/32\"]. Default: none."
  type        = list(string)
  default     = []
}

variable "key_name" {
  description = "Name of the EC2 key pair for the bastion and the operator's machine. Default: none, log in with another means."
  type        = string
  default     = null
}

provider "aws" {
  region = var.region
}

data "aws_partition" "current" {}

# --- the cluster's VPC: no internet gateway, no NAT gateway ------------------------------------------------

resource "aws_vpc" "cluster" {
  cidr_block           = "172.25.0.0/16"
  enable_dns_support   = true
  enable_dns_hostnames = true

  tags = { Name = "${var.name}-cluster" }
}

resource "aws_subnet" "workers" {
  for_each = { (var.zones[0]) = "172.25.0.0/17", (var.zones[1]) = "172.25.128.0/18" }

  vpc_id            = aws_vpc.cluster.id
  availability_zone = each.key
  cidr_block        = each.value

  tags = { Name = "${var.name}-workers-${each.key}" }
}

resource "aws_subnet" "operator" {
  vpc_id            = aws_vpc.cluster.id
  availability_zone = var.zones[0]
  cidr_block        = "172.25.192.0/18"

  tags = { Name = "${var.name}-operator" }
}

resource "aws_route_table" "cluster" {
  vpc_id = aws_vpc.cluster.id

  route {
    cidr_block                = aws_vpc.bastion.cidr_block
    vpc_peering_connection_id = aws_vpc_peering_connection.bastion.id
  }

  tags = { Name = "${var.name}-cluster" }
}

resource "aws_route_table_association" "workers" {
  for_each = aws_subnet.workers

  subnet_id      = each.value.id
  route_table_id = aws_route_table.cluster.id
}

resource "aws_route_table_association" "operator" {
  subnet_id      = aws_subnet.operator.id
  route_table_id = aws_route_table.cluster.id
}

# One security group for all interface endpoints.
resource "aws_security_group" "endpoints" {
  name        = "${var.name}-endpoints"
  description = "HTTPS from the VPC"
  vpc_id      = aws_vpc.cluster.id
}

resource "aws_vpc_security_group_ingress_rule" "endpoints" {
  security_group_id = aws_security_group.endpoints.id
  cidr_ipv4         = aws_vpc.cluster.cidr_block
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

# --- the bastion's VPC ---------------------------------------------------------------------------------

resource "aws_vpc" "bastion" {
  cidr_block           = "172.24.0.0/24"
  enable_dns_support   = true
  enable_dns_hostnames = true

  tags = { Name = "${var.name}-bastion" }
}

resource "aws_subnet" "bastion" {
  vpc_id                  = aws_vpc.bastion.id
  availability_zone       = var.zones[0]
  cidr_block              = "172.24.0.0/25"
  map_public_ip_on_launch = true

  tags = { Name = "${var.name}-bastion" }
}

resource "aws_internet_gateway" "bastion" {
  vpc_id = aws_vpc.bastion.id
}

resource "aws_vpc_peering_connection" "bastion" {
  vpc_id      = aws_vpc.cluster.id
  peer_vpc_id = aws_vpc.bastion.id
  auto_accept = true
}

resource "aws_route_table" "bastion" {
  vpc_id = aws_vpc.bastion.id

  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.bastion.id
  }

  route {
    cidr_block                = aws_vpc.cluster.cidr_block
    vpc_peering_connection_id = aws_vpc_peering_connection.bastion.id
  }
}

resource "aws_route_table_association" "bastion" {
  subnet_id      = aws_subnet.bastion.id
  route_table_id = aws_route_table.bastion.id
}

resource "aws_security_group" "bastion" {
  name        = "${var.name}-bastion"
  description = "SSH from administrators"
  vpc_id      = aws_vpc.bastion.id
}

resource "aws_vpc_security_group_ingress_rule" "bastion" {
  for_each = toset(var.admin_cidrs)

  security_group_id = aws_security_group.bastion.id
  cidr_ipv4         = each.value
  ip_protocol       = "tcp"
  from_port         = 22
  to_port           = 22
}

resource "aws_vpc_security_group_egress_rule" "bastion" {
  security_group_id = aws_security_group.bastion.id
  cidr_ipv4         = aws_vpc.cluster.cidr_block
  ip_protocol       = "-1"
}

# --- roles ---------------------------------------------------------------------------------------------

locals {
  trusts = { cluster = "eks.amazonaws.com", workers = "ec2.amazonaws.com", operator = "ec2.amazonaws.com" }
  attached = {
    cluster = ["AmazonEKSClusterPolicy"]
    workers = ["AmazonEKSWorkerNodePolicy", "AmazonEKS_CNI_Policy", "AmazonEC2ContainerRegistryPullOnly"]
  }
}

resource "aws_iam_role" "this" {
  for_each = local.trusts

  name = "${var.name}-${each.key}"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = each.value } }]
  })
}

resource "aws_iam_role_policy_attachment" "this" {
  for_each = merge([for role, policies in local.attached : { for policy in policies : "${role} ${policy}" => { role = role, policy = policy } }]...)

  role       = aws_iam_role.this[each.value.role].name
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/${each.value.policy}"
}

# --- the cluster ---------------------------------------------------------------------------------------

resource "aws_security_group" "control_plane" {
  name        = "${var.name}-control-plane"
  description = "Kubernetes API from the VPC and from the bastion"
  vpc_id      = aws_vpc.cluster.id
}

resource "aws_vpc_security_group_ingress_rule" "control_plane" {
  for_each = { cluster = aws_vpc.cluster.cidr_block, bastion = aws_vpc.bastion.cidr_block }

  security_group_id = aws_security_group.control_plane.id
  description       = "Kubernetes API from the ${each.key} VPC"
  cidr_ipv4         = each.value
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_eks_cluster" "this" {
  name     = var.name
  role_arn = aws_iam_role.this["cluster"].arn

  # Access is in the ConfigMap aws-auth, one entry for each role (main.tf).
  access_config {
    authentication_mode                         = "CONFIG_MAP"
    bootstrap_cluster_creator_admin_permissions = true
  }

  vpc_config {
    subnet_ids              = values(aws_subnet.workers)[*].id
    security_group_ids      = [aws_security_group.control_plane.id]
    endpoint_private_access = true
    endpoint_public_access  = false
  }

  # Nodes and add-ons reach AWS through the endpoints; destroy deletes the cluster before them.
  depends_on = [
    ekshybrid_vpc_endpoints.this,
    aws_iam_role_policy_attachment.this,
    aws_vpc_security_group_ingress_rule.control_plane,
    aws_vpc_security_group_ingress_rule.endpoints,
  ]
}

# --- worker nodes --------------------------------------------------------------------------------------

# The newest image of that Kubernetes version.
data "aws_ssm_parameter" "node_image" {
  name = "/aws/service/eks/optimized-ami/${aws_eks_cluster.this.version}/amazon-linux-2023/x86_64/standard/recommended/image_id"
}

# Keeps the image with which the nodes were created. To move to the newest image:
# terraform apply -replace=terraform_data.node_image
resource "terraform_data" "node_image" {
  input = nonsensitive(data.aws_ssm_parameter.node_image.value)

  lifecycle {
    ignore_changes = [input]
  }
}

resource "aws_launch_template" "workers" {
  name          = "${var.name}-workers"
  image_id      = terraform_data.node_image.output
  instance_type = local.instance_type
  user_data     = base64encode(local.worker_user_data)

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

resource "aws_eks_node_group" "workers" {
  cluster_name    = aws_eks_cluster.this.name
  node_group_name = "${var.name}-workers"
  node_role_arn   = aws_iam_role.this["workers"].arn
  subnet_ids      = values(aws_subnet.workers)[*].id

  launch_template {
    id      = aws_launch_template.workers.id
    version = aws_launch_template.workers.latest_version
  }

  scaling_config {
    desired_size = 2
    min_size     = 2
    max_size     = 2
  }

  depends_on = [
    ekshybrid_aws_auth_entry.this,
    aws_iam_role_policy_attachment.this,
    aws_route_table_association.workers,
  ]
}

# --- the bastion and the operator's machine ------------------------------------------------------------

data "aws_ssm_parameter" "machine_image" {
  name = "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"
}

resource "aws_security_group" "operator" {
  name        = "${var.name}-operator"
  description = "SSH from the bastion"
  vpc_id      = aws_vpc.cluster.id
}

resource "aws_vpc_security_group_ingress_rule" "operator" {
  security_group_id = aws_security_group.operator.id
  cidr_ipv4         = aws_vpc.bastion.cidr_block
  ip_protocol       = "tcp"
  from_port         = 22
  to_port           = 22
}

resource "aws_instance" "this" {
  for_each = {
    bastion  = { subnet = aws_subnet.bastion.id, group = aws_security_group.bastion.id }
    operator = { subnet = aws_subnet.operator.id, group = aws_security_group.operator.id }
  }

  ami                    = nonsensitive(data.aws_ssm_parameter.machine_image.value)
  instance_type          = "t3.small"
  subnet_id              = each.value.subnet
  vpc_security_group_ids = [each.value.group]
  key_name               = var.key_name

  metadata_options {
    http_tokens = "required"
  }

  root_block_device {
    volume_size = 20
    encrypted   = true
  }

  tags = { Name = "${var.name}-${each.key}" }

  lifecycle {
    ignore_changes = [ami]
  }

  depends_on = [aws_route_table_association.bastion, aws_route_table_association.operator]
}

locals {
  region                        = var.region
  instance_type                 = "m5.large"
  cluster_name                  = aws_eks_cluster.this.name
  cluster_endpoint              = aws_eks_cluster.this.endpoint
  cluster_certificate_authority = aws_eks_cluster.this.certificate_authority[0].data
  cluster_service_cidr          = aws_eks_cluster.this.kubernetes_network_config[0].service_ipv4_cidr
  vpc_id                        = aws_vpc.cluster.id
  endpoint_subnet_ids           = values(aws_subnet.workers)[*].id
  endpoint_security_group_id    = aws_security_group.endpoints.id
  route_table_id                = aws_route_table.cluster.id
  worker_role_arn               = aws_iam_role.this["workers"].arn
  operator_role_arn             = aws_iam_role.this["operator"].arn
  bastion_address               = aws_instance.this["bastion"].public_ip
  operator_address              = aws_instance.this["operator"].private_ip
}
