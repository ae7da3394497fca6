# Run it with: terraform query
list "ekshybrid_target_group_attachment" "all" {
  provider         = ekshybrid
  include_resource = true

  config {
    cluster_name = "workshop"
  }
}
