//! The registry's pages, generated from a provider's declarations and its example files.
//!
//! The pages have the form that `HashiCorp`'s tfplugindocs makes and checks, so that the registry and editors read them
//! as any other provider's. Guides (`guides/`) are written by hand and not touched.
//!
//! | page | example files, under the examples' folder |
//! |---|---|
//! | `index.md` | `provider/provider*.tf` |
//! | `resources/NAME.md` | `resources/TYPE/resource*.tf`, `import-by-identity.tf`, `import-by-string-id.tf`, `import.sh` |
//! | `data-sources/NAME.md` | `data-sources/TYPE/data-source*.tf` |
//! | `ephemeral-resources/NAME.md` | `ephemeral-resources/TYPE/ephemeral-resource*.tf` |
//! | `list-resources/NAME.md` | `list-resources/TYPE/list-resource*.tfquery.hcl` |
//! | `actions/NAME.md` | `actions/TYPE/action*.tf` |
//! | `functions/NAME.md` | `functions/NAME/function*.tf` |

mod command;
mod example;
mod folder;
mod page;
mod permissions;
mod schema;
mod text;

use std::path::{Path, PathBuf};

pub use command::run;
pub use folder::{Difference, compare, write};

use crate::provider::{Provider, ProviderServer};
use crate::server::Server;

/// One page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Where it lies in the pages' folder, such as `resources/server.md`.
    pub path: String,
    /// Its Markdown.
    pub text: String,
}

/// Pages cannot be generated or stored.
#[derive(Debug, thiserror::Error)]
pub enum DocsError {
    /// A file or folder cannot be read.
    #[error("could not read `{}`", .path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file or folder cannot be written or removed.
    #[error("could not write `{}`", .path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Every page of the provider, in the order of their paths. The same declarations and examples give the same pages.
///
/// # Errors
/// When an example that exists cannot be read.
pub fn pages<P: Provider>(server: &ProviderServer<P>, examples: &Path) -> Result<Vec<Page>, DocsError> {
    let schema = server.schema();
    let rules = server.resource_rules();
    let subject = page::Subject { provider: P::NAME, examples, declared: server.declared(), note: P::PERMISSIONS_NOTE };
    let mut pages = vec![subject.index(&schema.provider)?];
    for (name, resource) in &schema.resources {
        let rules = rules.get(name.as_str());
        pages.push(subject.resource(name, resource, schema.identities.get(name), rules)?);
    }
    for (kind, types) in [
        (page::Kind::DataSource, &schema.data_sources),
        (page::Kind::Ephemeral, &schema.ephemeral_resources),
        (page::Kind::List, &schema.list_resources),
        (page::Kind::Action, &schema.actions),
    ] {
        for (name, schema) in types {
            pages.push(subject.plain(kind, name, schema)?);
        }
    }
    for (name, function) in &schema.functions {
        pages.push(subject.function(name, function)?);
    }
    pages.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(pages)
}
