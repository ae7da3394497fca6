# The images of Cilium in a registry of one's own, from which the cluster then takes them.
data "ekshybrid_cni_images" "cilium" {
  cilium = {
    version = "1.17.1"
  }
}

resource "ekshybrid_image_mirror" "cilium" {
  destination = "registry.example.com/mirror"
  images      = data.ekshybrid_cni_images.cilium.images
}

resource "ekshybrid_cni" "cilium" {
  cluster_name   = "workshop"
  image_registry = ekshybrid_image_mirror.cilium.destination
  cilium = {
    version = data.ekshybrid_cni_images.cilium.chart_version
  }
}
