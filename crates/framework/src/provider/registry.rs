//! The one list of everything that a provider offers.

use std::collections::BTreeMap;

use crate::action::{self, Action};
use crate::data_source::{self, DataSource};
use crate::ephemeral::{self, Ephemeral};
use crate::function::{self, Function};
use crate::list::{self, List};
use crate::resource::{self, Resource};

/// Types by name. A name that is registered twice is a fault that [`crate::check`] reports.
pub struct Registry<C> {
    pub(crate) resources: BTreeMap<&'static str, Box<dyn resource::Erased<C>>>,
    pub(crate) data_sources: BTreeMap<&'static str, Box<dyn data_source::Erased<C>>>,
    pub(crate) functions: BTreeMap<&'static str, Box<dyn function::Erased>>,
    pub(crate) ephemerals: BTreeMap<&'static str, Box<dyn ephemeral::Erased<C>>>,
    pub(crate) actions: BTreeMap<&'static str, Box<dyn action::Erased<C>>>,
    pub(crate) lists: BTreeMap<&'static str, Box<dyn list::Erased<C>>>,
}

impl<C> Default for Registry<C> {
    fn default() -> Self {
        Self {
            resources: BTreeMap::new(),
            data_sources: BTreeMap::new(),
            functions: BTreeMap::new(),
            ephemerals: BTreeMap::new(),
            actions: BTreeMap::new(),
            lists: BTreeMap::new(),
        }
    }
}

impl<C: Send + Sync + 'static> Registry<C> {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a managed resource.
    #[must_use]
    pub fn resource<R: Resource<Clients = C>>(mut self) -> Self {
        let adapter = Box::new(resource::Adapter::<R>::new());
        self.resources.insert(resource::Erased::name(&*adapter), adapter);
        self
    }

    /// Adds a data source.
    #[must_use]
    pub fn data_source<D: DataSource<Clients = C>>(mut self) -> Self {
        let adapter = Box::new(data_source::Adapter::<D>::new());
        self.data_sources.insert(data_source::Erased::name(&*adapter), adapter);
        self
    }

    /// Adds a function.
    #[must_use]
    pub fn function<F: Function>(mut self) -> Self {
        let adapter = Box::new(function::Adapter::<F>::new());
        self.functions.insert(function::Erased::name(&*adapter), adapter);
        self
    }

    /// Adds an ephemeral resource.
    #[must_use]
    pub fn ephemeral<E: Ephemeral<Clients = C>>(mut self) -> Self {
        let adapter = Box::new(ephemeral::Adapter::<E>::new());
        self.ephemerals.insert(ephemeral::Erased::name(&*adapter), adapter);
        self
    }

    /// Adds an action.
    #[must_use]
    pub fn action<A: Action<Clients = C>>(mut self) -> Self {
        let adapter = Box::new(action::Adapter::<A>::new());
        self.actions.insert(action::Erased::name(&*adapter), adapter);
        self
    }

    /// Adds a list resource; the managed type of its name must be there too.
    #[must_use]
    pub fn list<L: List>(mut self) -> Self
    where
        L::Resource: Resource<Clients = C>,
    {
        let adapter = Box::new(list::Adapter::<L>::new());
        self.lists.insert(list::Erased::name(&*adapter), adapter);
        self
    }
}
