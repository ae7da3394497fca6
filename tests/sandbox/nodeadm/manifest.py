"""The manifest of what nodeadm installs: from AWS's place, or from the file or address of --manifest-override."""

import re
import time
import urllib.request

import yaml

import host
from log import Failure

ADDRESS = "https://hybrid-assets.eks.amazonaws.com/manifest.yaml"
TIMEOUT = 30


def fetch(override=None):
    address = override or ADDRESS
    if address.startswith("file://"):
        text = host.read(address[len("file://"):])
        if text is None:
            raise Failure(f"open {address[len('file://'):]}: no such file or directory")
    else:
        text = download(address).decode()
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def download(address):
    """Each try may take as long as the host's time has it."""
    patience = max(5, TIMEOUT * host.facts().get("time_scale", 1))
    last = None
    for _ in range(3):
        try:
            with urllib.request.urlopen(address, timeout=patience) as answer:
                return answer.read()
        except OSError as error:
            last = error
            time.sleep(0.05)
    host.pause(TIMEOUT)
    raise Failure(f"max retries achieved for http request: {address}: {last}")


def release(manifest, version):
    """The whole version that is meant by major.minor or major.minor.patch."""
    if not re.fullmatch(r"\d+(\.\d+(\.\d+)?)?", version):
        raise Failure(f"getting latest eks release: invalid semantic version: {version}")
    minor, _, patch = version.partition(".")[0] + "." + (version.split(".") + ["0"])[1], None, version.split(".")[2:]
    for found in manifest["supported_eks_releases"]:
        if found["major_minor_version"] != minor:
            continue
        wanted = patch[0] if patch else found["latest_patch_version"]
        for one in found["patch_releases"]:
            if one["patch_version"] == wanted:
                return one["version"]
    if patch:
        raise Failure(
            "getting latest eks release: input semver did not match with available releases. "
            "Try again with major.minor version"
        )
    raise Failure("getting latest eks release: input semver did not match with any available releases")


def region(manifest, name):
    if name not in manifest["region_config"]:
        raise Failure(f"region {name} not found in manifest")
    return manifest["region_config"][name]
