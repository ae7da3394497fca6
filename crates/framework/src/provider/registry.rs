//! The one list of everything that a provider offers.

use std::collections::BTreeMap;

use crate::action::Action;
use crate::data_source::DataSource;
use crate::ephemeral::Ephemeral;
use crate::function::Function;
use crate::list::List;
use crate::resource::Resource;
use crate::server::{action, data_source, ephemeral, function, list, resource};

/// Types by name. A name that is registered twice is a fault that [`crate::check`] reports.
pub struct Registry<C> {
    pub(crate) resources: BTreeMap<&'static str, Box<dyn resource::Erased<C>>>,
    pub(crate) data_sources: BTreeMap<&'static str, Box<dyn data_source::Erased<C>>>,
    pub(crate) functions: BTreeMap<&'static str, Box<dyn function::Erased>>,
    pub(crate) ephemerals: BTreeMap<&'static str, Box<dyn ephemeral::Erased<C>>>,
    pub(crate) actions: BTreeMap<&'static str, Box<dyn action::Erased<C>>>,
    pub(crate) lists: BTreeMap<&'static str, Box<dyn list::Erased<C>>>,
    /// Why the objects of a managed type cannot be listed, by the type's name.
    pub(crate) unlisted: BTreeMap<&'static str, &'static str>,
    /// Kind and name of what was added more than once.
    pub(crate) duplicates: Vec<(&'static str, &'static str)>,
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
            unlisted: BTreeMap::new(),
            duplicates: Vec::new(),
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
        let name = resource::Erased::name(&*adapter);
        if self.resources.insert(name, adapter).is_some() {
            self.duplicates.push(("resource", name));
        }
        self
    }

    /// Adds a data source.
    #[must_use]
    pub fn data_source<D: DataSource<Clients = C>>(mut self) -> Self {
        let adapter = Box::new(data_source::Adapter::<D>::new());
        let name = data_source::Erased::name(&*adapter);
        if self.data_sources.insert(name, adapter).is_some() {
            self.duplicates.push(("data source", name));
        }
        self
    }

    /// Adds a function.
    #[must_use]
    pub fn function<F: Function>(mut self) -> Self {
        let adapter = Box::new(function::Adapter::<F>::new());
        let name = function::Erased::name(&*adapter);
        if self.functions.insert(name, adapter).is_some() {
            self.duplicates.push(("function", name));
        }
        self
    }

    /// Adds an ephemeral resource.
    #[must_use]
    pub fn ephemeral<E: Ephemeral<Clients = C>>(mut self) -> Self {
        let adapter = Box::new(ephemeral::Adapter::<E>::new());
        let name = ephemeral::Erased::name(&*adapter);
        if self.ephemerals.insert(name, adapter).is_some() {
            self.duplicates.push(("ephemeral resource", name));
        }
        self
    }

    /// Adds an action.
    #[must_use]
    pub fn action<A: Action<Clients = C>>(mut self) -> Self {
        let adapter = Box::new(action::Adapter::<A>::new());
        let name = action::Erased::name(&*adapter);
        if self.actions.insert(name, adapter).is_some() {
            self.duplicates.push(("action", name));
        }
        self
    }

    /// Adds a list resource; the managed type of its name must be there too.
    #[must_use]
    pub fn list<L: List>(mut self) -> Self
    where
        L::Resource: Resource<Clients = C>,
    {
        let adapter = Box::new(list::Adapter::<L>::new());
        let name = list::Erased::name(&*adapter);
        if self.lists.insert(name, adapter).is_some() {
            self.duplicates.push(("list resource", name));
        }
        self
    }

    /// Says why a managed resource has no list resource: a sentence for its page.
    #[must_use]
    pub fn unlisted<R: Resource<Clients = C>>(mut self, why: &'static str) -> Self {
        if self.unlisted.insert(R::NAME, why).is_some() {
            self.duplicates.push(("reason against a list of", R::NAME));
        }
        self
    }
}
