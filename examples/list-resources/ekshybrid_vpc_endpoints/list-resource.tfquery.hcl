# Run it with: terraform query
list "ekshybrid_vpc_endpoints" "all" {
  provider         = ekshybrid
  include_resource = true

  config {
    region = "us-west-2"
  }
}
