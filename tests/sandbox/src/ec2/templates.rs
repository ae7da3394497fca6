//! Launch templates and their versions.

use serde_json::{Value, json};

use super::{
    Store, need,
    records::{self, Kind, Record},
};
use crate::{
    aws::{
        Call,
        error::{AwsError, Result},
        input::Query,
    },
    moment::Moment,
};

pub const KIND: Kind = Kind {
    prefix: "lt",
    tagged_as: "launch-template",
    parameter: "LaunchTemplateId",
    member: "launchTemplateId",
    missing: "InvalidLaunchTemplateId.NotFound",
    called: "specified launch template, with template ID",
    set: "launchTemplates",
    filters: &[("launch-template-name", "launchTemplateName")],
};
/// Member of the record that holds the versions, oldest first.
const VERSIONS: &str = "_versions";
/// The longest name.
const LONGEST: usize = 128;

/// One version's data, and the number that it has.
pub struct Version {
    pub number: usize,
    pub data: Value,
}

fn version(call: &Call<'_>, query: &Query) -> Value {
    json!({
        "versionDescription": query.text("VersionDescription"),
        "createTime": Moment::now().iso(),
        "createdBy": call.principal.arn,
        "launchTemplateData": query.tree("LaunchTemplateData"),
    })
}

fn versions(template: &Record) -> &[Value] {
    template.value[VERSIONS].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// A template by ID or by name.
pub fn named<'a>(store: &'a Store, id: Option<&str>, name: Option<&str>) -> Result<&'a Record> {
    match (id, name) {
        (Some(id), None) => store.record(&KIND, id),
        (None, Some(name)) => {
            let found =
                store.records.values().find(|record| record.is(&KIND) && record.text("launchTemplateName") == name);
            found.ok_or_else(|| {
                AwsError::client(
                    "InvalidLaunchTemplateName.NotFoundException",
                    format!("The specified launch template, with template name {name}, does not exist."),
                )
            })
        }
        _ => Err(AwsError::client(
            "MissingParameter",
            "Either 'launchTemplateId' or 'launchTemplateName' must be provided but not both.",
        )),
    }
}

/// A version by number, `$Latest` or `$Default`.
pub fn chosen(template: &Record, version: &str) -> Result<Version> {
    let all = versions(template);
    let number = match version {
        "$Latest" => all.len(),
        "$Default" => usize::try_from(template.value["defaultVersionNumber"].as_u64().unwrap_or(1)).unwrap_or(1),
        text => text.parse().unwrap_or_default(),
    };
    let found = number.checked_sub(1).and_then(|index| all.get(index)).ok_or_else(|| {
        AwsError::client(
            "InvalidLaunchTemplateId.VersionNotFound",
            format!("Could not find the specified version {version} for the launch template with ID {}.", template.id),
        )
    })?;
    Ok(Version { number, data: found["launchTemplateData"].clone() })
}

fn named_in<'a>(call: &'a mut Call<'_>, query: &Query) -> Result<&'a Record> {
    named(&call.region().ec2, query.text("LaunchTemplateId"), query.text("LaunchTemplateName"))
}

pub fn create(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let name = need(query, "LaunchTemplateName")?;
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "-_./()".contains(letter);
    if !(3..=LONGEST).contains(&name.len()) || !name.chars().all(allowed) {
        return Err(AwsError::client(
            "InvalidLaunchTemplateName.MalformedException",
            "A launch template name must be between 3 and 128 characters, and may contain letters, numbers, and the following characters: - ( ) . / _.",
        ));
    }
    if named(&call.region().ec2, None, Some(name)).is_ok() {
        return Err(AwsError::client(
            "InvalidLaunchTemplateName.AlreadyExistsException",
            "Launch template name already in use.",
        ));
    }
    let value = json!({
        "launchTemplateName": name,
        "createTime": Moment::now().iso(),
        "createdBy": call.principal.arn,
        "defaultVersionNumber": 1,
        "latestVersionNumber": 1,
        VERSIONS: [version(call, query)],
    });
    let made = Record::create(call, query, &KIND, value)?;
    let answer = made.describe(&KIND);
    call.region().ec2.keep(made);
    Ok(json!({"launchTemplate": answer}))
}

pub fn list(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    for name in query.list("LaunchTemplateName") {
        named(&call.region().ec2, None, Some(&name))?;
    }
    records::list(call, query, &KIND)
}

fn describe_version(template: &Record, number: usize) -> Value {
    let mut value = versions(template)[number - 1].clone();
    value["launchTemplateId"] = template.id.clone().into();
    value["launchTemplateName"] = template.value["launchTemplateName"].clone();
    value["versionNumber"] = number.into();
    value["defaultVersion"] = (template.value["defaultVersionNumber"] == number).into();
    value
}

pub fn list_versions(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let template = named_in(call, query)?;
    let wanted = query.list("LaunchTemplateVersion");
    let numbers = if wanted.is_empty() {
        (1..=versions(template).len()).collect()
    } else {
        wanted.iter().map(|text| chosen(template, text).map(|found| found.number)).collect::<Result<Vec<_>>>()?
    };
    let found: Vec<Value> = numbers.into_iter().map(|number| describe_version(template, number)).collect();
    Ok(json!({"launchTemplateVersionSet": found}))
}

pub fn add_version(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let made = version(call, query);
    let id = named_in(call, query)?.id.clone();
    let template = call.region().ec2.record_mut(&KIND, &id)?;
    if let Some(all) = template.value[VERSIONS].as_array_mut() {
        all.push(made);
    }
    let number = versions(template).len();
    template.value["latestVersionNumber"] = number.into();
    Ok(json!({"launchTemplateVersion": describe_version(template, number)}))
}

pub fn modify(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let template = named_in(call, query)?;
    let (id, number) = (template.id.clone(), chosen(template, need(query, "SetDefaultVersion")?)?.number);
    let template = call.region().ec2.record_mut(&KIND, &id)?;
    template.value["defaultVersionNumber"] = number.into();
    Ok(json!({"launchTemplate": template.describe(&KIND)}))
}

pub fn delete(call: &mut Call<'_>, query: &Query) -> Result<Value> {
    let template = named_in(call, query)?;
    let (id, answer) = (template.id.clone(), template.describe(&KIND));
    call.region().ec2.records.remove(&id);
    Ok(json!({"launchTemplate": answer}))
}
