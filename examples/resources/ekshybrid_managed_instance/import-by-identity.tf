import {
  to = ekshybrid_managed_instance.example
  identity = {
    instance_id = "mi-0123456789abcdef0"
    region      = "us-west-2"
  }
}
