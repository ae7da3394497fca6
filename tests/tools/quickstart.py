"""Follows README's quickstart with real Terraform, hashicorp/aws and a host that is joined over SSH, in the sandbox.

Only what the sandbox cannot have is overridden: the host's address and key, and the chart's place. After the apply the
node must be Ready, the next plan must be empty, and after the destroy the account must be the same as before.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import configurations
import stack
import terraform
import tools

CLUSTER = "workshop"
OVERRIDES = """
provider "ekshybrid" {{
  ssh = {{ known_hosts_path = "{folder}/known_hosts" }}
}}

resource "ekshybrid_cni" "cilium" {{
  cilium = {{ version = "1.17.1", chart = "{chart}" }}
}}

resource "ekshybrid_node" "edge" {{
  ssh = {{ host = "{address}", user = "{user}", private_key_path = "{private_key_path}" }}
}}
"""


def quickstart() -> str:
    """The configuration: the one with a data source of the caller."""
    found = [block for block in configurations.BLOCK.findall((tools.ROOT / "README.md").read_text())
             if "aws_caller_identity" in block]
    if len(found) != 1:
        raise stack.Failed(f"README.md has {len(found)} quickstarts")
    return found[0]


def follow(sandbox: stack.Sandbox, chosen: terraform.Terraform, aws: terraform.AwsProvider) -> None:
    account = sandbox.account(with_hosts=True)
    # One that hosts reach, too.
    account.call("settings", {"endpoint": "hosts"})
    host = account.host("edge", disk_megabytes=4096)
    account.cluster(CLUSTER, "control-plane", {})
    before = account.dump()
    with tempfile.TemporaryDirectory(prefix="ekshybrid-") as name:
        folder, home = Path(name) / "configuration", Path(name) / "home"
        folder.mkdir()
        home.mkdir()
        (folder / "main.tf").write_text(quickstart())
        (folder / "versions.tf").write_text(configurations.required(aws=True))
        chart = tools.charts() / "cilium-1.17.1.tgz"
        (folder / "override.tf").write_text(OVERRIDES.format(folder=folder, chart=chart, **host))
        (folder / "known_hosts").write_text(f"{host['address']} {host['host_keys'][0]}\n")
        program = stack.program("terraform-provider-ekshybrid")
        environment = terraform.environment(home, program, aws) | account.environment()

        def run(*arguments: str) -> None:
            answer = subprocess.run([*chosen.command, *arguments, "-no-color", "-input=false"], cwd=folder, env=environment,
                                    capture_output=True, text=True)
            if answer.returncode != 0:
                raise stack.Failed(f"`{' '.join(arguments)}` ended with {answer.returncode}\n{answer.stdout}{answer.stderr}")

        run("init")
        run("apply", "-auto-approve")
        nodes = account.kubectl(CLUSTER, "get", "nodes", "-l", "eks.amazonaws.com/compute-type=hybrid", "--no-headers")
        if len(nodes.splitlines()) != 1 or nodes.split()[1] != "Ready":
            raise stack.Failed(f"the node is not Ready:\n{nodes}")
        run("plan", "-detailed-exitcode")
        run("destroy", "-auto-approve")
    stack.compare(before, account.dump())


def left_out(reason) -> int:
    print(f"left out: README's quickstart: {reason}\n0 passed, 0 failed")
    return 0


def main() -> int:
    stack.build()
    chosen, aws = terraform.choose(), terraform.aws_provider()
    with stack.Sandbox() as sandbox:
        if not aws:
            return left_out("hashicorp/aws is not available")
        if reason := sandbox.without_hosts():
            return left_out(f"{reason} (known: the machine cannot have hosts)")
        begun = time.monotonic()
        try:
            follow(sandbox, chosen, aws)
        except tools.Unavailable as reason:
            return left_out(reason)
        except stack.Failed as reason:
            print(f"FAILED  README's quickstart: {reason}\n0 passed, 1 failed")
            return 1
    took = time.monotonic() - begun
    print(f"ok      README's quickstart: a Ready node, an empty plan, nothing left, {took:.0f} s\n1 passed, 0 failed")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (stack.Failed, tools.Unavailable) as reason:
        sys.exit(f"error: {reason}")
