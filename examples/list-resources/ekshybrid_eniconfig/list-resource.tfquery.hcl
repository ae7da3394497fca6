# Run it with: terraform query
list "ekshybrid_eniconfig" "example" {
  provider         = ekshybrid
  include_resource = true

  config {
    cluster_name = "workshop"
  }
}
