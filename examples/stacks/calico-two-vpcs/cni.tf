# Calico by its published manifest, on every node of the cluster, instead of the VPC CNI.

variable "calico_manifest" {
  description = "Manifest of Calico v3.29.2: its URL, or a file for networks that cannot reach it."
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

    # As in the manifest: packets between two subnets travel in VXLAN, those within one subnet as they are. EC2 drops the
    # latter unless an instance's source/destination check is off, which `DoNothing` leaves as it is. Here every node
    # is alone in its subnet; where several share one, set `encapsulation = "VXLAN"`.
    encapsulation     = "VXLANCrossSubnet"
    aws_src_dst_check = "DoNothing"
  }

  # The apply continues when the hosts are Ready. The managed nodes come afterwards; EKS waits for them.
  wait_for_nodes = length(local.host_names)

  # Destroy deletes Calico's custom resource definitions and with them every object of these kinds, such as network
  # policies. Leave this out where such objects must survive.
  cleanup_on_destroy = true

  depends_on = [aws_instance.hosts]
}
