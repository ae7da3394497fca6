"""The SSM agent: registration, the role's credentials, and the report that the host is alive.

    amazon-ssm-agent -register -y -region R -code C -id I     as nodeadm calls it
    amazon-ssm-agent                                          the service
    ssm-setup-cli -register -activation-code C -activation-id I -region R     as people do without nodeadm
"""

import base64
import json
import subprocess
import sys
import time
from pathlib import Path

import aws
import host

REGISTRATION = "/var/lib/amazon/ssm/registration"
KEY = "/var/lib/amazon/ssm/Vault/Store/RegistrationKey"
VERSION = "3.3.3050.0"


def place():
    """Path and unit, which Ubuntu's snap names in its own way."""
    if host.has_apt() and host.is_ubuntu():
        return "/snap/amazon-ssm-agent/current/amazon-ssm-agent", "snap.amazon-ssm-agent.amazon-ssm-agent"
    return "/usr/bin/amazon-ssm-agent", "amazon-ssm-agent"


def registration():
    """ID and region of the managed instance; None when the host is not registered."""
    text = host.read(REGISTRATION)
    if text is None:
        return None
    told = json.loads(text)
    return told["ManagedInstanceID"], told["Region"]


def fingerprint():
    return (host.read("/etc/machine-id") or "").strip()


def register(region, code, activation):
    """Registers the host; the text of a failure is the agent's."""
    Path(KEY).parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", KEY],
        check=True, capture_output=True,
    )  # fmt: skip
    Path(KEY).chmod(0o600)
    public = subprocess.run(["openssl", "pkey", "-in", KEY, "-pubout", "-outform", "DER"], check=True, capture_output=True)
    body = {
        "ActivationId": activation, "ActivationCode": code, "PublicKey": base64.b64encode(public.stdout).decode(),
        "PublicKeyType": "Rsa", "Fingerprint": fingerprint(),
    }  # fmt: skip
    answer = aws.ssm(region, "RegisterManagedInstance", body)
    host.write(REGISTRATION, json.dumps({"ManagedInstanceID": answer["InstanceId"], "Region": region}), 0o600)
    return answer["InstanceId"]


def refresh():
    """Fetches the role's credentials and reports; gives the seconds for which they are good."""
    found = registration()
    if not found:
        raise aws.Unreachable("the host is not registered")
    instance, region = found
    got = aws.ssm(region, "RequestManagedInstanceRoleToken", {"Fingerprint": fingerprint()}, aws.with_key(instance, KEY))
    text = "[default]\n" + "".join(
        f"{name} = {got[member]}\n"
        for name, member in [("aws_access_key_id", "AccessKeyId"), ("aws_secret_access_key", "SecretAccessKey"),
                             ("aws_session_token", "SessionToken")]
    )
    host.write(aws.CREDENTIALS, text, 0o600, 0o700)
    release = host.os_release()
    report = {
        "InstanceId": instance, "AgentVersion": VERSION, "AgentStatus": "Active", "IPAddress": host.address(),
        "ComputerName": (host.read("/etc/hostname") or "").strip(), "PlatformType": "Linux",
        "PlatformName": release.get("NAME", "Linux"), "PlatformVersion": release.get("VERSION_ID", ""),
    }  # fmt: skip
    keys = aws.with_secret(got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"])
    aws.ssm(region, "UpdateInstanceInformation", report, keys)
    return got["TokenExpirationDate"] - time.time()


def setup(arguments):
    """Installs the agent, registers the host and starts the service. Source: Systems Manager user guide, "Install SSM
    Agent on hybrid Linux nodes"."""
    import install
    import systemd

    if "-register" not in arguments:
        return 0
    value = {name: arguments[arguments.index(name) + 1] for name in ("-region", "-activation-code", "-activation-id")}
    install.install_agent(value["-region"])
    try:
        instance = register(value["-region"], value["-activation-code"], value["-activation-id"])
        # The service would do it a moment later.
        refresh()
    except (aws.Refused, aws.Unreachable) as why:
        print(f"Registration failed due to error registering the instance with AWS SSM. {why}", file=sys.stderr)
        return 1
    _, unit = place()
    systemd.enable(unit)
    systemd.start(unit)
    print(f"Successfully registered the instance with AWS SSM using Managed instance-id: {instance}")
    return 0


def main(arguments):
    if "-register" in arguments:
        value = {name: arguments[arguments.index(name) + 1] for name in ("-region", "-code", "-id")}
        try:
            instance = register(value["-region"], value["-code"], value["-id"])
        except aws.Refused as refused:
            print("Error occurred fetching the seelog config file path:  open /etc/amazon/ssm/seelog.xml: no such file or directory")
            print(
                "Registration failed due to error registering the instance with AWS SSM. "
                f"{refused.code}: {refused.message}\n\tstatus code: {refused.status}, request id: {refused.request_id}"
            )
            return 1
        except aws.Unreachable as why:
            print(f"Registration failed due to error registering the instance with AWS SSM. {why}")
            return 1
        print(f"Successfully registered the instance with AWS SSM using Managed instance-id: {instance}")
        return 0
    once = "-once" in arguments
    while True:
        try:
            wait = max(60, min(1800, refresh() / 2))
        except (aws.Refused, aws.Unreachable) as why:
            print(f"ERROR EC2RoleProvider Failed to connect to Systems Manager with SSM role credentials. {why}", file=sys.stderr)
            wait = 5
        if once:
            return 0
        time.sleep(wait)
