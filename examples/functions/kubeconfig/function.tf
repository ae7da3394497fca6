data "ekshybrid_cluster" "plant" {
  cluster_name = "plant"
}

# People sign in with their own AWS credentials, or, while the Outpost is disconnected, with a client certificate.
locals {
  kubeconfig = provider::ekshybrid::kubeconfig({
    contexts = [
      {
        name                  = "plant"
        server                = data.ekshybrid_cluster.plant.endpoint
        certificate_authority = data.ekshybrid_cluster.plant.certificate_authority
        aws                   = { cluster_name = "plant", region = "us-west-2" }
      },
      {
        name                  = "plant-disconnected"
        server                = data.ekshybrid_cluster.plant.endpoint
        certificate_authority = data.ekshybrid_cluster.plant.certificate_authority
        client_certificate = {
          certificate = ekshybrid_client_certificate.operators.certificate
          private_key = ekshybrid_client_certificate.operators.private_key
        }
      },
    ]
  })
}

resource "ekshybrid_client_certificate" "operators" {
  cluster_name = "plant"
  common_name  = "plant-operators"
  cluster_role = "cluster-admin"
}
