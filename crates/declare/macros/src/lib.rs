//! `#[derive(Model)]`: one struct is the names, the Rust types, the schema and the documentation of a set of attributes.
//!
//! The doc comment of the field is the attribute's description; a field without one does not compile.

mod model;

use proc_macro::TokenStream;

/// Makes a struct with named fields a model.
///
/// | on a field | meaning |
/// |---|---|
/// | `#[attr(replace)]` | a change makes a new object |
/// | `#[attr(keep)]` | a computed attribute keeps its value on an update |
/// | `#[attr(default = EXPR)]` | the value when it is not set; `EXPR` is of the field's type |
/// | `#[attr(prefix = "…")]` | what a computed text begins with |
/// | `#[attr(name = "…")]` | the attribute's name, where it is no Rust identifier |
/// | `#[attr(deprecated = "…")]` | why not to use it any longer |
///
/// | on the struct | meaning |
/// |---|---|
/// | `#[model(exactly_one_of(a, b))]` | one of them must be set, and only one |
/// | `#[model(at_least_one_of(a, b))]` | one of them must be set |
/// | `#[model(at_most_one_of(a, b))]` | they exclude each other |
/// | `#[model(together(a, b))]` | all of them or none |
#[proc_macro_derive(Model, attributes(attr, model))]
pub fn derive_model(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    model::expand(&input).unwrap_or_else(|error| error.to_compile_error()).into()
}
