import {
  to = ekshybrid_vpc_cni.example
  identity = {
    cluster_name = "workshop"
    region       = "us-west-2"
  }
}
