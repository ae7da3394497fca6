# Roles that may join the cluster as nodes, no matter who granted the access.
list "ekshybrid_node_access" "all" {
  provider         = ekshybrid
  include_resource = true

  config {
    cluster_name = "workshop"
  }
}
