# Resources of the AWS provider: the cluster's VPC, the on-premises VPC, the cluster, its managed nodes, the hosts, and a
# load balancer in front of a NodePort on the hosts.

variable "region" {
  description = "Region of all resources."
  type        = string
  default     = "ap-northeast-1"
}

variable "name" {
  description = "Name of the cluster, and name prefix of the other resources."
  type        = string
  default     = "calico-two-vpcs"
}

variable "zones" {
  description = "Two availability zones, one managed node in each."
  type        = list(string)
  default     = ["ap-northeast-1a", "ap-northeast-1c"]
}

variable "hosts" {
  description = "Hosts in the second VPC, each in a subnet of its own."
  type        = list(string)
  default     = ["host-1"]
}

variable "node_port" {
  description = "NodePort of the application behind the load balancer."
  type        = number
  default     = 30080
}

variable "client_cidrs" {
  description = "Networks that may call the load balancer, such as [\"203.0.113.7/32\"]. Default: none."
  type        = list(string)
  default     = []
}

provider "aws" {
  region = var.region
}

data "aws_partition" "current" {}

data "aws_caller_identity" "current" {}

# --- the cluster's VPC ---------------------------------------------------------------------------------

resource "aws_vpc" "cluster" {
  cidr_block           = "10.10.0.0/16"
  enable_dns_support   = true
  enable_dns_hostnames = true

  tags = { Name = "${var.name}-cluster" }
}

resource "aws_subnet" "nodes" {
  for_each = { for index, zone in var.zones : zone => cidrsubnet("10.10.0.0/16", 8, index + 1) }

  vpc_id            = aws_vpc.cluster.id
  availability_zone = each.key
  cidr_block        = each.value

  tags = { Name = "${var.name}-nodes-${each.key}" }
}

resource "aws_subnet" "public" {
  for_each = { for index, zone in var.zones : zone => cidrsubnet("10.10.0.0/16", 8, index + 101) }

  vpc_id                  = aws_vpc.cluster.id
  availability_zone       = each.key
  cidr_block              = each.value
  map_public_ip_on_launch = true

  tags = { Name = "${var.name}-public-${each.key}" }
}

resource "aws_internet_gateway" "cluster" {
  vpc_id = aws_vpc.cluster.id
}

resource "aws_eip" "nat" {
  domain = "vpc"

  depends_on = [aws_internet_gateway.cluster]
}

resource "aws_nat_gateway" "cluster" {
  allocation_id = aws_eip.nat.id
  subnet_id     = aws_subnet.public[var.zones[0]].id

  depends_on = [aws_internet_gateway.cluster]
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.cluster.id

  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.cluster.id
  }

  route {
    cidr_block                = aws_vpc.premises.cidr_block
    vpc_peering_connection_id = aws_vpc_peering_connection.premises.id
  }
}

resource "aws_route_table" "nodes" {
  vpc_id = aws_vpc.cluster.id

  route {
    cidr_block     = "0.0.0.0/0"
    nat_gateway_id = aws_nat_gateway.cluster.id
  }

  route {
    cidr_block                = aws_vpc.premises.cidr_block
    vpc_peering_connection_id = aws_vpc_peering_connection.premises.id
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
  route_table_id = aws_route_table.nodes.id
}

# --- the on-premises VPC -------------------------------------------------------------------------------

resource "aws_vpc" "premises" {
  cidr_block           = "10.90.0.0/16"
  enable_dns_support   = true
  enable_dns_hostnames = true

  tags = { Name = "${var.name}-premises" }
}

resource "aws_subnet" "hosts" {
  for_each = { for index, host in var.hosts : host => cidrsubnet("10.90.0.0/16", 8, index + 1) }

  vpc_id                  = aws_vpc.premises.id
  availability_zone       = var.zones[0]
  cidr_block              = each.value
  map_public_ip_on_launch = true

  tags = { Name = "${var.name}-${each.key}" }
}

resource "aws_internet_gateway" "premises" {
  vpc_id = aws_vpc.premises.id
}

resource "aws_vpc_peering_connection" "premises" {
  vpc_id      = aws_vpc.cluster.id
  peer_vpc_id = aws_vpc.premises.id
  auto_accept = true
}

resource "aws_route_table" "hosts" {
  vpc_id = aws_vpc.premises.id

  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.premises.id
  }

  route {
    cidr_block                = aws_vpc.cluster.cidr_block
    vpc_peering_connection_id = aws_vpc_peering_connection.premises.id
  }
}

resource "aws_route_table_association" "hosts" {
  for_each = aws_subnet.hosts

  subnet_id      = each.value.id
  route_table_id = aws_route_table.hosts.id
}

# --- the cluster ---------------------------------------------------------------------------------------

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

  kubernetes_network_config {
    service_ipv4_cidr = "172.16.0.0/16"
  }

  remote_network_config {
    remote_node_networks {
      cidrs = [aws_vpc.premises.cidr_block]
    }

    remote_pod_networks {
      cidrs = [local.pod_cidr]
    }
  }

  # With both enabled, hosts outside the VPC would resolve the public addresses and nodes inside it the private ones.
  vpc_config {
    subnet_ids              = values(aws_subnet.nodes)[*].id
    endpoint_private_access = false
    endpoint_public_access  = true
  }

  depends_on = [aws_iam_role_policy_attachment.cluster]
}

# Traffic that nodes in both VPCs accept from other nodes.
locals {
  node_ports = {
    vxlan          = { protocol = "udp", from = 4789, to = 4789 }
    kubelet        = { protocol = "tcp", from = 10250, to = 10250 }
    node_ports     = { protocol = "tcp", from = 30000, to = 32767 }
    node_ports_udp = { protocol = "udp", from = 30000, to = 32767 }
  }
}

resource "aws_vpc_security_group_ingress_rule" "from_premises" {
  for_each = local.node_ports

  security_group_id = aws_eks_cluster.this.vpc_config[0].cluster_security_group_id
  description       = "${each.key} from the premises"
  cidr_ipv4         = aws_vpc.premises.cidr_block
  ip_protocol       = each.value.protocol
  from_port         = each.value.from
  to_port           = each.value.to
}

# --- managed nodes -------------------------------------------------------------------------------------

resource "aws_iam_role" "nodes" {
  name = "${var.name}-nodes"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }]
  })
}

resource "aws_iam_role_policy_attachment" "nodes" {
  for_each = toset(["AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly"])

  role       = aws_iam_role.nodes.name
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/${each.key}"
}

# The newest image of that Kubernetes version.
data "aws_ssm_parameter" "node_image" {
  name = "/aws/service/eks/optimized-ami/${aws_eks_cluster.this.version}/amazon-linux-2023/arm64/standard/recommended/image_id"
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
  instance_type = "t4g.medium"
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
    desired_size = local.managed_node_count
    min_size     = local.managed_node_count
    max_size     = local.managed_node_count
  }

  # A node that starts before Calico runs the VPC CNI, and would have to be replaced.
  depends_on = [
    ekshybrid_cni.calico,
    aws_iam_role_policy_attachment.nodes,
    aws_route_table_association.nodes,
    aws_vpc_security_group_ingress_rule.from_premises,
  ]
}

# --- hosts ---------------------------------------------------------------------------------------------

# The role of every host that registers with Systems Manager.
resource "aws_iam_role" "hybrid_nodes" {
  name = "${var.name}-hybrid-nodes"
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
        Resource = aws_eks_cluster.this.arn
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
          StringEquals = { "ssm:resourceTag/EKSClusterARN" = aws_eks_cluster.this.arn }
        }
      },
    ]
  })
}

data "aws_ssm_parameter" "host_image" {
  name = "/aws/service/canonical/ubuntu/server/24.04/stable/current/arm64/hvm/ebs-gp3/ami-id"
}

resource "aws_security_group" "hosts" {
  name   = "${var.name}-hosts"
  vpc_id = aws_vpc.premises.id
}

resource "aws_vpc_security_group_ingress_rule" "hosts" {
  for_each = merge([
    for network, cidr in { cluster = aws_vpc.cluster.cidr_block, premises = aws_vpc.premises.cidr_block } : {
      for name, port in local.node_ports : "${name} from the ${network}" => merge(port, { cidr = cidr })
    }
  ]...)

  security_group_id = aws_security_group.hosts.id
  description       = each.key
  cidr_ipv4         = each.value.cidr
  ip_protocol       = each.value.protocol
  from_port         = each.value.from
  to_port           = each.value.to
}

resource "aws_vpc_security_group_egress_rule" "hosts" {
  security_group_id = aws_security_group.hosts.id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
}

resource "aws_instance" "hosts" {
  for_each = aws_subnet.hosts

  ami                         = nonsensitive(data.aws_ssm_parameter.host_image.value)
  instance_type               = "t4g.medium"
  subnet_id                   = each.value.id
  vpc_security_group_ids      = [aws_security_group.hosts.id]
  user_data                   = local.host_user_data
  user_data_replace_on_change = false

  metadata_options {
    http_tokens = "required"
  }

  root_block_device {
    volume_size = 30
    encrypted   = true
  }

  tags = { Name = "${var.name}-${each.key}" }

  # A host needs an activation only once, so a new activation must not replace it.
  lifecycle {
    ignore_changes = [user_data, ami]
  }

  depends_on = [
    aws_iam_role_policy.hybrid_nodes,
    aws_iam_role_policy_attachment.hybrid_nodes,
    aws_internet_gateway.premises,
    aws_route_table_association.hosts,
    aws_vpc_security_group_egress_rule.hosts,
    aws_vpc_security_group_ingress_rule.hosts,
  ]
}

# --- a load balancer in front of the hosts -------------------------------------------------------------

resource "aws_security_group" "load_balancer" {
  name   = "${var.name}-load-balancer"
  vpc_id = aws_vpc.cluster.id
}

resource "aws_vpc_security_group_ingress_rule" "load_balancer" {
  for_each = toset(var.client_cidrs)

  security_group_id = aws_security_group.load_balancer.id
  cidr_ipv4         = each.value
  ip_protocol       = "tcp"
  from_port         = 80
  to_port           = 80
}

resource "aws_vpc_security_group_egress_rule" "load_balancer" {
  security_group_id = aws_security_group.load_balancer.id
  cidr_ipv4         = aws_vpc.premises.cidr_block
  ip_protocol       = "tcp"
  from_port         = var.node_port
  to_port           = var.node_port
}

resource "aws_lb" "this" {
  name               = var.name
  load_balancer_type = "application"
  subnets            = values(aws_subnet.public)[*].id
  security_groups    = [aws_security_group.load_balancer.id]

  drop_invalid_header_fields = true

  depends_on = [aws_internet_gateway.cluster]
}

resource "aws_lb_target_group" "hosts" {
  name        = "${var.name}-hosts"
  vpc_id      = aws_vpc.cluster.id
  target_type = "ip"
  protocol    = "HTTP"
  port        = var.node_port
}

resource "aws_lb_listener" "http" {
  load_balancer_arn = aws_lb.this.arn
  protocol          = "HTTP"
  port              = 80

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.hosts.arn
  }
}

# Keeps the target group equal to the addresses of the hosts that have joined.
resource "ekshybrid_target_group_attachment" "hosts" {
  cluster_name     = aws_eks_cluster.this.name
  target_group_arn = aws_lb_target_group.hosts.arn
  port             = var.node_port

  # The CNI waits until the hosts have joined.
  depends_on = [ekshybrid_cni.calico]
}

output "load_balancer" {
  description = "Address of the application on the hosts."
  value       = "http://${aws_lb.this.dns_name}/"
}

locals {
  region                        = var.region
  cluster_name                  = aws_eks_cluster.this.name
  cluster_arn                   = aws_eks_cluster.this.arn
  cluster_version               = aws_eks_cluster.this.version
  cluster_endpoint              = aws_eks_cluster.this.endpoint
  cluster_certificate_authority = aws_eks_cluster.this.certificate_authority[0].data
  cluster_service_cidr          = aws_eks_cluster.this.kubernetes_network_config[0].service_ipv4_cidr
  managed_node_count            = length(var.zones)
  hybrid_role_arn               = aws_iam_role.hybrid_nodes.arn
  hybrid_role_name              = aws_iam_role.hybrid_nodes.name
  host_names                    = var.hosts
}
