"""What hashicorp/aws makes before the cluster in the stack `custom-networking`, made by calls to the sandbox."""

import sys

import aws
import tools

ZONES = ("us-west-2a", "us-west-2b")


def prepare(account) -> dict:
    """A VPC with a second range, a subnet for nodes and one for pods in each zone, and a role for nodes."""
    # New clusters get a real API server; nodes hold as many pods as the user data of their launch template says.
    account.call("settings", {"control_plane": True, "node_max_pods": 20})
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
        # What its resources call instead of the AWS provider's code.
        "aws": f"{sys.executable} {tools.ROOT / 'tests' / 'tools' / 'aws.py'}",
    }


def verify(account) -> list[str]:
    """Faults: nodes that started without custom networking, or ever looked for an ENIConfig in vain."""
    nodes = account.call("clusters/custom-networking/nodes")["nodes"]
    faults = [] if nodes else ["the cluster has no nodes"]
    for name, node in nodes.items():
        if not node["custom_networking"] or node["eniconfig"] not in ZONES or node["missed_eniconfigs"]:
            faults.append(f"node {name} started without custom networking or without its ENIConfig: {node}")
    return faults
