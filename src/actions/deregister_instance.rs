//! `ekshybrid_deregister_instance`: deregisters hosts from Systems Manager, once.

use std::collections::BTreeSet;

use framework::action::Action;
use framework::diagnostic::Result;
use framework::model::Model;

use crate::attributes::{Region, explain};
use crate::provider::{Clients, Context};
use crate::resources::managed_instance::ManagedInstanceId;

/// Arguments.
#[derive(Clone, Debug, Model)]
pub struct Args {
    /// Ids of the hosts. One that is not registered any more is passed over.
    pub instance_ids: BTreeSet<ManagedInstanceId>,
    /// Region of the hosts. Default: the provider's.
    pub region: Option<Region>,
}

/// The action.
#[derive(Debug)]
pub enum DeregisterInstance {}

impl Action for DeregisterInstance {
    type Clients = Clients;
    type Args = Args;

    const NAME: &'static str = "ekshybrid_deregister_instance";
    const DESCRIPTION: &'static str = "\
Deregisters hosts from Systems Manager: for hosts that no resource of the configuration knows, such as those that were \
left behind. The hosts lose their AWS credentials; a hybrid node among them stops working.";

    async fn invoke(args: &Args, cx: &Context) -> Result<()> {
        let client =
            cx.clients()?.aws()?.with_cancel(cx.cancel().clone()).ssm(args.region.as_ref().map(Region::as_str));
        let count = args.instance_ids.len();
        if count == 0 {
            cx.progress("No host is named; nothing to do").await;
        }
        for (done, id) in args.instance_ids.iter().enumerate() {
            let registered = client.deregister_instance(id.as_str()).await.map_err(|error| {
                let left = format!(
                    "{done} of {count} hosts were deregistered; `{}` and the rest are still registered.",
                    id.as_str()
                );
                explain("Could not deregister a host", &error, Some(&left))
            })?;
            let what = if registered { "Deregistered" } else { "Not registered any more:" };
            cx.progress(format!("{what} {} ({} of {count})", id.as_str(), done + 1)).await;
        }
        Ok(())
    }
}
