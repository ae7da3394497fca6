# A host that has registered by itself gets a role of its own and tags. Destroy leaves it registered.
resource "ekshybrid_managed_instance" "example" {
  instance_id = "mi-0123456789abcdef0"
  iam_role    = "hybrid-nodes"

  tags = {
    Rack = "12"
  }
}
