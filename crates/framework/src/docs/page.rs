//! Pages of each kind.

use std::path::Path;

use super::example::{all, block, one};
use super::text::{friendly_name, indented, plain, type_name, unwrapped};
use super::{DocsError, Page, permissions, schema};
use crate::permission::{Declared, TypeKind};
use crate::provider::Rules;
use crate::schema::{FunctionSignature, IdentitySchema, Parameter, Schema};

/// What all pages have in common.
pub(super) struct Subject<'a> {
    /// The provider's name.
    pub provider: &'a str,
    /// The folder of the examples.
    pub examples: &'a Path,
    /// What each type must be allowed to do.
    pub declared: &'a [Declared],
    /// What closes the section about that.
    pub note: &'a str,
}

/// What a page without import is about.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    DataSource,
    Ephemeral,
    List,
    Action,
}

impl Kind {
    fn of_type(self) -> TypeKind {
        match self {
            Self::DataSource => TypeKind::DataSource,
            Self::Ephemeral => TypeKind::Ephemeral,
            Self::List => TypeKind::List,
            Self::Action => TypeKind::Action,
        }
    }

    /// Folder of pages and examples, what it is called, stem and extension of its example files.
    fn places(self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            Self::DataSource => ("data-sources", "Data Source", "data-source", ".tf"),
            Self::Ephemeral => ("ephemeral-resources", "Ephemeral Resource", "ephemeral-resource", ".tf"),
            Self::List => ("list-resources", "List Resource", "list-resource", ".tfquery.hcl"),
            Self::Action => ("actions", "Action", "action", ".tf"),
        }
    }
}

const IMPORT_BLOCK: &str = "[`import` block](https://developer.hashicorp.com/terraform/language/import)";
const IMPORT_COMMAND: &str =
    "[`terraform import` command](https://developer.hashicorp.com/terraform/cli/commands/import)";

impl Subject<'_> {
    /// The page of the provider itself.
    pub(super) fn index(&self, provider: &Schema) -> Result<Page, DocsError> {
        let title = format!("{} Provider", self.provider);
        let parts = [
            front_matter(&title, None, &provider.description),
            format!("# {title}"),
            unwrapped(&provider.description),
            usage(&all(&self.examples.join("provider"), "provider", ".tf")?),
            schema::section(provider, &[]),
            // All other pages are a folder deeper.
            self.permissions(TypeKind::Provider, self.provider).replace("](../", "]("),
        ];
        Ok(page("index.md".to_owned(), parts))
    }

    /// The page of a managed resource.
    pub(super) fn resource(
        &self,
        name: &str,
        resource: &Schema,
        identity: Option<&IdentitySchema>,
        rules: Option<&Rules>,
    ) -> Result<Page, DocsError> {
        let folder = self.examples.join("resources").join(name);
        let sentences: Vec<String> =
            rules.iter().flat_map(|rules| &rules.rules).map(crate::model::Rule::sentence).collect();
        let parts = [
            front_matter(&self.title(name, "Resource"), Some(""), &resource.description),
            format!("# {name} (Resource)"),
            described(resource),
            usage(&all(&folder, "resource", ".tf")?),
            schema::section(resource, &sentences),
            self.permissions(TypeKind::Resource, name),
            self.import(name, &folder, identity, rules)?,
        ];
        Ok(page(format!("resources/{}.md", self.short(name)), parts))
    }

    /// The page of a type that only takes a configuration.
    pub(super) fn plain(&self, kind: Kind, name: &str, schema: &Schema) -> Result<Page, DocsError> {
        let (folder, called, stem, extension) = kind.places();
        let examples = all(&self.examples.join(folder).join(name), stem, extension)?;
        let parts = [
            front_matter(&self.title(name, called), Some(""), &schema.description),
            format!("# {name} ({called})"),
            described(schema),
            usage(&examples),
            schema::section(schema, &[]),
            self.permissions(kind.of_type(), name),
        ];
        Ok(page(format!("{folder}/{}.md", self.short(name)), parts))
    }

    /// The page of a function.
    pub(super) fn function(&self, name: &str, function: &FunctionSignature) -> Result<Page, DocsError> {
        let examples = all(&self.examples.join("functions").join(name), "function", ".tf")?;
        let parts = [
            front_matter(&self.title(name, "function"), Some(""), &function.summary),
            format!("# function: {name}"),
            unwrapped(&function.description),
            function.deprecation.as_ref().map(|why| format!("~> **Deprecated** {why}")).unwrap_or_default(),
            usage(&examples),
            format!("## Signature\n\n{}", block("text", &signature(name, function))),
            arguments(function),
        ];
        Ok(page(format!("functions/{name}.md"), parts))
    }

    /// The section about adopting objects that exist, and finding them.
    fn import(
        &self,
        name: &str,
        folder: &Path,
        identity: Option<&IdentitySchema>,
        rules: Option<&Rules>,
    ) -> Result<String, DocsError> {
        let mut parts = vec!["## Import".to_owned()];
        parts.extend(imported(folder, identity, rules)?);
        if rules.is_some_and(|rules| rules.is_listed) {
            parts.push(format!(
                "Objects that exist are found with `terraform query`, by the [list resource `{name}`](../list-resources/{}.md).",
                self.short(name)
            ));
        }
        parts.extend(rules.and_then(|rules| rules.unlisted).map(unwrapped));
        Ok(parts.join("\n\n"))
    }

    /// The section about what a type must be allowed to do.
    fn permissions(&self, kind: TypeKind, name: &str) -> String {
        let declared = self.declared.iter().find(|it| it.kind == kind && it.name == name);
        declared.map(|it| permissions::section(it.permissions, self.note)).unwrap_or_default()
    }

    fn title(&self, name: &str, kind: &str) -> String {
        format!("{name} {kind} - {}", self.provider)
    }

    fn short<'n>(&self, name: &'n str) -> &'n str {
        name.strip_prefix(self.provider).and_then(|rest| rest.strip_prefix('_')).unwrap_or(name)
    }
}

fn page(path: String, parts: impl IntoIterator<Item = String>) -> Page {
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    Page { path, text: parts.join("\n\n") + "\n" }
}

fn front_matter(title: &str, subcategory: Option<&str>, description: &str) -> String {
    let subcategory = subcategory.map(|name| format!("subcategory: \"{name}\"\n")).unwrap_or_default();
    format!(
        "---\n# Generated from the declarations in the sources: change those, then run `make docs`.\npage_title: \"{title}\"\n{subcategory}description: |-\n{}\n---",
        indented(&plain(description), "  ")
    )
}

fn described(schema: &Schema) -> String {
    let description = unwrapped(&schema.description);
    match &schema.deprecation {
        Some(why) => format!("{description}\n\n~> **Deprecated** {why}"),
        None => description,
    }
}

fn usage(examples: &[String]) -> String {
    if examples.is_empty() {
        return String::new();
    }
    let blocks: Vec<String> = examples.iter().map(|code| block("terraform", code)).collect();
    format!("## Example Usage\n\n{}", blocks.join("\n\n"))
}

fn imported(folder: &Path, identity: Option<&IdentitySchema>, rules: Option<&Rules>) -> Result<Vec<String>, DocsError> {
    if let Some(why) = rules.and_then(|rules| rules.not_importable) {
        return Ok(vec![unwrapped(why)]);
    }
    let by_identity = one(&folder.join("import-by-identity.tf"))?;
    let by_id = one(&folder.join("import-by-string-id.tf"))?;
    let command = one(&folder.join("import.sh"))?;
    let mut parts = vec!["Import is supported using the following syntax:".to_owned()];
    if let Some(code) = by_identity {
        parts.push(format!(
            "In Terraform v1.12.0 and later, the {IMPORT_BLOCK} can be used with the `identity` attribute, for example:"
        ));
        parts.push(block("terraform", &code));
        parts.extend(identity.map(schema::identity_section));
    }
    if let Some(code) = by_id {
        parts.push(format!(
            "In Terraform v1.5.0 and later, the {IMPORT_BLOCK} can be used with the `id` attribute, for example:"
        ));
        parts.push(block("terraform", &code));
    }
    if let Some(code) = command {
        parts.push(format!("The {IMPORT_COMMAND} can be used, for example:"));
        parts.push(block("shell", &code));
    }
    if let Some(rules) = rules {
        parts.push(format!("The import id is {}.", rules.import_id));
    }
    Ok(parts)
}

fn signature(name: &str, function: &FunctionSignature) -> String {
    let mut parameters: Vec<String> =
        function.parameters.iter().map(|it| format!("{} {}", it.name, friendly_name(&it.ty))).collect();
    parameters.extend(function.variadic.iter().map(|it| format!("{} {}...", it.name, friendly_name(&it.ty))));
    format!("{name}({}) {}", parameters.join(", "), friendly_name(&function.result))
}

fn arguments(function: &FunctionSignature) -> String {
    let item = |parameter: &Parameter, variadic: bool| {
        let mut marks = vec![type_name(&parameter.ty)];
        if variadic {
            marks.insert(0, "Variadic".to_owned());
        }
        if parameter.allow_null {
            marks.push("Nullable".to_owned());
        }
        let description = unwrapped(&parameter.description).replace("\n\n", " ").replace('\n', "\n   ");
        format!("1. `{}` ({}) {description}", parameter.name, marks.join(", "))
    };
    let positional = function.parameters.iter().map(|parameter| item(parameter, false));
    let items: Vec<String> = positional.chain(function.variadic.iter().map(|it| item(it, true))).collect();
    if items.is_empty() { String::new() } else { format!("## Arguments\n\n{}", items.join("\n")) }
}
