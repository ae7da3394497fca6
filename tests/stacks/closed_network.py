"""The stack `closed-network`: what must exist before, and what it must have created."""

import json
import sys

import aws
import tools

CLUSTER = "closed-network"
# The stack's default.
REGION = "ap-northeast-1"
# Resources of aws.tf that other files refer to, and their stand-ins.
STANDS_FOR = {"aws_eks_cluster.this": "terraform_data.cluster"}
# Machines of people, if the sandbox has hosts: the second is reached through the first.
HOSTS = ("bastion", "operator")
SERVICES = {
    "autoscaling", "ec2", "ecr.api", "ecr.dkr", "eks", "eks-auth", "elasticloadbalancing", "logs", "s3", "sts", "xray",
}


def prepare(account, charts) -> dict:
    """New clusters get a real API server, and hosts are the bastion and the operator's machine."""
    account.call("settings", {"control_plane": True})
    if not account.with_hosts:
        return {}
    bastion = account.host(HOSTS[0])
    operator = account.host(HOSTS[1], behind=account.host_name(HOSTS[0]))
    machines = {
        "bastion": {"address": bastion["address"], "user": bastion["user"], "host_key": bastion["host_keys"][0]},
        "operator": {
            "address": operator["address"], "user": operator["user"], "host_key": operator["host_keys"][0],
            "bastion": bastion["address"], "bastion_host_key": bastion["host_keys"][0],
        },
    }
    return {"variables": {"machines": machines, "ssh_private_key_path": bastion["private_key_path"]}}


def stand_in(account) -> dict:
    """The closed VPC with its security group and route table, and the roles."""
    environment = account.environment()

    def ec2(action: str, **arguments: str) -> dict[str, str]:
        return aws.ec2(action, arguments, environment)

    def role(name: str, service: str) -> str:
        return account.call("roles", {"name": f"{CLUSTER}-{name}", "trust_services": [service]})["arn"]

    vpc = ec2("CreateVpc", CidrBlock="172.25.0.0/16")["vpcId"]
    ec2("ModifyVpcAttribute", **{"VpcId": vpc, "EnableDnsHostnames.Value": "true"})
    zones = (f"{account.region}a", f"{account.region}c")
    subnets = [
        ec2("CreateSubnet", VpcId=vpc, AvailabilityZone=zone, CidrBlock=cidr)["subnetId"]
        for zone, cidr in zip(zones, ("172.25.0.0/17", "172.25.128.0/18"))
    ]
    group = ec2("CreateSecurityGroup", VpcId=vpc, GroupName="endpoints", GroupDescription="HTTPS")["groupId"]
    ec2("AuthorizeSecurityGroupIngress", **{
        "GroupId": group, "IpPermissions.1.IpProtocol": "tcp", "IpPermissions.1.FromPort": "443",
        "IpPermissions.1.ToPort": "443", "IpPermissions.1.IpRanges.1.CidrIp": "172.25.0.0/16",
    })
    return {
        "vpc_id": vpc,
        "subnet_ids": subnets,
        "security_group_id": group,
        "route_table_id": ec2("CreateRouteTable", VpcId=vpc)["routeTableId"],
        "cluster_role_arn": role("cluster", "eks.amazonaws.com"),
        "worker_role_arn": role("workers", "ec2.amazonaws.com"),
        "operator_role_arn": role("operator", "ec2.amazonaws.com"),
        # The stand-in's resources call this instead of the AWS provider.
        "aws": f"{sys.executable} {tools.ROOT / 'tests' / 'tools' / 'aws.py'}",
    }


def verify(account) -> list[str]:
    """Faults: endpoints that are missing, open to other accounts or not available; roles that aws-auth lacks; workers that
    did not join."""
    faults = []
    others = account.call("dump")["regions"][account.region]["ec2"]["others"]
    endpoints = [one["is"] for name, one in others.items() if name.startswith("vpce-")]
    services = {one["serviceName"].split(".", 3)[3] for one in endpoints}
    if services != SERVICES:
        faults.append(f"the endpoints lead to {sorted(services)}")
    for one in endpoints:
        if one["state"] != "available":
            faults.append(f"the endpoint of {one['serviceName']} is {one['state']}")
        if account.facts["account_id"] not in one["policyDocument"]:
            faults.append(f"the endpoint of {one['serviceName']} is open to other accounts: {one['policyDocument']}")

    entries = account.kubectl(CLUSTER, "get", "configmap", "aws-auth", "-n", "kube-system", "-o", "jsonpath={.data.mapRoles}")
    for role in ("workers", "operator"):
        if f"role/{CLUSTER}-{role}" not in entries:
            faults.append(f"aws-auth has no entry of the role {role}: {entries}")
    nodes = json.loads(account.kubectl(CLUSTER, "get", "nodes", "-o", "json"))["items"]
    if len(nodes) != 2:
        faults.append(f"{len(nodes)} nodes, expected two")
    for name in HOSTS if account.with_hosts else ():
        written = account.on_host(name, "cat /home/*/.kube/config /home/*/.ssh/config.d/closed-network")
        if CLUSTER not in written or "ProxyJump bastion" not in written:
            faults.append(f"the files on {name} are {written}")
    return faults
