//! The authentication webhook: the API server asks whose a bearer token is, EKS answers.
//!
//! ```text
//! TokenReview ──▶ token (whose is it, is it good) ──▶ access (as whom do they come) ──▶ TokenReview
//!                                                        └─ aws_auth, when the cluster's mode asks for it
//! ```
//!
//! Source of the rules: the EKS user guide, and what sigs.k8s.io/aws-iam-authenticator accepts.

mod access;
mod aws_auth;
mod token;

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;
use serde_json::{Value, json};

use self::access::User;
pub use self::access::policy_group;
use super::{addons, cluster::ControlPlane};
use crate::{moment::Moment, store::Shared};

/// How many of the newest reviews a cluster keeps.
const LOG: usize = 500;

/// The reviews requested so far.
#[derive(Default)]
pub struct Reviews {
    total: u64,
    refused: u64,
    log: VecDeque<Review>,
}

#[derive(Serialize)]
struct Review {
    time: String,
    /// ARN of the caller, if the token identified a known one.
    principal: Option<String>,
    username: Option<String>,
    groups: Vec<String>,
    /// Why the token was rejected.
    refused: Option<String>,
}

impl Reviews {
    fn add(&mut self, review: Review) {
        self.total += 1;
        self.refused += u64::from(review.refused.is_some());
        self.log.push_back(review);
        if self.log.len() > LOG {
            self.log.pop_front();
        }
    }

    pub fn describe(&self) -> Value {
        json!({"total": self.total, "refused": self.refused, "log": self.log})
    }
}

/// Why a token is not accepted.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error(transparent)]
    Token(#[from] token::Fault),
    #[error("the cluster `{0}` does not exist")]
    NoCluster(String),
    #[error("{0} has no access entry, and none in the aws-auth map where that counts")]
    NoAccess(String),
    #[error("no instance is known whose private DNS name {0} could stand for")]
    NoInstance(String),
}

/// Responds to a TokenReview.
pub async fn review(shared: &Shared, plane: &ControlPlane, body: &[u8]) -> (u16, Value) {
    let asked: Value = serde_json::from_slice(body).unwrap_or_default();
    let Some(token) = asked["spec"]["token"].as_str() else {
        return (400, json!({"error": "this is not a TokenReview"}));
    };
    let now = Moment::now();
    let mut principal = None;
    let verdict = judge(shared, plane, token, now, &mut principal).await;
    let status = match &verdict {
        Ok(user) => json!({"authenticated": true, "user": user}),
        Err(refusal) => json!({"authenticated": false, "error": refusal.to_string()}),
    };
    let (user, refused) = match verdict {
        Ok(user) => (Some(user), None),
        Err(refusal) => (None, Some(refusal.to_string())),
    };
    plane.reviews().add(Review {
        time: now.iso_millis(),
        principal,
        username: user.as_ref().map(|user| user.username.clone()),
        groups: user.map(|user| user.groups).unwrap_or_default(),
        refused,
    });
    (200, json!({"apiVersion": asked["apiVersion"], "kind": "TokenReview", "status": status}))
}

async fn judge(
    shared: &Shared,
    plane: &ControlPlane,
    token: &str,
    now: Moment,
    principal: &mut Option<String>,
) -> Result<User, Refusal> {
    let key = &plane.key;
    let (identity, found, map_counts) = shared.look(|world| {
        let identity = token::verify(world, token, key, now)?;
        *principal = Some(identity.arn.clone());
        let account = world.accounts.get(&key.account);
        let cluster = account
            .and_then(|account| account.regions.get(&key.region)?.eks.clusters.get(&key.name))
            .ok_or_else(|| Refusal::NoCluster(key.name.clone()))?;
        let known = access::Known::of(account.map(|account| &account.settings), now);
        let found = access::of_entries(cluster, &identity, known);
        Ok::<_, Refusal>((identity, found, cluster.authentication_mode.contains("CONFIG_MAP")))
    })?;
    let granted = match found {
        // An access entry takes precedence over the map.
        Some(granted) => granted,
        None if map_counts => aws_auth::granted(&plane.api, &identity).await.ok_or_else(|| no_access(&identity))?,
        None => return Err(no_access(&identity)),
    };
    let user = granted.into_user(&identity, &|instance| plane.node_of_instance(instance))?;
    for (role, namespace) in user.groups.iter().filter_map(|group| access::namespaced(group)) {
        // The namespace may not exist yet; then there is nothing in it to access.
        let _ = addons::apply(&plane.api, &addons::policy_binding(role, namespace)).await;
    }
    Ok(user)
}

fn no_access(identity: &token::Identity) -> Refusal {
    Refusal::NoAccess(identity.principal_arn.clone())
}

/// Members of TokenReview's `status.user`.
type Extra = BTreeMap<&'static str, Vec<String>>;
