//! `required_permissions`: what the caller must be allowed to do so that some types work.

use std::collections::{BTreeMap, BTreeSet};

use framework::diagnostic::Diagnostics;
use framework::function::{Function, Variadic};
use framework::model::{Dynamic, Field, Model};
use framework::path::Path;
use framework::permission::{Declared, Permission};
use framework::schema::Parameter;
use framework::server::FunctionError;
use framework::value::Value;
use names::meant;
use serde_json::{Value as Json, json};

use super::arguments::{self, options_parameter};
use crate::attributes::permissions::{AWS, KUBERNETES};
use crate::node::Tree;

/// Parameters.
#[derive(Clone, Debug, Model)]
pub struct Parameters {
    /// The types, as they begin an address in a configuration: `ekshybrid_activation`, `data.ekshybrid_cluster`,
    /// `ephemeral.ekshybrid_cluster_token`, `action.ekshybrid_drain_nodes`, `list.ekshybrid_activation`; `ekshybrid`
    /// for what the provider's own configuration may need.
    pub types: Vec<String>,
}

/// The one optional argument.
#[derive(Clone, Debug)]
pub struct Options(Dynamic);

impl Variadic for Options {
    fn parameter() -> Option<Parameter> {
        Some(options_parameter("What narrows the permissions down"))
    }

    fn decode(value: &Value, at: &Path, faults: &mut Diagnostics) -> Option<Self> {
        Dynamic::decode(value, at, faults).map(Self)
    }
}

/// The permissions.
#[derive(Clone, Debug, Model)]
pub struct Output {
    /// An IAM policy, as JSON; null if nothing of AWS is needed.
    pub iam_policy: Option<String>,
    /// Roles and bindings of Kubernetes, as YAML; null if nothing of a cluster is needed.
    pub rbac: Option<String>,
}

/// The function.
#[derive(Debug)]
pub enum RequiredPermissions {}

impl Function for RequiredPermissions {
    type Parameters = Parameters;
    type Variadic = Options;
    type Output = Output;

    const NAME: &'static str = "required_permissions";
    const SUMMARY: &'static str = "IAM policy and RBAC roles that types of this provider need";
    const DESCRIPTION: &'static str = "\
Returns what the caller of Terraform must be allowed to do so that resources, data sources, ephemeral resources, actions \
and list resources of this provider work: an IAM policy as JSON, and Kubernetes roles with their bindings as YAML. Both \
come from the same declarations as the section Permissions of each page, and tests compare these with the calls that the \
provider makes.

The result includes permissions that are needed only with certain arguments. Those of `iam:PassRole` name every role: \
set `role_arns` to the roles that you pass.

Attributes of `options`, all optional:

- `partition`, `region`, `account_id` (String) Part of every ARN. Default: `*`.
- `cluster_name` (String) Limits what concerns clusters, add-ons and access entries to this cluster. Default: all \
clusters.
- `role_arns` (List of String) The roles that may be passed with `iam:PassRole`. Default: every role of the account.
- `group` (String) Group of the bindings, and name of the roles. Give it to the access entry of the caller \
(`kubernetes_groups`). Default: `terraform`.
- `conditional` (Boolean) Whether permissions that only certain arguments need are included. Default: true.";

    fn call(_: Parameters, _: Vec<Options>) -> Result<Option<Output>, FunctionError> {
        Err(FunctionError::new("The types of the provider are not known here"))
    }

    fn call_among(
        parameters: Parameters,
        options: Vec<Options>,
        declared: &[Declared],
    ) -> Result<Option<Output>, FunctionError> {
        let options = Narrow::of(&arguments::options(options.iter().map(|options| &options.0), 1)?)?;
        let known: BTreeMap<String, &Declared> = declared.iter().map(|it| (it.kind.address(it.name), it)).collect();
        let mut wanted: Vec<&Permission> = Vec::new();
        let mut faults = Vec::new();
        for name in &parameters.types {
            match known.get(name) {
                Some(declared) => wanted.extend(declared.all()),
                None => faults.push(unknown(name, known.keys().map(String::as_str))),
            }
        }
        if !faults.is_empty() {
            return Err(FunctionError::argument(0, faults.join(".\n")));
        }
        wanted.retain(|permission| options.conditional || permission.when.is_empty());
        Ok(Some(Output { iam_policy: iam_policy(&wanted, &options), rbac: rbac(&wanted, &options) }))
    }
}

fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let hint = meant(name, known).map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default();
    format!("This provider has no type `{name}`{hint}")
}

/// The options.
struct Narrow {
    partition: String,
    region: String,
    account: String,
    cluster: String,
    roles: Option<Vec<String>>,
    group: String,
    conditional: bool,
}

impl Narrow {
    fn of(options: &Tree) -> Result<Self, FunctionError> {
        let mut narrow = Self {
            partition: "*".to_owned(),
            region: "*".to_owned(),
            account: "*".to_owned(),
            cluster: "*".to_owned(),
            roles: None,
            group: "terraform".to_owned(),
            conditional: true,
        };
        let Tree::Map(options) = options else {
            return Err(FunctionError::argument(1, "The options must be an object"));
        };
        for (name, value) in options {
            let wrong = |what: &str| FunctionError::argument(1, format!("`{name}` must be {what}"));
            let text = || match value {
                Tree::Text(text) if !text.is_empty() => Ok(text.clone()),
                _ => Err(wrong("a string that is not empty")),
            };
            match name.as_str() {
                _ if *value == Tree::Null => {}
                "partition" => narrow.partition = text()?,
                "region" => narrow.region = text()?,
                "account_id" => narrow.account = text()?,
                "cluster_name" => narrow.cluster = text()?,
                "group" => narrow.group = text()?,
                "conditional" => match value {
                    Tree::Bool(conditional) => narrow.conditional = *conditional,
                    _ => return Err(wrong("true or false")),
                },
                "role_arns" => {
                    let Tree::List(roles) = value else { return Err(wrong("a list of strings")) };
                    let text = |role: &Tree| match role {
                        Tree::Text(role) => Ok(role.clone()),
                        _ => Err(wrong("a list of strings")),
                    };
                    narrow.roles = Some(roles.iter().map(text).collect::<Result<_, _>>()?);
                }
                _ => return Err(FunctionError::argument(1, format!("There is no option `{name}`"))),
            }
        }
        Ok(narrow)
    }

    /// The ARNs that a permission concerns.
    fn arns(&self, permission: &Permission) -> Vec<String> {
        if let Some(roles) = self.roles.as_ref().filter(|_| permission.acts.contains(&"iam:PassRole")) {
            return roles.clone();
        }
        let mut arn = permission
            .on
            .replace("{partition}", &self.partition)
            .replace("{region}", &self.region)
            .replace("{account}", &self.account);
        if self.cluster != "*" {
            for (kind, rest) in [("cluster", ""), ("addon", "/*"), ("access-entry", "/*")] {
                if let Some(start) = arn.strip_suffix(&format!(":{kind}/*")) {
                    arn = format!("{start}:{kind}/{}{rest}", self.cluster);
                }
            }
        }
        vec![arn]
    }
}

/// The policy: one statement for each set of ARNs and condition.
fn iam_policy(wanted: &[&Permission], narrow: &Narrow) -> Option<String> {
    let mut statements: BTreeMap<(Vec<String>, Option<(&str, &str)>), BTreeSet<&str>> = BTreeMap::new();
    for permission in wanted.iter().filter(|permission| permission.system == AWS) {
        let arns = narrow.arns(permission);
        if !arns.is_empty() {
            statements.entry((arns, permission.only_if)).or_default().extend(permission.acts);
        }
    }
    if statements.is_empty() {
        return None;
    }
    let statements: Vec<Json> = statements
        .into_iter()
        .map(|((arns, only_if), actions)| {
            let resource = if let [arn] = arns.as_slice() { json!(arn) } else { json!(arns) };
            let mut statement = json!({"Effect": "Allow", "Action": actions, "Resource": resource});
            if let Some((key, value)) = only_if {
                statement["Condition"] = json!({"StringEquals": {key: value}});
            }
            statement
        })
        .collect();
    Some(json!({"Version": "2012-10-17", "Statement": statements}).to_string())
}

/// A rule of a role: API group and resource, and the names that limit it.
type Target<'a> = (&'a str, String, Option<&'a str>);

/// Roles and bindings: a ClusterRole, and a Role in each namespace that permissions are limited to.
fn rbac(wanted: &[&Permission], narrow: &Narrow) -> Option<String> {
    let mut rules: BTreeMap<&str, BTreeMap<Target<'_>, BTreeSet<&str>>> = BTreeMap::new();
    let mut paths: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for permission in wanted.iter().filter(|permission| permission.system == KUBERNETES) {
        if permission.on.starts_with('/') {
            paths.entry(permission.on).or_default().extend(permission.acts);
            continue;
        }
        let (namespace, what) = permission.on.split_once(':').unwrap_or(("", permission.on));
        let (what, sub) = what.split_once('/').map_or((what, None), |(what, sub)| (what, Some(sub)));
        let (resource, group) = what.split_once('.').unwrap_or((what, if what == "*" { "*" } else { "" }));
        let resource = sub.map_or_else(|| resource.to_owned(), |sub| format!("{resource}/{sub}"));
        let name = permission.only_if.map(|(_, name)| name);
        rules.entry(namespace).or_default().entry((group, resource, name)).or_default().extend(permission.acts);
    }
    let mut text = String::new();
    let everywhere = rules.remove("").unwrap_or_default();
    if !everywhere.is_empty() || !paths.is_empty() {
        text.push_str(&documents("ClusterRole", None, &lines(&everywhere, &paths), &narrow.group));
    }
    for (namespace, inner) in &rules {
        text.push_str(&documents("Role", Some(namespace), &lines(inner, &BTreeMap::new()), &narrow.group));
    }
    (!text.is_empty()).then_some(text)
}

/// The rules of a role, as YAML.
fn lines(rules: &BTreeMap<Target<'_>, BTreeSet<&str>>, paths: &BTreeMap<&str, BTreeSet<&str>>) -> String {
    let mut text = String::new();
    for ((group, resource, name), verbs) in rules {
        text.push_str(&format!("- apiGroups: {}\n  resources: {}\n", json!([group]), json!([resource])));
        if let Some(name) = name {
            text.push_str(&format!("  resourceNames: {}\n", json!([name])));
        }
        text.push_str(&format!("  verbs: {}\n", json!(verbs)));
    }
    for (path, verbs) in paths {
        text.push_str(&format!("- nonResourceURLs: {}\n  verbs: {}\n", json!([path]), json!(verbs)));
    }
    text
}

/// A role and its binding to the group.
fn documents(kind: &str, namespace: Option<&str>, rules: &str, group: &str) -> String {
    let name = json!(group);
    let namespace = namespace.map(|namespace| format!("  namespace: {}\n", json!(namespace))).unwrap_or_default();
    format!(
        "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nmetadata:\n  name: {name}\n{namespace}rules:\n{rules}\
         ---\napiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}Binding\nmetadata:\n  name: {name}\n{namespace}\
         roleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: {kind}\n  name: {name}\n\
         subjects:\n- apiGroup: rbac.authorization.k8s.io\n  kind: Group\n  name: {name}\n"
    )
}
