resource "ekshybrid_activation" "example" {
  iam_role = "hybrid-nodes"
}

output "user_data" {
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
