"""`nodeadm init`: registration, what the cluster is, validations, files, daemons. And `debug`, which looks afterwards."""

import base64

import yaml

import agent
import aws
import host
import install
import kubelet
import log
import manifest
import node_config
import systemd
import validations
from log import Failure

RETRY, REGISTRATION, CREDENTIALS, DAEMON = 10, 60, 120, 300
PAUSE_IMAGE = "eks/pause:3.5"


def main(source, skip, override):
    skipped = skip or []
    if "install-validation" not in skipped:
        log.info("Loading installed components")
        if install.installed() is None:
            log.info("Nodeadm components are not installed. Please run `nodeadm install` before running init")
            return 0
        if not systemd.exists("containerd"):
            raise Failure(
                "a systemd unit file for containerd is required to init the node: containerd daemon not found"
            )
    config = node_config.load(source)
    if not config.is_hybrid():
        # As an EC2 instance, it asks the instance's metadata.
        host.pause(5)
        raise Failure("operation error ec2imds: GetRegion, request canceled, context deadline exceeded")
    log.info("Validating configuration...")
    node_config.validate(config)
    region = config.at("cluster.region")
    try:
        manifest.region(manifest.fetch(override), region)
    except Failure as failure:
        log.warn("Failed to get region config from manifest, using defaults", error=str(failure))
    if "proxy-validation" not in skipped:
        host.pause(0.5)
        validations.proxy()
    log.info("Configuring Aws...")
    node = configure_aws(config, region)
    cluster = enrich(config, region)
    validations.run(config, cluster, node, skipped)
    log.info("Setting up system aspects...")
    if "preprocess" not in skipped:
        host.write("/etc/sysctl.d/99-nodeadm.conf", kubelet.SYSCTL)
        host.write("/etc/modules-load.d/99-nodeadm.conf", "overlay\nbr_netfilter\n")
        if host.is_whole():
            host.run("sysctl", "--system")
    if "config" not in skipped:
        log.info("Configuring daemons...")
        kubelet.configure(config, node)
    if "run" not in skipped:
        start(config, region, node, bool(skip))
    return 0


def configure_aws(config, region):
    """Credentials for the host; gives the node's name."""
    if config.is_anywhere():
        return configure_anywhere(config, region)
    found = agent.registration()
    if found:
        log.info("SSM agent already registered, skipping registration")
        validations.inactive(found[0])
    else:
        register(config, region)
    _, unit = agent.place()
    log.info("Restarting SSM agent...")
    systemd.enable(unit)
    systemd.start(unit)
    log.info("Waiting for SSM agent to be running...")
    waited = 0
    while aws.credentials() is None:
        if waited >= CREDENTIALS:
            raise Failure(
                "reading aws config for SSM: ssm AWS creds file /root/.aws/credentials hasn't been created on time: "
                "context deadline exceeded"
            )
        host.pause(1, at_least=0.1)
        waited += 1
    instance, _ = agent.registration()
    return instance


def register(config, region):
    """Tries for a minute, and says each time with what."""
    code, activation = config.at("hybrid.ssm.activationCode"), config.at("hybrid.ssm.activationId")
    path, _ = agent.place()
    words = [path, "-register", "-y", "-region", region, "-code", code, "-id", activation]
    command = f"[{' '.join(words)}]"
    for _ in range(0, REGISTRATION, RETRY):
        done = host.run(*words)
        if done.returncode == 0:
            return
        said = f"running command {command}: {(done.stdout + done.stderr).strip()}: exit status {done.returncode}"
        log.error("Command failed, retrying", error=said)
        host.pause(RETRY)
    if "ActivationExpired" in said or "expired" in said.lower():
        raise Failure("configuring aws credentials with SSM: SSM activation expired. Please use a valid activation")
    if "InvalidActivation" in said:
        raise Failure(
            "configuring aws credentials with SSM: invalid SSM activation. "
            "Please use a valid activation code, activation id and region"
        )
    raise Failure(
        "configuring aws credentials with SSM: failed to register machine with SSM after multiple attempts: "
        f"context deadline exceeded: {said}"
    )


def configure_anywhere(config, region):
    at = lambda name: config.at(f"hybrid.iamRolesAnywhere.{name}")  # noqa: E731
    certificate, key = at("certificatePath") or "/etc/iam/pki/server.pem", at("privateKeyPath") or "/etc/iam/pki/server.key"
    node = at("nodeName")
    command = (
        f"/usr/local/bin/aws_signing_helper credential-process --certificate {certificate} --private-key {key} "
        f"--profile-arn {at('profileArn')} --role-arn {at('roleArn')} --trust-anchor-arn {at('trustAnchorArn')} "
        f"--role-session-name {node}"
    )
    host.write(at("awsConfigPath") or "/etc/aws/hybrid/config", f"[default]\nregion = {region}\ncredential_process = {command}\n")
    raise Failure("reading aws config for IAM Roles Anywhere: the stand-in for aws_signing_helper has no credentials to give")


def enrich(config, region):
    """DescribeCluster, where the NodeConfig does not say it all. None where it was not asked."""
    if all(config.at(f"cluster.{name}") for name in ("apiServerEndpoint", "certificateAuthority", "cidr")):
        return None
    name = config.at("cluster.name")
    try:
        cluster = aws.eks(region, f"/clusters/{name}")["cluster"]
    except aws.Refused as refused:
        host.pause(2)
        raise Failure(refused.of("EKS", "DescribeCluster")) from refused
    except aws.Unreachable as why:
        raise Failure(f"operation error EKS: DescribeCluster, exceeded maximum number of attempts, 3, {why}") from why
    if cluster["status"] != "ACTIVE":
        raise Failure(f"eks cluster {name} is not active")
    if not cluster.get("remoteNetworkConfig"):
        raise Failure(f"remote network config is not set for cluster {name}")
    config.set("cluster.apiServerEndpoint", cluster["endpoint"])
    config.set("cluster.certificateAuthority", cluster["certificateAuthority"]["data"])
    config.set("cluster.cidr", cluster["kubernetesNetworkConfig"]["serviceIpv4Cidr"])
    return cluster


def start(config, region, node, is_asked):
    """The daemons. `is_asked`: any --skip makes nodeadm look whether the API server lets the node in."""
    log.info("Ensuring daemon is running..", name="containerd")
    systemd.start("containerd")
    pull(region)
    if is_asked:
        authenticated(node)
    log.info("Ensuring daemon is running..", name="kubelet")
    systemd.enable("kubelet")
    systemd.start("kubelet")
    waited = 0
    while systemd.state("kubelet") != "active":
        if waited >= DAEMON:
            raise Failure("context deadline exceeded: daemon kubelet is not running")
        log.info("Daemon is not in the desired state yet", daemon="kubelet")
        host.pause(5)
        waited += 5
    log.info("Daemon is running", name="kubelet")
    log.info("Finished post-launch tasks", name="kubelet")


def pull(region):
    """The pause image, which the kubelet's pods need: without it nothing is started."""
    image = f"602401143452.dkr.ecr.{region}.amazonaws.com/{PAUSE_IMAGE}"
    try:
        token = aws.ecr_token(region)["authorizationData"][0]["authorizationToken"]
    except aws.Refused as refused:
        raise Failure(refused.of("ECR", "GetAuthorizationToken")) from refused
    except aws.Unreachable as why:
        raise Failure(f"operation error ECR: GetAuthorizationToken, exceeded maximum number of attempts, 3, {why}") from why
    for _ in range(3):
        fault = kubelet.pull_really(image, token) if host.is_whole() else kubelet.pull(image, token)
        if fault is None:
            return
        host.pause(5)
    raise Failure(fault)


def authenticated(node):
    for _ in range(3):
        status, text = kubelet.ask("GET", "/api/v1/namespaces/default/endpoints/kubernetes")
        if status == 200:
            return
        host.pause(1)
    reason = {401: "Unauthorized"}.get(status, text)
    raise Failure(f"timed out waiting for the condition while retrying: {reason}")


def debug(source):
    """Waits as long as nodeadm does for the Node, and says what stands in its way."""
    config = node_config.load(source)
    node_config.validate(config)
    faults = []
    config_file = host.read(kubelet.CONFIG)
    if config_file is None:
        raise Failure("node not initialized. Please use nodeadm init command to bootstrap a node")
    node = yaml.safe_load(host.read(kubelet.NAME))
    for waited in range(0, 300, 10):
        status, told = kubelet.ask("GET", f"/api/v1/nodes/{node}")
        ready = status == 200 and any(
            one["type"] == "Ready" and one["status"] == "True" for one in told["status"].get("conditions", [])
        )
        if ready:
            break
        host.pause(10)
    else:
        faults.append(f"node {node} is not ready" if status == 200 else f"node {node} is not registered")
    for fault in faults:
        log.error(fault)
    if faults:
        raise Failure("\n".join(faults))
    return 0


def authority(config):
    return base64.b64decode(config.at("cluster.certificateAuthority")).decode()
