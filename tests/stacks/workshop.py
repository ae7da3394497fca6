"""What is there before the stack `workshop`: a cluster that answers, and two hosts that have joined it."""

import tools

CLUSTER = "workshop"
# Left out where there is no control plane, or no chart.
OPTIONAL = "cni.tf"


def prepare(account) -> dict:
    """Starts the control plane of the account's cluster; hosts join it, and wait for a network."""
    chart = tools.charts() / "cilium-1.17.1.tgz"
    account.call(f"clusters/{CLUSTER}/control-plane", {})
    account.call(f"clusters/{CLUSTER}/nodes", {"kind": "hybrid", "count": 2})
    return {"variables": {"cilium_chart": str(chart)}}


def verify(account) -> list[str]:
    """Faults: hosts that are not Ready, or whose network is another than Cilium."""
    nodes = account.call(f"clusters/{CLUSTER}/nodes")["nodes"]
    faults = [] if nodes else ["the cluster has no nodes"]
    ready = account.kubectl(CLUSTER, "get", "nodes", "--no-headers", "-o", "custom-columns=N:.metadata.name,"
                            "R:.status.conditions[?(@.type=='Ready')].status")
    for line in ready.splitlines():
        name, status = line.split()
        if status != "True" or nodes.get(name, {}).get("cni") != "cilium":
            faults.append(f"node {name} is not Ready by Cilium: Ready is {status}, the node is {nodes.get(name)}")
    return faults
