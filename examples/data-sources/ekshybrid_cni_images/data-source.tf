# The images to mirror into the registry of a closed network before Cilium is installed there.
data "ekshybrid_cni_images" "cilium" {
  cilium = {
    version = "1.17.9-0"
  }

  image_registry = "111122223333.dkr.ecr.us-west-2.amazonaws.com/mirror"
}

output "images" {
  value = data.ekshybrid_cni_images.cilium.mirrored
}
