//! `CreateCluster` and its rules.

use serde_json::{Value, json};

use super::{
    access_entries, authority, auto_mode,
    cluster::{Cluster, LOG_TYPES, Network, Phase},
    invalid, is_name,
    outposts::Outpost,
    remote_networks::RemoteNetworks,
};
use crate::{
    aws::{
        Call,
        constraints::Constraints,
        error::{AwsError, Result},
        input::Json,
    },
    cidr::Cidr,
    ec2, iam,
    plane::{ClusterKey, Order, Standing},
    random,
    world::Account,
};

/// Versions in support, newest first. Source: EKS's release calendar, 2026-11.
pub const VERSIONS: [&str; 8] = ["1.35", "1.34", "1.33", "1.32", "1.31", "1.30", "1.29", "1.28"];
pub const DEFAULT_VERSION: &str = "1.34";

pub fn create(call: &mut Call<'_>, input: Json<'_>) -> Result<Value> {
    let name = input.text("name")?;
    let role = input.text("roleArn")?;
    let network = input.object("resourcesVpcConfig")?;
    let tags = input.map("tags")?.unwrap_or_default();
    let mut constraints = Constraints::default();
    constraints.required("name", name);
    constraints.length("name", name, 1, 100);
    constraints.pattern("name", name, r"^[0-9A-Za-z][A-Za-z0-9\-_]*", |name| {
        name.is_empty() || is_name(&name[..name.len().min(100)])
    });
    constraints.required("roleArn", role);
    constraints.required("resourcesVpcConfig", network.as_ref());
    for (key, value) in &tags {
        constraints.length("tags", Some(key), 1, 128);
        constraints.length("tags", Some(value), 0, 256);
    }
    constraints.finish_as("InvalidParameterException")?;
    let outpost = Outpost::read(call, input)?;
    if outpost.is_some() {
        Outpost::check_request(input)?;
    }
    for unsupported in ["encryptionConfig", "zonalShiftConfig"] {
        if input.value(unsupported).is_some() {
            return Err(invalid(format!("{unsupported} is not supported by this stand-in")));
        }
    }
    let (name, role) = (name.unwrap_or_default(), role.unwrap_or_default());
    call.authorize("iam:PassRole", role)?;
    if call.region().eks.clusters.contains_key(name) {
        return Err(AwsError::new(409, "ResourceInUseException", format!("Cluster already exists with name: {name}"))
            .with("clusterName", name));
    }
    check_role(call, role, outpost.as_ref().map_or("eks.amazonaws.com", Outpost::trusted))?;
    let version = input.text("version")?.unwrap_or(DEFAULT_VERSION);
    if !VERSIONS.contains(&version) {
        return Err(invalid(format!("unsupported Kubernetes version {version}")));
    }
    let empty = json!({});
    let network = match network {
        Some(network) => network,
        None => Json::new(&empty)?,
    };
    let mut network = network_of(call, network, outpost.is_some())?;
    if let Some(outpost) = &outpost {
        outpost.check_endpoint(network.public, network.private)?;
        outpost.check_subnets(call, &network)?;
    }
    let vpc_blocks = blocks_of(call, &network.vpc_id);
    let service_cidr = service_cidr(input, &vpc_blocks)?;
    let access = input.object("accessConfig")?;
    let (mode, bootstrap) = match access {
        Some(access) => (
            access.text("authenticationMode")?.unwrap_or("CONFIG_MAP"),
            access.boolean("bootstrapClusterCreatorAdminPermissions")?.unwrap_or(true),
        ),
        None => ("CONFIG_MAP", true),
    };
    let support = match input.object("upgradePolicy")? {
        Some(policy) => policy.text("supportType")?.unwrap_or("EXTENDED"),
        None => "EXTENDED",
    };
    let mut constraints = Constraints::default();
    constraints.one_of("authenticationMode", Some(mode), &["API", "API_AND_CONFIG_MAP", "CONFIG_MAP"]);
    constraints.one_of("supportType", Some(support), &["STANDARD", "EXTENDED"]);
    constraints.finish_as("InvalidParameterException")?;
    let remote = match input.object("remoteNetworkConfig")? {
        Some(config) => RemoteNetworks::default().changed(config)?,
        None => RemoteNetworks::default(),
    };
    if let Some(outpost) = &outpost {
        outpost.check_access(mode, bootstrap)?;
        outpost.check_remote(&remote)?;
    }
    remote.check(mode, &vpc_blocks, &service_cidr, outpost.is_some())?;
    let logging = logging(input)?.unwrap_or_default();
    let node_ports = node_ports(input)?;
    let bootstrap_addons = input.boolean("bootstrapSelfManagedAddons")?.unwrap_or(true);
    let auto_mode = auto_mode::read(input, mode, bootstrap_addons)?;
    let mut fails = call.account().settings.cluster_create_fails.clone();
    let with_plane = call.account().settings.control_plane && fails.is_none();
    if with_plane && !call.world.has_programs {
        return Err(AwsError::new(500, "ServerException", "the sandbox was started without --control-plane"));
    }

    let region = call.region.clone();
    network.cluster_security_group_id = ec2::seed::cluster_group(call.account(), &region, name, &network.vpc_id);
    if let (Some(outpost), None) = (&outpost, &fails)
        && !outpost.place(call, name, &network)?
    {
        fails = Some("InsufficientFreeAddresses".to_owned());
    }
    let with_plane = with_plane && fails.is_none();
    let arn = call.arn("eks", &format!("cluster/{name}"));
    let mut cluster = new(call.account(), name, arn, role, network)?;
    version.clone_into(&mut cluster.version);
    cluster.service_cidr = service_cidr;
    mode.clone_into(&mut cluster.authentication_mode);
    cluster.bootstrap_admin = bootstrap;
    cluster.remote = remote;
    support.clone_into(&mut cluster.upgrade_support);
    cluster.deletion_protection = input.boolean("deletionProtection")?.unwrap_or(false);
    cluster.logging = logging;
    cluster.node_ports = node_ports;
    cluster.tags = tags.into_iter().collect();
    cluster.client_request_token = input.text("clientRequestToken")?.map(ToOwned::to_owned);
    cluster.bootstrap_addons = bootstrap_addons;
    cluster.auto_mode = auto_mode;
    cluster.outpost = outpost;
    if fails.is_some() {
        cluster.standing = Standing::Failed;
    }
    cluster.issue = fails;
    if bootstrap {
        let creator = call.principal.role_arn.clone().unwrap_or_else(|| call.principal.arn.clone());
        if mode == "CONFIG_MAP" {
            cluster.hidden_admin = Some(creator);
        } else {
            let entry = access_entries::Entry::administrator(&cluster.arn, &creator, call.now);
            cluster.access_entries.insert(creator, entry);
        }
    }
    if with_plane {
        cluster.standing = Standing::Ordered;
    }
    let seconds = call.account().settings.cluster_create_seconds;
    let advanced = call.account().advanced;
    cluster.begin(Phase::Creating, seconds, advanced);
    let answer = json!({"cluster": cluster.describe()});
    call.region().eks.clusters.insert(name.to_owned(), cluster);
    if with_plane {
        let ordered = ClusterKey::of(call.account(), &region, name);
        call.world.ordered.extend(ordered.map(Order::ControlPlane));
    }
    Ok(answer)
}

/// A cluster with everything that no request sets.
pub fn new(account: &mut Account, name: &str, arn: String, role_arn: &str, network: Network) -> Result<Cluster> {
    let born = account.birth();
    let (certificate, certificate_key) = authority::make()
        .map_err(|error| AwsError::new(500, "ServerException", format!("no certificate could be made: {error}")))?;
    Ok(Cluster {
        name: name.to_owned(),
        arn,
        born,
        version: DEFAULT_VERSION.to_owned(),
        role_arn: role_arn.to_owned(),
        network,
        service_cidr: String::new(),
        authentication_mode: "API_AND_CONFIG_MAP".to_owned(),
        bootstrap_admin: true,
        remote: RemoteNetworks::default(),
        upgrade_support: "EXTENDED".to_owned(),
        deletion_protection: false,
        logging: Vec::new(),
        tags: std::collections::BTreeMap::new(),
        client_request_token: None,
        endpoint_id: random::upper_hex(32),
        certificate,
        certificate_key,
        successor: None,
        access_entries: std::collections::BTreeMap::new(),
        addons: std::collections::BTreeMap::new(),
        node_groups: std::collections::BTreeMap::new(),
        updates: Vec::new(),
        phase: Phase::Active,
        phase_ends: born.at,
        bootstrap_addons: true,
        auto_mode: None,
        outpost: None,
        node_ports: None,
        issue: None,
        hidden_admin: None,
        standing: Standing::None,
    })
}

fn check_role(call: &mut Call<'_>, arn: &str, service: &str) -> Result<()> {
    let id = call.account.clone();
    let trusted = call.account().roles.values().any(|role| {
        role.arn(&id) == arn
            && iam::trust::trusts(&role.trust, &iam::trust::Asker::Service { name: service, account: &id })
    });
    if trusted {
        Ok(())
    } else {
        Err(invalid(format!(
            "Role with arn: {arn}, could not be assumed because it does not exist or the trusted entity is not correct or an error occurred when calling sts:AssumeRole"
        )))
    }
}

/// The blocks of a VPC.
pub fn blocks_of(call: &mut Call<'_>, vpc: &str) -> Vec<String> {
    call.region()
        .ec2
        .vpcs
        .get(vpc)
        .map(|vpc| vpc.blocks.iter().map(|(_, block)| block.clone()).collect())
        .unwrap_or_default()
}

fn network_of(call: &mut Call<'_>, config: Json<'_>, is_local: bool) -> Result<Network> {
    let subnet_ids = config.texts("subnetIds")?.unwrap_or_default();
    let security_group_ids = config.texts("securityGroupIds")?.unwrap_or_default();
    let store = &call.region().ec2;
    let mut zones = Vec::new();
    let mut vpcs = Vec::new();
    for id in &subnet_ids {
        let subnet = store.subnets.get(id).ok_or_else(|| invalid(format!("The subnet ID '{id}' does not exist")))?;
        zones.push(&subnet.zone);
        vpcs.push(&subnet.vpc_id);
    }
    zones.sort();
    zones.dedup();
    vpcs.dedup();
    // An Outpost is in one zone.
    if zones.len() < 2 && !is_local {
        return Err(invalid("Subnets specified must be in at least two different AZs"));
    }
    let [vpc_id] = vpcs[..] else {
        return Err(invalid("Subnets specified must belong to the same VPC"));
    };
    for id in &security_group_ids {
        match store.security_groups.get(id) {
            Some(group) if group.vpc_id == *vpc_id => {}
            Some(_) => return Err(invalid(format!("Security group {id} is not in the VPC of the subnets"))),
            None => return Err(invalid(format!("The security group '{id}' does not exist"))),
        }
    }
    let public = config.boolean("endpointPublicAccess")?.unwrap_or(true);
    let private = config.boolean("endpointPrivateAccess")?.unwrap_or(false);
    if !public && !private {
        return Err(invalid("Private and public endpoint access cannot be false at the same time"));
    }
    Ok(Network {
        vpc_id: vpc_id.clone(),
        subnet_ids,
        security_group_ids,
        cluster_security_group_id: String::new(),
        public,
        private,
        public_cidrs: match config.texts("publicAccessCidrs")? {
            Some(cidrs) if public => cidrs,
            _ if public => vec!["0.0.0.0/0".to_owned()],
            _ => Vec::new(),
        },
    })
}

/// The range of services: given, or the one of the two defaults that is not near the VPC's.
fn service_cidr(input: Json<'_>, vpc_blocks: &[String]) -> Result<String> {
    let blocks: Vec<Cidr> = vpc_blocks.iter().filter_map(|block| Cidr::parse(block)).collect();
    let given = match input.object("kubernetesNetworkConfig")? {
        Some(config) => {
            if config.text("ipFamily")?.is_some_and(|family| family != "ipv4") {
                return Err(invalid("ipFamily ipv6 is not supported by this stand-in"));
            }
            config.text("serviceIpv4Cidr")?
        }
        None => None,
    };
    let Some(text) = given else {
        let in_ten = Cidr::parse("10.0.0.0/8").is_some_and(|ten| blocks.iter().any(|block| block.overlaps(ten)));
        return Ok(if in_ten { "172.20.0.0/16" } else { "10.100.0.0/16" }.to_owned());
    };
    let block = Cidr::parse(text)
        .filter(|block| block.is_private() && (12..=24).contains(&block.length()))
        .ok_or_else(|| {
            invalid(format!("The specified service IPv4 CIDR {text} is invalid: it must be from /24 to /12 within 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16"))
        })?;
    if blocks.iter().any(|other| other.overlaps(block)) {
        return Err(invalid(format!("The specified service IPv4 CIDR {text} overlaps with the VPC")));
    }
    Ok(text.to_owned())
}

/// The range of NodePorts that a request sets. EKS's own limits of it are not known here.
fn node_ports(input: Json<'_>) -> Result<Option<(u16, u16)>> {
    let Some(config) = input.object("kubeApiServerConfig")? else { return Ok(None) };
    let Some(range) = config.object("serviceNodePortRange")? else { return Ok(None) };
    let port = |name: &str| {
        let port = range.integer(name)?.and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
        port.ok_or_else(|| invalid(format!("{name} is not a port")))
    };
    let (first, last) = (port("minPort")?, port("maxPort")?);
    if first > last {
        return Err(invalid("minPort is greater than maxPort"));
    }
    Ok(Some((first, last)))
}

/// The log types that a request turns on; `None` when it does not speak of logging.
pub fn logging(input: Json<'_>) -> Result<Option<Vec<String>>> {
    let Some(logging) = input.object("logging")? else {
        return Ok(None);
    };
    let mut on = Vec::new();
    for setup in logging.objects("clusterLogging")?.unwrap_or_default() {
        let types = setup.texts("types")?.unwrap_or_default();
        let mut constraints = Constraints::default();
        for kind in &types {
            constraints.one_of("types", Some(kind), &LOG_TYPES);
        }
        constraints.finish_as("InvalidParameterException")?;
        if setup.boolean("enabled")?.unwrap_or(false) {
            on.extend(types);
        }
    }
    Ok(Some(on))
}
