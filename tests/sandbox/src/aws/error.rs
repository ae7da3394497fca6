//! The errors that AWS answers with, neutral of the protocol that carries them.

use serde_json::Value;

use super::Service;

/// One AWS error: HTTP status, code and message.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{code}: {message}")]
pub struct AwsError {
    pub status: u16,
    pub code: String,
    pub message: String,
    /// Further members of the error's shape, such as EKS's `clusterName`.
    pub members: Vec<(&'static str, Value)>,
}

pub type Result<T, E = AwsError> = std::result::Result<T, E>;

impl AwsError {
    pub fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into(), members: Vec::new() }
    }

    /// An error of the caller, HTTP 400.
    pub fn client(code: &str, message: impl Into<String>) -> Self {
        Self::new(400, code, message)
    }

    pub fn validation(message: impl Into<String>) -> Self {
        Self::client("ValidationException", message)
    }

    pub fn with(mut self, member: &'static str, value: impl Into<Value>) -> Self {
        self.members.push((member, value.into()));
        self
    }
}

/// What can be wrong with the credentials of a request.
#[derive(Clone, Debug)]
pub enum Authentication {
    Missing,
    Incomplete(String),
    UnknownKey,
    Expired,
    Mismatch(String),
    /// The signature is too old or too new.
    Time(String),
}

/// The answer of a service to wrong credentials. Codes differ by protocol: the JSON services speak of
/// `InvalidSignatureException` where STS and IAM say `SignatureDoesNotMatch` and EC2 `AuthFailure`.
pub fn authentication(service: Service, problem: Authentication) -> AwsError {
    const INVALID: &str = "The security token included in the request is invalid.";
    const EXPIRED: &str = "The security token included in the request is expired";
    const EC2: &str = "AWS was not able to validate the provided access credentials";
    match service {
        Service::Ssm | Service::Ecr | Service::Eks => {
            let status = if service == Service::Eks { 403 } else { 400 };
            let (code, message) = match problem {
                Authentication::Missing => {
                    ("MissingAuthenticationTokenException", "Missing Authentication Token".to_owned())
                }
                Authentication::Incomplete(text) => ("IncompleteSignatureException", text),
                Authentication::UnknownKey => ("UnrecognizedClientException", INVALID.to_owned()),
                Authentication::Expired => ("ExpiredTokenException", EXPIRED.to_owned()),
                Authentication::Mismatch(text) | Authentication::Time(text) => ("InvalidSignatureException", text),
            };
            AwsError::new(status, code, message)
        }
        Service::Sts | Service::Iam | Service::Elb => match problem {
            Authentication::Missing => {
                AwsError::new(403, "MissingAuthenticationToken", "Request is missing Authentication Token")
            }
            Authentication::Incomplete(text) => AwsError::new(400, "IncompleteSignature", text),
            Authentication::UnknownKey => AwsError::new(403, "InvalidClientTokenId", INVALID),
            Authentication::Expired => AwsError::new(403, "ExpiredToken", EXPIRED),
            Authentication::Mismatch(text) | Authentication::Time(text) => {
                AwsError::new(403, "SignatureDoesNotMatch", text)
            }
        },
        Service::Ec2 => match problem {
            Authentication::Missing => {
                AwsError::client("MissingAuthenticationToken", "Request is missing Authentication Token")
            }
            Authentication::Incomplete(text) => AwsError::client("IncompleteSignature", text),
            Authentication::UnknownKey | Authentication::Mismatch(_) => AwsError::new(401, "AuthFailure", EC2),
            Authentication::Expired | Authentication::Time(_) => {
                AwsError::client("RequestExpired", "Request has expired.")
            }
        },
    }
}

/// The answer of a service to a caller who lacks a permission. `message` is the sentence that names it.
pub fn denied(service: Service, message: &str) -> AwsError {
    match service {
        Service::Ssm | Service::Ecr => AwsError::client("AccessDeniedException", message),
        Service::Eks => AwsError::new(403, "AccessDeniedException", message),
        Service::Sts | Service::Iam | Service::Elb => AwsError::new(403, "AccessDenied", message),
        Service::Ec2 => AwsError::new(
            403,
            "UnauthorizedOperation",
            format!("You are not authorized to perform this operation. {message}"),
        ),
    }
}

pub fn throttled(service: Service) -> AwsError {
    match service {
        Service::Ssm | Service::Ecr => AwsError::client("ThrottlingException", "Rate exceeded"),
        Service::Eks => AwsError::new(429, "ThrottlingException", "Rate exceeded"),
        Service::Sts | Service::Iam | Service::Elb => AwsError::client("Throttling", "Rate exceeded"),
        Service::Ec2 => AwsError::new(503, "RequestLimitExceeded", "Request limit exceeded."),
    }
}

pub fn internal(service: Service) -> AwsError {
    match service {
        Service::Ssm => AwsError::new(500, "InternalServerError", "An error occurred on the server side."),
        Service::Ecr => AwsError::new(500, "ServerException", "There was a server-side error."),
        Service::Eks => AwsError::new(500, "ServerException", "An internal server error occurred."),
        Service::Sts | Service::Iam | Service::Elb => AwsError::new(
            500,
            "InternalFailure",
            "The request processing has failed because of an unknown error, exception or failure.",
        ),
        Service::Ec2 => AwsError::new(500, "InternalError", "An internal error has occurred"),
    }
}

/// An operation that the service, or this stand-in, does not have.
pub fn unknown_operation(service: Service, operation: &str) -> AwsError {
    match service {
        Service::Ssm | Service::Ecr => AwsError::client("UnknownOperationException", ""),
        Service::Eks => AwsError::new(403, "MissingAuthenticationTokenException", "Missing Authentication Token"),
        Service::Sts | Service::Iam | Service::Elb | Service::Ec2 => {
            AwsError::client("InvalidAction", format!("Could not find operation {operation} for version of the API"))
        }
    }
}
