"""NodeConfig, read as strictly as nodeadm reads it. Source: aws/eks-hybrid, api/v1alpha1/nodeconfig_types.go."""

import re

import yaml

import host
from log import Failure

TEXT, FLAG, ANY, TEXTS = "string", "bool", "any", "[]string"
SCHEMA = {
    "apiVersion": TEXT,
    "kind": TEXT,
    "metadata": ANY,
    "spec": {
        "cluster": {
            "name": TEXT, "region": TEXT, "apiServerEndpoint": TEXT, "certificateAuthority": TEXT, "cidr": TEXT,
            "enableOutpost": FLAG, "id": TEXT,
        },
        "containerd": {"config": TEXT},
        "instance": {"localStorage": {"strategy": TEXT}},
        "kubelet": {"config": ANY, "flags": TEXTS},
        "hybrid": {
            "enableCredentialsFile": FLAG,
            "nodeName": TEXT,
            "ssm": {"activationCode": TEXT, "activationId": TEXT},
            "iamRolesAnywhere": {
                "nodeName": TEXT, "trustAnchorArn": TEXT, "profileArn": TEXT, "roleArn": TEXT, "awsConfigPath": TEXT,
                "certificatePath": TEXT, "privateKeyPath": TEXT,
            },
        },
    },
    "status": ANY,
}  # fmt: skip
KINDS = {TEXT: str, FLAG: bool, TEXTS: list}
ACTIVATION_ID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


class Config:
    """A NodeConfig that has been read."""

    def __init__(self, told):
        self.told = told

    def at(self, path):
        """What is at a path in spec, such as `cluster.name`; None where there is nothing."""
        value = self.told.get("spec") or {}
        for part in path.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return value

    def set(self, path, value):
        place = self.told.setdefault("spec", {})
        *folders, last = path.split(".")
        for part in folders:
            place = place.setdefault(part, {})
        place[last] = value

    def is_hybrid(self):
        return bool(self.at("hybrid"))

    def is_ssm(self):
        return self.at("hybrid.ssm") is not None

    def is_anywhere(self):
        return self.at("hybrid.iamRolesAnywhere") is not None

    def flags(self):
        return self.at("kubelet.flags") or []

    def flag(self, name):
        """The last value of a kubelet's flag."""
        start = f"--{name}="
        return next((one[len(start):] for one in reversed(self.flags()) if one.startswith(start)), "")


def load(source):
    """Reads file://… strictly."""
    scheme, separator, path = source.partition("://")
    if not separator or scheme not in ("file", "imds"):
        raise Failure(f"unknown scheme: {scheme if separator else ''}")
    if scheme == "imds":
        host.pause(5)
        raise Failure("operation error ec2imds: GetUserData, request canceled, context deadline exceeded")
    text = host.read(path)
    if text is None:
        raise Failure(f"open {path}: no such file or directory")
    try:
        told = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)) or {}
    except yaml.YAMLError as error:
        raise Failure(f"error converting YAML to JSON: yaml: {error}") from error
    if not isinstance(told, dict):
        kind = {str: "string", list: "array"}.get(type(told), "value")
        raise wrong(f"json: cannot unmarshal {kind} into Go value of type v1alpha1.NodeConfig")
    version, kind = told.get("apiVersion", ""), told.get("kind", "")
    if told and (version, kind) != ("node.eks.aws/v1alpha1", "NodeConfig"):
        raise Failure(f'no kind "{kind}" is registered for version "{version}" in scheme "pkg/runtime/scheme.go:110"')
    check(told, SCHEMA, "NodeConfig")
    return Config(told)


def wrong(text):
    return Failure(f"error unmarshaling JSON: while decoding JSON: {text}")


def check(value, schema, place):
    """Refuses what the type at this place does not have."""
    if schema == ANY or value is None:
        return
    if isinstance(schema, dict):
        if not isinstance(value, dict):
            raise mismatch(value, place, "v1alpha1." + place.rsplit(".", 1)[-1])
        for name, inner in value.items():
            if name not in schema:
                raise wrong(f'json: unknown field "{name}"')
            check(inner, schema[name], f"{place}.{name}")
    elif not isinstance(value, KINDS[schema]):
        raise mismatch(value, place, schema)


def mismatch(value, place, wanted):
    kind = {bool: "bool", int: "number", float: "number", str: "string", list: "array", dict: "object"}[type(value)]
    return wrong(f"json: cannot unmarshal {kind} into Go struct field {place} of type {wanted}")


def validate(config, defaults=True):
    """What nodeadm checks before it does anything. `config check` has no defaults for IAM Roles Anywhere."""
    if not config.at("cluster.name"):
        raise Failure("Name is missing in cluster configuration")
    if not config.at("cluster.region"):
        raise Failure("Region is missing in cluster configuration")
    if override := config.flag("hostname-override"):
        raise Failure(f"hostname-override kubelet flag is not supported for hybrid nodes but found override: {override}")
    if not config.is_anywhere() and not config.is_ssm():
        raise Failure("Either IAMRolesAnywhere or SSM must be provided for hybrid node configuration")
    if config.is_anywhere() and config.is_ssm():
        raise Failure("Only one of IAMRolesAnywhere or SSM must be provided for hybrid node configuration")
    if config.is_anywhere():
        validate_anywhere(config, defaults)
    else:
        validate_ssm(config)


def validate_ssm(config):
    code, activation = config.at("hybrid.ssm.activationCode"), config.at("hybrid.ssm.activationId")
    if not code:
        raise Failure("ActivationCode is missing in hybrid ssm configuration")
    if not activation:
        raise Failure("ActivationID is missing in hybrid ssm configuration")
    # Yes, it prints the code.
    if not 20 <= len(code) <= 250:
        raise Failure(f"invalid ActivationCode format: {code}. Must be 20-250 characters")
    if not re.fullmatch(ACTIVATION_ID, activation):
        raise Failure(f"invalid ActivationID format: {activation}. Must be in format: ^{ACTIVATION_ID}$")


def validate_anywhere(config, defaults):
    at = lambda name: config.at(f"hybrid.iamRolesAnywhere.{name}")  # noqa: E731
    for member, name in [("roleArn", "RoleARN"), ("profileArn", "ProfileARN"), ("trustAnchorArn", "TrustAnchorARN")]:
        if not at(member):
            raise Failure(f"{name} is missing in hybrid iam roles anywhere configuration")
    if not at("nodeName"):
        raise Failure("NodeName can't be empty in hybrid iam roles anywhere configuration")
    if len(at("nodeName")) > 64:
        raise Failure("NodeName can't be longer than 64 characters in hybrid iam roles anywhere configuration")
    for member, name, usual, what in [
        ("certificatePath", "CertificatePath", "/etc/iam/pki/server.pem", "certificate"),
        ("privateKeyPath", "PrivateKeyPath", "/etc/iam/pki/server.key", "private key"),
    ]:
        if not at(member) and not defaults:
            raise Failure(f"{name} is missing in hybrid iam roles anywhere configuration")
        path = at(member) or usual
        if host.read(path) is None:
            raise Failure(f"IAM Roles Anywhere {what} {path} not found")
