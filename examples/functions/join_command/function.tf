resource "ekshybrid_activation" "example" {
  iam_role = "hybrid-nodes"
}

# Show it with: terraform output -raw join
output "join" {
  value = provider::ekshybrid::join_command({
    kubernetes_version = "1.34"
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
