import {
  to = ekshybrid_eniconfig_binding.example
  identity = {
    cluster_name = "workshop"
    eniconfig    = "batch"
    region       = "us-west-2"
  }
}
