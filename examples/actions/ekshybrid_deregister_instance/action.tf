data "ekshybrid_managed_instances" "all" {}

# Run it with: terraform apply -invoke=action.ekshybrid_deregister_instance.forgotten
action "ekshybrid_deregister_instance" "forgotten" {
  config {
    instance_ids = data.ekshybrid_managed_instances.all.orphaned_ids
  }
}
