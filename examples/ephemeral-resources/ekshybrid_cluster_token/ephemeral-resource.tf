ephemeral "ekshybrid_cluster_token" "workshop" {
  cluster_name = "workshop"
}

# For another provider, without the AWS CLI:
#
#   provider "kubernetes" {
#     host                   = ephemeral.ekshybrid_cluster_token.workshop.endpoint
#     cluster_ca_certificate = ephemeral.ekshybrid_cluster_token.workshop.cluster_ca_certificate
#     token                  = ephemeral.ekshybrid_cluster_token.workshop.token
#   }
