//! EKS Auto Mode: a request for it is checked and described. Its nodes are not modelled.

use serde_json::{Value, json};

use super::invalid;
use crate::aws::{error::Result, input::Json};

/// What a request turns on, as `computeConfig` describes it; `None` without Auto Mode.
pub fn read(input: Json<'_>, mode: &str, bootstrap_addons: bool) -> Result<Option<Value>> {
    let compute = input.object("computeConfig")?;
    let storage = input.object("storageConfig")?.map(|storage| storage.object("blockStorage")).transpose()?.flatten();
    let balancing = input.object("kubernetesNetworkConfig")?;
    let balancing = balancing.map(|network| network.object("elasticLoadBalancing")).transpose()?.flatten();
    let is_on = |part: Option<Json<'_>>| -> Result<bool> {
        Ok(part.map(|part| part.boolean("enabled")).transpose()?.flatten().unwrap_or(false))
    };
    let parts = [is_on(compute)?, is_on(storage)?, is_on(balancing)?];
    if !parts.iter().any(|on| *on) {
        return Ok(None);
    }
    if parts.iter().any(|on| !on) {
        return Err(invalid(
            "For EKS Auto Mode, please ensure that all required configs, including computeConfig, kubernetesNetworkConfig, and blockStorage are all either fully enabled or fully disabled.",
        ));
    }
    if bootstrap_addons {
        return Err(invalid("When EKS Auto Mode is enabled, bootstrapSelfManagedAddons must be set to false"));
    }
    if mode == "CONFIG_MAP" {
        return Err(invalid("EKS Auto Mode requires the authentication mode API or API_AND_CONFIG_MAP"));
    }
    let Some(compute) = compute else { return Ok(None) };
    let pools = compute.texts("nodePools")?.unwrap_or_default();
    if let Some(other) = pools.iter().find(|pool| !["general-purpose", "system"].contains(&pool.as_str())) {
        return Err(invalid(format!("The node pool {other} is not one of general-purpose, system")));
    }
    let role = compute.text("nodeRoleArn")?;
    if pools.is_empty() == role.is_some() {
        return Err(invalid("nodeRoleArn and nodePools must be given together"));
    }
    Ok(Some(json!({"enabled": true, "nodePools": pools, "nodeRoleArn": role})))
}
