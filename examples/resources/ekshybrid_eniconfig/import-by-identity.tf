import {
  to = ekshybrid_eniconfig.example
  identity = {
    cluster_name = "workshop"
    name         = "us-west-2a"
    region       = "us-west-2"
  }
}
