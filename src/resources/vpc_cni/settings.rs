//! Converts arguments to the variables of aws-node, and back.

use std::collections::BTreeMap;

use framework::diagnostic::{Diagnostic, Diagnostics};
use framework::model::{Maybe, Model, Text};
use framework::path::{Path, Step};

use super::{Args, Target};
use crate::attributes::LabelKey;

pub(super) const CUSTOM_NETWORKING: &str = "AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG";
pub(super) const ENI_CONFIG_LABEL: &str = "ENI_CONFIG_LABEL_DEF";
pub(super) const ENI_CONFIG_ANNOTATION: &str = "ENI_CONFIG_ANNOTATION_DEF";
pub(super) const PREFIX_DELEGATION: &str = "ENABLE_PREFIX_DELEGATION";
const EXTERNAL_SNAT: &str = "AWS_VPC_K8S_CNI_EXTERNALSNAT";
pub(super) const WARM_IP_TARGET: &str = "WARM_IP_TARGET";
pub(super) const MINIMUM_IP_TARGET: &str = "MINIMUM_IP_TARGET";
const WARM_ENI_TARGET: &str = "WARM_ENI_TARGET";
pub(super) const WARM_PREFIX_TARGET: &str = "WARM_PREFIX_TARGET";

/// Variables that have their own argument.
const TYPED: [(&str, &str); 9] = [
    (CUSTOM_NETWORKING, Args::NAMES.custom_networking),
    (ENI_CONFIG_LABEL, Args::NAMES.eni_config_label),
    (ENI_CONFIG_ANNOTATION, Args::NAMES.eni_config_annotation),
    (PREFIX_DELEGATION, Args::NAMES.prefix_delegation),
    (EXTERNAL_SNAT, Args::NAMES.external_snat),
    (WARM_IP_TARGET, Args::NAMES.warm_ip_target),
    (MINIMUM_IP_TARGET, Args::NAMES.minimum_ip_target),
    (WARM_ENI_TARGET, Args::NAMES.warm_eni_target),
    (WARM_PREFIX_TARGET, Args::NAMES.warm_prefix_target),
];

/// Variables that identify a pod or its container, and are not settings.
const REFUSED: [(&str, &str); 4] = [
    ("MY_NODE_NAME", "Kubernetes fills it in for every pod"),
    ("MY_POD_NAME", "Kubernetes fills it in for every pod"),
    ("DISABLE_TCP_EARLY_DEMUX", "the init container `aws-vpc-cni-init` reads it, not `aws-node`"),
    ("ENABLE_IPv6", "the cluster's IP family decides it, and it cannot change"),
];

/// The wanted values of variables. `None`: the variable must not exist.
pub(super) type Wanted = BTreeMap<String, Option<String>>;

/// The settings that are known and set.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    pub(super) custom_networking: Option<bool>,
    pub(super) prefix_delegation: Option<bool>,
    label: Option<LabelKey>,
    annotation: Option<LabelKey>,
    external_snat: Option<bool>,
    warm_ip_target: Option<Target>,
    minimum_ip_target: Option<Target>,
    warm_eni_target: Option<Target>,
    warm_prefix_target: Option<Target>,
    environment: BTreeMap<String, String>,
}

impl Settings {
    pub(super) fn of(args: &Args) -> Self {
        Self {
            custom_networking: args.custom_networking,
            prefix_delegation: args.prefix_delegation,
            label: args.eni_config_label.clone(),
            annotation: args.eni_config_annotation.clone(),
            external_snat: args.external_snat,
            warm_ip_target: args.warm_ip_target,
            minimum_ip_target: args.minimum_ip_target,
            warm_eni_target: args.warm_eni_target,
            warm_prefix_target: args.warm_prefix_target,
            environment: args.environment.clone().unwrap_or_default(),
        }
    }

    /// The settings known in a plan.
    pub(super) fn planned(args: &<Args as Model>::Planned) -> Self {
        Self {
            custom_networking: args.custom_networking.set().copied(),
            prefix_delegation: args.prefix_delegation.set().copied(),
            label: args.eni_config_label.set().cloned(),
            annotation: args.eni_config_annotation.set().cloned(),
            external_snat: args.external_snat.set().copied(),
            warm_ip_target: args.warm_ip_target.set().copied(),
            minimum_ip_target: args.minimum_ip_target.set().copied(),
            warm_eni_target: args.warm_eni_target.set().copied(),
            warm_prefix_target: args.warm_prefix_target.set().copied(),
            environment: args.environment.set().cloned().unwrap_or_default(),
        }
    }

    /// The variables. Setting the label removes the annotation and vice versa: with both, the annotation would take
    /// precedence on every node that has it. Source: lookup order in amazon-vpc-cni-k8s, pkg/eniconfig.
    pub(super) fn wanted(&self) -> Wanted {
        let mut wanted: Wanted =
            self.environment.iter().map(|(name, value)| (name.clone(), Some(value.clone()))).collect();
        let mut put = |name: &str, value: Option<String>| {
            if value.is_some() {
                wanted.insert(name.to_owned(), value);
            }
        };
        let number = |target: Option<Target>| target.map(|target| target.get().to_string());
        let truth = |value: Option<bool>| value.map(|value| value.to_string());
        put(CUSTOM_NETWORKING, truth(self.custom_networking));
        put(ENI_CONFIG_LABEL, self.label.as_ref().map(|key| key.text().to_owned()));
        put(ENI_CONFIG_ANNOTATION, self.annotation.as_ref().map(|key| key.text().to_owned()));
        put(PREFIX_DELEGATION, truth(self.prefix_delegation));
        put(EXTERNAL_SNAT, truth(self.external_snat));
        put(WARM_IP_TARGET, number(self.warm_ip_target));
        put(MINIMUM_IP_TARGET, number(self.minimum_ip_target));
        put(WARM_ENI_TARGET, number(self.warm_eni_target));
        put(WARM_PREFIX_TARGET, number(self.warm_prefix_target));
        match (&self.label, &self.annotation) {
            (Some(_), None) => drop(wanted.insert(ENI_CONFIG_ANNOTATION.to_owned(), None)),
            (None, Some(_)) => drop(wanted.insert(ENI_CONFIG_LABEL.to_owned(), None)),
            _ => {}
        }
        wanted
    }
}

/// The attribute that sets a variable.
pub(super) fn attribute(variable: &str) -> Path {
    match TYPED.iter().find(|(name, _)| *name == variable) {
        Some((_, attribute)) => Path::attribute(*attribute),
        None => Path::attribute(Args::NAMES.environment).then(Step::Key(variable.to_owned())),
    }
}

/// Refuses variables that must not be set in `environment`.
pub(super) fn check_environment(environment: &Maybe<Option<BTreeMap<String, String>>>, faults: &mut Diagnostics) {
    for name in environment.set().into_iter().flat_map(BTreeMap::keys) {
        let at = Path::attribute(Args::NAMES.environment).then(Step::Key(name.clone()));
        let mut refuse = |summary: &str, detail: String| faults.push(Diagnostic::error(summary, detail).at(at.clone()));
        if let Some((_, attribute)) = TYPED.iter().find(|(variable, _)| variable == name) {
            refuse("Variable has an argument of its own", format!("Set `{name}` by the argument `{attribute}`."));
        } else if let Some((_, why)) = REFUSED.iter().find(|(variable, _)| variable == name) {
            refuse("Variable is not set here", format!("`{name}` cannot be set here: {why}."));
        } else if !is_name(name) {
            refuse(
                "Invalid variable name",
                format!(
                    "`{name}` is not the name of a variable. It has letters, digits, `_`, `-` and `.`, and begins with no digit."
                ),
            );
        }
    }
}

/// Whether a variable name is valid. Source: API reference of Kubernetes, EnvVar.
fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    !name.is_empty() && name.chars().all(allowed) && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// Sets the arguments to the cluster's values: the values in `found` of the variables in `managed`. An argument whose
/// variable no longer exists, or has a value it cannot express, becomes null, so that a plan shows it.
pub(super) fn read(args: &mut Args, managed: &Wanted, found: &BTreeMap<String, String>) {
    let value = |name: &str| if managed.contains_key(name) { found.get(name) } else { None };
    let truth = |name: &str| value(name).and_then(|text| parse_truth(text));
    let number = |name: &str| value(name).and_then(|text| text.parse().ok()).and_then(Target::new);
    args.custom_networking = truth(CUSTOM_NETWORKING);
    let key = |name: &str| value(name).and_then(|text| LabelKey::parse(text).ok());
    args.eni_config_label = key(ENI_CONFIG_LABEL);
    args.eni_config_annotation = key(ENI_CONFIG_ANNOTATION);
    args.prefix_delegation = truth(PREFIX_DELEGATION);
    args.external_snat = truth(EXTERNAL_SNAT);
    args.warm_ip_target = number(WARM_IP_TARGET);
    args.minimum_ip_target = number(MINIMUM_IP_TARGET);
    args.warm_eni_target = number(WARM_ENI_TARGET);
    args.warm_prefix_target = number(WARM_PREFIX_TARGET);
    let typed = |name: &str| TYPED.iter().any(|(variable, _)| *variable == name);
    let others: BTreeMap<String, String> = managed
        .keys()
        .filter(|name| !typed(name))
        .filter_map(|name| Some((name.clone(), found.get(name)?.clone())))
        .collect();
    // A configured empty map is kept.
    args.environment = if others.is_empty() { args.environment.take().map(|_| others) } else { Some(others) };
}

/// Parses a boolean as aws-node does, by Go's strconv.ParseBool.
fn parse_truth(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
        entries.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_label_takes_the_annotation_away() {
        let settings = Settings {
            custom_networking: Some(true),
            label: LabelKey::parse("topology.kubernetes.io/zone").ok(),
            warm_ip_target: Target::new(5),
            environment: map(&[("AWS_VPC_ENI_MTU", "8951")]),
            ..Settings::default()
        };
        let wanted = settings.wanted();
        let told: Vec<_> = wanted.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect();
        assert_eq!(
            told,
            [
                ("AWS_VPC_ENI_MTU", Some("8951")),
                ("AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG", Some("true")),
                ("ENI_CONFIG_ANNOTATION_DEF", None),
                ("ENI_CONFIG_LABEL_DEF", Some("topology.kubernetes.io/zone")),
                ("WARM_IP_TARGET", Some("5")),
            ]
        );
        assert!(Settings::default().wanted().is_empty());
    }

    #[test]
    fn what_is_not_set_in_environment_is_refused() {
        let environment = map(&[("WARM_IP_TARGET", "1"), ("MY_NODE_NAME", "n"), ("9LIVES", "9"), ("MAX_ENI", "2")]);
        let mut faults = Diagnostics::new();
        check_environment(&Maybe::Known(Some(environment)), &mut faults);
        let told: Vec<_> = faults.0.iter().map(|fault| (fault.at.to_string(), fault.summary.as_str())).collect();
        let at = |name: &str| format!("environment[\"{name}\"]");
        assert_eq!(
            told,
            [
                (at("9LIVES"), "Invalid variable name"),
                (at("MY_NODE_NAME"), "Variable is not set here"),
                (at("WARM_IP_TARGET"), "Variable has an argument of its own"),
            ]
        );
    }

    #[test]
    fn drift_is_read_into_the_arguments() {
        let mut args = super::super::read::blank();
        args.custom_networking = Some(true);
        args.eni_config_label = LabelKey::parse("zone").ok();
        args.warm_ip_target = Target::new(5);
        args.environment = Some(map(&[("MAX_ENI", "2"), ("POD_MTU", "9000")]));
        let managed = Settings::of(&args).wanted();
        let found = map(&[
            (CUSTOM_NETWORKING, "false"),
            (ENI_CONFIG_ANNOTATION, "k8s.amazonaws.com/eniConfig"),
            (WARM_IP_TARGET, "many"),
            (PREFIX_DELEGATION, "true"),
            ("MAX_ENI", "3"),
        ]);
        read(&mut args, &managed, &found);
        assert_eq!(args.custom_networking, Some(false));
        assert_eq!(args.eni_config_label, None);
        assert_eq!(args.eni_config_annotation.as_ref().map(Text::text), Some("k8s.amazonaws.com/eniConfig"));
        assert_eq!(args.warm_ip_target, None);
        assert_eq!(args.prefix_delegation, None, "nobody manages it here");
        assert_eq!(args.environment, Some(map(&[("MAX_ENI", "3")])));
    }
}
