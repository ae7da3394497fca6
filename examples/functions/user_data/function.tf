# A host outside EC2 that becomes a hybrid node.
resource "ekshybrid_activation" "example" {
  iam_role = "hybrid-nodes"
}

output "hybrid" {
  value = provider::ekshybrid::user_data({
    kubernetes_version = "1.34"
    architecture       = "arm64"
    node_config = {
      cluster = {
        name   = "plant"
        region = "us-west-2"
      }
      hybrid = {
        ssm = {
          activation_id   = ekshybrid_activation.example.id
          activation_code = ekshybrid_activation.example.activation_code
        }
      }
    }
  })
  sensitive = true
}

data "ekshybrid_cluster" "example" {
  cluster_name = "plant"
}

# EC2 nodes on Amazon Linux 2023 whose pods have subnets of their own.
resource "aws_launch_template" "al2023" {
  name          = "plant-al2023"
  image_id      = "ami-0123456789abcdef0"
  instance_type = "m5.large"
  user_data = base64encode(provider::ekshybrid::user_data({
    os = "al2023"
    node_config = {
      cluster = {
        name                  = "plant"
        api_server_endpoint   = data.ekshybrid_cluster.example.endpoint
        certificate_authority = data.ekshybrid_cluster.example.certificate_authority
        cidr                  = data.ekshybrid_cluster.example.service_cidr
      }
      kubelet = {
        max_pods = provider::ekshybrid::max_pods("m5.large", { custom_networking = true })
        node_labels = {
          tier = "web"
        }
      }
    }
    scripts_before = [<<-EOT
      #!/bin/bash
      sysctl -w vm.max_map_count=262144
    EOT
    ]
  }))
}

# The same on Amazon Linux 2. The nodes do not need to reach the EKS API, because the endpoint is given here.
resource "aws_launch_template" "al2" {
  name          = "plant-al2"
  image_id      = "ami-0fedcba9876543210"
  instance_type = "m5.large"
  user_data = base64encode(provider::ekshybrid::user_data({
    os = "al2"
    bootstrap = {
      cluster_name          = "plant"
      api_server_endpoint   = data.ekshybrid_cluster.example.endpoint
      certificate_authority = data.ekshybrid_cluster.example.certificate_authority
      service_ipv4_cidr     = data.ekshybrid_cluster.example.service_cidr
      max_pods              = provider::ekshybrid::max_pods("m5.large", { custom_networking = true })
      node_labels = {
        tier = "web"
      }
    }
  }))
}
