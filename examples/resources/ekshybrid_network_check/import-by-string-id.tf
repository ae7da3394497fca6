import {
  to = ekshybrid_network_check.all
  id = "workshop/*"
}
