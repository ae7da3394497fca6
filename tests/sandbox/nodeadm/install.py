"""`nodeadm install`: what it puts where, and the record of it."""

import json
import os
import shutil
import stat
import sys
from pathlib import Path

import agent
import host
import log
import manifest
from log import Failure
from version import VERSION

TRACKER = "/opt/nodeadm/tracker"
BUILD = "eks-ecaa3a6"
# Where a whole host has the real programs.
PROGRAMS = Path("/sandbox/bin")
PLUGINS = ["bridge", "host-local", "loopback", "portmap"]
# The key that versions before this one hold has expired.
FIRST_WITH_KEY = (1, 0, 19)


def installed():
    """The record of what has been installed; None when nothing has."""
    text = host.read(TRACKER)
    return None if text is None else json.loads(text)


def main(version, provider, source, region, override):
    log.info("Validating containerd source", source=source)
    if provider not in ("ssm", "iam-ra"):
        raise Failure(f"invalid credential provider: {provider}. Must be one of: ssm, iam-ra")
    validate_source(source)
    log.info("Validating Kubernetes version", **{"kubernetes version": version})
    listed = manifest.fetch(override)
    release = manifest.release(listed, version)
    manifest.region(listed, region)
    log.info("Using Kubernetes version", **{"kubernetes version": release})
    packages()
    record = put(release, provider, source, region)
    log.info("Finishing up install...")
    host.write(TRACKER, json.dumps(record))
    return 0


def validate_source(source):
    if source not in ("none", "distro", "docker"):
        raise Failure(f"invalid containerd source: {source}. Must be one of: none, distro, docker")
    if source == "docker" and host.system() == "amzn":
        raise Failure(
            "docker source for containerd is not supported on AL2023. "
            "Please provide `none` or `distro` to the --containerd-source flag"
        )
    if source == "distro" and host.system() == "rhel":
        raise Failure(
            "distro source for containerd is not supported on RHEL. "
            "Please provide `none` or `docker` to the --containerd-source flag"
        )


def packages():
    log.info("Configuring package manager. This might take a while...")
    host.pause(1)


def put(version, provider, source, region):
    """Installs everything of a version, and gives the record."""
    log.info("Installing containerd...")
    log.info("Installing iptables...")
    if provider == "ssm":
        install_agent(region)
    else:
        log.info("Installing AWS signing helper...")
        own_or_stub("/usr/local/bin/aws_signing_helper", "aws_signing_helper", "exit 1")
    put_components(version)
    # Both are in the root file system: nodeadm then notes that it has not brought them.
    return {
        "Artifacts": {
            "Containerd": "none", "CniPlugins": True, "IamAuthenticator": True, "IamRolesAnywhere": provider == "iam-ra",
            "ImageCredentialProvider": True, "Kubectl": True, "Kubelet": True, "Ssm": provider == "ssm", "Iptables": False,
        },
        "Version": version,
        "Region": region,
    }  # fmt: skip


def install_agent(region):
    log.info("Installing SSM agent installer...")
    if tuple(int(part) for part in VERSION[1:].split(".")) < FIRST_WITH_KEY:
        raise Failure(
            "failed to install ssm installer: validating ssm-setup-cli signature: "
            "Signature Verification Error: No matching signature"
        )
    kind = "debian" if host.has_apt() else "linux"
    name = f"amazon-ssm-{region}.s3.{region}.amazonaws.com"
    program = manifest.download(f"https://{name}/latest/{kind}_{host.architecture()}/ssm-setup-cli")
    write_program("/opt/ssm/ssm-setup-cli", program)
    path, unit = agent.place()
    write_program(path, program)
    text = (
        f"[Unit]\nDescription=amazon-ssm-agent\nAfter=network-online.target\n\n[Service]\nType=simple\n"
        f"ExecStart={path}\nKillMode=process\nRestart=always\nRestartSec=5\n\n[Install]\nWantedBy=multi-user.target\n"
    )
    host.write(f"/etc/systemd/system/{unit}.service", text)
    Path("/etc/amazon/ssm").mkdir(parents=True, exist_ok=True)


def put_components(version):
    full = f"v{version}-{BUILD}"
    log.info("Installing kubelet...")
    own_or_stub("/usr/bin/kubelet", "kubelet", f'echo "Kubernetes {full}"')
    log.info("Installing kubectl...")
    own_or_stub("/usr/local/bin/kubectl", "kubectl", f'echo "Client Version: {full}"')
    log.info("Installing cni-plugins...")
    for name in PLUGINS:
        own_or_stub(f"/opt/cni/bin/{name}", name, "exit 1")
    log.info("Installing image credential provider...")
    # The archive once more, under the name by which it does that.
    write_program("/etc/eks/image-credential-provider/ecr-credential-provider", Path(sys.argv[0]).read_bytes())
    log.info("Installing IAM authenticator...")
    own_or_stub("/usr/local/bin/aws-iam-authenticator", "aws-iam-authenticator", "exit 1")


def own_or_stub(path, name, otherwise):
    """The real program on a whole host; elsewhere one that has its name and its version."""
    real = PROGRAMS / name
    if not real.exists():
        host.program(path, f"#!/bin/sh\n{otherwise}\n")
        return
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    host.remove(path)
    shutil.copy(real, path)
    os.chmod(path, 0o755)


def write_program(path, content):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    fresh.write_bytes(content)
    fresh.chmod(stat.S_IRWXU | stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH)
    fresh.rename(path)
