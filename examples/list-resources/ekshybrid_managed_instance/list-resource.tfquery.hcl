# Run it with: terraform query
list "ekshybrid_managed_instance" "example" {
  provider         = ekshybrid
  include_resource = true
  limit            = 100

  config {
    iam_role = "hybrid-nodes"
  }
}
