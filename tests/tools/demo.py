"""`make demo`: two stacks, step by step, for people.

    python3 tests/tools/demo.py [--picture FILE]   with a picture of how the hosts joined and left, as an SVG
"""

import json
import re
import sys
import tempfile
from pathlib import Path

import hosts
import picture
import terraform
import tools
from stack import Account, Failed, LeftOut, Sandbox, Stack, build, compare, indented, verify


def demo(file: Path | None) -> int:
    build()
    chosen, aws = terraform.choose(), terraform.aws_provider()
    try:
        hosts.make()
    except tools.Unavailable as reason:
        tools.say(f"there are no hosts to join: {reason}")
    with Sandbox() as sandbox:
        for name, show in (("custom-networking", show_custom_networking), ("workshop", show_workshop)):
            title(f"The stack `{name}`, applied by {chosen.product} {chosen.version} in a sandbox on this machine. No AWS account is touched.")
            with tempfile.TemporaryDirectory(prefix="ekshybrid-") as folder:
                account = sandbox.account(with_hosts=name == "workshop" and sandbox.without_hosts() is None)
                try:
                    stack = Stack(name, account, chosen, Path(folder), True, aws)
                except LeftOut as reason:
                    print(f"\nThis part is skipped: {reason}")
                    continue
                if not stack.aws:
                    print("\nhashicorp/aws is not available: `terraform_data` resources replace what it creates for a real user.")
                for note in stack.notes:
                    print(f"\nNote: {note}.")
                before = stack.everything()
                seen = show(stack, account)
                title("Destroy, and compare with the state before the first apply")
                stack.destroy()
                compare(before, stack.everything())
                print(f"\n{what_is_left(stack)}")
                if seen:
                    show_hosts(stack, account, seen)
                    if file:
                        file.write_text(drawn(stack, seen))
                        print(f"\nThe picture is {file}.")
    return 0


def what_is_left(stack: Stack) -> str:
    kept = stack.kept_clusters()
    what = "the account and its cluster are as they were" if kept else "the account is as it was"
    namespaces = " and ".join(f"`{name}`" for name in getattr(stack.module, "LEFT_NAMESPACES", ()))
    but = f", except for the empty namespace {namespaces}, which Helm leaves too" if namespaces else ""
    return f"Nothing is left: {what} before the first apply{but}."


def show_workshop(stack: Stack, account: Account) -> dict | None:
    """Returns what Kubernetes knew of the hosts that were joined over SSH."""
    joins = account.with_hosts
    title("Plan and apply: an activation for hosts outside AWS, the configuration for such a host, and Cilium"
          + ("; then two hosts join over SSH, and the apply is complete when they are Ready" if joins else ""))
    stack.init()
    stack.plan()
    stack.apply()
    verify(stack)

    title("The NodeConfig for the host (the code in it is from the sandbox)")
    print(indented(stack.output("node_config")))
    user_data = stack.output("user_data").splitlines()
    title(f"The cloud-init user data that installs nodeadm and joins the host: the first of {len(user_data)} lines")
    print(indented("\n".join(user_data[:24])))

    title("Planned again: nothing to do")
    expect(not stack.plan(), "the plan after apply is not empty")

    title("Somebody deletes the activation outside Terraform: the plan shows it")
    account.call("delete", {"kind": "activation", "name": stack.output("activation_id")})
    expect(stack.plan(), "the plan does not show the deleted activation")
    stack.apply()

    title("A host registers with the activation code, as its agent does: the next apply lists it")
    host = account.call("instances", {
        "activation_id": stack.output("activation_id"), "computer_name": "edge-1", "ip_address": "10.80.0.11",
    })
    stack.plan()
    stack.apply()
    if stack.module:
        expect(host["instance_id"] in stack.output("hosts"), f"{host['instance_id']} is not among the hosts")

    title("A day passes and the activation expires: the plan creates a new one, the host stays registered")
    account.call("clock", {"advance_seconds": 25 * 3600})
    expect(stack.plan(), "the expired activation is not rotated")
    stack.apply()

    # Without a control plane there is no CNI either.
    if stack.module:
        title("The CNI's pods run on the cluster's hybrid nodes, which are Ready")
        for arguments in (
            ["get", "nodes", "-L", "eks.amazonaws.com/compute-type"], ["get", "pods", "-n", "cilium", "-o", "wide"],
        ):
            show_answer(account, "workshop", "kubectl", *arguments)
        show_answer(account, "workshop", "helm", "list", "-A")
    return {"nodes": stack.output("nodes"), "ready": ready_nodes(account)} if joins else None


def ready_nodes(account: Account) -> dict[str, str]:
    """Node → the time at which it became Ready, of the nodes that are."""
    nodes = json.loads(account.kubectl("workshop", "get", "nodes", "-o", "json"))["items"]
    conditions = {node["metadata"]["name"]: node["status"]["conditions"] for node in nodes}
    ready = {name: [one for one in all if one["type"] == "Ready" and one["status"] == "True"] for name, all in conditions.items()}
    return {name: found[0]["lastTransitionTime"] for name, found in ready.items() if found}


def show_hosts(stack: Stack, account: Account, seen: dict) -> None:
    """A table: what became of each host, from the first apply to the destroy."""
    rows = [("host", "address", "node", "kubelet", "joined in", "Ready", "left in", "kubelet afterwards")]
    for name, node in sorted(seen["nodes"].items()):
        expect(node["node"] in seen["ready"], f"{node['node']} was not Ready")
        resource = f'ekshybrid_node.hosts["{name}"]'
        gone = account.on_host(name, "test -e /usr/bin/kubelet && echo installed || echo gone").strip()
        rows.append((name, node["address"], node["node"], node["kubelet"], took(stack, resource, "Creation"), "yes",
                     took(stack, resource, "Destruction"), gone))
    title("The hosts, from nothing to Ready nodes and back")
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for number, row in enumerate(rows):
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
        if number == 0:
            print("  " + "  ".join("─" * width for width in widths))


def drawn(stack: Stack, seen: dict) -> str:
    """The picture of the first apply and of the destroy."""
    commands = {}
    for name, lines in stack.commands:
        # Later applies only add what somebody has changed.
        commands.setdefault(name, lines)
    apply = picture.panel("terraform apply", commands["apply"], "Creating", "Creation complete")
    destroy = picture.panel("terraform destroy", commands["destroy"], "Destroying", "Destruction complete")
    ready = {f'ekshybrid_node.hosts["{name}"]': picture.moment_of(seen["ready"][node["node"]]) for name, node in seen["nodes"].items()}
    names = {f'ekshybrid_node.hosts["{name}"]': f"host {name}, over SSH" for name in seen["nodes"]}
    names |= {"ekshybrid_activation.hosts": "activation", "ekshybrid_cni.cilium": "Cilium"}
    title = f"The stack workshop: {len(seen['nodes'])} hosts become Ready nodes, and leave again"
    return picture.draw(title, apply, destroy, ready, names)


def took(stack: Stack, resource: str, what: str) -> str:
    """How long Terraform says that it took to create or destroy a resource."""
    printed = "".join(line for _, lines in stack.commands for _, line in lines)
    found = re.search(rf"{re.escape(resource)}: {what} complete after (\S+)", printed)
    expect(found is not None, f"Terraform has not reported the {what.lower()} of {resource}")
    return found[1]


def show_answer(account: Account, cluster: str, program: str, *arguments: str) -> None:
    """Prints the output of a program as a cluster's administrator, or that it is not available."""
    try:
        answer = indented(getattr(account, program)(cluster, *arguments), 180)
    except tools.Unavailable as reason:
        answer = f"  skipped: {reason}"
    print(f"\n$ {program} {' '.join(arguments)}\n{answer}")


def show_custom_networking(stack: Stack, account: Account) -> None:
    cluster = "custom-networking"

    title("One apply: the cluster, ENIConfigs, custom networking, then the nodes")
    stack.init()
    stack.plan()
    stack.apply()
    verify(stack)

    title("Output of kubectl for the cluster's administrator")
    for arguments in (
        ["get", "eniconfigs", "-o", "custom-columns=NAME:.metadata.name,SUBNET:.spec.subnet,GROUPS:.spec.securityGroups"],
        ["get", "nodes", "-o", "custom-columns=NAME:.metadata.name,ZONE:.metadata.labels.topology\\.kubernetes\\.io/zone,"
         "PODS:.status.capacity.pods"],
        ["get", "pods", "-A", "-o", "wide"],
    ):
        show_answer(account, cluster, "kubectl", *arguments)

    title("Planned again: nothing to do")
    expect(not stack.plan(), "the plan after apply is not empty")

    title("The node group gets another node, which finds its ENIConfig by its zone: nothing to do")
    account.cluster(cluster, "nodes", {"kind": "ec2", "count": 1, "node_group": "custom-networking-nodes"})
    expect(not stack.plan(), "the plan changes something for a new node")

    title("Somebody switches custom networking off with kubectl: the plan shows it")
    account.kubectl(cluster, "set", "env", "daemonset", "aws-node", "-n", "kube-system", "AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG=false")
    expect(stack.plan(), "the plan does not show the changed variable")
    stack.apply()


def expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Failed(otherwise)


def title(text: str) -> None:
    print(f"\n━━ {text}", flush=True)


if __name__ == "__main__":
    try:
        match sys.argv[1:]:
            case []:
                sys.exit(demo(None))
            case ["--picture", name]:
                sys.exit(demo(Path(name)))
            case _:
                sys.exit(__doc__)
    except (Failed, tools.Unavailable) as reason:
        print(f"\nerror: {reason}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
