data "ekshybrid_cluster" "example" {
  cluster_name = "plant"
}

output "dns_address" {
  value = data.ekshybrid_cluster.example.dns_address
}
