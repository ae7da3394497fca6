"""The stack `calico-two-vpcs`: what must exist before, and what it must have created."""

import json
import sys

import aws
import tools

CLUSTER = "calico-two-vpcs"
# The stack's default.
REGION = "ap-northeast-1"
# With the stand-in, it exists before and after, and must be the same.
STAND_IN_CLUSTERS = (CLUSTER,)
# Resources of aws.tf that other files refer to, and their stand-ins.
STANDS_FOR = {"aws_instance.hosts": "terraform_data.hosts", "aws_eks_node_group.this": "terraform_data.nodes"}
# Created by Calico's manifest, but shared between CNIs: another one may use it by now.
LEFT_DEFINITIONS = ("adminnetworkpolicies.policy.networking.k8s.io",)
ZONES = ("us-west-2a", "us-west-2b")
NETWORKS = {"vpc": "10.10.0.0/16", "premises": "10.90.0.0/16", "services": "172.16.0.0/16", "pods": "192.168.0.0/16"}
# As in the published manifest and in cni.tf.
POOL = {
    "cidr": NETWORKS["pods"], "blockSize": 26, "ipipMode": "Never", "vxlanMode": "CrossSubnet", "natOutgoing": True,
    "nodeSelector": "all()",
}


ASKED = {"labels": {"ekshybrid/network-check-role": "asker"}, "message": "p=ooo\nn=ooo\ns=o\nd=o\na=o\n"}


def prepare(account, charts) -> dict:
    """New clusters get a real API server; Calico comes from the published manifest. The sandbox executes no pods: what
    those of the network check find on the stack's three nodes is given here."""
    account.call("settings", {"control_plane": True, "pod_ends": [ASKED]})
    return {"variables": {"calico_manifest": str(charts() / "calico-vxlan-v3.29.2.yaml")}}


def stand_in(account) -> dict:
    """The cluster with aws-node, its VPC and its roles, and the hosts' network."""
    environment = account.environment()

    def ec2(action: str, **arguments: str) -> dict[str, str]:
        return aws.ec2(action, arguments, environment)

    def role(name: str, service: str) -> str:
        return account.call("roles", {"name": f"{CLUSTER}-{name}", "trust_services": [service]})["arn"]

    def subnet(vpc: str, zone: str, cidr: str) -> str:
        return ec2("CreateSubnet", VpcId=vpc, AvailabilityZone=zone, CidrBlock=cidr)["subnetId"]

    vpc, premises = (ec2("CreateVpc", CidrBlock=NETWORKS[name])["vpcId"] for name in ("vpc", "premises"))
    subnets = [subnet(vpc, zone, cidr) for zone, cidr in zip(ZONES, ("10.10.1.0/24", "10.10.2.0/24"))]
    cluster = aws.create_cluster(CLUSTER, role("cluster", "eks.amazonaws.com"), subnets, {
        "kubernetesNetworkConfig": {"serviceIpv4Cidr": NETWORKS["services"]},
        "remoteNetworkConfig": {
            "remoteNodeNetworks": [{"cidrs": [NETWORKS["premises"]]}],
            "remotePodNetworks": [{"cidrs": [NETWORKS["pods"]]}],
        },
    }, environment)
    return {
        "cluster": cluster,
        "node_subnet_ids": subnets,
        "host_subnet_id": subnet(premises, ZONES[0], "10.90.1.0/24"),
        "node_role_arn": role("nodes", "ec2.amazonaws.com"),
        "hybrid_role_arn": role("hybrid-nodes", "ssm.amazonaws.com"),
        # The stand-in's resources call this instead of the AWS provider.
        "aws": f"{sys.executable} {tools.ROOT / 'tests' / 'tools' / 'aws.py'}",
    }


def after_stand_in(account) -> None:
    """As in EKS, the Nodes of terminated hosts remain in a cluster until somebody deletes them."""
    account.kubectl(CLUSTER, "delete", "nodes", "--selector=eks.amazonaws.com/compute-type=hybrid")


def verify(account) -> list[str]:
    """Faults: an unexpected address pool, nodes without Calico, a VPC CNI that still exists."""
    faults = []

    def objects(*what: str) -> list[dict]:
        return json.loads(account.kubectl(CLUSTER, "get", *what, "-o", "json"))["items"]

    # It is scheduled once there are nodes, which come after Calico.
    account.kubectl(CLUSTER, "rollout", "status", "deployment", "calico-kube-controllers", "-n", "kube-system", "--timeout=120s")

    account.kubectl(CLUSTER, "rollout", "status", "daemonset", "calico-node", "-n", "kube-system", "--timeout=120s")

    for kind in ("pods", "services"):
        left = [one["metadata"]["name"] for one in objects(kind, "-A", "--selector=ekshybrid/network-check")]
        if left:
            faults.append(f"the network check has left {left}")

    pools = [pool["spec"] for pool in objects("ippools.crd.projectcalico.org")]
    if [{key: pool.get(key) for key in POOL} for pool in pools] != [POOL]:
        faults.append(f"the address pools are {pools}")

    nodes = account.cluster(CLUSTER, "nodes")["nodes"]
    if len(nodes) != 3 or sum(name.startswith("mi-") for name in nodes) != 1:
        faults.append(f"the nodes are {sorted(nodes)}, expected two managed ones and a host")
    for node in objects("nodes"):
        name = node["metadata"]["name"]
        ready = {one["type"]: one["status"] for one in node["status"]["conditions"]}.get("Ready")
        if (pods := node["status"]["capacity"]["pods"]) != "110":
            faults.append(f"node {name} supports {pods} pods; its user data says 110")
        if ready != "True" or nodes.get(name, {}).get("cni") != "calico-node":
            faults.append(f"node {name} is not Ready with Calico: Ready is {ready}, the node is {nodes.get(name)}")

    daemons = {one["metadata"]["name"]: one for one in objects("daemonsets", "-n", "kube-system")}
    if "aws-node" in daemons:
        faults.append("the DaemonSet aws-node still exists")
    status = daemons.get("calico-node", {}).get("status", {})
    if (status.get("desiredNumberScheduled"), status.get("numberReady")) != (3, 3):
        faults.append(f"the DaemonSet calico-node is not Ready on three nodes: {status}")
    environment = {
        one["name"]: one.get("value")
        for one in daemons.get("calico-node", {}).get("spec", {}).get("template", {}).get("spec", {})
        .get("containers", [{}])[0].get("env", [])
    }
    if environment.get("FELIX_AWSSRCDSTCHECK") != "DoNothing":
        faults.append(f"the source/destination check is {environment.get('FELIX_AWSSRCDSTCHECK')}")
    return faults
