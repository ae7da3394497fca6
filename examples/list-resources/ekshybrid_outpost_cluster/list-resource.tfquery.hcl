# Local clusters on the Outposts of a region.
list "ekshybrid_outpost_cluster" "all" {
  provider         = ekshybrid
  include_resource = true

  config {
    region = "us-west-2"
  }
}
