# Ten hosts may register within a day and a half. The expired activation stays until you replace it.
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
