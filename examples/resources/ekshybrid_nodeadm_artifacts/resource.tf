# What hosts without internet access install, on a web server of the closed network.
resource "ekshybrid_nodeadm_artifacts" "example" {
  kubernetes_version = "1.34"
  architectures      = ["amd64"]
  destination        = "/srv/www/nodeadm"
  base_url           = "https://files.example.com/nodeadm"
}
