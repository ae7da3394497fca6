//! Reads what the cluster has of a client certificate: the role binding. The certificate itself is only in the state.

use framework::diagnostic::{Diagnostic, Result};
use framework::resource::State;
use serde_json::{Value as Json, json};

use super::{ClientCertificate, Identity, SubjectName};
use crate::kube::Resource as ObjectKind;
use crate::session::Context;
use crate::session::cluster::{Connection, reach};
use crate::session::explain::explain_kube;
use crate::session::place::Place;

const RBAC: &str = "rbac.authorization.k8s.io";

pub(super) async fn read(
    identity: &Identity,
    prior: Option<&State<ClientCertificate>>,
    cx: &Context,
) -> Result<Option<State<ClientCertificate>>> {
    let Some(prior) = prior else {
        return Err(Diagnostic::error(
            "Client certificate cannot be imported",
            format!(
                "Cluster `{}` keeps neither the certificates that it has issued to `{}` nor their keys.",
                identity.cluster_name,
                identity.common_name.as_str()
            ),
        )
        .remedy("Remove the import, and let this resource issue a new certificate. The existing one remains valid until it expires.")
        .into());
    };
    let place = Place::of(Some(&identity.cluster_name), identity.region.as_ref(), cx).await?;
    let client = match reach(&place.cluster, Some(&place.region), cx).await? {
        Connection::Open(client) => client,
        // A certificate for a cluster that does not exist.
        Connection::Gone => return Ok(None),
        Connection::Unknown(_) => return Ok(Some(prior.clone())),
    };
    let mut state = prior.clone();
    let Some(name) = &prior.outputs.cluster_role_binding else { return Ok(Some(state)) };
    let found = match client.get(&ObjectKind::CLUSTER_ROLE_BINDING, None, name).await {
        Ok(found) => found,
        Err(error) if error.is_unreachable() && place.is_being_deleted(cx).await => return Ok(None),
        Err(error) => return Err(explain_kube("Could not read the role binding", &error, None, cx).await),
    };
    // A binding that somebody deleted or changed gives the user another role than the configuration says.
    state.args.cluster_role = found.as_ref().and_then(|binding| bound(binding, &prior.outputs.common_name));
    if found.is_none() {
        state.outputs.cluster_role_binding = None;
    }
    Ok(Some(state))
}

/// The ClusterRole that a binding gives to the user, and to nobody else.
fn bound(binding: &Json, user: &SubjectName) -> Option<String> {
    let subjects = binding["subjects"].as_array()?;
    let is_ours = subjects.len() == 1 && subjects[0] == subject(user);
    let role = &binding["roleRef"];
    (is_ours && role["kind"] == "ClusterRole").then(|| role["name"].as_str().map(str::to_owned))?
}

/// The user as a subject of a binding.
pub(super) fn subject(user: &SubjectName) -> Json {
    json!({ "apiGroup": RBAC, "kind": "User", "name": user.as_str() })
}

/// A binding of a ClusterRole to the user.
pub(super) fn binding(name: &str, role: &str, user: &SubjectName) -> Json {
    let kind = &ObjectKind::CLUSTER_ROLE_BINDING;
    json!({
        "apiVersion": kind.api_version(), "kind": kind.kind, "metadata": { "name": name },
        "roleRef": { "apiGroup": RBAC, "kind": "ClusterRole", "name": role }, "subjects": [subject(user)],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binding_of_this_user_alone() {
        let user = SubjectName::as_found("ops");
        let own = binding("b", "view", &user);
        assert_eq!(bound(&own, &user).as_deref(), Some("view"));
        let mut more = own.clone();
        more["subjects"].as_array_mut().unwrap().push(subject(&SubjectName::as_found("eve")));
        let mut other = own.clone();
        other["subjects"] = json!([subject(&SubjectName::as_found("eve"))]);
        let mut none = own.clone();
        none["subjects"] = json!(null);
        for changed in [more, other, none] {
            assert_eq!(bound(&changed, &user), None, "{changed}");
        }
    }
}
