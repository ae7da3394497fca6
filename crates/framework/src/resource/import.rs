//! Import: the stub of a state that an id or an identity makes.

use crate::value::Value;

/// Splits an import id of the form `ID` or `ID@REGION`, as hashicorp/aws writes it.
///
/// # Errors
/// When either half is empty.
pub fn parse_region_id(id: &str) -> std::result::Result<(String, Option<String>), String> {
    let (id, region) = match id.rsplit_once('@') {
        Some((id, region)) => (id, Some(region)),
        None => (id, None),
    };
    if id.is_empty() || region.is_some_and(str::is_empty) {
        return Err("Write it as `ID`, or as `ID@REGION` for another region than the provider's.".to_owned());
    }
    Ok((id.to_owned(), region.map(str::to_owned)))
}

/// The stub: everything null but what the identity says.
pub(super) fn stub(
    mut object: std::collections::BTreeMap<String, Value>,
    identity: impl IntoIterator<Item = (String, Value)>,
) -> Value {
    for (name, value) in identity {
        if let Some(slot) = object.get_mut(&name) {
            *slot = value;
        }
    }
    Value::Map(object)
}
