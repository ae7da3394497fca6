"""`nodeadm upgrade` and `nodeadm uninstall`."""

import json

import aws
import agent
import host
import init
import install
import kubelet
import log
import manifest
import node_config
import systemd
from log import Failure

# What goes with an uninstall; containerd's and the kubelet's own folders stay.
GONE = [
    "/usr/bin/kubelet", "/usr/local/bin/kubectl", "/usr/local/bin/aws-iam-authenticator", "/usr/local/bin/aws_signing_helper",
    "/opt/cni", "/etc/eks", "/etc/kubernetes", kubelet.UNIT, kubelet.KUBECONFIG, "/var/lib/kubelet/pki",
]  # fmt: skip


def uninstall(skip, force):
    record = install.installed()
    if record is None:
        log.info("Nodeadm components are already uninstalled")
        return 0
    drained(skip)
    log.info("Uninstalling kubelet...")
    systemd.stop("kubelet")
    host.remove(kubelet.UNIT)
    if record["Artifacts"]["Ssm"]:
        leave_ssm()
    log.info("Uninstalling kubectl...")
    log.info("Uninstalling cni-plugins...")
    log.info("Uninstalling IAM authenticator...")
    log.info("Uninstalling image credential provider...")
    host.remove(*GONE)
    if force:
        host.remove("/var/lib/cni", "/etc/cni/net.d")
    log.info("Finished uninstallation tasks...")
    host.remove("/opt/nodeadm")
    return 0


def leave_ssm():
    """Deregisters, then removes the agent whatever came out: what fails here cannot be tried again."""
    path, unit = agent.place()
    log.info("Stopping SSM daemon...")
    if systemd.exists(unit):
        systemd.stop(unit)
    fault = None
    found = agent.registration()
    if found is None:
        log.info("Skipping SSM deregistration - node is not registered")
    else:
        fault = deregister(*found)
    host.remove(path, "/opt/ssm/ssm-setup-cli", f"/etc/systemd/system/{unit}.service", agent.REGISTRATION, agent.KEY)
    host.remove("/root/.aws", "/etc/amazon")
    if path.startswith("/snap/"):
        host.remove("/snap/amazon-ssm-agent")
    if fault:
        raise Failure(f"uninstalling SSM: {fault}")


def deregister(instance, region):
    keys = aws.credentials()
    if keys is None:
        return "getting managed instance information: operation error SSM: DescribeInstanceInformation, no EC2 IMDS role found"
    signer = aws.with_secret(*keys)
    try:
        ask = {"Filters": [{"Key": "InstanceIds", "Values": [instance]}]}
        if not aws.ssm(region, "DescribeInstanceInformation", ask, signer)["InstanceInformationList"]:
            return None
    except aws.Refused as refused:
        return "getting managed instance information: " + refused.of("SSM", "DescribeInstanceInformation")
    except aws.Unreachable as why:
        return f"getting managed instance information: operation error SSM: DescribeInstanceInformation, {why}"
    try:
        aws.ssm(region, "DeregisterManagedInstance", {"InstanceId": instance}, signer)
    except aws.Refused as refused:
        return "deregistering ssm managed instance: " + refused.of("SSM", "DeregisterManagedInstance")
    except aws.Unreachable as why:
        return f"deregistering ssm managed instance: operation error SSM: DeregisterManagedInstance, {why}"
    return None


def drained(skip):
    """Pods that a daemon set does not own keep a node from leaving, and so does a node that takes new ones."""
    node = host.read(kubelet.NAME)
    # After an uninstall that has failed there are no credentials, and nobody to ask.
    if node is None or host.read(kubelet.KUBECONFIG) is None or aws.credentials() is None:
        return
    if "pod-validation" not in skip:
        pods = answered(f"/api/v1/pods?fieldSelector=spec.nodeName%3D{node}")
        for pod in pods["items"] if pods else []:
            owners = [one["kind"] for one in pod["metadata"].get("ownerReferences", [])]
            static = "kubernetes.io/config.mirror" in pod["metadata"].get("annotations", {})
            over = pod["status"].get("phase") in ("Succeeded", "Failed")
            if "DaemonSet" not in owners and not static and not over:
                raise Failure(
                    "only static pods and pods controlled by daemon-sets can be running on the node. "
                    "Please move pods to different node or use --skip pod-validation"
                )
    if "node-validation" not in skip:
        found = answered(f"/api/v1/nodes/{node}")
        if found and not found["spec"].get("unschedulable"):
            raise Failure(
                "please drain or cordon node to mark it unschedulable or use --skip node-validation: node is schedulable"
            )


def answered(path):
    """The API server's answer, asked for again where there is none; None where the node is not known there."""
    for attempt in range(5):
        status, told = kubelet.ask("GET", path)
        if status == 200:
            return told
        if status == 404:
            return None
        host.pause(8)
    if status == 401:
        told = "Unauthorized"
    raise Failure(f"getting {path.split('?')[0].rsplit('/', 1)[0]}: {told}")


def upgrade(version, source, skip, override, private):
    record = install.installed()
    if record is None:
        log.info("No nodeadm components installed. Please use nodeadm install and nodeadm init commands to bootstrap a node")
        return 0
    config = node_config.load(source)
    if "init-validation" not in skip and host.read(kubelet.NAME) is None:
        raise Failure("node not initialized. Please use nodeadm init command to bootstrap a node")
    provider = "ssm" if config.is_ssm() else "iam-ra"
    before = "ssm" if record["Artifacts"]["Ssm"] else "iam-ra"
    if provider != before:
        raise Failure(
            "upgrade does not support changing credential providers. "
            f"Please uninstall, install and init with the new credential provider: {before} → {provider}"
        )
    node_config.validate(config)
    drained(skip)
    release = manifest.release(manifest.fetch(override), version)
    if not private:
        install.packages()
    region = config.at("cluster.region")
    log.info("Upgrading components", version=release)
    install.put(release, provider, "none", record["Region"])
    host.write(install.TRACKER, json.dumps({**record, "Version": release}))
    node = init.configure_aws(config, region)
    init.enrich(config, region)
    kubelet.configure(config, node)
    init.start(config, region, node, False)
    return 0
