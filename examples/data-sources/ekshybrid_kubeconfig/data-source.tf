data "ekshybrid_kubeconfig" "example" {
  cluster_name = "plant"
  context_name = "plant"
}

output "kubeconfig" {
  value = data.ekshybrid_kubeconfig.example.kubeconfig
}
