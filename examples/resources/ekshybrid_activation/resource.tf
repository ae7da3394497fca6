# Ten hosts may register within 36 hours. The expired activation is kept until you replace it.
resource "ekshybrid_activation" "example" {
  iam_role              = "hybrid-nodes"
  registration_limit    = 10
  expires_in            = "36h"
  default_instance_name = "plant-a"
  description           = "Hybrid nodes of plant A"

  tags = {
    Site = "plant-a"
  }
}
