# Run it with: terraform query
list "ekshybrid_aws_auth_entry" "all" {
  provider         = ekshybrid
  include_resource = true

  config {
    cluster_name = "workshop"
  }
}
