# For a hybrid node.
resource "ekshybrid_activation" "example" {
  iam_role = "hybrid-nodes"
}

output "node_config" {
  value = provider::ekshybrid::node_config({
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
    kubelet = {
      config = {
        maxPods = 60
      }
      flags = ["--node-labels=site=plant-a"]
    }
  })
  sensitive = true
}

# A partial NodeConfig, for a managed node group without a custom AMI: EKS adds the cluster.
output "part" {
  value = provider::ekshybrid::node_config({
    os      = "al2023"
    partial = true
    kubelet = {
      flags = ["--v=4"]
    }
    instance = {
      local_storage = {
        strategy = "RAID0"
      }
    }
  })
}
