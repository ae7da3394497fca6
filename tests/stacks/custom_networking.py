"""The stack `custom-networking`: what must exist before, and what it must have created."""

import json
import sys

import aws
import tools

CLUSTER = "custom-networking"
ZONES = ("us-west-2a", "us-west-2b")
# As in the user data: two interfaces for pods with nine addresses each, and two pods on the host network.
MAX_PODS = "20"
# Resources of aws.tf that other files refer to, and their stand-ins.
STANDS_FOR = {"aws_eks_node_group.this": "terraform_data.nodes"}
ASKED = {"labels": {"ekshybrid/network-check-role": "asker"}, "message": "p=oo\nn=oo\ns=o\nd=o\na=o\n"}


def prepare(account, charts) -> dict:
    """New clusters get a real API server. The sandbox executes no pods: what those of the network check find on the two
    nodes is given here; their addresses are the sandbox's."""
    account.call("settings", {"control_plane": True, "pod_ends": [ASKED]})
    return {}


def stand_in(account) -> dict:
    """A VPC with a secondary CIDR, a subnet for nodes and one for pods in each zone, and two roles."""
    environment = account.environment()

    def ec2(action: str, **arguments: str) -> dict[str, str]:
        return aws.ec2(action, arguments, environment)

    def subnet(zone: str, cidr: str) -> str:
        return ec2("CreateSubnet", VpcId=vpc, AvailabilityZone=zone, CidrBlock=cidr)["subnetId"]

    vpc = ec2("CreateVpc", CidrBlock="192.168.0.0/24")["vpcId"]
    nodes = {zone: subnet(zone, cidr) for zone, cidr in zip(ZONES, ("192.168.0.64/27", "192.168.0.96/27"))}
    ec2("AssociateVpcCidrBlock", VpcId=vpc, CidrBlock="192.168.1.0/24")
    pods = {zone: subnet(zone, cidr) for zone, cidr in zip(ZONES, ("192.168.1.0/27", "192.168.1.32/27"))}
    roles = {
        name: account.call("roles", {"name": f"custom-networking-{name}", "trust_services": [service]})["arn"]
        for name, service in (("cluster", "eks.amazonaws.com"), ("nodes", "ec2.amazonaws.com"))
    }
    return {
        "node_subnet_ids": nodes,
        "pod_subnet_ids": pods,
        "cluster_role_arn": roles["cluster"],
        "node_role_arn": roles["nodes"],
        # The stand-in's resources call this instead of the AWS provider.
        "aws": f"{sys.executable} {tools.ROOT / 'tests' / 'tools' / 'aws.py'}",
    }


def verify(account) -> list[str]:
    """Faults: nodes that started without custom networking, ever missed an ENIConfig, or support another number of pods."""
    nodes = account.cluster(CLUSTER, "nodes")["nodes"]
    faults = [] if len(nodes) == 2 else [f"the nodes are {sorted(nodes)}, expected two"]
    for name, node in nodes.items():
        if not node["custom_networking"] or node["eniconfig"] not in ZONES or node["missed_eniconfigs"]:
            faults.append(f"node {name} started without custom networking or without its ENIConfig: {node}")
    for node in json.loads(account.kubectl(CLUSTER, "get", "nodes", "-o", "json"))["items"]:
        if (pods := node["status"]["capacity"]["pods"]) != MAX_PODS:
            faults.append(f"node {node['metadata']['name']} supports {pods} pods; its user data says {MAX_PODS}")
    return faults


def by_hand(account, stack) -> list[str]:
    """Two weeks pass, and AWS recommends another image: nodes keep theirs until somebody requests the newest."""
    account.call("clock", {"advance_seconds": 14 * 24 * 3600})
    if not stack.aws:
        return []
    moves = {"terraform_data.node_image": ["delete", "create"], "aws_launch_template.nodes": ["update"],
             "aws_eks_node_group.this": ["update"]}
    found = stack.actions("-replace=terraform_data.node_image")
    return [] if found == moves else [f"requesting the newest image would plan {found}"]
