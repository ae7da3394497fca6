//! The templates of a chart by name.

use super::ast::Template;
use std::collections::HashMap;
use std::rc::Rc;

/// Templates by name. A `tpl` adds its own definitions in a set above its caller's.
#[derive(Debug, Default)]
pub(crate) struct Set {
    own: HashMap<String, Rc<Template>>,
    below: Option<Rc<Set>>,
}

impl Set {
    pub(crate) fn above(below: Rc<Self>) -> Self {
        Self { own: HashMap::new(), below: Some(below) }
    }

    pub(crate) fn find(&self, name: &str) -> Option<Rc<Template>> {
        let mut set = self;
        loop {
            if let Some(template) = set.own.get(name) {
                return Some(Rc::clone(template));
            }
            set = set.below.as_deref()?;
        }
    }

    /// Adds the templates of one text. A later definition replaces an earlier one unless it is empty.
    pub(crate) fn add(&mut self, templates: &[Rc<Template>]) {
        for template in templates {
            if template.is_empty() && self.find(&template.name).is_some() {
                continue;
            }
            self.own.insert(template.name.clone(), Rc::clone(template));
        }
    }
}
