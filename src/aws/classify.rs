//! Classifies AWS error responses, and decides which of their text may be shown.

use super::error::{Answer, Kind, Operation};

/// The kind for an AWS error code.
///
/// Codes: the common errors in each service's API reference, and the EC2 error codes page.
pub(super) fn kind_of(operation: Operation, answer: &Answer) -> Kind {
    let code = answer.code.as_deref().unwrap_or_default();
    match code {
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" | "TokenRefreshRequired" => {
            Kind::ExpiredCredentials
        }
        "InvalidSignatureException" | "SignatureDoesNotMatch"
            if answer.message.as_deref().is_some_and(|text| text.contains("expired")) =>
        {
            Kind::ExpiredCredentials
        }
        "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "InvalidAccessKeyId"
        | "AuthFailure"
        | "InvalidToken"
        | "InvalidIdentityToken" => Kind::InvalidCredentials,
        "AccessDenied"
        | "AccessDeniedException"
        | "UnauthorizedOperation"
        | "UnauthorizedException"
        | "NotAuthorized" => denied(operation, answer.message.as_deref()),
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "EC2ThrottledException"
        | "SlowDown"
        | "PriorRequestNotComplete"
        | "TooManyUpdates" => Kind::Throttled,
        "InvalidActivation"
        | "InvalidActivationId"
        | "InvalidInstanceId"
        | "InvalidResourceId"
        | "ParameterNotFound"
        | "ResourceNotFoundException"
        | "NotFoundException"
        | "TargetGroupNotFound"
        | "NoSuchEntity" => Kind::NotFound,
        code if code.ends_with(".NotFound") => Kind::NotFound,
        "ResourceInUseException" => Kind::InUse,
        // A response without a code may not come from AWS: a proxy's 404 must never count as "the object does not
        // exist".
        "" if answer.status == Some(429) => Kind::Throttled,
        "" => Kind::Other,
        code if code.starts_with("Validation")
            || code.starts_with("InvalidParameter")
            || code.starts_with("InvalidRequest")
            || code.starts_with("Malformed") =>
        {
            Kind::Validation
        }
        _ if answer.status == Some(400) => Kind::Validation,
        _ => Kind::Other,
    }
}

/// Parses "User: ARN is not authorized to perform: ACTION on resource: ARN because …".
fn denied(operation: Operation, message: Option<&str>) -> Kind {
    let message = message.unwrap_or_default();
    let word_after = |mark: &str| {
        let rest = message.split_once(mark)?.1;
        let word = rest.split_whitespace().next()?;
        Some(word.trim_end_matches(['.', ',']).to_owned())
    };
    Kind::AccessDenied {
        action: word_after("to perform: ").unwrap_or_else(|| operation.action()),
        principal: word_after("User: "),
        resource: word_after("on resource: "),
    }
}

/// AWS's message, safe to show.
///
/// The response to a rejected signature contains the canonical request, whose headers include the session token:
/// everything from that marker on is dropped. Line breaks become spaces, because the message is part of a single
/// line.
pub(super) fn shown(message: &str) -> String {
    const LONGEST: usize = 1000;
    let end = ["The Canonical String", "The canonical string", "The String-to-Sign"]
        .iter()
        .filter_map(|mark| message.find(mark))
        .min()
        .unwrap_or(message.len());
    let text: Vec<&str> = message[..end].split_whitespace().collect();
    text.join(" ").chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREATE: Operation = Operation::new("ssm", "CreateActivation");

    fn answer(status: u16, code: &str, message: &str) -> Answer {
        Answer {
            status: Some(status),
            code: (!code.is_empty()).then(|| code.to_owned()),
            message: (!message.is_empty()).then(|| message.to_owned()),
            request_id: Some("r-1".to_owned()),
        }
    }

    #[test]
    fn codes() {
        let own = Kind::AccessDenied { action: "ssm:CreateActivation".to_owned(), principal: None, resource: None };
        for (status, code, message, kind) in [
            (400, "ExpiredTokenException", "", Kind::ExpiredCredentials),
            (403, "ExpiredToken", "", Kind::ExpiredCredentials),
            (403, "SignatureDoesNotMatch", "Signature expired: 1 is now earlier than 2", Kind::ExpiredCredentials),
            (
                403,
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match",
                Kind::InvalidCredentials,
            ),
            (400, "UnrecognizedClientException", "", Kind::InvalidCredentials),
            (403, "InvalidClientTokenId", "", Kind::InvalidCredentials),
            (400, "ThrottlingException", "Rate exceeded", Kind::Throttled),
            (503, "RequestLimitExceeded", "", Kind::Throttled),
            (429, "", "", Kind::Throttled),
            (400, "InvalidActivation", "", Kind::NotFound),
            (400, "InvalidInstanceId", "", Kind::NotFound),
            (404, "ResourceNotFoundException", "No cluster found for name: x.", Kind::NotFound),
            (400, "InvalidVpcID.NotFound", "", Kind::NotFound),
            (409, "ResourceInUseException", "", Kind::InUse),
            (400, "ValidationException", "1 validation error detected", Kind::Validation),
            (400, "ParameterLimitExceeded", "", Kind::Validation),
            (403, "", "", Kind::Other),
            (404, "", "", Kind::Other),
            (400, "NotAuthorized", "", own.clone()),
            (400, "AccessDeniedException", "", own),
            (500, "InternalServerError", "", Kind::Other),
            (502, "", "", Kind::Other),
        ] {
            assert_eq!(kind_of(CREATE, &answer(status, code, message)), kind, "{status} {code} {message}");
        }
    }

    #[test]
    fn denial_names_what_aws_names() {
        let message = "User: arn:aws:sts::111122223333:assumed-role/ci/me is not authorized to perform: iam:PassRole on resource: arn:aws:iam::111122223333:role/hybrid because no identity-based policy allows the iam:PassRole action";
        assert_eq!(
            kind_of(CREATE, &answer(400, "AccessDeniedException", message)),
            Kind::AccessDenied {
                action: "iam:PassRole".to_owned(),
                principal: Some("arn:aws:sts::111122223333:assumed-role/ci/me".to_owned()),
                resource: Some("arn:aws:iam::111122223333:role/hybrid".to_owned()),
            }
        );
    }

    #[test]
    fn canonical_request_is_never_shown() {
        let message = "The request signature we calculated does not match.\n\nThe Canonical String for this request should have been\n'POST\n/\n\nx-amz-security-token:SECRET'\n\nThe String-to-Sign should have been 'SECRET'";
        assert_eq!(shown(message), "The request signature we calculated does not match.");
    }
}
