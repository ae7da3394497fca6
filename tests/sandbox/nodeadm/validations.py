"""What nodeadm validates before it starts anything. One that fails does not keep the others from being tried."""

import http.client
import ipaddress
import os
import re
import socket
import urllib.parse

import agent
import aws
import host
import kubelet
import log
from log import Failure


def run(config, cluster, node, skipped):
    """All of them; the texts of those that fail are joined by newlines."""
    steps = [
        ("aws-auth-validation", lambda: identity(config)),
        ("node-ip-validation", lambda: address(config, cluster)),
        ("kubelet-version-skew-validation", lambda: skew(cluster)),
        ("k8s-endpoint-network-validation", lambda: endpoint(config)),
        ("cluster-access-validation", lambda: access(config, cluster)),
    ]
    faults = []
    for name, step in steps:
        if name in skipped or (name == "k8s-endpoint-network-validation" and "api-server-endpoint-resolution-validation" in skipped):
            continue
        log.info("Validating", validation=name)
        try:
            step()
        except Failure as failure:
            log.error("Validation failed", validation=name, error=str(failure))
            faults.append(str(failure))
    if faults:
        raise Failure("\n".join(faults))


def unasked():
    log.info("Skipping due to node IAM role missing EKS DescribeCluster permission")


def identity(config):
    try:
        return aws.caller(config.at("cluster.region"))
    except aws.Refused as refused:
        raise Failure(refused.of("STS", "GetCallerIdentity")) from refused
    except aws.Unreachable as why:
        raise Failure(f"operation error STS: GetCallerIdentity, {why}") from why


def address(config, cluster):
    if cluster is None:
        return unasked()
    own = config.flag("node-ip") or host.address()
    networks = [one for part in cluster["remoteNetworkConfig"].get("remoteNodeNetworks", []) for one in part["cidrs"]]
    if not any(ipaddress.ip_address(own) in ipaddress.ip_network(one) for one in networks):
        raise Failure(
            f"node IP {own} is not in any of the remote network CIDR blocks: [{' '.join(networks)}]. See "
            "https://docs.aws.amazon.com/eks/latest/userguide/hybrid-nodes-troubleshooting.html "
            "or use --skip node-ip-validation"
        )


def skew(cluster):
    if cluster is None:
        return unasked()
    own = kubelet.version()
    minor = lambda text: int(text.removeprefix("v").split(".")[1])  # noqa: E731
    server = "v" + cluster["version"]
    if minor(own) > minor(server):
        raise Failure(f"kubelet version {own} is newer than kube-apiserver version {server}")
    if minor(server) - minor(own) > 3:
        raise Failure(
            f"kubelet version {own} is too old for kube-apiserver version {server}; "
            "maximum supported version skew is 3 minor versions"
        )


def endpoint(config):
    """The API server's name must be known, and its port must answer."""
    url = urllib.parse.urlsplit(config.at("cluster.apiServerEndpoint"))
    name, port = url.hostname or "", url.port or 443
    try:
        socket.getaddrinfo(name, port)
    except OSError as error:
        host.pause(3)
        raise Failure(f"failed to resolve hostname {name}: lookup {name}: no such host") from error
    last = None
    for _ in range(4):
        try:
            socket.create_connection((name, port), timeout=max(2, 3 * host.facts().get("time_scale", 1))).close()
            return
        except OSError as error:
            last = "connect: connection refused" if isinstance(error, ConnectionRefusedError) else "i/o timeout"
            host.pause(3)
    raise Failure(f"context deadline exceeded while retrying: dialing {name}:{port}: dial tcp {name}:{port}: {last}")


def access(config, cluster):
    if cluster is None:
        return unasked()
    region, name = config.at("cluster.region"), config.at("cluster.name")
    role = aws.caller(region).split("/")[1]
    try:
        entries, following = [], ""
        while True:
            page = aws.eks(region, f"/clusters/{name}/access-entries", following)
            entries += page["accessEntries"]
            if not page.get("nextToken"):
                break
            following = "nextToken=" + urllib.parse.quote(page["nextToken"], safe="-_.~")
        for arn in [one for one in entries if one.rsplit("/", 1)[-1] == role]:
            path = f"/clusters/{name}/access-entries/{urllib.parse.quote(arn, safe='')}"
            if aws.eks(region, path)["accessEntry"]["type"] == "HYBRID_LINUX":
                return
    except aws.Refused as refused:
        operation = "DescribeAccessEntry" if "DescribeAccessEntry" in refused.message else "ListAccessEntries"
        raise Failure(refused.of("EKS", operation)) from refused
    except (aws.Unreachable, http.client.HTTPException) as why:
        raise Failure(f"operation error EKS: ListAccessEntries, {why}") from why
    raise Failure(f"missing access entry of type HYBRID_LINUX with Hybrid Node role principal: {role}")


def inactive(node):
    """A warning where the instance's Node is Ready already, or its agent has not been heard."""
    if host.read(kubelet.NAME) and agent.registration():
        log.warn("node-inactive-validation: node is already registered", node=node)


def proxy():
    """Proxies are set alike in every place that uses them. Source: aws/eks-hybrid, internal/network/proxy_validator.go."""
    for upper in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        one, other = os.environ.get(upper, ""), os.environ.get(upper.lower(), "")
        if one and other and one != other:
            raise Failure(f"{upper} and {upper.lower()} environment variables have different values: {one} vs {other}")
    if not any(os.environ.get(name) for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")):
        return
    files = [("apt" if host.has_apt() else "yum", "/etc/apt/apt.conf.d/proxy.conf" if host.has_apt() else "/etc/yum.conf")]
    files += [
        ("kubelet", "/etc/systemd/system/kubelet.service.d/http-proxy.conf"),
        ("containerd", "/usr/lib/systemd/system/containerd.service.d/http-proxy.conf"),
        ("ssm", f"/etc/systemd/system/{agent.place()[1]}.service.d/http-proxy.conf"),
    ]
    for name, path in files:
        text = host.read(path)
        if text is None:
            raise Failure(f"{name} proxy configuration file not found: {path}")
        if not re.search(r"proxy", text, re.IGNORECASE):
            raise Failure(f"{name} proxy configuration file {path} has no proxy")
