# The code is written to a SecureString parameter and never enters the state. A new activation is planned two days before
# this one expires; new hosts read its code from the parameter. Destroy deregisters the hosts that have registered.
resource "ekshybrid_activation" "stored" {
  iam_role              = "hybrid-nodes"
  registration_limit    = 100
  expires_in            = "14d"
  rotate_before         = "48h"
  rotate_when_exhausted = true
  store_code_in         = "/plant-a/activation-code"
  deregister_on_destroy = true
}

ephemeral "ekshybrid_activation_code" "stored" {
  parameter_name = ekshybrid_activation.stored.code_parameter_name
}
