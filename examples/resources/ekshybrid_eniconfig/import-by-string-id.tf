import {
  to = ekshybrid_eniconfig.example
  id = "workshop/us-west-2a"
}
