//! One walk over a configuration, in the order of its references, with up to ten provider calls at once.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::path::Path;
use std::pin::Pin;

use framework::value::{Type, Value};
use futures::future::join_all;
use futures::stream::{FuturesUnordered, StreamExt};
use hcl::expr::Expression;
use tokio::sync::Semaphore;

use super::client::{Connection, Messages};
use super::config::{Address, Configuration, Mode, ResourceBlock};
use super::eval::{Fault, Scope, Values};
use super::provider;
use super::references::{self, Name};
use super::schema::Attributes;
use crate::case::{AttributePath, PathStep, Severity};
use crate::layer::LayerError;
use crate::outcome::{Message, Place};

/// Terraform's default of `-parallelism`.
const PARALLELISM: usize = 10;

/// One instance's key below its block.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// The block has one instance.
    None,
    /// `count`.
    Index(usize),
    /// `for_each`, with the element's value.
    Name(String, Value),
}

impl Key {
    /// The address of the block's instance.
    pub fn instance(&self, block: &Address) -> String {
        match self {
            Self::None => block.to_string(),
            Self::Index(index) => format!("{block}[{index}]"),
            Self::Name(name, _) => format!("{block}[{name:?}]"),
        }
    }
}

/// What the nodes of a walk share.
pub struct Walk<'a> {
    /// The provider.
    pub connection: &'a Connection,
    /// The provider's local name.
    pub provider: &'a str,
    /// The configuration.
    pub configuration: &'a Configuration,
    /// Where files lie.
    pub folder: &'a Path,
    /// What has been evaluated.
    pub values: RefCell<Values>,
    /// Messages so far.
    pub told: RefCell<Vec<Message>>,
    /// Keeps the number of calls at once.
    slots: Semaphore,
}

/// A thing to visit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Node {
    /// The provider's configuration.
    Provider,
    /// A local value.
    Local(String),
    /// A resource of any mode.
    Resource(Address),
    /// An output.
    Output(String),
}

/// Whether a node's work succeeded, so that its dependents can continue.
pub type Visited = Result<bool, LayerError>;

impl<'a> Walk<'a> {
    /// Prepares a walk; input variables have their defaults.
    ///
    /// # Errors
    ///
    /// A variable's default cannot be evaluated.
    pub async fn new(
        connection: &'a Connection,
        provider: &'a str,
        configuration: &'a Configuration,
        folder: &'a Path,
    ) -> Result<Self, LayerError> {
        let walk = Self {
            connection,
            provider,
            configuration,
            folder,
            values: RefCell::default(),
            told: RefCell::default(),
            slots: Semaphore::new(PARALLELISM),
        };
        let mut variables = BTreeMap::new();
        for (name, variable) in &configuration.variables {
            let wrong = |fault: String| LayerError::Configuration(format!("variable {name}: {fault}"));
            let value = walk.evaluate(&variable.default, &Key::None).await.map_err(|fault| match fault {
                Fault::Told(summary, detail) => wrong(format!("{summary}: {detail}")),
                Fault::Layer(error) => error,
            })?;
            let ty = variable.ty.as_ref().and_then(type_of);
            variables.insert(name.clone(), provider::typed(value, ty.as_ref()).map_err(wrong)?);
        }
        walk.values.borrow_mut().variables = variables;
        Ok(walk)
    }

    /// Waits for one of the ten places.
    pub async fn slot(&self) -> Result<tokio::sync::SemaphorePermit<'_>, LayerError> {
        // Nothing closes the semaphore while the walk lives.
        self.slots.acquire().await.map_err(|error| LayerError::Configuration(error.to_string()))
    }

    /// Evaluates an expression for an instance.
    pub async fn evaluate(&self, expression: &Expression, key: &Key) -> Result<Value, Fault> {
        let bound = match key {
            Key::None => BTreeMap::new(),
            Key::Index(index) => {
                let index = Value::from(i64::try_from(*index).unwrap_or(i64::MAX));
                BTreeMap::from([("count".to_owned(), Value::map([("index", index)]))])
            }
            Key::Name(name, value) => BTreeMap::from([(
                "each".to_owned(),
                Value::map([("key", Value::from(name.as_str())), ("value", value.clone())]),
            )]),
        };
        // Other nodes continue to evaluate while a provider function answers, so this one works on a copy.
        let values = self.values.borrow().clone();
        let scope =
            Scope { connection: self.connection, provider: self.provider, values: &values, bound, folder: self.folder };
        scope.evaluate(expression).await
    }

    /// Evaluates a block's arguments in the types of its schema; `None` after an error, which has then been reported.
    ///
    /// # Errors
    ///
    /// The layer could not do its work.
    pub async fn block(
        &self,
        attributes: &Attributes,
        arguments: &BTreeMap<String, Expression>,
        key: &Key,
        address: &str,
    ) -> Result<Option<Value>, LayerError> {
        let mut given = BTreeMap::new();
        for (name, expression) in arguments {
            match self.evaluate(expression, key).await {
                Ok(value) => {
                    given.insert(name.clone(), value);
                }
                Err(Fault::Layer(error)) => return Err(error),
                Err(Fault::Told(summary, detail)) => {
                    self.tell_own(address, Some(name), &summary, &detail);
                    return Ok(None);
                }
            }
        }
        match provider::configuration(attributes, given) {
            Ok(value) => Ok(Some(value)),
            Err((summary, detail, name)) => {
                self.tell_own(address, name.as_deref(), &summary, &detail);
                Ok(None)
            }
        }
    }

    /// Keeps messages of the provider about an object; says whether there was no error among them.
    pub fn tell(&self, address: &str, messages: Messages) -> bool {
        let went_well = !provider::failed(&messages);
        let mut told = self.told.borrow_mut();
        told.extend(messages.into_iter().map(|message| Message { address: Some(address.to_owned()), ..message }));
        went_well
    }

    /// Keeps a message of core's own.
    pub fn tell_own(&self, address: &str, attribute: Option<&str>, summary: &str, detail: &str) {
        let place =
            attribute.map_or(Place::Unknown, |name| Place::Path(AttributePath(vec![PathStep::Name(name.to_owned())])));
        self.told.borrow_mut().push(Message {
            severity: Severity::Error,
            summary: summary.to_owned(),
            detail: detail.to_owned(),
            address: Some(address.to_owned()),
            place,
        });
    }

    /// The instances of a block; `None` if they cannot be known, which has then been reported.
    ///
    /// # Errors
    ///
    /// The layer could not do its work.
    pub async fn expand(&self, address: &Address, block: &ResourceBlock) -> Result<Option<Vec<Key>>, LayerError> {
        let Some((name, expression)) = [("count", &block.count), ("for_each", &block.for_each)]
            .into_iter()
            .find_map(|(name, expression)| expression.as_ref().map(|expression| (name, expression)))
        else {
            return Ok(Some(vec![Key::None]));
        };
        let value = match self.evaluate(expression, &Key::None).await {
            Ok(value) => value,
            Err(Fault::Layer(error)) => return Err(error),
            Err(Fault::Told(summary, detail)) => {
                self.tell_own(&address.to_string(), Some(name), &summary, &detail);
                return Ok(None);
            }
        };
        let keys = match (name, value) {
            ("count", Value::Number(count)) => {
                (0..usize::try_from(count.as_i64().unwrap_or(0)).unwrap_or(0)).map(Key::Index).collect()
            }
            ("for_each", Value::Map(entries)) => {
                entries.into_iter().map(|(name, value)| Key::Name(name, value)).collect()
            }
            ("for_each", Value::Set(elements)) => elements
                .into_iter()
                .filter_map(|value| value.as_str().map(str::to_owned).map(|name| Key::Name(name, value)))
                .collect(),
            (name, _) => {
                let detail = format!(
                    "The \"{name}\" value depends on resource attributes that cannot be determined until apply, or has the wrong type."
                );
                self.tell_own(&address.to_string(), Some(name), &format!("Invalid {name} argument"), &detail);
                return Ok(None);
            }
        };
        Ok(Some(keys))
    }

    /// Makes the values of a block's instances what references to it see.
    pub fn set_instances(&self, address: &Address, block: &ResourceBlock, instances: Vec<(Key, Value)>) {
        let value = if block.count.is_some() {
            Value::List(instances.into_iter().map(|(_, value)| value).collect())
        } else if block.for_each.is_some() {
            Value::map(instances.into_iter().filter_map(|(key, value)| match key {
                Key::Name(name, _) => Some((name, value)),
                _ => None,
            }))
        } else {
            instances.into_iter().next().map_or(Value::Null, |(_, value)| value)
        };
        self.values.borrow_mut().resources.insert(address.clone(), value);
    }

    /// Evaluates a local value.
    ///
    /// # Errors
    ///
    /// The layer could not do its work.
    pub async fn local(&self, name: &str) -> Visited {
        match self.evaluate(&self.configuration.locals[name], &Key::None).await {
            Ok(value) => {
                self.values.borrow_mut().locals.insert(name.to_owned(), value);
                Ok(true)
            }
            Err(Fault::Layer(error)) => Err(error),
            Err(Fault::Told(summary, detail)) => {
                self.tell_own(&format!("local.{name}"), None, &summary, &detail);
                Ok(false)
            }
        }
    }

    /// Evaluates an output; `None` after an error, which has then been reported.
    ///
    /// # Errors
    ///
    /// The layer could not do its work.
    pub async fn output(&self, name: &str) -> Result<Option<Value>, LayerError> {
        match self.evaluate(&self.configuration.outputs[name].value, &Key::None).await {
            Ok(value) => Ok(Some(value)),
            Err(Fault::Layer(error)) => Err(error),
            Err(Fault::Told(summary, detail)) => {
                self.tell_own(&format!("output.{name}"), Some("value"), &summary, &detail);
                Ok(None)
            }
        }
    }

    /// The blocks that this one refers to, directly or through local values.
    pub fn dependencies(&self, address: &Address) -> BTreeSet<Address> {
        let mut found = BTreeSet::new();
        let mut open: Vec<Node> = vec![Node::Resource(address.clone())];
        while let Some(node) = open.pop() {
            for next in needs(self.configuration, &node) {
                match &next {
                    Node::Resource(other) if found.insert(other.clone()) => open.push(next),
                    Node::Local(_) => open.push(next),
                    _ => {}
                }
            }
        }
        found
    }

    /// Visits all nodes, each after what it needs. Dependents of a node that failed are skipped.
    ///
    /// # Errors
    ///
    /// The first broken rule or other failure of the layer. Nodes under way are finished first.
    pub async fn run<'w, F>(&self, visit: F) -> Result<(), LayerError>
    where
        F: Fn(Node) -> Pin<Box<dyn Future<Output = Visited> + 'w>>,
    {
        let configuration = self.configuration;
        let nodes: BTreeSet<Node> = std::iter::once(Node::Provider)
            .chain(configuration.locals.keys().cloned().map(Node::Local))
            .chain(configuration.resources.keys().cloned().map(Node::Resource))
            .chain(configuration.outputs.keys().cloned().map(Node::Output))
            .collect();
        let mut waiting: BTreeMap<Node, BTreeSet<Node>> = nodes
            .iter()
            .map(|node| {
                let needs = needs(configuration, node).into_iter().filter(|need| nodes.contains(need)).collect();
                (node.clone(), needs)
            })
            .collect();
        let mut running = FuturesUnordered::new();
        let mut passed_over: BTreeSet<Node> = BTreeSet::new();
        let mut failure = None;
        loop {
            let ready: Vec<Node> =
                waiting.iter().filter(|(_, needs)| needs.is_empty()).map(|(node, _)| node.clone()).collect();
            for node in ready {
                waiting.remove(&node);
                if passed_over.contains(&node) || failure.is_some() {
                    finish(&mut waiting, &mut passed_over, &node, false);
                    continue;
                }
                let visited = visit(node.clone());
                running.push(async move { (node, visited.await) });
            }
            match running.next().await {
                Some((node, visited)) => {
                    let went_well = visited.unwrap_or_else(|error| {
                        failure.get_or_insert(error);
                        false
                    });
                    finish(&mut waiting, &mut passed_over, &node, went_well);
                }
                None if waiting.is_empty() => break,
                None if waiting.values().any(BTreeSet::is_empty) => {}
                None => {
                    let names: Vec<_> = waiting.keys().collect();
                    return Err(LayerError::Configuration(format!("these refer to each other in a circle: {names:?}")));
                }
            }
        }
        failure.map_or(Ok(()), Err)
    }
}

/// Takes a visited node off what others wait for.
fn finish(
    waiting: &mut BTreeMap<Node, BTreeSet<Node>>,
    passed_over: &mut BTreeSet<Node>,
    done: &Node,
    went_well: bool,
) {
    for (node, needs) in waiting.iter_mut() {
        if needs.remove(done) && !went_well {
            passed_over.insert(node.clone());
        }
    }
}

/// The nodes that a node refers to. Resources also need the provider.
fn needs(configuration: &Configuration, node: &Node) -> BTreeSet<Node> {
    let mut expressions: Vec<&Expression> = Vec::new();
    let mut nodes = BTreeSet::new();
    match node {
        Node::Provider => expressions.extend(configuration.provider.values()),
        Node::Local(name) => expressions.extend(configuration.locals.get(name)),
        Node::Output(name) => expressions.extend(configuration.outputs.get(name).map(|output| &output.value)),
        Node::Resource(address) => {
            if address.ty != super::builtin::NAME {
                nodes.insert(Node::Provider);
            }
            if let Some(block) = configuration.resources.get(address) {
                expressions.extend(block.arguments.values());
                expressions.extend(&block.count);
                expressions.extend(&block.for_each);
                expressions.extend(&block.depends_on);
            }
        }
    }
    nodes.extend(expressions.into_iter().flat_map(references::of).map(|name| match name {
        Name::Local(name) => Node::Local(name),
        Name::Resource(address) => Node::Resource(address),
    }));
    nodes.remove(node);
    nodes
}

/// Runs instances at once; the first failure is reported after all are done.
pub async fn together<T>(
    instances: impl IntoIterator<Item = impl Future<Output = Result<T, LayerError>>>,
) -> Result<Vec<T>, LayerError> {
    join_all(instances).await.into_iter().collect()
}

/// A type expression: `string`, `list(string)`, `object({…})`, `any`.
fn type_of(expression: &Expression) -> Option<Type> {
    match expression {
        Expression::Variable(name) => match name.as_str() {
            "string" => Some(Type::String),
            "number" => Some(Type::Number),
            "bool" => Some(Type::Bool),
            _ => None,
        },
        Expression::FuncCall(call) => {
            let inner = call.args.first()?;
            match call.name.name.as_str() {
                "list" => type_of(inner).map(Type::list),
                "set" => type_of(inner).map(Type::set),
                "map" => type_of(inner).map(Type::map),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The managed resources whose pending changes make a data source wait for apply: those that it names by itself, also
/// where the value is known. What it names through a local value does not count.
pub fn waits_for(block: &ResourceBlock) -> BTreeSet<Address> {
    let expressions =
        block.depends_on.iter().chain(block.arguments.values()).chain(&block.count).chain(&block.for_each);
    let names = expressions.flat_map(references::of);
    names
        .filter_map(|name| match name {
            Name::Resource(address) if address.mode == Mode::Managed => Some(address),
            _ => None,
        })
        .collect()
}
