//! The expansion of `#[derive(Model)]`.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::{Data, DeriveInput, Error, Expr, Fields, Lit, LitStr, Meta, Result, Type};

struct Field {
    ident: Ident,
    name: String,
    ty: Type,
    doc: String,
    replace: bool,
    keep: bool,
    default: Option<Expr>,
    prefix: Option<LitStr>,
    deprecated: Option<LitStr>,
}

pub fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let Data::Struct(data) = &input.data else {
        return Err(Error::new_spanned(input, "a model is a struct with named fields"));
    };
    let fields: Vec<Field> = match &data.fields {
        Fields::Named(named) => named.named.iter().map(field).collect::<Result<_>>()?,
        Fields::Unit => Vec::new(),
        Fields::Unnamed(_) => return Err(Error::new_spanned(input, "a model is a struct with named fields")),
    };
    let rules = rules(input, &fields)?;
    let doc = doc(&input.attrs);

    let name = &input.ident;
    let visibility = &input.vis;
    let planned = format_ident!("{name}Planned");
    let names_type = format_ident!("{name}Names");
    let planned_doc = format!("[`{name}`] while it is being planned: any attribute may be unknown yet.");
    let names_doc = format!("The attributes' names of [`{name}`], for paths in messages.");
    let name_const_doc = "The attributes' names, for paths in messages.";

    let idents: Vec<&Ident> = fields.iter().map(|field| &field.ident).collect();
    let names: Vec<&String> = fields.iter().map(|field| &field.name).collect();
    let types: Vec<&Type> = fields.iter().map(|field| &field.ty).collect();
    let docs: Vec<&String> = fields.iter().map(|field| &field.doc).collect();
    let attributes = fields.iter().map(attribute);
    let fallbacks: Vec<TokenStream> = fields
        .iter()
        .map(|field| match &field.default {
            Some(default) => quote!(::core::option::Option::Some(|| #default)),
            None => quote!(::core::option::Option::None),
        })
        .collect();

    let is_required = |field: &&Field| field.default.is_none() && !may_be_left_out(&field.ty);
    let required: Vec<&Ident> = fields.iter().filter(is_required).map(|field| &field.ident).collect();
    let required_types: Vec<&Type> = fields.iter().filter(is_required).map(|field| &field.ty).collect();
    let fillings: Vec<TokenStream> = fields
        .iter()
        .map(|field| {
            let ident = &field.ident;
            match (&field.default, last_name(&field.ty).as_deref()) {
                (Some(default), _) => quote!(#ident: #default),
                (None, Some("Option")) => quote!(#ident: ::core::option::Option::None),
                (None, Some("WriteOnly")) => {
                    quote!(#ident: ::declare::model::WriteOnly::new(::core::option::Option::None))
                }
                (None, _) => quote!(#ident),
            }
        })
        .collect();

    Ok(quote! {
        #[doc = #planned_doc]
        #[derive(Clone, Debug)]
        #[allow(missing_docs)]
        #visibility struct #planned { #( #[doc = #docs] pub #idents: ::declare::model::Maybe<#types>, )* }

        #[doc = #names_doc]
        #[allow(missing_docs)]
        #[derive(Clone, Copy, Debug)]
        #visibility struct #names_type { #( pub #idents: &'static str, )* }

        impl #name {
            #[doc = #name_const_doc]
            #[allow(dead_code)]
            pub const NAMES: #names_type = #names_type { #( #idents: #names, )* };

            /// What is required, and nothing else: the rest is not set, or has its default.
            #[allow(dead_code, clippy::too_many_arguments)]
            #visibility fn unset(#( #required: #required_types ),*) -> Self {
                Self { #( #fillings, )* }
            }
        }

        impl ::declare::model::Model for #name {
            type Planned = #planned;

            fn description() -> &'static str { #doc }

            fn attributes() -> ::std::vec::Vec<::declare::schema::Attribute> {
                ::std::vec![ #( #attributes ),* ]
            }

            fn rules() -> ::std::vec::Vec<::declare::model::Rule> { ::std::vec![ #( #rules ),* ] }

            #[allow(unused_variables)]
            fn decode(
                object: &::declare::value::Value,
                at: &::declare::path::Path,
                faults: &mut ::declare::diagnostic::Diagnostics,
            ) -> ::core::option::Option<Self> {
                #( let #idents = ::declare::model::decode_attribute::<#types>(object, #names, #fallbacks, at, faults); )*
                ::core::option::Option::Some(Self { #( #idents: #idents?, )* })
            }

            #[allow(unused_variables)]
            fn decode_planned(
                object: &::declare::value::Value,
                at: &::declare::path::Path,
                faults: &mut ::declare::diagnostic::Diagnostics,
            ) -> Self::Planned {
                #planned { #( #idents: ::declare::model::Maybe::from(
                    ::declare::model::decode_attribute::<#types>(object, #names, #fallbacks, at, faults)
                ), )* }
            }

            fn encode(&self) -> ::std::collections::BTreeMap<::std::string::String, ::declare::value::Value> {
                [ #( (#names.to_owned(), ::declare::model::Field::encode(&self.#idents)), )* ].into()
            }

            #[allow(unused_variables)]
            fn encode_planned(
                planned: &Self::Planned,
            ) -> ::std::collections::BTreeMap<::std::string::String, ::declare::value::Value> {
                [ #( (#names.to_owned(), planned.#idents.encode()), )* ].into()
            }

            #[allow(unused_variables)]
            fn equivalent(name: &str, one: &::declare::value::Value, other: &::declare::value::Value) -> bool {
                match name {
                    #( #names => <#types as ::declare::model::Field>::equivalent(one, other), )*
                    _ => one == other,
                }
            }
        }

        impl ::declare::model::Field for #name {
            fn kind() -> ::declare::schema::Kind {
                ::declare::schema::Kind::Nested {
                    nesting: ::declare::schema::Nesting::Single,
                    attributes: <Self as ::declare::model::Model>::attributes(),
                }
            }

            fn decode(
                value: &::declare::value::Value,
                at: &::declare::path::Path,
                faults: &mut ::declare::diagnostic::Diagnostics,
            ) -> ::core::option::Option<Self> {
                ::declare::model::decode_object::<Self>(value, at, faults)
            }

            fn encode(&self) -> ::declare::value::Value {
                ::declare::value::Value::Map(<Self as ::declare::model::Model>::encode(self))
            }

            fn equivalent(one: &::declare::value::Value, other: &::declare::value::Value) -> bool {
                ::declare::model::equivalent_objects::<Self>(one, other)
            }
        }
    })
}

/// The name of a type without its path and arguments.
fn last_name(ty: &Type) -> Option<String> {
    match ty {
        Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
        _ => None,
    }
}

/// Whether the type itself says that a value may be missing. Another name for such a type is not seen, and is asked for.
fn may_be_left_out(ty: &Type) -> bool {
    matches!(last_name(ty).as_deref(), Some("Option" | "WriteOnly"))
}

fn field(field: &syn::Field) -> Result<Field> {
    let Some(ident) = field.ident.clone() else {
        return Err(Error::new_spanned(field, "a model is a struct with named fields"));
    };
    let doc = doc(&field.attrs);
    if doc.is_empty() {
        return Err(Error::new_spanned(field, "an attribute needs a doc comment: it is the user's documentation"));
    }
    let plain = ident.to_string();
    let mut parsed = Field {
        name: plain.strip_prefix("r#").unwrap_or(&plain).to_owned(),
        ty: field.ty.clone(),
        ident,
        doc,
        replace: false,
        keep: false,
        default: None,
        prefix: None,
        deprecated: None,
    };
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("attr")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("replace") {
                parsed.replace = true;
            } else if meta.path.is_ident("keep") {
                parsed.keep = true;
            } else if meta.path.is_ident("default") {
                parsed.default = Some(meta.value()?.parse()?);
            } else if meta.path.is_ident("prefix") {
                parsed.prefix = Some(meta.value()?.parse()?);
            } else if meta.path.is_ident("name") {
                parsed.name = meta.value()?.parse::<LitStr>()?.value();
            } else if meta.path.is_ident("deprecated") {
                parsed.deprecated = Some(meta.value()?.parse()?);
            } else {
                return Err(meta.error("known here: replace, keep, default, prefix, name, deprecated"));
            }
            Ok(())
        })?;
    }
    Ok(parsed)
}

fn attribute(field: &Field) -> TokenStream {
    let Field { name, ty, doc, replace, keep, .. } = field;
    let optional_text = |text: &Option<LitStr>| match text {
        Some(text) => quote!(::core::option::Option::Some(#text.to_owned())),
        None => quote!(::core::option::Option::None),
    };
    let prefix = optional_text(&field.prefix);
    let deprecation = optional_text(&field.deprecated);
    let default = match &field.default {
        Some(default) => quote!({
            let default: #ty = #default;
            ::core::option::Option::Some(::declare::model::Field::encode(&default))
        }),
        None => quote!(::core::option::Option::None),
    };
    quote! {
        ::declare::model::declare::<#ty>(::declare::model::Declaration {
            name: #name,
            description: #doc,
            replace: #replace,
            keep: #keep,
            default: #default,
            prefix: #prefix,
            deprecation: #deprecation,
        })
    }
}

fn rules(input: &DeriveInput, fields: &[Field]) -> Result<Vec<TokenStream>> {
    let mut rules = Vec::new();
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("model")) {
        attribute.parse_nested_meta(|meta| {
            let variant = if meta.path.is_ident("exactly_one_of") {
                quote!(ExactlyOneOf)
            } else if meta.path.is_ident("at_least_one_of") {
                quote!(AtLeastOneOf)
            } else if meta.path.is_ident("at_most_one_of") {
                quote!(AtMostOneOf)
            } else if meta.path.is_ident("together") {
                quote!(Together)
            } else {
                return Err(meta.error("known here: exactly_one_of, at_least_one_of, at_most_one_of, together"));
            };
            let mut names = Vec::new();
            meta.parse_nested_meta(|inner| {
                let ident = inner.path.require_ident()?;
                match fields.iter().find(|field| field.ident == *ident) {
                    Some(field) => names.push(field.name.clone()),
                    None => return Err(inner.error("no such field")),
                }
                Ok(())
            })?;
            rules.push(quote!(::declare::model::Rule::#variant(&[ #( #names ),* ])));
            Ok(())
        })?;
    }
    Ok(rules)
}

/// The doc comment's text: one leading space of each line taken away.
fn doc(attributes: &[syn::Attribute]) -> String {
    let mut lines = Vec::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("doc")) {
        if let Meta::NameValue(pair) = &attribute.meta
            && let Expr::Lit(literal) = &pair.value
            && let Lit::Str(text) = &literal.lit
        {
            let text = text.value();
            lines.push(text.strip_prefix(' ').unwrap_or(&text).to_owned());
        }
    }
    lines.join("\n").trim().to_owned()
}
