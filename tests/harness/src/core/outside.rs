//! What a walk does beside managed resources: the provider's own configuration, data sources, ephemeral resources, and
//! the walk that only validates.

use std::cell::RefCell;

use framework::schema::Kind;
use framework::value::Value;

use super::builtin;
use super::config::{Address, Mode, ResourceBlock};
use super::provider;
use super::schema::Attributes;
use super::show::brief;
use super::walk::{Key, Node, Visited, Walk};
use crate::layer::LayerError;

/// Checks the provider's configuration, and configures it unless the walk only validates.
///
/// # Errors
///
/// The layer could not do its work.
pub async fn provider_block(walk: &Walk<'_>, configure: bool) -> Visited {
    let attributes = &walk.connection.schemas.provider;
    let Some(config) = walk.block(attributes, &walk.configuration.provider, &Key::None, "provider").await? else {
        return Ok(false);
    };
    let told = walk.connection.validate_provider(&config).await?;
    if !walk.tell("provider", told) {
        return Ok(false);
    }
    if !configure {
        return Ok(true);
    }
    let told = walk.connection.configure(&config).await?;
    Ok(walk.tell("provider", told))
}

/// Reads a data source; `None` after an error, which has been reported.
///
/// # Errors
///
/// A rule is broken.
pub async fn data(
    walk: &Walk<'_>,
    address: &Address,
    instance: &str,
    config: &Value,
) -> Result<Option<Value>, LayerError> {
    let _slot = walk.slot().await?;
    let told = walk.connection.validate_data(&address.ty, config).await?;
    if !walk.tell(instance, told) {
        return Ok(None);
    }
    let (value, told) = walk.connection.read_data(&address.ty, config).await?;
    if !walk.tell(instance, told) {
        return Ok(None);
    }
    let broken = |what: String| LayerError::Contract { rule: "a data source is read as a known object", what };
    if value.is_null() || !value.is_wholly_known() {
        return Err(broken(format!("{instance}: {}", brief(&value))));
    }
    let attributes = &walk.connection.schemas.data_sources[&address.ty];
    for attribute in attributes {
        let name = &attribute.name;
        let (wanted, seen) = (config.attribute(name), value.attribute(name));
        if matches!(attribute.kind, Kind::Type(_))
            && wanted.is_some_and(|wanted| !wanted.is_null() && Some(wanted) != seen)
        {
            return Err(broken(format!("{instance}: {name} is not as configured")));
        }
    }
    Ok(Some(value))
}

/// An open ephemeral resource.
#[derive(Debug)]
pub struct Ephemeral {
    ty: String,
    instance: String,
    private: Option<Vec<u8>>,
}

impl Ephemeral {
    /// Closes what was opened, in the opposite order.
    ///
    /// # Errors
    ///
    /// A call is not answered.
    pub async fn close_all(walk: &Walk<'_>, opened: Vec<Self>) -> Result<(), LayerError> {
        for one in opened.into_iter().rev() {
            let told = walk.connection.close_ephemeral(&one.ty, one.private).await?;
            walk.tell(&one.instance, told);
        }
        Ok(())
    }
}

/// Opens an ephemeral resource, or leaves it unknown while its configuration is.
///
/// # Errors
///
/// The layer could not do its work.
pub async fn ephemeral(
    walk: &Walk<'_>,
    address: &Address,
    block: &ResourceBlock,
    opened: &RefCell<Vec<Ephemeral>>,
) -> Visited {
    let Some(attributes) = walk.connection.schemas.ephemeral.get(&address.ty) else {
        return Err(LayerError::Configuration(format!("the provider has no ephemeral resource {}", address.ty)));
    };
    let instance = address.to_string();
    let Some(config) = walk.block(attributes, &block.arguments, &Key::None, &instance).await? else {
        return Ok(false);
    };
    if !config.is_wholly_known() {
        let told = walk.connection.validate_ephemeral(&address.ty, &config).await?;
        if !walk.tell(&instance, told) {
            return Ok(false);
        }
        walk.set_instances(address, block, vec![(Key::None, Value::unknown())]);
        return Ok(true);
    }
    let (value, private, told) = walk.connection.open_ephemeral(&address.ty, &config).await?;
    if !walk.tell(&instance, told) {
        return Ok(false);
    }
    opened.borrow_mut().push(Ephemeral { ty: address.ty.clone(), instance: instance.clone(), private });
    if value.is_null() || !value.is_wholly_known() {
        let what = format!("{instance}: {}", brief(&value));
        return Err(LayerError::Contract { rule: "an ephemeral resource opens as a known object", what });
    }
    walk.set_instances(address, block, vec![(Key::None, value)]);
    Ok(true)
}

/// The walk of `terraform validate`: everything that only apply knows, or that a variable gives, is unknown.
///
/// # Errors
///
/// The layer could not do its work.
pub async fn validate(walk: &Walk<'_>) -> Result<(), LayerError> {
    for value in walk.values.borrow_mut().variables.values_mut() {
        *value = Value::unknown();
    }
    walk.run(|node| Box::pin(validate_node(walk, node))).await?;
    for (address, action) in &walk.configuration.actions {
        let Some(attributes) = walk.connection.schemas.actions.get(&action.ty) else {
            return Err(LayerError::Configuration(format!("the provider has no action {}", action.ty)));
        };
        if let Some(config) = walk.block(attributes, &action.arguments, &Key::None, address).await? {
            let told = walk.connection.validate_action(&action.ty, &config).await?;
            walk.tell(address, told);
        }
    }
    Ok(())
}

async fn validate_node(walk: &Walk<'_>, node: Node) -> Visited {
    let address = match node {
        Node::Provider => return provider_block(walk, false).await,
        Node::Local(name) => return walk.local(&name).await,
        Node::Output(name) => return walk.output(&name).await.map(|value| value.is_some()),
        Node::Resource(address) => address,
    };
    let block = &walk.configuration.resources[&address];
    let schemas = &walk.connection.schemas;
    // What depends on this is still checked: all errors are reported at once.
    walk.values.borrow_mut().resources.insert(address.clone(), Value::unknown());
    let managed;
    let attributes: &Attributes = match address.mode {
        Mode::Managed => {
            managed = provider::attributes(walk.connection, &address.ty)?;
            &managed
        }
        Mode::Data => schemas.data_sources.get(&address.ty).ok_or_else(|| none(&address))?,
        Mode::Ephemeral => schemas.ephemeral.get(&address.ty).ok_or_else(|| none(&address))?,
    };
    // Which instances there are is not known, so their keys are not either.
    let key = match (&block.count, &block.for_each) {
        (Some(_), _) => Key::Index(0),
        (_, Some(_)) => Key::Name(String::new(), Value::unknown()),
        _ => Key::None,
    };
    let instance = address.to_string();
    let Some(config) = walk.block(attributes, &block.arguments, &key, &instance).await? else { return Ok(true) };
    let told = match address.mode {
        Mode::Managed if address.ty == builtin::NAME => Vec::new(),
        Mode::Managed => provider::validate(walk.connection, &address.ty, &config).await?,
        Mode::Data => walk.connection.validate_data(&address.ty, &config).await?,
        Mode::Ephemeral => walk.connection.validate_ephemeral(&address.ty, &config).await?,
    };
    walk.tell(&instance, told);
    Ok(true)
}

fn none(address: &Address) -> LayerError {
    LayerError::Configuration(format!("the provider does not have {address}"))
}
