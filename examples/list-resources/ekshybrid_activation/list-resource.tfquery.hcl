# Run it with: terraform query
list "ekshybrid_activation" "expired" {
  provider = ekshybrid

  config {
    region  = "us-west-2"
    expired = true
  }
}
