# Run it with: terraform query
list "ekshybrid_cni" "all" {
  provider         = ekshybrid
  include_resource = true

  config {
    cluster_name = "workshop"
    namespaces   = ["kube-system", "cilium"]
  }
}
