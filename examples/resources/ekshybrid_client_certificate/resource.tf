# For the operators of a plant, while the Outpost is disconnected.
resource "ekshybrid_client_certificate" "operators" {
  cluster_name  = "plant"
  common_name   = "plant-operators"
  organizations = ["plant"]
  duration      = "90d"
  renew_before  = "30d"
  cluster_role  = "cluster-admin"
}

data "ekshybrid_kubeconfig" "operators" {
  cluster_name       = ekshybrid_client_certificate.operators.cluster_name
  client_certificate = ekshybrid_client_certificate.operators.certificate
  client_key         = ekshybrid_client_certificate.operators.private_key
}

variable "certificate_request" {
  description = "PEM of a certificate signing request, for example `file(\"operator.csr\")`."
  type        = string
}

# A key of your own: only its request is passed on.
resource "ekshybrid_client_certificate" "own_key" {
  cluster_name        = "plant"
  certificate_request = var.certificate_request
  cluster_role        = "view"
}
