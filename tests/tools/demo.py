"""`make demo`: two stacks, step by step, for people."""

import sys
import tempfile
from pathlib import Path

import terraform
import tools
from stack import Account, Failed, LeftOut, Sandbox, Stack, build, compare, indented, verify


def demo() -> int:
    build()
    chosen, aws = terraform.choose(), terraform.aws_provider()
    with Sandbox() as sandbox:
        for name, show in (("custom-networking", show_custom_networking), ("workshop", show_workshop)):
            title(f"The stack `{name}`, applied by {chosen.product} {chosen.version} in a sandbox on this machine. No AWS account is touched.")
            with tempfile.TemporaryDirectory(prefix="ekshybrid-") as folder:
                account = sandbox.account()
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
                show(stack, account)
                title("Destroy, and compare with the state before the first apply")
                stack.destroy()
                compare(before, stack.everything())
                print(f"\n{what_is_left(stack)}")
    return 0


def what_is_left(stack: Stack) -> str:
    kept = stack.kept_clusters()
    what = "the account and its cluster are as they were" if kept else "the account is as it was"
    namespaces = " and ".join(f"`{name}`" for name in getattr(stack.module, "LEFT_NAMESPACES", ()))
    but = f", except for the empty namespace {namespaces}, which Helm leaves too" if namespaces else ""
    return f"Nothing is left: {what} before the first apply{but}."


def show_workshop(stack: Stack, account: Account) -> None:
    title("Plan and apply: an activation for hosts outside AWS, the configuration for such a host, and Cilium")
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
        sys.exit(demo())
    except (Failed, tools.Unavailable) as reason:
        print(f"\nerror: {reason}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
