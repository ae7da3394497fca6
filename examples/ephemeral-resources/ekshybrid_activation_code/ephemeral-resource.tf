resource "ekshybrid_activation" "example" {
  iam_role      = "hybrid-nodes"
  store_code_in = "/plant-a/activation-code"
}

ephemeral "ekshybrid_activation_code" "example" {
  parameter_name = ekshybrid_activation.example.code_parameter_name
}
