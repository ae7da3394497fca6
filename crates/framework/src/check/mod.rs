//! Faults in a provider's own declarations, found by its tests and not by its users.
//!
//! [`provider`] checks schemas against what Terraform asks of them; [`contract`] drives a running provider and checks
//! what it answers. Neither is used while serving.

mod conform;
pub mod contract;
mod golden;
mod reserved;
pub mod rules;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;

pub use conform::{Misfit, conform};
pub use golden::golden;

use crate::path::Path;
use crate::provider::{Provider, ProviderServer};
use crate::schema::{Attribute, FunctionSignature, IdentitySchema, Kind, Nesting, ProviderSchema, Schema};
use crate::value::{Type, Value};

/// One fault of a declaration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Which declaration, such as ``resource `cloud_server`, `disk.size` ``.
    pub place: String,
    /// What is wrong with it.
    pub problem: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

/// Checks everything that the provider registers; empty when all is well.
pub fn provider<P: Provider>(server: &ProviderServer<P>) -> Vec<Finding> {
    let mut findings = Findings::default();
    for (kind, name) in server.duplicates() {
        findings.add(format!("{kind} `{name}`"), "is registered more than once");
    }
    for (kind, name, attribute) in server.of_two_types() {
        findings.add(format!("{kind} `{name}`, `{attribute}`"), "is an argument and a result of different types");
    }
    for (name, rules) in server.resource_rules() {
        if rules.import_id.is_empty() {
            findings.add(format!("resource `{name}`"), "does not say how its import id is written");
        }
        match (rules.is_listed, rules.unlisted) {
            (false, None) => findings.add(format!("resource `{name}`"), "has neither a list resource nor a reason why"),
            (true, Some(_)) => findings.add(format!("resource `{name}`"), "has a list resource, and a reason against"),
            (false, Some(why)) if !why.ends_with('.') => {
                findings.add(format!("resource `{name}`"), "its reason against a list does not end with a period");
            }
            _ => {}
        }
    }
    findings.0.extend(schema(P::NAME, crate::server::Server::schema(server)));
    findings.0
}

/// Checks schemas alone. `provider_name` is the prefix that every type name begins with.
pub fn schema(provider_name: &str, schema: &ProviderSchema) -> Vec<Finding> {
    let mut findings = Findings::default();
    findings.configured("provider", &schema.provider, Role::Provider);
    let groups = [
        ("resource", &schema.resources, Role::Resource),
        ("data source", &schema.data_sources, Role::DataSource),
        ("ephemeral resource", &schema.ephemeral_resources, Role::Ephemeral),
        ("list resource", &schema.list_resources, Role::Listing),
        ("action", &schema.actions, Role::Action),
    ];
    for (kind, types, role) in groups {
        for (name, schema) in types {
            let place = format!("{kind} `{name}`");
            if !is_identifier(name) {
                findings.add(
                    &place,
                    "its name does not consist of `a` to `z`, `0` to `9` and `_`, beginning with a letter",
                );
            }
            if !name.strip_prefix(provider_name).is_some_and(|rest| rest.len() > 1 && rest.starts_with('_')) {
                findings.add(&place, format!("its name does not begin with `{provider_name}_`"));
            }
            findings.configured(&place, schema, role);
        }
    }
    for (name, identity) in &schema.identities {
        findings.identity(name, identity, schema.resources.get(name));
    }
    for name in schema.list_resources.keys() {
        let place = format!("list resource `{name}`");
        if !schema.resources.contains_key(name) {
            findings.add(place, "no managed resource has its name");
        } else if schema.identities.get(name).is_none_or(|identity| identity.attributes.is_empty()) {
            findings.add(place, "its managed resource has no identity");
        }
    }
    for (name, function) in &schema.functions {
        findings.function(name, function);
    }
    findings.0
}

/// What a schema belongs to: some rules differ.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Provider,
    Resource,
    DataSource,
    Ephemeral,
    Listing,
    Action,
}

impl Role {
    /// Whether the provider's own results are in the same schema as the configuration.
    fn has_results(self) -> bool {
        matches!(self, Self::Resource | Self::DataSource | Self::Ephemeral)
    }
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, place: impl Into<String>, problem: impl Into<String>) {
        self.0.push(Finding { place: place.into(), problem: problem.into() });
    }

    fn configured(&mut self, place: &str, schema: &Schema, role: Role) {
        self.described(place, &schema.description);
        if schema.version < 0 {
            self.add(place, "the version of its state is below zero");
        }
        for attribute in &schema.attributes {
            if reserved::by_terraform(role, &attribute.name) {
                let place = format!("{place}, `{}`", attribute.name);
                self.add(place, "Terraform keeps this name for itself");
            }
        }
        self.attributes(place, &schema.attributes, &Path::root(), role, false);
    }

    fn described(&mut self, place: &str, description: &str) {
        if description.trim().is_empty() {
            self.add(place, "has no description");
        } else if !description.trim_end().ends_with('.') {
            self.add(place, "its description does not end with a period");
        }
    }

    fn attributes(&mut self, owner: &str, attributes: &[Attribute], at: &Path, role: Role, in_set: bool) {
        let mut seen = BTreeSet::new();
        for attribute in attributes {
            let at = at.dot(attribute.name.clone());
            let place = format!("{owner}, `{at}`");
            if !seen.insert(&attribute.name) {
                self.add(&place, "is declared twice");
            }
            if !is_identifier(&attribute.name) {
                self.add(
                    &place,
                    "its name does not consist of `a` to `z`, `0` to `9` and `_`, beginning with a letter",
                );
            }
            self.described(&place, &attribute.description);
            self.behaviour(&place, attribute, role);
            if in_set && attribute.write_only {
                self.add(&place, "is write-only inside of a set");
            }
            if in_set && attribute.default.is_some() && role == Role::Resource {
                self.add(&place, "has a default inside of a set, whose elements cannot be matched with those before");
            }
            if at.0.len() > 1 {
                self.nested_behaviour(&place, attribute);
            }
            match &attribute.kind {
                Kind::Type(ty) => self.plain_type(&place, ty, in_set),
                Kind::Nested { nesting, attributes } => {
                    let in_set = in_set || *nesting == Nesting::Set;
                    self.attributes(owner, attributes, &at, role, in_set);
                }
            }
        }
    }

    fn behaviour(&mut self, place: &str, attribute: &Attribute, role: Role) {
        let is_argument = attribute.required || attribute.optional;
        if attribute.required && (attribute.optional || attribute.computed) {
            self.add(place, "is required and optional or computed at once");
        }
        if !is_argument && !attribute.computed {
            self.add(place, "is neither required nor optional nor computed");
        }
        if attribute.computed && !role.has_results() {
            self.add(place, "is computed where only a configuration is read");
        }
        if attribute.replace && !(is_argument && role == Role::Resource) {
            self.add(place, "asks for replacement but is no argument of a managed resource");
        }
        if attribute.write_only {
            if role != Role::Resource {
                self.add(place, "is write-only outside of a managed resource");
            }
            if attribute.computed || attribute.default.is_some() {
                self.add(place, "is write-only and has a default or is computed");
            }
            if attribute.replace {
                self.add(place, "is write-only, so that a change of it is never seen, and asks for replacement");
            }
        }
        if let Some(default) = &attribute.default {
            if !attribute.optional {
                self.add(place, "has a default but is not optional");
            }
            if default.is_null() {
                self.add(place, "its default is null");
            }
            if let Err(misfit) = conform(default, &attribute.kind.ty()) {
                self.add(place, format!("its default does not fit its type: {misfit}"));
            }
        }
        if attribute.keep && !attribute.computed {
            self.add(place, "keeps its prior value but is not computed");
        }
        if attribute.prefix.is_some() && !(attribute.computed && attribute.kind.ty() == Type::String) {
            self.add(place, "promises a prefix but is no computed text");
        }
    }

    /// Plans look at whole attributes: what these words say of a part of one would be ignored.
    fn nested_behaviour(&mut self, place: &str, attribute: &Attribute) {
        if attribute.replace {
            self.add(place, "asks for replacement inside of another attribute; say so of that one");
        }
        if attribute.keep {
            self.add(place, "keeps its prior value inside of another attribute; say so of that one");
        }
        if attribute.prefix.is_some() {
            self.add(place, "promises a prefix inside of another attribute, which is unknown as a whole");
        }
    }

    fn plain_type(&mut self, place: &str, ty: &Type, in_set: bool) {
        if in_set && contains_dynamic(ty) {
            self.add(place, "is dynamic inside of a set");
        } else if let Type::List(element) | Type::Set(element) | Type::Map(element) = ty
            && contains_dynamic(element)
        {
            self.add(place, "holds elements of dynamic type, which would each need a type of their own");
        }
        if has_optional_parts(ty) {
            self.add(place, "its type has optional parts, which only type constraints may have");
        }
    }

    fn identity(&mut self, name: &str, identity: &IdentitySchema, resource: Option<&Schema>) {
        let owner = format!("identity of `{name}`");
        let Some(resource) = resource else {
            self.add(owner, "no managed resource has its name");
            return;
        };
        if identity.attributes.is_empty() {
            self.add(&owner, "has no attributes, so that its objects cannot be identified");
        } else if identity.attributes.iter().all(|attribute| !attribute.required_for_import) {
            self.add(&owner, "asks for nothing at import");
        }
        for attribute in &identity.attributes {
            let place = format!("{owner}, `{}`", attribute.name);
            self.described(&place, &attribute.description);
            let primitive = |ty: &Type| matches!(ty, Type::Bool | Type::Number | Type::String);
            if !(primitive(&attribute.ty) || matches!(&attribute.ty, Type::List(element) if primitive(element))) {
                self.add(&place, "is neither a plain value nor a list of plain values");
            }
            match resource.attribute(&attribute.name) {
                None => self.add(place, "the managed resource has no such attribute"),
                Some(stored) if stored.kind.ty() != attribute.ty => {
                    self.add(place, "is of another type than the resource's attribute");
                }
                Some(stored) if stored.sensitive || stored.write_only => {
                    self.add(place, "is sensitive, and identities are shown to everyone");
                }
                Some(_) => {}
            }
        }
    }

    fn function(&mut self, name: &str, function: &FunctionSignature) {
        let owner = format!("function `{name}`");
        if !is_identifier(name) {
            self.add(&owner, "its name does not consist of `a` to `z`, `0` to `9` and `_`, beginning with a letter");
        }
        self.described(&owner, &function.description);
        if function.summary.trim().is_empty() || function.summary.contains('\n') {
            self.add(&owner, "its summary is not one line");
        }
        if has_optional_parts(&function.result) {
            self.add(&owner, "its result has optional parts, which only type constraints may have");
        }
        let mut seen = BTreeSet::new();
        for parameter in function.parameters.iter().chain(&function.variadic) {
            let place = format!("{owner}, parameter `{}`", parameter.name);
            if !is_identifier(&parameter.name) {
                self.add(
                    &place,
                    "its name does not consist of `a` to `z`, `0` to `9` and `_`, beginning with a letter",
                );
            }
            if !seen.insert(&parameter.name) {
                self.add(&place, "is declared twice");
            }
            self.described(&place, &parameter.description);
            if let Type::Set(element) = &parameter.ty
                && contains_dynamic(element)
            {
                self.add(&place, "is a set of dynamic elements");
            }
        }
    }
}

/// Whether Terraform's grammar and the registry's pages take the name as it is.
fn is_identifier(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name
            .chars()
            .all(|character| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '_')
}

fn contains_dynamic(ty: &Type) -> bool {
    any_type(ty, &|ty| *ty == Type::Dynamic)
}

fn has_optional_parts(ty: &Type) -> bool {
    any_type(ty, &|ty| matches!(ty, Type::Object { optional, .. } if !optional.is_empty()))
}

fn any_type(ty: &Type, is_it: &dyn Fn(&Type) -> bool) -> bool {
    is_it(ty)
        || match ty {
            Type::List(element) | Type::Set(element) | Type::Map(element) => any_type(element, is_it),
            Type::Tuple(elements) => elements.iter().any(|element| any_type(element, is_it)),
            Type::Object { attributes, .. } => attributes.values().any(|attribute| any_type(attribute, is_it)),
            Type::Bool | Type::Number | Type::String | Type::Dynamic => false,
        }
}

/// The value for people, nulls of objects left out.
fn text_of(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Unknown(_) => "(unknown)".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) if text.len() > 200 => format!("({} bytes of text)", text.len()),
        Value::String(text) => format!("{text:?}"),
        Value::List(elements) | Value::Set(elements) => {
            format!("[{}]", elements.iter().map(text_of).collect::<Vec<_>>().join(", "))
        }
        Value::Map(entries) => {
            let set = entries.iter().filter(|(_, value)| !value.is_null());
            format!("{{ {} }}", set.map(|(key, it)| format!("{key} = {}", text_of(it))).collect::<Vec<_>>().join(", "))
        }
        Value::Dynamic(inner) => text_of(&inner.1),
    }
}
