# Run it with: terraform query
list "ekshybrid_node" "all" {
  provider         = ekshybrid
  include_resource = true

  config {
    cluster_name = "workshop"
  }
}
