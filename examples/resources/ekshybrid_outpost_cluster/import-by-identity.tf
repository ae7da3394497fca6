import {
  to = ekshybrid_outpost_cluster.plant
  identity = {
    name   = "plant"
    region = "us-west-2"
  }
}
