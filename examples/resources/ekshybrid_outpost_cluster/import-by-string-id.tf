import {
  to = ekshybrid_outpost_cluster.plant
  id = "plant"
}
