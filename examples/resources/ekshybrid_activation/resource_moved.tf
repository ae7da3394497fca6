# Adopts an activation of the AWS provider, including its code. Remove the aws_ssm_activation from the configuration.
moved {
  from = aws_ssm_activation.hosts
  to   = ekshybrid_activation.hosts
}

resource "ekshybrid_activation" "hosts" {
  iam_role           = "hybrid-nodes"
  registration_limit = 10
}
