//! A configuration, read from HCL into the blocks that this miniature knows. What it does not know is refused by name,
//! so that a case never passes because something in it was ignored.

use std::collections::BTreeMap;
use std::fmt;

use hcl::expr::{Expression, Traversal, TraversalOperator};
use hcl::structure::{Block, Body};

use crate::layer::LayerError;

/// A whole configuration.
#[derive(Clone, Debug, Default)]
pub struct Configuration {
    /// The arguments of the provider under test.
    pub provider: BTreeMap<String, Expression>,
    /// Input variables: their type and default.
    pub variables: BTreeMap<String, Variable>,
    /// Local values.
    pub locals: BTreeMap<String, Expression>,
    /// Outputs.
    pub outputs: BTreeMap<String, OutputBlock>,
    /// Managed, data and ephemeral resources.
    pub resources: BTreeMap<Address, ResourceBlock>,
    /// Actions by `action.TYPE.NAME`.
    pub actions: BTreeMap<String, ActionBlock>,
    /// Objects that were called otherwise before.
    pub moved: Vec<(String, String)>,
}

/// An input variable. Cases give values by defaults only.
#[derive(Clone, Debug)]
pub struct Variable {
    /// The type expression.
    pub ty: Option<Expression>,
    /// The default; required.
    pub default: Expression,
}

/// An output.
#[derive(Clone, Debug)]
pub struct OutputBlock {
    /// Its value.
    pub value: Expression,
    /// Whether it is hidden.
    pub sensitive: bool,
}

/// A resource of any mode.
#[derive(Clone, Debug, Default)]
pub struct ResourceBlock {
    /// Its arguments.
    pub arguments: BTreeMap<String, Expression>,
    /// `count`.
    pub count: Option<Expression>,
    /// `for_each`.
    pub for_each: Option<Expression>,
    /// `depends_on`.
    pub depends_on: Vec<Expression>,
    /// `lifecycle.ignore_changes`: attribute names.
    pub ignore_changes: Vec<String>,
}

/// An action.
#[derive(Clone, Debug)]
pub struct ActionBlock {
    /// Its type.
    pub ty: String,
    /// The arguments of its `config` block.
    pub arguments: BTreeMap<String, Expression>,
}

/// A list block of a query.
#[derive(Clone, Debug)]
pub struct ListBlock {
    /// Its type.
    pub ty: String,
    /// Its name.
    pub name: String,
    /// The arguments of its `config` block.
    pub arguments: BTreeMap<String, Expression>,
    /// Whether whole objects are wanted.
    pub include_resource: bool,
    /// How many at most.
    pub limit: i64,
}

/// What kind of resource an address is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// `resource`.
    Managed,
    /// `data`.
    Data,
    /// `ephemeral`.
    Ephemeral,
}

/// A resource block's address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// What kind it is.
    pub mode: Mode,
    /// Its type.
    pub ty: String,
    /// Its name.
    pub name: String,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = match self.mode {
            Mode::Managed => "",
            Mode::Data => "data.",
            Mode::Ephemeral => "ephemeral.",
        };
        write!(f, "{prefix}{}.{}", self.ty, self.name)
    }
}

impl Address {
    /// Reads the address of a block or of one of its instances.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.split('[').next().unwrap_or_default();
        let parts: Vec<&str> = text.split('.').collect();
        let (mode, ty, name) = match parts.as_slice() {
            ["data", ty, name] => (Mode::Data, ty, name),
            ["ephemeral", ty, name] => (Mode::Ephemeral, ty, name),
            [ty, name] => (Mode::Managed, ty, name),
            _ => return None,
        };
        Some(Self { mode, ty: (*ty).to_owned(), name: (*name).to_owned() })
    }
}

fn refuse<T>(what: impl fmt::Display) -> Result<T, LayerError> {
    Err(LayerError::Configuration(format!("the in-process layer does not know {what}")))
}

fn wrong(what: impl fmt::Display) -> LayerError {
    LayerError::Configuration(what.to_string())
}

impl Configuration {
    /// Reads a configuration. `provider` is the local name of the provider under test.
    ///
    /// # Errors
    ///
    /// The text is no HCL, or uses what this miniature does not know.
    pub fn parse(text: &str, provider: &str) -> Result<Self, LayerError> {
        let body = hcl::parse(text).map_err(|error| wrong(format!("the configuration cannot be read: {error}")))?;
        let mut configuration = Self::default();
        if let Some(attribute) = body.attributes().next() {
            return Err(wrong(format!("`{}` stands outside of every block", attribute.key())));
        }
        for block in body.blocks() {
            configuration.block(block, provider)?;
        }
        Ok(configuration)
    }

    fn block(&mut self, block: &Block, provider: &str) -> Result<(), LayerError> {
        let labels: Vec<&str> = block.labels().iter().map(hcl::BlockLabel::as_str).collect();
        match (block.identifier(), labels.as_slice()) {
            // The harness's own file says which provider is meant.
            ("terraform", []) => {}
            ("provider", [name]) if *name == provider => self.provider = arguments(block.body())?,
            ("variable", [name]) => {
                let mut given = arguments_besides(block.body(), &["validation"])?;
                let ty = given.remove("type");
                let default = given
                    .remove("default")
                    .ok_or_else(|| wrong(format!("variable {name} has no default, and cases give no values")))?;
                self.variables.insert((*name).to_owned(), Variable { ty, default });
            }
            ("locals", []) => self.locals.extend(arguments(block.body())?),
            ("output", [name]) => {
                let mut given = arguments(block.body())?;
                let value = given.remove("value").ok_or_else(|| wrong(format!("output {name} has no value")))?;
                let sensitive = given.remove("sensitive") == Some(Expression::Bool(true));
                self.outputs.insert((*name).to_owned(), OutputBlock { value, sensitive });
            }
            (kind @ ("resource" | "data" | "ephemeral"), [ty, name]) => {
                let mode = match kind {
                    "resource" => Mode::Managed,
                    "data" => Mode::Data,
                    _ => Mode::Ephemeral,
                };
                let address = Address { mode, ty: (*ty).to_owned(), name: (*name).to_owned() };
                let resource = resource(block.body())?;
                self.resources.insert(address, resource);
            }
            ("action", [ty, name]) => {
                let action = ActionBlock { ty: (*ty).to_owned(), arguments: config(block.body())? };
                self.actions.insert(format!("action.{ty}.{name}"), action);
            }
            ("moved", []) => {
                let given = arguments(block.body())?;
                let address = |name: &str| {
                    given
                        .get(name)
                        .and_then(address_of)
                        .ok_or_else(|| wrong(format!("`moved` has no address `{name}`")))
                };
                self.moved.push((address("from")?, address("to")?));
            }
            (kind, _) => return refuse(format!("the block `{kind} {}`", labels.join(" "))),
        }
        Ok(())
    }
}

/// Reads the list blocks of a query.
pub fn lists(text: &str, provider: &str) -> Result<Vec<ListBlock>, LayerError> {
    let body = hcl::parse(text).map_err(|error| wrong(format!("the query cannot be read: {error}")))?;
    let mut lists = Vec::new();
    for block in body.blocks() {
        let labels: Vec<&str> = block.labels().iter().map(hcl::BlockLabel::as_str).collect();
        let ("list", [ty, name]) = (block.identifier(), labels.as_slice()) else {
            return refuse(format!("the block `{}` in a query", block.identifier()));
        };
        let given = arguments_besides(block.body(), &["config"])?;
        if given.get("provider").and_then(address_of).is_none_or(|name| name != provider) {
            return Err(wrong(format!("list {ty}.{name} must say `provider = {provider}`")));
        }
        let limit = match given.get("limit") {
            None => 100,
            Some(Expression::Number(number)) => number.as_i64().unwrap_or(100),
            Some(other) => return refuse(format!("the limit `{other}`")),
        };
        lists.push(ListBlock {
            ty: (*ty).to_owned(),
            name: (*name).to_owned(),
            arguments: config(block.body())?,
            include_resource: given.get("include_resource") == Some(&Expression::Bool(true)),
            limit,
        });
    }
    Ok(lists)
}

/// The arguments of the `config` block inside of a body.
fn config(body: &Body) -> Result<BTreeMap<String, Expression>, LayerError> {
    match body.blocks().find(|block| block.identifier() == "config") {
        Some(config) => arguments(config.body()),
        None => Ok(BTreeMap::new()),
    }
}

fn resource(body: &Body) -> Result<ResourceBlock, LayerError> {
    let mut resource =
        ResourceBlock { arguments: arguments_besides(body, &["lifecycle"])?, ..ResourceBlock::default() };
    resource.count = resource.arguments.remove("count");
    resource.for_each = resource.arguments.remove("for_each");
    // There is only one provider.
    resource.arguments.remove("provider");
    if let Some(depends_on) = resource.arguments.remove("depends_on") {
        let Expression::Array(depends_on) = depends_on else { return Err(wrong("`depends_on` is no list")) };
        resource.depends_on = depends_on;
    }
    for block in body.blocks() {
        for (name, value) in arguments(block.body())? {
            match (name.as_str(), value) {
                ("ignore_changes", Expression::Array(names)) => {
                    resource.ignore_changes = names.iter().filter_map(address_of).collect();
                }
                (name, _) => return refuse(format!("lifecycle's `{name}`")),
            }
        }
    }
    Ok(resource)
}

/// The attributes of a body that has no blocks.
fn arguments(body: &Body) -> Result<BTreeMap<String, Expression>, LayerError> {
    arguments_besides(body, &[])
}

fn arguments_besides(body: &Body, blocks: &[&str]) -> Result<BTreeMap<String, Expression>, LayerError> {
    if let Some(block) = body.blocks().find(|block| !blocks.contains(&block.identifier())) {
        return refuse(format!("the inner block `{}`", block.identifier()));
    }
    Ok(body.attributes().map(|attribute| (attribute.key().to_owned(), attribute.expr().clone())).collect())
}

/// `x_y.a[0]` as text, when an expression is such an address.
pub fn address_of(expression: &Expression) -> Option<String> {
    match expression {
        Expression::Variable(name) => Some(name.as_str().to_owned()),
        Expression::Traversal(traversal) => address_of_traversal(traversal),
        _ => None,
    }
}

fn address_of_traversal(traversal: &Traversal) -> Option<String> {
    let mut address = address_of(&traversal.expr)?;
    for operator in &traversal.operators {
        match operator {
            TraversalOperator::GetAttr(name) => address = format!("{address}.{}", name.as_str()),
            TraversalOperator::Index(Expression::Number(index)) => address = format!("{address}[{index}]"),
            TraversalOperator::Index(Expression::String(key)) => address = format!("{address}[{key:?}]"),
            _ => return None,
        }
    }
    Some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_read() {
        let configuration = Configuration::parse(
            r#"
provider "x" {
  region = "r"
}
variable "v" {
  type    = string
  default = "d"
}
locals {
  l = 1
}
resource "x_y" "a" {
  count      = 2
  role       = var.v
  depends_on = [data.x_z.b]
  lifecycle {
    ignore_changes = [role]
  }
}
data "x_z" "b" {
}
output "o" {
  value     = x_y.a[0].id
  sensitive = true
}
moved {
  from = x_y.old[0]
  to   = x_y.a["k"]
}
"#,
            "x",
        )
        .unwrap();
        let address = Address::parse("x_y.a").unwrap();
        let resource = &configuration.resources[&address];
        assert_eq!(resource.arguments.keys().collect::<Vec<_>>(), ["role"]);
        assert!(resource.count.is_some());
        assert_eq!(resource.ignore_changes, ["role"]);
        assert_eq!(configuration.moved, [("x_y.old[0]".to_owned(), "x_y.a[\"k\"]".to_owned())]);
        assert!(configuration.outputs["o"].sensitive);
        assert_eq!(configuration.resources.len(), 2);
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for text in [
            "resource \"x_y\" \"a\" {",
            "stray = 1",
            "module \"m\" {\n}",
            "provider \"other\" {\n}",
            "variable \"v\" {\n}",
            "resource \"x_y\" \"a\" {\n  inner {\n  }\n}",
            "resource \"x_y\" \"a\" {\n  lifecycle {\n    prevent_destroy = true\n  }\n}",
        ] {
            assert!(Configuration::parse(text, "x").is_err(), "{text}");
        }
    }
}
