import {
  to = ekshybrid_vpc_cni.example
  id = "workshop"
}
