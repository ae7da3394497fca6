import {
  to = ekshybrid_eniconfig_binding.example
  id = "workshop/batch"
}
