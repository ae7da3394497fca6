//! Elastic Load Balancing: IP target groups and their targets.

use aws_sdk_elasticloadbalancingv2::types::TargetDescription;

use super::clients::{Clients, Effect};
use super::error::{Operation, Result};

const DESCRIBE_TARGET_GROUPS: Operation = Operation::new("elasticloadbalancing", "DescribeTargetGroups");
const DESCRIBE_LISTENERS: Operation = Operation::new("elasticloadbalancing", "DescribeListeners");
const DESCRIBE_LOAD_BALANCERS: Operation = Operation::new("elasticloadbalancing", "DescribeLoadBalancers");
const DESCRIBE_TARGET_HEALTH: Operation = Operation::new("elasticloadbalancing", "DescribeTargetHealth");
const REGISTER_TARGETS: Operation = Operation::new("elasticloadbalancing", "RegisterTargets");
const DEREGISTER_TARGETS: Operation = Operation::new("elasticloadbalancing", "DeregisterTargets");

/// Targets per request. A target group holds up to 1,000.
const AT_ONCE: usize = 100;
/// The zone of an address outside the VPC of its target group. Source: Elastic Load Balancing API reference,
/// `TargetDescription`.
const OUTSIDE: &str = "all";

/// A target group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetGroup {
    /// ARN.
    pub arn: String,
    /// `instance`, `ip`, `lambda` or `alb`.
    pub target_type: String,
    /// The VPC of its load balancers; Lambda target groups have none.
    pub vpc_id: Option<String>,
    /// ARNs of the load balancers that send to it.
    pub load_balancers: Vec<String>,
}

impl TargetGroup {
    fn read(group: aws_sdk_elasticloadbalancingv2::types::TargetGroup) -> Self {
        Self {
            arn: group.target_group_arn.unwrap_or_default(),
            target_type: group.target_type.map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
            vpc_id: group.vpc_id,
            load_balancers: group.load_balancer_arns.unwrap_or_default(),
        }
    }
}

/// A listener of a load balancer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Name of its load balancer.
    pub host: String,
    /// Port.
    pub port: i64,
    /// `HTTP`, `HTTPS`, `TCP`, `TLS` and others.
    pub protocol: String,
    /// ARNs of the target groups to which it forwards by default.
    pub target_groups: Vec<String>,
}

/// A target, and what health checks say of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetHealth {
    /// The target.
    pub target: Target,
    /// `healthy`, `unhealthy`, `initial`, `unused`, `draining` or `unavailable`.
    pub state: String,
    /// Code such as `Target.Timeout`, unless the target is healthy.
    pub reason: Option<String>,
    /// The reason in words.
    pub description: Option<String>,
}

/// An IP address and port in a target group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// IP address.
    pub address: String,
    /// Port.
    pub port: i64,
    /// Whether the address is outside the VPC of the target group.
    pub is_outside: bool,
}

/// Elastic Load Balancing in one region.
#[derive(Debug, Clone)]
pub struct Client {
    clients: Clients,
    region: Option<String>,
}

impl Clients {
    /// Elastic Load Balancing in `region`, or in the provider's region.
    #[must_use]
    pub fn elb(&self, region: Option<&str>) -> Client {
        Client { clients: self.clone(), region: region.map(str::to_owned) }
    }
}

impl Client {
    /// A target group by its ARN; `None` if it does not exist.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn target_group(&self, arn: &str) -> Result<Option<TargetGroup>> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let request = regional.elb().describe_target_groups().target_group_arns(arn);
        let run = |probe| request.customize().interceptor(probe).send();
        let output = match self.clients.run(DESCRIBE_TARGET_GROUPS, Effect::Read, &regional.region, run).await {
            Err(error) if error.is_not_found() => return Ok(None),
            other => other?,
        };
        let group = output.target_groups.unwrap_or_default().into_iter().next();
        Ok(group.map(TargetGroup::read))
    }

    /// All target groups of the region.
    ///
    /// # Errors
    /// Those of the calls.
    pub async fn target_groups(&self) -> Result<Vec<TargetGroup>> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let mut found = Vec::new();
        let mut next = None;
        loop {
            let request = regional.elb().describe_target_groups().set_marker(next.take());
            let run = |probe| request.customize().interceptor(probe).send();
            let page = self.clients.run(DESCRIBE_TARGET_GROUPS, Effect::Read, &regional.region, run).await?;
            found.extend(page.target_groups.unwrap_or_default().into_iter().map(TargetGroup::read));
            next = page.next_marker.filter(|marker| !marker.is_empty());
            if next.is_none() {
                return Ok(found);
            }
        }
    }

    /// The listeners of a load balancer, the first hundred; none if it does not exist.
    ///
    /// # Errors
    /// Those of the calls.
    pub async fn listeners(&self, balancer: &str) -> Result<Vec<Listener>> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let request = regional.elb().describe_load_balancers().load_balancer_arns(balancer);
        let run = |probe| request.customize().interceptor(probe).send();
        let output = match self.clients.run(DESCRIBE_LOAD_BALANCERS, Effect::Read, &regional.region, run).await {
            Err(error) if error.is_not_found() => return Ok(Vec::new()),
            other => other?,
        };
        let host = output.load_balancers.unwrap_or_default().into_iter().find_map(|found| found.dns_name);
        let Some(host) = host else { return Ok(Vec::new()) };
        let request = regional.elb().describe_listeners().load_balancer_arn(balancer);
        let run = |probe| request.customize().interceptor(probe).send();
        let output = self.clients.run(DESCRIBE_LISTENERS, Effect::Read, &regional.region, run).await?;
        let listener = |found: aws_sdk_elasticloadbalancingv2::types::Listener| {
            let actions = found.default_actions.unwrap_or_default();
            let target_groups = actions.into_iter().flat_map(|action| {
                let weighted = action.forward_config.and_then(|forward| forward.target_groups).unwrap_or_default();
                let weighted = weighted.into_iter().filter_map(|group| group.target_group_arn);
                action.target_group_arn.into_iter().chain(weighted)
            });
            Some(Listener {
                host: host.clone(),
                port: found.port?.into(),
                protocol: found.protocol.map(|protocol| protocol.as_str().to_owned()).unwrap_or_default(),
                target_groups: target_groups.collect(),
            })
        };
        Ok(output.listeners.unwrap_or_default().into_iter().filter_map(listener).collect())
    }

    /// The registered targets of a group; `None` if the group does not exist. Targets being deregistered are not
    /// included.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn targets(&self, arn: &str) -> Result<Option<Vec<Target>>> {
        let found = self.health(arn).await?;
        Ok(found.map(|found| found.into_iter().filter(|it| it.state != "draining").map(|it| it.target).collect()))
    }

    /// The targets of a group with their health; `None` if the group does not exist.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn health(&self, arn: &str) -> Result<Option<Vec<TargetHealth>>> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        let request = regional.elb().describe_target_health().target_group_arn(arn);
        let run = |probe| request.customize().interceptor(probe).send();
        let output = match self.clients.run(DESCRIBE_TARGET_HEALTH, Effect::Read, &regional.region, run).await {
            Err(error) if error.is_not_found() => return Ok(None),
            other => other?,
        };
        let found = output.target_health_descriptions.unwrap_or_default().into_iter();
        Ok(Some(
            found
                .filter_map(|found| {
                    let target = found.target?;
                    let is_outside = target.availability_zone.as_deref() == Some(OUTSIDE);
                    let target = Target { address: target.id?, port: target.port?.into(), is_outside };
                    let health = found.target_health;
                    let state = health.as_ref().and_then(|health| health.state.as_ref());
                    Some(TargetHealth {
                        target,
                        state: state.map(|state| state.as_str().to_owned()).unwrap_or_default(),
                        reason: health
                            .as_ref()
                            .and_then(|health| health.reason.as_ref())
                            .map(|reason| reason.as_str().to_owned()),
                        description: health.and_then(|health| health.description),
                    })
                })
                .collect(),
        ))
    }

    /// Registers targets. `done` is called with each batch that Elastic Load Balancing has accepted.
    ///
    /// # Errors
    /// Those of the calls.
    pub async fn register(&self, arn: &str, targets: &[Target], mut done: impl FnMut(&[Target])) -> Result<()> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        for batch in targets.chunks(AT_ONCE) {
            let request = regional
                .elb()
                .register_targets()
                .target_group_arn(arn)
                .set_targets(Some(batch.iter().map(description).collect()));
            let run = |probe| request.customize().interceptor(probe).send();
            self.clients.run(REGISTER_TARGETS, Effect::Change, &regional.region, run).await?;
            done(batch);
        }
        Ok(())
    }

    /// Deregisters targets; `done` as in [`Client::register`]. A target that is not registered is no error.
    ///
    /// # Errors
    /// Those of the calls.
    pub async fn deregister(&self, arn: &str, targets: &[Target], mut done: impl FnMut(&[Target])) -> Result<()> {
        let regional = self.clients.regional(self.region.as_deref()).await?;
        for batch in targets.chunks(AT_ONCE) {
            let request = regional
                .elb()
                .deregister_targets()
                .target_group_arn(arn)
                .set_targets(Some(batch.iter().map(description).collect()));
            let run = |probe| request.customize().interceptor(probe).send();
            self.clients.run(DEREGISTER_TARGETS, Effect::Change, &regional.region, run).await?;
            done(batch);
        }
        Ok(())
    }
}

fn description(target: &Target) -> TargetDescription {
    let zone = target.is_outside.then(|| OUTSIDE.to_owned());
    TargetDescription::builder()
        .id(&target.address)
        .set_port(i32::try_from(target.port).ok())
        .set_availability_zone(zone)
        .build()
}

#[cfg(test)]
mod tests {
    use crate::aws::stub::{Reply, Stub};

    const ARN: &str = "arn:aws:elasticloadbalancing:us-west-2:111122223333:targetgroup/web/0123456789abcdef";

    #[tokio::test]
    async fn targets_that_are_leaving_do_not_count() {
        let target = |address: &str, zone: &str, state: &str| {
            format!(
                "<member><Target><Id>{address}</Id><Port>30080</Port>{zone}</Target>\
                 <TargetHealth><State>{state}</State></TargetHealth></member>"
            )
        };
        let body = format!(
            "<DescribeTargetHealthResponse><DescribeTargetHealthResult><TargetHealthDescriptions>{}{}{}\
             </TargetHealthDescriptions></DescribeTargetHealthResult></DescribeTargetHealthResponse>",
            target("10.80.0.4", "<AvailabilityZone>all</AvailabilityZone>", "unhealthy"),
            target("10.0.0.9", "", "healthy"),
            target("10.80.0.5", "<AvailabilityZone>all</AvailabilityZone>", "draining"),
        );
        let stub = Stub::new(move |_| Reply::Answer(200, body.clone()));
        let found = stub.clients().elb(None).targets(ARN).await.expect("read").expect("exists");
        let seen: Vec<_> = found.iter().map(|it| (it.address.as_str(), it.port, it.is_outside)).collect();
        assert_eq!(seen, [("10.80.0.4", 30080, true), ("10.0.0.9", 30080, false)]);
    }

    #[tokio::test]
    async fn an_absent_group_is_none() {
        let body =
            "<ErrorResponse><Error><Code>TargetGroupNotFound</Code><Message>no</Message></Error></ErrorResponse>";
        let stub = Stub::new(move |_| Reply::Answer(400, body.to_owned()));
        let elb = stub.clients().elb(None);
        assert_eq!(elb.targets(ARN).await.expect("read"), None);
        assert_eq!(elb.target_group(ARN).await.expect("read"), None);
    }
}
