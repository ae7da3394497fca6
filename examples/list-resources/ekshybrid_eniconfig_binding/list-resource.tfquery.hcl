# Run it with: terraform query
list "ekshybrid_eniconfig_binding" "all" {
  provider         = ekshybrid
  include_resource = true

  config {
    cluster_name = "workshop"
  }
}
