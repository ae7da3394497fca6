import {
  to = ekshybrid_image_mirror.cilium
  identity = {
    destination = "registry.example.com/mirror"
  }
}
