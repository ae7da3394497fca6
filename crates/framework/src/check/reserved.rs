//! Names that an attribute may not have because Terraform's own language uses them in the same block.
//!
//! List resources and actions take their configuration in a block of its own, so that no name collides there.
//! Rule: <https://developer.hashicorp.com/terraform/language/meta-arguments>

use super::Role;

/// Whether Terraform would read the attribute as its own.
pub(super) fn by_terraform(role: Role, name: &str) -> bool {
    match role {
        Role::Provider => matches!(name, "alias" | "count" | "depends_on" | "for_each" | "source" | "version"),
        Role::Resource | Role::DataSource | Role::Ephemeral => matches!(
            name,
            "connection" | "count" | "depends_on" | "for_each" | "lifecycle" | "provider" | "provisioner"
        ),
        Role::Listing | Role::Action => false,
    }
}
