//! Adopts the state of an `aws_ssm_activation`, so that a `moved` block keeps the activation and its code.

use framework::diagnostic::{Diagnostic, Result};
use framework::resource::MoveSource;
use serde_json::{Value as Json, json};

/// Builds the state from the AWS provider's resource; `None` if the source is of another type.
pub(in crate::resources::activation) fn from_aws(source: &MoveSource<'_>) -> Option<Result<Json>> {
    if source.type_name != "aws_ssm_activation" || !source.provider.ends_with("/hashicorp/aws") {
        return None;
    }
    let of = |name: &str| source.state.get(name).cloned().unwrap_or(Json::Null);
    let Some(id) = source.state.get("id").and_then(Json::as_str) else {
        return Some(Err(Diagnostic::error(
            "State cannot be moved",
            "The state of the `aws_ssm_activation` has no `id`. Import the activation instead.",
        )
        .into()));
    };
    // The AWS provider writes "" for unset values; its tags are null or a map, as here.
    let text = |name: &str| match of(name) {
        Json::String(text) if text.is_empty() => Json::Null,
        other => other,
    };
    Some(Ok(json!({
        "id": id,
        "iam_role": of("iam_role"),
        "registration_limit": of("registration_limit"),
        "registrations_count": of("registration_count"),
        "default_instance_name": text("name"),
        "description": text("description"),
        "expiration_date": of("expiration_date"),
        "expired": of("expired"),
        "activation_code": of("activation_code"),
        "region": text("region"),
        "tags": of("tags"),
        "tags_all": if of("tags_all").is_null() { json!({}) } else { of("tags_all") },
        "rotate_when_expired": false,
        "rotate_when_exhausted": false,
        "deregister_on_destroy": false,
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source<'a>(provider: &'a str, type_name: &'a str, state: &'a Json) -> MoveSource<'a> {
        MoveSource { provider, type_name, version: 0, state }
    }

    #[test]
    fn the_code_comes_along() {
        let state = json!({
            "id": "11111111-2222-3333-4444-555555555555",
            "name": "",
            "description": "hosts",
            "iam_role": "hybrid",
            "registration_count": 1,
            "activation_code": "abcdefghijklmnopqrst",
        });
        let moved = from_aws(&source("registry.terraform.io/hashicorp/aws", "aws_ssm_activation", &state))
            .expect("its own type")
            .expect("has an id");
        assert_eq!(moved["activation_code"], "abcdefghijklmnopqrst");
        assert_eq!(moved["registrations_count"], 1);
        assert_eq!(moved["default_instance_name"], Json::Null);
        // An argument that nobody set must not replace the adopted activation.
        assert_eq!(moved["rotate_when_expired"], false);
    }

    #[test]
    fn other_types_are_not_taken() {
        let state = json!({"id": "x"});
        assert!(from_aws(&source("registry.terraform.io/hashicorp/aws", "aws_ssm_document", &state)).is_none());
        assert!(from_aws(&source("example.com/me/other", "aws_ssm_activation", &state)).is_none());
    }
}
