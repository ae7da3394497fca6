//! Maps a principal to a Kubernetes identity: access entries, the cluster's creator, and the templates in user names.

use serde::Serialize;

use super::{Extra, Refusal, token::Identity};
use crate::{eks::cluster::Cluster, moment::Moment, settings::Settings};

/// Groups that represent access policies. Role bindings created with the cluster grant their permissions.
const POLICY_GROUPS: &[(&str, &str)] = &[
    ("AmazonEKSClusterAdminPolicy", "cluster-admin"),
    ("AmazonEKSAdminPolicy", "admin"),
    ("AmazonEKSEditPolicy", "edit"),
    ("AmazonEKSViewPolicy", "view"),
    ("AmazonEKSAdminViewPolicy", "view"),
];

/// A principal's grants, with templates not yet resolved.
#[derive(Debug, PartialEq, Eq)]
pub struct Granted {
    pub username: String,
    pub groups: Vec<String>,
}

/// TokenReview's `status.user`.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct User {
    pub username: String,
    pub uid: String,
    pub groups: Vec<String>,
    pub extra: Extra,
}

/// The group whose bindings grant the permissions of an access policy for the whole cluster or a namespace.
pub fn policy_group(role: &str, namespace: Option<&str>) -> String {
    match namespace {
        None => format!("eks:access-policy:{role}"),
        Some(namespace) => format!("eks:access-policy:{role}:{namespace}"),
    }
}

/// Role and namespace of such a group, if it is for one namespace.
pub fn namespaced(group: &str) -> Option<(&str, &str)> {
    group.strip_prefix("eks:access-policy:")?.split_once(':')
}

/// The time up to which EKS has informed the API server: newer entries and associations do not count yet.
#[derive(Clone, Copy)]
pub struct Known {
    pub entries: Moment,
    pub policies: Moment,
}

impl Known {
    pub fn of(settings: Option<&Settings>, now: Moment) -> Self {
        let before = |seconds: Option<i64>| now.plus_seconds(-seconds.unwrap_or_default());
        Self {
            entries: before(settings.map(|settings| settings.access_entry_settle_seconds)),
            policies: before(settings.map(|settings| settings.access_policy_settle_seconds)),
        }
    }
}

/// The grants of access entries, and of the creator's implicit permission.
pub fn of_entries(cluster: &Cluster, identity: &Identity, known: Known) -> Option<Granted> {
    let arn = &identity.principal_arn;
    if cluster.authentication_mode != "CONFIG_MAP"
        && let Some(entry) = cluster.access_entries.get(arn).filter(|entry| entry.created <= known.entries)
    {
        let mut groups = entry.groups.clone();
        for (policy, scope) in entry.policies.iter().filter(|(_, scope)| scope.modified <= known.policies) {
            let name = policy.rsplit('/').next().unwrap_or_default();
            let Some((_, role)) = POLICY_GROUPS.iter().find(|(known, _)| *known == name) else {
                continue;
            };
            match &scope.namespaces {
                None => groups.push(policy_group(role, None)),
                Some(namespaces) => groups.extend(namespaces.iter().map(|one| policy_group(role, Some(one)))),
            }
        }
        return Some(Granted { username: entry.username.clone(), groups });
    }
    let is_creator = cluster.authentication_mode != "API" && cluster.hidden_admin.as_ref() == Some(arn);
    is_creator.then(|| Granted { username: "kubernetes-admin".to_owned(), groups: vec!["system:masters".to_owned()] })
}

impl Granted {
    /// Resolves the templates. `node_of` returns the private DNS name of an EC2 instance.
    pub fn into_user(self, identity: &Identity, node_of: &dyn Fn(&str) -> Option<String>) -> Result<User, Refusal> {
        let fill = |text: String| -> Result<String, Refusal> {
            let mut text = text
                .replace("{{AccountID}}", &identity.account)
                .replace("{{AccessKeyID}}", &identity.access_key)
                .replace("{{SessionNameRaw}}", &identity.session)
                // An @ has a special meaning in user names.
                .replace("{{SessionName}}", &identity.session.replace('@', "-"));
            if text.contains("{{EC2PrivateDNSName}}") {
                // The session of an instance profile is named after its instance.
                let name = node_of(&identity.session).ok_or_else(|| Refusal::NoInstance(identity.session.clone()))?;
                text = text.replace("{{EC2PrivateDNSName}}", &name);
            }
            Ok(text)
        };
        let extra = Extra::from([
            ("accessKeyId", vec![identity.access_key.clone()]),
            ("arn", vec![identity.arn.clone()]),
            ("canonicalArn", vec![identity.pathless_arn()]),
            ("principalId", vec![identity.user_id.clone()]),
            ("sessionName", vec![identity.session.clone()]),
        ]);
        Ok(User {
            username: fill(self.username)?,
            uid: format!("aws-iam-authenticator:{}:{}", identity.account, identity.user_id),
            groups: self.groups.into_iter().map(fill).collect::<Result<_, _>>()?,
            extra,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ec2, eks, world::Account};

    fn session(name: &str) -> Identity {
        Identity {
            arn: format!("arn:aws:sts::111122223333:assumed-role/nodes/{name}"),
            user_id: format!("AROAEXAMPLE:{name}"),
            account: "111122223333".into(),
            access_key: "ASIAEXAMPLE".into(),
            principal_arn: "arn:aws:iam::111122223333:role/team/nodes".into(),
            session: name.into(),
        }
    }

    #[test]
    fn templates_are_filled_in() {
        let node_of = |instance: &str| (instance == "i-0a").then(|| "ip-10-0-0-5.ec2.internal".to_owned());
        for (template, name, expected) in [
            ("system:node:{{SessionName}}", "mi-0123", Some("system:node:mi-0123")),
            ("system:node:{{EC2PrivateDNSName}}", "i-0a", Some("system:node:ip-10-0-0-5.ec2.internal")),
            ("system:node:{{EC2PrivateDNSName}}", "i-0b", None),
            ("{{AccountID}}:{{SessionName}}", "me@example.com", Some("111122223333:me-example.com")),
            ("{{SessionNameRaw}}", "me@example.com", Some("me@example.com")),
            ("{{AccessKeyID}}", "x", Some("ASIAEXAMPLE")),
            ("plain", "x", Some("plain")),
        ] {
            let granted = Granted { username: template.into(), groups: Vec::new() };
            let user = granted.into_user(&session(name), &node_of);
            assert_eq!(user.ok().map(|user| user.username).as_deref(), expected, "{template} {name}");
        }
    }

    #[test]
    fn entries_and_the_creator_count_by_mode() {
        let mut account = Account::new("111122223333");
        let network = ec2::seed::plant(&mut account, "us-west-2");
        eks::seed::plant(&mut account, "us-west-2", &network);
        let mut cluster = account.region("us-west-2").eks.clusters["workshop"].clone();
        cluster.hidden_admin = Some("arn:aws:iam::111122223333:role/team/nodes".into());
        let creator = session("s");
        let entry = Identity { principal_arn: "arn:aws:iam::111122223333:user/sandbox".into(), ..session("") };
        for (mode, identity, expected) in [
            ("CONFIG_MAP", &creator, Some("system:masters")),
            ("API_AND_CONFIG_MAP", &creator, Some("system:masters")),
            ("API", &creator, None),
            ("CONFIG_MAP", &entry, None),
            ("API_AND_CONFIG_MAP", &entry, Some("eks:access-policy:cluster-admin")),
            ("API", &entry, Some("eks:access-policy:cluster-admin")),
        ] {
            mode.clone_into(&mut cluster.authentication_mode);
            let granted = of_entries(&cluster, identity, Known::of(None, Moment::now()));
            let group = granted.as_ref().and_then(|granted| granted.groups.first());
            assert_eq!(group.map(String::as_str), expected, "{mode} {}", identity.principal_arn);
        }
    }

    #[test]
    fn what_is_young_does_not_count_yet() {
        let mut account = Account::new("111122223333");
        let network = ec2::seed::plant(&mut account, "us-west-2");
        eks::seed::plant(&mut account, "us-west-2", &network);
        let cluster = &account.region("us-west-2").eks.clusters["workshop"];
        let entry = Identity { principal_arn: "arn:aws:iam::111122223333:user/sandbox".into(), ..session("") };
        let now = Moment::now();
        let settings = |entries, policies| Settings {
            access_entry_settle_seconds: entries,
            access_policy_settle_seconds: policies,
            ..Settings::default()
        };
        for (settings, expected) in [(settings(60, 0), None), (settings(0, 60), Some(0)), (settings(0, 0), Some(1))] {
            let granted = of_entries(cluster, &entry, Known::of(Some(&settings), now));
            assert_eq!(granted.map(|granted| granted.groups.len()), expected);
        }
    }

    #[test]
    fn a_user_is_told_as_eks_tells_it() {
        let granted = Granted { username: "u".into(), groups: vec!["g".into()] };
        let user = granted.into_user(&session("s"), &|_| None).unwrap();
        assert_eq!(user.uid, "aws-iam-authenticator:111122223333:AROAEXAMPLE:s");
        assert_eq!(user.groups, ["g"]);
        assert_eq!(user.extra["canonicalArn"], ["arn:aws:iam::111122223333:role/nodes"]);
        assert_eq!(user.extra["arn"], ["arn:aws:sts::111122223333:assumed-role/nodes/s"]);
    }
}
