//! Writes results and errors in the protocol of the service: JSON 1.1, REST JSON, query XML, EC2 XML.
//!
//! Services give results as JSON values with the names of the wire. In XML a list becomes an element with one
//! `member` (query) or `item` (EC2) for each entry.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Service, error::AwsError};

/// An answer, ready for the wire.
pub struct Rendered {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

/// Members of SSM's error shapes that are spelled `Message`; all others say `message`.
const CAPITAL_MESSAGE: &[&str] = &[
    "InternalServerError",
    "InvalidActivation",
    "InvalidActivationId",
    "InvalidDocument",
    "InvalidDocumentVersion",
    "InvalidFilter",
    "InvalidInstanceId",
    "InvalidNextToken",
    "InvalidParameters",
    "MaxDocumentSizeExceeded",
    "ServiceSettingNotFound",
    "TooManyUpdates",
];

/// Error shapes of SSM that have no message at all.
const NO_MESSAGE: &[&str] = &[
    "DuplicateInstanceId",
    "InvalidCommandId",
    "InvalidFilterKey",
    "InvalidPluginName",
    "InvalidResourceId",
    "InvalidResourceType",
    "InvocationDoesNotExist",
    "TooManyTagsError",
];

pub fn result(service: Service, operation: &str, result: &Value, request_id: &str) -> Rendered {
    let (kind, body) = match service {
        Service::Ssm | Service::Ecr => ("application/x-amz-json-1.1", result.to_string()),
        Service::Eks => ("application/json", result.to_string()),
        Service::Sts | Service::Iam | Service::Elb => {
            let mut body = format!("<{operation}Response xmlns=\"{}\">", namespace(service));
            if !result.is_null() {
                element(&mut body, &format!("{operation}Result"), result, "member");
            }
            // Writing into a String does not fail, here and below.
            let _ = write!(
                body,
                "<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>"
            );
            ("text/xml", body)
        }
        Service::Ec2 => {
            let mut body = format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?><{operation}Response xmlns=\"{}\"><requestId>{request_id}</requestId>",
                namespace(service)
            );
            children(&mut body, result, "item");
            let _ = write!(body, "</{operation}Response>");
            ("text/xml;charset=UTF-8", body)
        }
    };
    Rendered { status: 200, headers: headers(service, kind, request_id), body }
}

pub fn error(service: Service, error: &AwsError, request_id: &str) -> Rendered {
    let (kind, body) = match service {
        Service::Ssm | Service::Ecr => {
            let name = if CAPITAL_MESSAGE.contains(&error.code.as_str()) { "Message" } else { "message" };
            let mut body = json!({"__type": error.code});
            if !NO_MESSAGE.contains(&error.code.as_str()) {
                body[name] = error.message.clone().into();
            }
            ("application/x-amz-json-1.1", body.to_string())
        }
        Service::Eks => {
            let mut body = json!({"message": error.message});
            for (name, value) in &error.members {
                body[*name] = value.clone();
            }
            ("application/json", body.to_string())
        }
        Service::Sts | Service::Iam | Service::Elb => {
            let party = if error.status < 500 { "Sender" } else { "Receiver" };
            let mut body = format!("<ErrorResponse xmlns=\"{}\">", namespace(service));
            let value = json!({"Type": party, "Code": error.code, "Message": error.message});
            element(&mut body, "Error", &value, "member");
            let _ = write!(body, "<RequestId>{request_id}</RequestId></ErrorResponse>");
            ("text/xml", body)
        }
        Service::Ec2 => {
            let mut body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Errors>".to_owned();
            let value = json!({"Code": error.code, "Message": error.message});
            element(&mut body, "Error", &value, "item");
            let _ = write!(body, "</Errors><RequestID>{request_id}</RequestID></Response>");
            ("text/xml;charset=UTF-8", body)
        }
    };
    let mut headers = headers(service, kind, request_id);
    if service == Service::Eks {
        headers.push(("x-amzn-errortype", error.code.clone()));
    }
    Rendered { status: error.status, headers, body }
}

fn headers(service: Service, kind: &str, request_id: &str) -> Vec<(&'static str, String)> {
    let name = if service == Service::Ec2 { "x-amz-request-id" } else { "x-amzn-requestid" };
    vec![("content-type", kind.to_owned()), (name, request_id.to_owned())]
}

fn namespace(service: Service) -> &'static str {
    match service {
        Service::Sts => "https://sts.amazonaws.com/doc/2011-06-15/",
        Service::Elb => "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/",
        Service::Iam => "https://iam.amazonaws.com/doc/2010-05-08/",
        Service::Ec2 => "http://ec2.amazonaws.com/doc/2016-11-15/",
        Service::Ssm | Service::Ecr | Service::Eks => "",
    }
}

fn element(out: &mut String, name: &str, value: &Value, entry: &str) {
    if value.is_null() {
        return;
    }
    let _ = write!(out, "<{name}>");
    children(out, value, entry);
    let _ = write!(out, "</{name}>");
}

fn children(out: &mut String, value: &Value, entry: &str) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                element(out, name, value, entry);
            }
        }
        Value::Array(entries) => {
            for value in entries {
                element(out, entry, value, entry);
            }
        }
        Value::String(text) => escape(out, text),
        Value::Null => {}
        other => out.push_str(&other.to_string()),
    }
}

fn escape(out: &mut String, text: &str) {
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#13;"),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xml_of_both_dialects() {
        let value = json!({"Name": "a<b>&\"c\"", "None": null, "List": [{"X": 1}, {"X": true}], "Empty": []});
        let query = result(Service::Iam, "Op", &value, "id");
        assert_eq!(
            query.body,
            "<OpResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><OpResult><Name>a&lt;b&gt;&amp;&quot;c&quot;</Name><List><member><X>1</X></member><member><X>true</X></member></List><Empty></Empty></OpResult><ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></OpResponse>"
        );
        let ec2 = result(Service::Ec2, "Op", &json!({"set": ["a"]}), "id");
        assert!(ec2.body.ends_with("<requestId>id</requestId><set><item>a</item></set></OpResponse>"));
    }

    #[test]
    fn errors_of_every_protocol() {
        let error_value = AwsError::client("InvalidActivation", "no <such>");
        for (service, expected) in [
            (Service::Ssm, r#"{"__type":"InvalidActivation","Message":"no <such>"}"#),
            (Service::Eks, r#"{"message":"no <such>"}"#),
            (
                Service::Sts,
                "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type><Code>InvalidActivation</Code><Message>no &lt;such&gt;</Message></Error><RequestId>id</RequestId></ErrorResponse>",
            ),
            (
                Service::Ec2,
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Errors><Error><Code>InvalidActivation</Code><Message>no &lt;such&gt;</Message></Error></Errors><RequestID>id</RequestID></Response>",
            ),
        ] {
            assert_eq!(error(service, &error_value, "id").body, expected);
        }
    }
}
