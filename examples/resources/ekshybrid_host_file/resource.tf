# A kubeconfig for the administrators on a bastion. The key stays out of the configuration: it is the provider's `ssh`.
resource "ekshybrid_host_file" "kubeconfig" {
  ssh = {
    host = "10.80.0.4"
    user = "ubuntu"
  }

  path              = "/home/ubuntu/.kube/config"
  sensitive_content = data.ekshybrid_kubeconfig.workshop.kubeconfig
  owner             = "ubuntu:ubuntu"
}

data "ekshybrid_kubeconfig" "workshop" {
  cluster_name = "workshop"
}

# A registry mirror on a host that is reached through Systems Manager.
resource "ekshybrid_host_file" "mirror" {
  run_command = {
    instance_id = "mi-0123456789abcdef0"
  }

  path    = "/etc/containerd/certs.d/docker.io/hosts.toml"
  content = <<-EOT
    server = "https://registry-1.docker.io"

    [host."https://mirror.example.com"]
      capabilities = ["pull", "resolve"]
  EOT
  mode    = "0644"
  owner   = "root:root"
}
