"""The stack `workshop`: before, a running cluster with two hosts; after, what must exist.

The hosts have joined already, and kwok plays their kubelets; or, where the sandbox has hosts, the stack joins them over SSH.
"""

import json

import tools

CLUSTER = "workshop"
KEPT_CLUSTERS = (CLUSTER,)
LEFT_NAMESPACES = ("cilium",)
# Left out if there is no control plane.
OPTIONAL = ("cni.tf", "hosts.tf")
# Resources of aws.tf that other files refer to, and their stand-ins.
STANDS_FOR = {
    f"{one}.hybrid_nodes": "terraform_data.hybrid_nodes"
    for one in ("aws_eks_access_entry", "aws_iam_role_policy_attachment", "aws_iam_role_policy")
}
HOSTS = ("edge-1", "edge-2")


def prepare(account, charts) -> dict:
    """Starts the control plane of the account's cluster, and hosts."""
    variables, note = {"cluster_name": CLUSTER}, None
    try:
        variables |= {"cilium_chart": str(charts() / "cilium-1.17.1.tgz")}
    except tools.Unavailable as reason:
        chart = tools.ROOT / "tests" / "sandbox" / "charts" / "cilium"
        variables |= {"cilium_chart": str(chart), "cilium_version": "0.1.0"}
        note = f"a small chart of the sandbox replaces Cilium's: {reason}"
    if account.with_hosts:
        # One that hosts reach, too.
        account.call("settings", {"endpoint": "hosts"})
        hosts = {name: account.host(name, disk_megabytes=4096) for name in HOSTS}
        variables["ssh_private_key_path"] = hosts[HOSTS[0]]["private_key_path"]
        variables["hosts"] = {
            name: {"address": host["address"], "user": host["user"], "host_key": host["host_keys"][0]}
            for name, host in hosts.items()
        }
    account.cluster(CLUSTER, "control-plane", {})
    if not account.with_hosts:
        # They wait for a CNI.
        account.cluster(CLUSTER, "nodes", {"kind": "hybrid", "count": 2})
        variables["ready_hosts"] = 2
    return {"variables": variables, "note": note}


def stand_in(account) -> dict:
    """Seeded accounts already have the role and its access."""
    return {}


def verify(account) -> list[str]:
    """Faults: hosts that are not Ready, or whose CNI is not Cilium."""
    nodes = account.cluster(CLUSTER, "nodes")["nodes"]
    faults = [] if len(nodes) == 2 else [f"the cluster has {len(nodes)} nodes, not two"]
    ready = account.kubectl(CLUSTER, "get", "nodes", "--no-headers", "-o", "custom-columns=N:.metadata.name,"
                            "R:.status.conditions[?(@.type=='Ready')].status")
    for line in ready.splitlines():
        name, status = line.split()
        if status != "True" or nodes.get(name, {}).get("cni") != "cilium":
            faults.append(f"node {name} is not Ready with Cilium: Ready is {status}, the node is {nodes.get(name)}")
    return faults


def by_hand(account, stack) -> list[str]:
    """Helm's command line lists the release and rolls it back, which creates another revision with the same content."""
    faults = listed(account, revision=1)
    account.helm(CLUSTER, "rollback", "cilium", "1", "--namespace", "cilium", "--wait")
    return faults + listed(account, revision=2)


def listed(account, revision: int) -> list[str]:
    """Faults: `helm list -A` shows anything other than Cilium's release at this revision."""
    found = json.loads(account.helm(CLUSTER, "list", "--all-namespaces", "--output", "json"))
    shown = [(one["name"], one["namespace"], one["revision"], one["status"]) for one in found]
    return [] if shown == [("cilium", "cilium", str(revision), "deployed")] else [f"`helm list -A` shows {found}"]
