import {
  to = ekshybrid_client_certificate.operators
  identity = {
    cluster_name = "plant"
    common_name  = "plant-operators"
    region       = "us-west-2"
  }
}
