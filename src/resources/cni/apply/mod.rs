//! How a CNI is installed, upgraded and removed.
//!
//! Each operation is a list of steps. What a failed step leaves behind is undone, or noted so that the next run continues.
//!
//! | installation, step by step | when the step fails |
//! |---|---|
//! | fetch the chart, check pools, nodes, and what the plan has shown | nothing was changed |
//! | note the definitions that exist | nothing was changed |
//! | remove aws-node (`remove_vpc_cni`), kept in a ConfigMap | it is restored |
//! | apply `crds/`, hooks and objects | a failed revision in the state, from which the next apply continues; with `atomic` the release and the definitions that it created are removed, and aws-node is restored |
//! | wait for nodes | the release is in the state, tainted |
//!
//! | upgrade, step by step | when the step fails |
//! |---|---|
//! | note that it has begun, fetch, check | the next plan is an update again |
//! | run Cilium's preflight check | its release is removed, Cilium is not touched |
//! | change Calico's address pool (manifest) | the next apply repeats the change |
//! | apply the new revision | a failed revision, from which the next apply continues; with `atomic` the last good one is restored |
//! | remove or restore aws-node | the note says which; the next apply does it |
//! | wait for nodes, then drop the note | the next plan is an update again |
//!
//! | removal, step by step | when the step fails |
//! |---|---|
//! | remove an interrupted preflight check | the release is not touched |
//! | remove the release's objects, keep its record | recorded as uninstalling; another destroy continues |
//! | restore aws-node | kept in its ConfigMap; another destroy continues |
//! | delete definitions (`cleanup_on_destroy`) | the record is kept; another destroy continues |
//! | forget the record | another destroy continues |

pub(crate) mod cleanup;
pub(crate) mod install;
pub(crate) mod promise;
pub(crate) mod remove;
pub(crate) mod site;
pub(crate) mod upgrade;
