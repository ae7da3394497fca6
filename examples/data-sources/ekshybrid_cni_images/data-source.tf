# The images that a registry in a closed network must hold before Cilium is installed there.
data "ekshybrid_cni_images" "cilium" {
  cilium = {
    version = "1.17.9-0"
  }

  image_registry = "111122223333.dkr.ecr.us-west-2.amazonaws.com/mirror"
}

output "images" {
  value = data.ekshybrid_cni_images.cilium.mirrored
}
