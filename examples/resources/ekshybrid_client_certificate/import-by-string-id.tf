import {
  to = ekshybrid_client_certificate.operators
  id = "plant/plant-operators"
}
