data "ekshybrid_cluster" "example" {
  cluster_name = "plant"
}

locals {
  bootstrap_arguments = provider::ekshybrid::bootstrap_arguments({
    cluster_name          = "plant"
    api_server_endpoint   = data.ekshybrid_cluster.example.endpoint
    certificate_authority = data.ekshybrid_cluster.example.certificate_authority
    service_ipv4_cidr     = data.ekshybrid_cluster.example.service_cidr
    max_pods              = provider::ekshybrid::max_pods("m5.large", { custom_networking = true })
    node_labels = {
      tier = "web"
    }
  })
}

resource "aws_launch_template" "nodes" {
  name          = "plant-nodes"
  image_id      = "ami-0123456789abcdef0"
  instance_type = "m5.large"
  user_data = base64encode(<<-EOT
    #!/bin/bash
    /etc/eks/bootstrap.sh ${local.bootstrap_arguments}
  EOT
  )
}
