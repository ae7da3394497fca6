import {
  to = ekshybrid_network_check.all
  identity = {
    cluster_name = "workshop"
    selector     = "*"
    region       = "us-west-2"
  }
}
