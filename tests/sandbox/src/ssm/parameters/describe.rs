//! `DescribeParameters`: metadata of parameters, never their values.

use serde_json::{Value, json};

use super::{Parameter, arn};
use crate::aws::{
    Call,
    constraints::Constraints,
    error::{AwsError, Result},
    input::Json,
};

struct Filter {
    key: String,
    option: Option<String>,
    values: Vec<String>,
}

/// Both input fields hold filters; `Filters` is the older one, with keys only.
fn filters(input: Json<'_>) -> Result<Vec<Filter>> {
    let mut constraints = Constraints::default();
    let mut found = Vec::new();
    for (member, at) in [("ParameterFilters", "parameterFilters"), ("Filters", "filters")] {
        for (index, filter) in input.objects(member)?.unwrap_or_default().iter().enumerate() {
            let key = filter.text("Key")?;
            let values = filter.texts("Values")?;
            let at = format!("{at}.{}.member", index + 1);
            constraints.required(&format!("{at}.key"), key);
            if member == "Filters" {
                constraints.one_of(&format!("{at}.key"), key, &["Name", "Type", "KeyId"]);
            } else {
                constraints.pattern(
                    &format!("{at}.key"),
                    key,
                    "^(tag:.+|Name|Type|KeyId|Path|Label|Tier|DataType)$",
                    |key| {
                        ["Name", "Type", "KeyId", "Path", "Label", "Tier", "DataType"].contains(&key)
                            || (key.starts_with("tag:") && key.len() > 4)
                    },
                );
            }
            if let Some(values) = &values {
                constraints.entries(&format!("{at}.values"), values, 1, 50);
            }
            found.push(Filter {
                key: key.unwrap_or_default().to_owned(),
                option: filter.text("Option")?.map(ToOwned::to_owned),
                values: values.unwrap_or_default(),
            });
        }
    }
    constraints.finish()?;
    for filter in &found {
        let options: &[&str] = match filter.key.as_str() {
            "Name" => &["Equals", "BeginsWith", "Contains"],
            "Path" => &["OneLevel", "Recursive"],
            "Type" | "KeyId" => &["Equals", "BeginsWith"],
            _ => &["Equals"],
        };
        if let Some(option) = filter.option.as_deref().filter(|option| !options.contains(option)) {
            return Err(AwsError::client(
                "InvalidFilterOption",
                format!(
                    "The following filter option is not valid: {option}. Valid options include: [{}].",
                    options.join(", ")
                ),
            ));
        }
    }
    Ok(found)
}

impl Filter {
    fn fits(&self, parameter: &Parameter) -> bool {
        let option = self.option.as_deref();
        let any = |value: &str| {
            self.values.iter().any(|wanted| match option {
                Some("BeginsWith") => value.starts_with(wanted.as_str()),
                Some("Contains") => value.contains(wanted.as_str()),
                _ => value == wanted,
            })
        };
        match self.key.as_str() {
            "Name" => any(&parameter.name),
            "Type" => any(&parameter.kind),
            "KeyId" => parameter.key_id.as_deref().is_some_and(any),
            "Tier" => any(&parameter.tier),
            "DataType" => any(&parameter.data_type),
            "Path" => self.values.iter().any(|path| {
                let path = path.trim_end_matches('/');
                parameter
                    .name
                    .strip_prefix(path)
                    .and_then(|rest| rest.strip_prefix('/'))
                    .is_some_and(|rest| option == Some("Recursive") || !rest.contains('/'))
            }),
            tag => tag
                .strip_prefix("tag:")
                .and_then(|name| parameter.tags.get(name))
                .is_some_and(|value| self.values.is_empty() || any(value)),
        }
    }
}

pub fn describe(call: &mut Call<'_>, input: Json<'_>) -> Result<Value> {
    let filters = filters(input)?;
    let found: Vec<Parameter> = call
        .region()
        .ssm
        .parameters
        .values()
        .filter(|parameter| filters.iter().all(|filter| filter.fits(parameter)))
        .cloned()
        .collect();
    let items = found
        .iter()
        .map(|parameter| (parameter.name.clone(), metadata(parameter, &arn(call, &parameter.name))))
        .collect();
    super::super::paged(call, "DescribeParameters", input, (1, 50), 50, "Parameters", items)
}

fn metadata(parameter: &Parameter, arn: &str) -> Value {
    let mut value = json!({
        "Name": parameter.name,
        "ARN": arn,
        "Type": parameter.kind,
        "LastModifiedDate": parameter.modified.epoch(),
        "LastModifiedUser": parameter.modified_by,
        "Version": parameter.version(),
        "Tier": parameter.tier,
        "Policies": [],
        "DataType": parameter.data_type,
    });
    for (name, member) in [
        ("KeyId", &parameter.key_id),
        ("Description", &parameter.description),
        ("AllowedPattern", &parameter.allowed_pattern),
    ] {
        if let Some(text) = member {
            value[name] = text.clone().into();
        }
    }
    value
}
