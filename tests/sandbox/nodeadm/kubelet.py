"""The kubelet: its files, its way to the API server, and a stand-in for it on hosts that have no real one."""

import base64
import http.client
import json
import os
import re
import shlex
import ssl
import sys
import urllib.error
import urllib.request
from pathlib import Path

import yaml

import aws
import host
import init
import log
import systemd

KUBECONFIG = "/var/lib/kubelet/kubeconfig"
CONFIG = "/etc/kubernetes/kubelet/config.json"
DROP_IN = "/etc/kubernetes/kubelet/config.json.d/00-nodeadm.conf"
AUTHORITY = "/etc/kubernetes/pki/ca.crt"
ENVIRONMENT = "/etc/eks/kubelet/environment"
UNIT = "/etc/systemd/system/kubelet.service"
CONTAINERD = "/etc/containerd/config.toml"
CREDENTIAL_PROVIDER = "/etc/eks/image-credential-provider/config.json"
# For nodeadm's own use: the node's name.
NAME = "/opt/nodeadm/node-name"
SANDBOX = "https://sandbox.internal/_sandbox/kubelets"
SYSCTL = (
    "vm.overcommit_memory=1\nkernel.panic=10\nkernel.panic_on_oops=1\nnet.ipv4.ip_forward=1\n"
    "net.bridge.bridge-nf-call-iptables=1\nnet.bridge.bridge-nf-call-ip6tables=1\n"
)
COMPUTE_TYPE, PROVIDER = "eks.amazonaws.com/compute-type", "eks.amazonaws.com/hybrid-credential-provider"
LOW_THRESHOLD = 80


def version():
    return host.run("/usr/bin/kubelet", "--version").stdout.split()[-1].split("-")[0]


def configure(config, node):
    region, name = config.at("cluster.region"), config.at("cluster.name")
    host.write(AUTHORITY, init.authority(config))
    log.info("Configuring daemon...", name="containerd")
    host.write(CONTAINERD, containerd(config, region))
    log.info("Configuring daemon...", name="kubelet")
    host.write(KUBECONFIG, json.dumps(kubeconfig(config.at("cluster.apiServerEndpoint"), name, region)))
    service = config.at("cluster.cidr").rsplit(".", 1)[0] + ".10"
    own = settings(region, name, node, service)
    host.write(CONFIG, json.dumps(own, indent=4))
    more = config.at("kubelet.config")
    if more:
        host.write(DROP_IN, json.dumps({"kind": own["kind"], "apiVersion": own["apiVersion"], **whole_numbers(more)}, indent=4))
    else:
        host.remove(DROP_IN)
        Path(DROP_IN).parent.mkdir(parents=True, exist_ok=True)
    kind = "ssm" if config.is_ssm() else "iam-ra"
    flags = {
        "kubeconfig": KUBECONFIG, "config": CONFIG, "config-dir": str(Path(DROP_IN).parent), "cloud-provider": "",
        "hostname-override": node, "node-labels": f"{COMPUTE_TYPE}=hybrid,{PROVIDER}={kind}",
        "image-credential-provider-bin-dir": str(Path(CREDENTIAL_PROVIDER).parent),
        "image-credential-provider-config": CREDENTIAL_PROVIDER,
    }  # fmt: skip
    arguments = [f"--{one}={value}" for one, value in flags.items()] + config.flags()
    host.write(ENVIRONMENT, f'NODEADM_KUBELET_ARGS="{" ".join(arguments)}"\n')
    host.write(CREDENTIAL_PROVIDER, json.dumps(credential_provider(), indent=4))
    host.write(UNIT, unit())
    host.write(NAME, node)


def whole_numbers(value):
    """Numbers go through floating point there: beyond 2^53 they are rounded."""
    if isinstance(value, dict):
        return {name: whole_numbers(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [whole_numbers(inner) for inner in value]
    return int(float(value)) if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 2**53 else value


def settings(region, cluster, node, dns):
    memory = int(re.search(r"MemTotal:\s+(\d+)", host.read("/proc/meminfo"))[1]) // 2**20
    steps = [(4, 0.25), (4, 0.2), (8, 0.1), (112, 0.06), (10**6, 0.02)]
    reserved, left = 0.0, memory
    for size, share in steps:
        reserved, left = reserved + min(left, size) * share, max(0, left - size)
    cores = os.cpu_count() or 1
    cpu = sum(step for index, step in enumerate([60, 10, 5, 5]) if index < cores) + 2.5 * max(0, cores - 4)
    found = {
        "kind": "KubeletConfiguration",
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "address": "0.0.0.0",
        "authentication": {
            "x509": {"clientCAFile": AUTHORITY},
            "webhook": {"enabled": True, "cacheTTL": "2m0s"},
            "anonymous": {"enabled": False},
        },
        "authorization": {"mode": "Webhook", "webhook": {"cacheAuthorizedTTL": "5m0s", "cacheUnauthorizedTTL": "30s"}},
        "cgroupDriver": "systemd",
        "cgroupRoot": "/",
        "clusterDNS": [dns],
        "clusterDomain": "cluster.local",
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "10%", "nodefs.inodesFree": "5%"},
        "featureGates": {"RotateKubeletServerCertificate": True},
        "hairpinMode": "hairpin-veth",
        "kubeReserved": {
            "cpu": f"{int(cpu)}m", "ephemeral-storage": "1Gi", "memory": f"{round(reserved)}Gi" if memory else "255Mi",
        },
        "kubeReservedCgroup": "/runtime",
        "logging": {"verbosity": 2},
        "protectKernelDefaults": True,
        "providerID": f"eks-hybrid:///{region}/{cluster}/{node}",
        "readOnlyPort": 0,
        "serializeImagePulls": False,
        "serverTLSBootstrap": True,
        "systemReservedCgroup": "/system",
        "tlsCipherSuites": [
            f"TLS_ECDHE_{key}_WITH_{cipher}"
            for key in ("ECDSA", "RSA")
            for cipher in ("AES_128_GCM_SHA256", "AES_256_GCM_SHA384", "CHACHA20_POLY1305")[: 3 if key == "ECDSA" else 2]
        ],
    }  # fmt: skip
    if host.is_ubuntu():
        found["resolvConf"] = "/run/systemd/resolve/resolv.conf"
    return found


def kubeconfig(endpoint, cluster, region):
    user = {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "aws-iam-authenticator",
            "args": ["token", "-i", cluster, "--region", region],
            "env": [{"name": "AWS_CONFIG_FILE", "value": "/etc/aws/hybrid/config"}]}
    if host.read("/etc/aws/hybrid/config") is None:
        del user["env"]
    return {
        "apiVersion": "v1", "kind": "Config", "current-context": "kubelet",
        "clusters": [{"name": "kubernetes", "cluster": {"server": endpoint, "certificate-authority": AUTHORITY}}],
        "contexts": [{"name": "kubelet", "context": {"cluster": "kubernetes", "user": "kubelet"}}],
        "users": [{"name": "kubelet", "user": {"exec": user}}],
    }  # fmt: skip


def containerd(config, region):
    text = f"""version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
imports = ["/etc/containerd/config.d/*.toml"]
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "602401143452.dkr.ecr.{region}.amazonaws.com/{init.PAUSE_IMAGE}"
[plugins."io.containerd.grpc.v1.cri".containerd]
default_runtime_name = "runc"
discard_unpacked_layers = true
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = true
[plugins."io.containerd.grpc.v1.cri".registry]
config_path = "/etc/containerd/certs.d:/etc/docker/certs.d"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/opt/cni/bin"
conf_dir = "/etc/cni/net.d"
"""
    more = config.at("containerd.config")
    if more:
        host.write("/etc/containerd/config.d/00-nodeadm.toml", more)
    return text


def credential_provider():
    return {
        "apiVersion": "kubelet.config.k8s.io/v1", "kind": "CredentialProviderConfig",
        "providers": [{
            "name": "ecr-credential-provider", "matchImages": ["*.dkr.ecr.*.amazonaws.com"], "defaultCacheDuration": "12h",
            "apiVersion": "credentialprovider.kubelet.k8s.io/v1",
        }],
    }  # fmt: skip


def unit():
    return f"""[Unit]
Description=Kubernetes Kubelet
Documentation=https://github.com/kubernetes/kubernetes
After=containerd.service
Wants=containerd.service

[Service]
Slice=runtime.slice
Environment=HOME=/root
EnvironmentFile={ENVIRONMENT}
ExecStart=/usr/bin/kubelet $NODEADM_KUBELET_ARGS
Restart=on-failure
RestartForceExitStatus=SIGPIPE
RestartSec=5
KillMode=process
CPUAccounting=true
MemoryAccounting=true

[Install]
WantedBy=multi-user.target
"""


def ask(method, path, body=None, content="application/json"):
    """Asks the API server as the kubelet does: status and JSON; 0 and the reason where there is no answer."""
    told = json.loads(host.read(KUBECONFIG))
    server = told["clusters"][0]["cluster"]["server"]
    arguments = told["users"][0]["user"]["exec"]["args"]
    token = aws.token(arguments[4], arguments[2])
    headers = {"authorization": f"Bearer {token}", "content-type": content, "accept": "application/json"}
    request = urllib.request.Request(server + path, method=method, headers=headers)
    if body is not None:
        request.data = json.dumps(body).encode()
    try:
        context = ssl.create_default_context(cafile=AUTHORITY)
        handlers = [urllib.request.HTTPSHandler(context=context)]
        with urllib.request.build_opener(*handlers).open(request, timeout=20) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error)


def pull_really(image, token):
    """Pulls by containerd; the text of the fault, or None."""
    done = host.run("ctr", "--namespace", "k8s.io", "images", "pull", "--user", base64.b64decode(token).decode(), image)
    if done.returncode == 0:
        return None
    said = (done.stderr.strip().splitlines() or [""])[-1]
    code = "NotFound" if "not found" in said else "Unknown"
    return f'rpc error: code = {code} desc = failed to pull and unpack image "{image}": {said}'


def pull(image, token):
    """Whether the registry has an image, on hosts without containerd; the text of the fault, or None."""
    name, rest = image.split("/", 1)
    repository, tag = rest.rsplit(":", 1)
    basic = base64.b64encode(base64.b64decode(token)).decode()
    types = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json"
    request = urllib.request.Request(
        f"https://{name}/v2/{repository}/manifests/{tag}", method="HEAD",
        headers={"authorization": f"Basic {basic}", "accept": types},
    )  # fmt: skip
    try:
        urllib.request.urlopen(request, timeout=20).close()
    except urllib.error.HTTPError as error:
        code = {404: "NotFound", 401: "Unknown", 403: "Unknown"}.get(error.code, "Unknown")
        reason = "not found" if error.code == 404 else f"unexpected status: {error.code}"
        return (f'rpc error: code = {code} desc = failed to pull and unpack image "{image}": '
                f'failed to resolve reference "{image}": {image}: {reason}')
    except OSError as error:
        return f'rpc error: code = Unknown desc = failed to pull and unpack image "{image}": failed to do request: {error}'
    return None


def give_password():
    """As ecr-credential-provider: a registry's password for the kubelet, which asks on standard input."""
    image = json.load(sys.stdin)["image"]
    name = image.split("/", 1)[0]
    token = aws.ecr_token(name.split(".")[3])["authorizationData"][0]["authorizationToken"]
    user, _, password = base64.b64decode(token).decode().partition(":")
    print(json.dumps({
        "kind": "CredentialProviderResponse", "apiVersion": "credentialprovider.kubelet.k8s.io/v1",
        "cacheKeyType": "Registry", "cacheDuration": "6h0m0s", "auth": {name: {"username": user, "password": password}},
    }))  # fmt: skip
    return 0


def merged():
    """The configuration as the kubelet reads it."""
    found = json.loads(host.read(CONFIG))
    found.update(json.loads(host.read(DROP_IN) or "{}"))
    return found


def flags():
    text = re.search(r'NODEADM_KUBELET_ARGS="(.*)"', host.read(ENVIRONMENT))[1]
    found = {}
    for one in shlex.split(text):
        name, _, value = one.removeprefix("--").partition("=")
        # A flag that lists labels is taken as a whole: the last one counts, as with the real one.
        found.setdefault(name, []).append(value)
    return found


def refused(settings):
    """Why the kubelet does not start with these settings; None when it does."""
    high, low = settings.get("imageGCHighThresholdPercent", 85), settings.get("imageGCLowThresholdPercent", LOW_THRESHOLD)
    faults = []
    if high <= low:
        faults.append(
            f"invalid configuration: imageGCHighThresholdPercent (--image-gc-high-threshold) {high} must be greater than "
            f"imageGCLowThresholdPercent (--image-gc-low-threshold) {low}"
        )
    if settings.get("maxPods", 110) < 0:
        faults.append(f"invalid configuration: maxPods (--max-pods) {settings['maxPods']} must not be a negative number")
    if not faults:
        return None
    return f"failed to validate kubelet configuration, error: [{', '.join(faults)}], path: &TypeMeta{{Kind:,APIVersion:,}}"


def report(running):
    """Tells the sandbox, which plays what a real kubelet would do from here on."""
    told = host.read(NAME)
    if told is None or host.read(KUBECONFIG) is None:
        return
    arguments = json.loads(host.read(KUBECONFIG))["users"][0]["user"]["exec"]["args"]
    body = {"address": host.address(), "region": arguments[4], "cluster": arguments[2], "node": told, "running": running}
    if running:
        labels = dict(one.split("=", 1) for value in flags().get("node-labels", []) for one in value.split(",") if "=" in one)
        credentials = labels.get(PROVIDER, "ssm")
        found = merged()
        body["registration"] = {
            "labels": labels, "taints": found.get("registerWithTaints") or [], "max_pods": found.get("maxPods", 110),
            "architecture": host.architecture(), "credentials": credentials,
            "version": host.run("/usr/bin/kubelet", "--version").stdout.split()[-1],
        }  # fmt: skip
    request = urllib.request.Request(SANDBOX, method="POST", data=json.dumps(body).encode())
    try:
        urllib.request.urlopen(request, timeout=60).close()
        return None
    except urllib.error.HTTPError as error:
        return error.read().decode(errors="replace")
    except OSError as error:
        return str(error)


def serve():
    """Registers as soon as the API server lets it, and leaves the rest to the sandbox."""
    fault = refused(merged())
    if fault:
        systemd.say("kubelet", f'E1130 12:00:00.000000    1000 run.go:72] "command failed" err="{fault}"')
        return 1
    node = host.read(NAME)
    while True:
        status, text = ask("GET", f"/api/v1/nodes/{node}")
        if status in (200, 403, 404):
            text = report(True)
            if text is None:
                systemd.say("kubelet", f'I1130 12:00:00.000000    1000 kubelet_node_status.go:78] "Successfully registered node" node="{node}"')
                return 0
        reason = "Unauthorized" if status == 401 else text
        systemd.say("kubelet", f'E1130 12:00:00.000000    1000 kubelet_node_status.go:107] "Unable to register node with API server" err="{reason}" node="{node}"')
        sys.stdout.flush()
        host.pause(5)
