data "ekshybrid_preflight" "edge" {
  cluster_name = "edge"
  role         = "hybrid-nodes"
  node_cidrs   = ["10.80.0.0/16"]
  pod_cidrs    = ["10.85.0.0/16"]

  hosts = {
    rack-1 = { address = "10.80.0.11", kubernetes_version = "1.34" }
  }
}

# Reported by every plan and apply, without stopping it.
check "edge_is_ready_for_hosts" {
  assert {
    condition     = length(data.ekshybrid_preflight.edge.errors) == 0
    error_message = join("\n", data.ekshybrid_preflight.edge.errors)
  }

  assert {
    condition     = length(data.ekshybrid_preflight.edge.left_out) == 0
    error_message = join("\n", [for one in data.ekshybrid_preflight.edge.left_out : "${one.check}: ${one.reason}"])
  }
}

# No activation is created while something would stop the hosts from joining.
resource "ekshybrid_activation" "edge" {
  iam_role = "hybrid-nodes"

  lifecycle {
    precondition {
      condition     = data.ekshybrid_preflight.edge.passed
      error_message = join("\n", data.ekshybrid_preflight.edge.errors)
    }
  }
}
