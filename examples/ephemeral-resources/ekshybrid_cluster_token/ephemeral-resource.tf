# Configures the Kubernetes provider without the AWS CLI.
ephemeral "ekshybrid_cluster_token" "workshop" {
  cluster_name = "workshop"
}

provider "kubernetes" {
  host                   = ephemeral.ekshybrid_cluster_token.workshop.endpoint
  cluster_ca_certificate = ephemeral.ekshybrid_cluster_token.workshop.cluster_ca_certificate
  token                  = ephemeral.ekshybrid_cluster_token.workshop.token
}
