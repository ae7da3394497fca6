# Files on machines of people that are running already, such as the operator's machine once somebody can log in to it: the
# kubeconfig and the part of the SSH configuration. Without machines, nothing here is created.

variable "machines" {
  description = "Machines that get the files, by a name of your own. `host_key` is the machine's public key (`ssh-ed25519 …`), which `ssh-keyscan` prints: compare it with the machine's console. `bastion` is the address of a machine in between, with the same user."
  type = map(object({
    address          = string
    user             = string
    host_key         = string
    bastion          = optional(string)
    bastion_host_key = optional(string)
  }))
  default = {}
}

variable "ssh_private_key_path" {
  description = "File with the private key of these users."
  type        = string
  default     = "~/.ssh/id_ed25519"
}

locals {
  files = merge([for name, machine in var.machines : {
    "${name} kubeconfig" = { machine = machine, path = ".kube/config", content = data.ekshybrid_kubeconfig.operator.kubeconfig }
    "${name} ssh"        = { machine = machine, path = ".ssh/config.d/closed-network", content = local.ssh_config }
  }]...)
}

resource "ekshybrid_host_file" "this" {
  for_each = local.files

  ssh = {
    host             = each.value.machine.address
    user             = each.value.machine.user
    private_key_path = var.ssh_private_key_path
    host_key         = each.value.machine.host_key
    bastion = each.value.machine.bastion == null ? null : {
      host     = each.value.machine.bastion
      host_key = each.value.machine.bastion_host_key
    }
  }

  path    = "/home/${each.value.machine.user}/${each.value.path}"
  content = each.value.content
  as_root = false
}
