"""The stack `workshop`: before, a running cluster with two hosts that have joined; after, what must exist."""

import json

import tools

CLUSTER = "workshop"
KEPT_CLUSTERS = (CLUSTER,)
LEFT_NAMESPACES = ("cilium",)
# Left out if there is no control plane.
OPTIONAL = "cni.tf"


def prepare(account, charts) -> dict:
    """Starts the control plane of the account's cluster; hosts join it and wait for a CNI."""
    variables, note = {"cluster_name": CLUSTER, "ready_hosts": 2}, None
    try:
        variables |= {"cilium_chart": str(charts() / "cilium-1.17.1.tgz")}
    except tools.Unavailable as reason:
        chart = tools.ROOT / "tests" / "sandbox" / "charts" / "cilium"
        variables |= {"cilium_chart": str(chart), "cilium_version": "0.1.0"}
        note = f"a small chart of the sandbox replaces Cilium's: {reason}"
    account.cluster(CLUSTER, "control-plane", {})
    account.cluster(CLUSTER, "nodes", {"kind": "hybrid", "count": 2})
    return {"variables": variables, "note": note}


def stand_in(account) -> dict:
    """Seeded accounts already have the role and its access."""
    return {}


def verify(account) -> list[str]:
    """Faults: hosts that are not Ready, or whose CNI is not Cilium."""
    nodes = account.cluster(CLUSTER, "nodes")["nodes"]
    faults = [] if nodes else ["the cluster has no nodes"]
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
