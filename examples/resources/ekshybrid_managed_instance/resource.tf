# Gives a registered host a role of its own and tags. After destroy, the host is still registered.
resource "ekshybrid_managed_instance" "example" {
  instance_id = "mi-0123456789abcdef0"
  iam_role    = "hybrid-nodes"

  tags = {
    Rack = "12"
  }
}
