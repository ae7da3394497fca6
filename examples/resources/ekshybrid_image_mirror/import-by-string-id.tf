import {
  to = ekshybrid_image_mirror.cilium
  id = "registry.example.com/mirror"
}
