//! The functions that templates can call: Go's built-in ones, sprig's and Helm's.
//!
//! Each file holds one group with its table. A row of a table gives the Go signature, so that the evaluator can check and
//! convert arguments before the call, with Go's messages.

mod builtin;
mod casts;
mod certificate;
mod compare;
mod crypto;
mod dates;
mod encoding;
mod helm;
mod letter_case;
mod list;
mod map;
mod math;
mod merge;
mod password;
mod paths;
mod random;
mod regex;
mod rsa_key;
mod strings;
mod toml;
mod types;
mod url;
mod versions;

use super::function::Function;
use std::collections::HashMap;
use std::sync::LazyLock;

pub(crate) use encoding::{files_as_config, files_as_secrets, values_as_yaml};

/// Finds a function by name.
pub(crate) fn find(name: &str) -> Option<&'static Function> {
    static ALL: LazyLock<HashMap<&'static str, &'static Function>> = LazyLock::new(|| {
        TABLES.iter().flat_map(|table| table.iter()).map(|function| (function.name, function)).collect()
    });
    ALL.get(name).copied()
}

/// Later tables replace earlier ones, as Helm's functions replace sprig's and sprig's replace Go's.
const TABLES: &[&[Function]] = &[
    builtin::TABLE,
    compare::TABLE,
    casts::TABLE,
    certificate::TABLE,
    crypto::TABLE,
    dates::TABLE,
    encoding::TABLE,
    list::TABLE,
    map::TABLE,
    math::TABLE,
    merge::TABLE,
    password::TABLE,
    paths::TABLE,
    random::TABLE,
    regex::TABLE,
    strings::TABLE,
    toml::TABLE,
    types::TABLE,
    url::TABLE,
    versions::TABLE,
    letter_case::TABLE,
    helm::TABLE,
];
