# Calico from its published manifest, on every node of the cluster, instead of the VPC CNI.

variable "calico_manifest" {
  description = "Manifest of Calico v3.29.2: its URL, or a file if the network cannot reach it."
  type        = string
  default     = "https://raw.githubusercontent.com/projectcalico/calico/v3.29.2/manifests/calico-vxlan.yaml"
}

resource "ekshybrid_cni" "calico" {
  cluster_name = local.cluster_name

  # The DaemonSet aws-node is saved in the cluster, and restored on destroy.
  remove_vpc_cni = true

  calico = {
    version   = "v3.29.2"
    method    = "manifest"
    source    = var.calico_manifest
    sha256    = "45d31045c076365f2fda877aa0c9c6838060e4e749900461d8bd1e6a85adbdb0"
    pod_cidrs = [local.pod_cidr]

    # On managed nodes and hosts alike.
    node_selector = {}

    # As in the manifest: packets between subnets are encapsulated in VXLAN, packets within a subnet are not. EC2 drops the
    # latter unless the source/destination check of the instance is off; `DoNothing` does not change that check. Here
    # every node has a subnet of its own; if several share one, set `encapsulation = "VXLAN"`.
    encapsulation     = "VXLANCrossSubnet"
    aws_src_dst_check = "DoNothing"
  }

  # The apply continues when the hosts are Ready. The managed nodes are created afterwards; EKS waits for them.
  wait_for_nodes = length(local.host_names)

  # Destroy also deletes the CRDs that Calico created, except those that still contain objects of others, such as network
  # policies. Remove this line to keep all of them.
  cleanup_on_destroy = true

  depends_on = [aws_instance.hosts]
}
