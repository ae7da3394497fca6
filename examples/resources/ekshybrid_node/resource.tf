# A host that registers by an activation of its own, which exists only during the join.
resource "ekshybrid_node" "edge" {
  cluster_name       = "workshop"
  kubernetes_version = "1.34"

  ssh = {
    host = "10.80.0.11"
    user = "ubuntu"
  }

  ssm = {
    iam_role = "hybrid-nodes"
  }

  labels = {
    "example.com/site" = "edge-1"
  }
  taints = [{
    key    = "example.com/edge"
    value  = "true"
    effect = "NoSchedule"
  }]

  kubelet = {
    config = {
      maxPods = 50
    }
  }
}

# Several hosts that share one activation.
resource "ekshybrid_activation" "site" {
  iam_role           = "hybrid-nodes"
  registration_limit = 2
}

resource "ekshybrid_node" "site" {
  for_each = toset(["10.80.0.21", "10.80.0.22"])

  cluster_name       = "workshop"
  kubernetes_version = "1.34"

  ssh = {
    host = each.key
    user = "ubuntu"
  }

  ssm = {
    activation_id   = ekshybrid_activation.site.id
    activation_code = ekshybrid_activation.site.activation_code
  }

  lifecycle {
    # Hosts that have joined do not need the activation again.
    ignore_changes = [ssm]
  }
}
