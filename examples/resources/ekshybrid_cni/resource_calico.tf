# Calico from its manifest, on all nodes of a cluster, instead of the VPC CNI.
resource "ekshybrid_cni" "calico" {
  cluster_name   = "plant"
  remove_vpc_cni = true

  calico = {
    method        = "manifest"
    source        = "https://raw.githubusercontent.com/projectcalico/calico/v3.29.2/manifests/calico-vxlan.yaml"
    pod_cidrs     = ["192.168.0.0/16"]
    node_selector = {}
  }
}
