"""Plays a host outside of EC2 that boots with cloud-init user data, as far as stand-ins for hashicorp/aws need it.

    python3 tests/tools/host.py boot CONTROL_URL CLUSTER NAME ADDRESS     USER_DATA from the environment
    python3 tests/tools/host.py remove CONTROL_URL CLUSTER NAME

CONTROL_URL is that of the sandbox, up to and with the account. A host that boots registers with the activation that its
NodeConfig names, and its Node appears. One that is removed takes its Node along; it stays registered, as a real one does.
"""

import email
import os
import re
import subprocess
import sys

import control
import tools

# Label by which the Node of a host is found again.
HOST = "sandbox.invalid/host"
# How nodeadm's user data names them.
ACTIVATION_ID = re.compile(r"activationId: \\?[\"']?([0-9a-f-]{36})")
ACTIVATION_CODE = re.compile(r"activationCode: \\?[\"']?([^\s\"'\\]+)")


def node_config(user_data: str) -> str:
    """The part of the archive that holds the NodeConfig."""
    for part in email.message_from_string(user_data).walk():
        if part.get_content_type() == "text/cloud-config":
            return part.get_payload(decode=True).decode()
    sys.exit("the user data has no cloud-config part")


def named(pattern: re.Pattern, config: str) -> str:
    if not (found := pattern.search(config)):
        sys.exit(f"the NodeConfig names none of {pattern.pattern}")
    return found[1]


def boot(account: str, cluster: str, name: str, address: str) -> None:
    config = node_config(os.environ["USER_DATA"])
    if f"name: {cluster}" not in config:
        sys.exit(f"the NodeConfig is not for cluster {cluster}")
    instance = control.call(f"{account}/instances", {
        "activation_id": named(ACTIVATION_ID, config), "activation_code": named(ACTIVATION_CODE, config),
        "computer_name": name, "ip_address": address,
    })["instance_id"]
    control.call(f"{account}/clusters/{cluster}/nodes", {
        "kind": "hybrid", "names": [instance], "architecture": "arm64", "max_pods": 110,
        "labels": {HOST: name},
    })


def remove(account: str, cluster: str, name: str) -> None:
    kubeconfig = control.call(f"{account}/clusters/{cluster}/kubeconfig")["path"]
    subprocess.run(
        [tools.go_tool("kubectl"), "--kubeconfig", kubeconfig, "delete", "node", f"--selector={HOST}={name}"],
        check=True,
    )


def main() -> None:
    match sys.argv[1:]:
        case ["boot", account, cluster, name, address]:
            boot(account, cluster, name, address)
        case ["remove", account, cluster, name]:
            remove(account, cluster, name)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
