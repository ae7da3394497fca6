//! The way of a request that speaks as an AWS client: whose it is, whether its signature holds, which fault
//! strikes it, and which service answers.

pub mod constraints;
pub mod error;
pub mod input;
pub mod page;
pub mod regions;
pub mod render;
pub mod sigv4;

use serde_json::Value;

use self::{
    error::{Authentication, AwsError, Result},
    input::{Json, Query},
    render::Rendered,
    sigv4::{Refusal, Wire},
};
use crate::{
    ec2, ecr, eks, elb,
    fault::{self, Fault, Kind},
    iam,
    identity::{Credential, Permissions, Principal},
    moment::Moment,
    random, ssm, sts,
    world::{Account, Answered, Region, World},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    Ec2,
    Ecr,
    Eks,
    Elb,
    Iam,
    Ssm,
    Sts,
}

impl Service {
    /// By the name in a credential scope.
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "ec2" => Self::Ec2,
            "ecr" => Self::Ecr,
            "eks" => Self::Eks,
            "elasticloadbalancing" => Self::Elb,
            "iam" => Self::Iam,
            "ssm" => Self::Ssm,
            "sts" => Self::Sts,
            _ => return None,
        })
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Ec2 => "ec2",
            Self::Ecr => "ecr",
            Self::Eks => "eks",
            Self::Elb => "elasticloadbalancing",
            Self::Iam => "iam",
            Self::Ssm => "ssm",
            Self::Sts => "sts",
        }
    }

    /// The most likely service of a request that has no readable signature, by its protocol.
    fn guess(wire: &Wire<'_>) -> Self {
        if wire.header("x-amz-target").is_some_and(|target| target.starts_with("AmazonSSM.")) {
            return Self::Ssm;
        }
        if wire.header("x-amz-target").is_some_and(|target| target.starts_with(ecr::TARGET)) {
            return Self::Ecr;
        }
        if wire.path != "/" {
            return Self::Eks;
        }
        match Query::parse(wire.query, wire.body).text("Version") {
            Some("2016-11-15") => Self::Ec2,
            Some("2015-12-01") => Self::Elb,
            Some("2010-05-08") => Self::Iam,
            Some("2011-06-15") => Self::Sts,
            _ => Self::Ssm,
        }
    }
}

/// A request that has been let in, with all that a service needs to answer it.
pub struct Call<'a> {
    pub world: &'a mut World,
    pub account: String,
    pub region: String,
    pub principal: Principal,
    pub service: Service,
    /// The region in the name of the host that was asked; nothing where that is an address.
    pub asked_region: Option<String>,
    /// Real time at which the request came.
    pub now: Moment,
}

impl Call<'_> {
    /// The caller's account. It exists for as long as the call runs: the world is locked.
    pub fn account(&mut self) -> &mut Account {
        let id = self.account.clone();
        self.world.accounts.entry(id.clone()).or_insert_with(|| Account::new(&id))
    }

    /// The account's data in the request's region.
    pub fn region(&mut self) -> &mut Region {
        let region = self.region.clone();
        self.account().region(&region)
    }

    /// Refuses an action that the caller may not do.
    pub fn authorize(&self, action: &str, resource: &str) -> Result<()> {
        // EC2's sentence names no resource for the describing calls.
        let resource = (resource != "*" || self.service != Service::Ec2).then_some(resource);
        self.principal
            .may(action)
            .map_err(|why| error::denied(self.service, &self.principal.refusal(action, resource, why)))
    }

    /// An ARN in this account and region.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{resource}", self.region, self.account)
    }
}

/// What the connection does with an answer.
pub enum Delivery {
    Send(Rendered),
    /// Send it after so many milliseconds.
    Slow(Rendered, u64),
    /// Reset the connection instead.
    Reset,
}

/// The request, taken apart by protocol.
struct Parsed {
    operation: String,
    json: Value,
    query: Query,
    eks: Option<eks::Route>,
}

/// Answers a request.
pub fn handle(world: &mut World, wire: &Wire<'_>) -> Delivery {
    let request_id = random::uuid();
    let now = Moment::now();
    let claim = sigv4::claim(wire);
    let service = match &claim {
        Ok(claim) => {
            if let Some(service) = Service::named(&claim.service) {
                service
            } else {
                let service = Service::guess(wire);
                let error = error::authentication(
                    service,
                    Authentication::Mismatch(format!(
                        "Credential should be scoped to correct service: '{}'.",
                        service.name()
                    )),
                );
                return Delivery::Send(render::error(service, &error, &request_id));
            }
        }
        Err(_) => Service::guess(wire),
    };
    let parsed = parse(service, wire);
    let operation = match &parsed {
        Ok(parsed) => parsed.operation.clone(),
        Err(_) => "unreadable".to_owned(),
    };
    let region = match &claim {
        Ok(claim) => claim.region.clone(),
        Err(_) => region_of_host(wire).unwrap_or_else(|| world.region.clone()),
    };

    // Who: the key's account, or the one that an unsigned call is about.
    let holder = claim.as_ref().ok().and_then(|claim| Holder::of(world, service, &claim.access_key));
    let mut account = holder.as_ref().map(|holder| holder.account.clone());
    let mut principal = holder.as_ref().map(|holder| holder.principal.clone());
    let identity = match (claim, &parsed) {
        (Err(Refusal::Missing), Ok(parsed)) if is_unsigned(service, &parsed.operation) => {
            account = match service {
                Service::Ssm => ssm::agent::account_of(world, &parsed.json),
                _ => sts::account_of(&parsed.query),
            };
            principal = Some(anonymous());
            Ok(())
        }
        (claim, _) => authenticate(service, wire, claim, holder.as_ref(), now),
    };

    let struck = match &account {
        Some(id) if identity.is_ok() => world
            .accounts
            .get_mut(id)
            .and_then(|account| fault::strike(&mut account.faults, service.name(), &operation, now)),
        _ => None,
    };
    let outcome = match (&struck, identity) {
        (_, Err(error)) => Err(error),
        (Some(Fault { kind: Kind::Throttling, .. }), _) => Err(error::throttled(service)),
        (Some(Fault { kind: Kind::Http500, .. }), _) => Err(error::internal(service)),
        (Some(Fault { kind: Kind::Reset, .. }), _) => Err(AwsError::new(0, "Reset", "")),
        (_, Ok(())) => parsed.and_then(|parsed| {
            // An unsigned call about something unknown still gets the service's own error.
            let mut call = Call {
                account: account.clone().unwrap_or_default(),
                region: region.clone(),
                principal: principal.clone().unwrap_or_else(anonymous),
                service,
                asked_region: region_of_host(wire),
                now,
                world,
            };
            dispatch(&mut call, &parsed)
        }),
    };
    let rendered = match &outcome {
        Ok(value) => render::result(service, &operation, value, &request_id),
        Err(error) => render::error(service, error, &request_id),
    };
    if let Some(account) = account.and_then(|id| world.accounts.get_mut(&id)) {
        account.requests.add(Answered {
            time: now.iso_millis(),
            service: service.name().to_owned(),
            operation,
            region,
            principal: principal.map_or_else(String::new, |principal| principal.arn),
            status: rendered.status,
            error: outcome.err().map(|error| error.code),
            request_id,
            user_agent: wire.header("user-agent").unwrap_or_default().to_owned(),
            fault: struck.as_ref().map(|fault| fault.kind.name().to_owned()),
        });
    }
    match struck {
        Some(Fault { kind: Kind::Reset | Kind::DropAfterWork, .. }) => Delivery::Reset,
        Some(Fault { kind: Kind::Slow, milliseconds, .. }) => Delivery::Slow(rendered, milliseconds),
        _ => Delivery::Send(rendered),
    }
}

fn anonymous() -> Principal {
    Principal {
        arn: "anonymous".into(),
        user_id: "anonymous".into(),
        role_arn: None,
        permissions: vec![Permissions::all()],
    }
}

/// Calls that carry no signature: they bring another proof.
fn is_unsigned(service: Service, operation: &str) -> bool {
    matches!(
        (service, operation),
        (Service::Ssm, "RegisterManagedInstance") | (Service::Sts, "AssumeRoleWithWebIdentity")
    )
}

/// The region in a host name such as `ssm.us-west-2.amazonaws.com`.
fn region_of_host(wire: &Wire<'_>) -> Option<String> {
    let region = wire.header("host")?.split('.').nth(1)?;
    regions::is_known(region).then(|| region.to_owned())
}

/// Whoever a key belongs to, with what its signatures are checked against.
struct Holder {
    account: String,
    principal: Principal,
    proof: Proof,
}

enum Proof {
    Secret(Credential),
    /// A host's public key.
    Key(String),
}

impl Holder {
    fn of(world: &World, service: Service, key: &str) -> Option<Self> {
        if service == Service::Ssm && key.starts_with("mi-") {
            let (account, principal, key) = ssm::agent::host(world, key)?;
            return Some(Self { account, principal, proof: Proof::Key(key) });
        }
        let credential = world.credentials.get(key)?.clone();
        Some(Self {
            account: credential.account.clone(),
            principal: credential.principal.clone(),
            proof: Proof::Secret(credential),
        })
    }
}

fn authenticate(
    service: Service,
    wire: &Wire<'_>,
    claim: std::result::Result<sigv4::Claim, Refusal>,
    holder: Option<&Holder>,
    now: Moment,
) -> Result<()> {
    let refuse = |problem| error::authentication(service, problem);
    let of_signature = |refusal| {
        refuse(match refusal {
            Refusal::Missing => Authentication::Missing,
            Refusal::Incomplete(text) => Authentication::Incomplete(text),
            Refusal::Mismatch => Authentication::Mismatch(Refusal::Mismatch.to_string()),
            Refusal::Time(text) => Authentication::Time(text),
        })
    };
    let claim = claim.map_err(of_signature)?;
    if !regions::is_known(&claim.region) {
        return Err(refuse(Authentication::Mismatch(format!(
            "Credential should be scoped to a valid region, not '{}'.",
            claim.region
        ))));
    }
    let credential = match holder.map(|holder| &holder.proof) {
        None if service == Service::Ssm && ssm::instances::is_id(&claim.access_key) => {
            return Err(ssm::instances::unknown(&claim.access_key));
        }
        None => return Err(refuse(Authentication::UnknownKey)),
        Some(Proof::Key(key)) => {
            return sigv4::verify_with(wire, &claim, now, |text| ssm::agent::is_signed(key, text, &claim.signature))
                .map_err(of_signature);
        }
        Some(Proof::Secret(credential)) => credential,
    };
    sigv4::verify(wire, &claim, &credential.secret, now).map_err(of_signature)?;
    if credential.session_token != claim.session_token {
        return Err(refuse(Authentication::UnknownKey));
    }
    if credential.expires.is_some_and(|expires| expires <= now) {
        return Err(refuse(Authentication::Expired));
    }
    Ok(())
}

fn parse(service: Service, wire: &Wire<'_>) -> Result<Parsed> {
    let mut parsed = Parsed { operation: String::new(), json: Value::Null, query: Query(Vec::new()), eks: None };
    match service {
        Service::Ssm | Service::Ecr => {
            let prefix = if service == Service::Ssm { "AmazonSSM." } else { ecr::TARGET };
            wire.header("x-amz-target")
                .and_then(|target| target.strip_prefix(prefix))
                .ok_or_else(|| error::unknown_operation(service, ""))?
                .clone_into(&mut parsed.operation);
            parsed.json = json_body(wire.body)?;
        }
        Service::Eks => {
            let route = eks::Route::of(wire.method, wire.path, wire.query)
                .ok_or_else(|| error::unknown_operation(service, ""))?;
            route.operation.clone_into(&mut parsed.operation);
            parsed.eks = Some(route);
            parsed.json = json_body(wire.body)?;
        }
        Service::Sts | Service::Iam | Service::Elb | Service::Ec2 => {
            parsed.query = Query::parse(wire.query, wire.body);
            parsed.operation = parsed
                .query
                .text("Action")
                .ok_or_else(|| {
                    AwsError::client("MissingAction", "The request is missing an action or a required parameter.")
                })?
                .to_owned();
        }
    }
    Ok(parsed)
}

fn json_body(body: &[u8]) -> Result<Value> {
    if body.is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    serde_json::from_slice(body).map_err(|_| AwsError::client("SerializationException", ""))
}

fn dispatch(call: &mut Call<'_>, parsed: &Parsed) -> Result<Value> {
    match call.service {
        Service::Ecr => ecr::answer(call, &parsed.operation, Json::new(&parsed.json)?),
        Service::Ssm => ssm::answer(call, &parsed.operation, Json::new(&parsed.json)?),
        Service::Eks => match &parsed.eks {
            Some(route) => eks::answer(call, route, Json::new(&parsed.json)?),
            None => Err(error::unknown_operation(Service::Eks, &parsed.operation)),
        },
        Service::Sts => sts::answer(call, &parsed.operation, &parsed.query),
        Service::Iam => iam::answer(call, &parsed.operation, &parsed.query),
        Service::Elb => elb::answer(call, &parsed.operation, &parsed.query),
        Service::Ec2 => ec2::answer(call, &parsed.operation, &parsed.query),
    }
}
