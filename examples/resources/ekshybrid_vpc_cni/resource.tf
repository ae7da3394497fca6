# Pods get addresses from the ENIConfig named after their node's zone.
resource "ekshybrid_vpc_cni" "example" {
  cluster_name = "workshop"

  custom_networking = true
  eni_config_label  = "topology.kubernetes.io/zone"
  warm_ip_target    = 5

  environment = {
    AWS_VPC_K8S_CNI_LOGLEVEL = "INFO"
  }
}
