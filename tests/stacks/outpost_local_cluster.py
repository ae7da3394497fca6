"""The stack `outpost-local-cluster`: what must exist before, and what it must have created."""

import json
import subprocess
import tempfile

import aws
import tools

CLUSTER = "outpost-local-cluster"
OPERATORS = "outpost-local-cluster-operators"
STANDS_FOR = {"aws_iam_role_policy_attachment.cluster": "terraform_data.role"}


def outpost(account) -> str:
    return f"arn:aws:outposts:{account.region}:{account.facts['account_id']}:outpost/op-0123456789abcdef0"


def prepare(account, charts) -> dict:
    """New clusters get a real API server. An Outpost is only its ARN."""
    account.call("settings", {"control_plane": True})
    return {"variables": {"outpost_arn": outpost(account)}}


def stand_in(account) -> dict:
    """A VPC with a subnet on the Outpost and one in the Region, and two roles."""
    environment = account.environment()

    def ec2(action: str, **arguments: str) -> dict[str, str]:
        return aws.ec2(action, arguments, environment)

    vpc = ec2("CreateVpc", CidrBlock="10.30.0.0/16")["vpcId"]
    ec2("ModifyVpcAttribute", VpcId=vpc, **{"EnableDnsHostnames.Value": "true"})
    zone = f"{account.region}a"
    subnet = ec2(
        "CreateSubnet", VpcId=vpc, CidrBlock="10.30.1.0/24", AvailabilityZone=zone, OutpostArn=outpost(account)
    )["subnetId"]
    region = ec2("CreateSubnet", VpcId=vpc, CidrBlock="10.30.2.0/24", AvailabilityZone=zone)["subnetId"]
    table = ec2("CreateRouteTable", VpcId=vpc)["routeTableId"]
    for one in (subnet, region):
        ec2("AssociateRouteTable", RouteTableId=table, SubnetId=one)
    group = ec2("CreateSecurityGroup", VpcId=vpc, GroupName="endpoints", GroupDescription="HTTPS")["groupId"]
    ec2("AuthorizeSecurityGroupIngress", GroupId=group, **{
        "IpPermissions.1.IpProtocol": "tcp", "IpPermissions.1.FromPort": "443", "IpPermissions.1.ToPort": "443",
        "IpPermissions.1.IpRanges.1.CidrIp": "10.30.1.0/24",
    })
    roles = {
        name: account.call("roles", {"name": f"{CLUSTER}-{name}", "trust_services": ["ec2.amazonaws.com"]})["arn"]
        for name in ("cluster", "operators")
    }
    return {"vpc_id": vpc, "subnet_id": subnet, "endpoint_subnet_id": region, "route_table_id": table,
            "security_group_id": group, "cluster_role_arn": roles["cluster"], "operators_role_arn": roles["operators"]}


def verify(account) -> list[str]:
    """Faults: the control plane is not what a local cluster has, or the operators are no administrators."""
    faults = []
    tokens = account.cluster(CLUSTER, "token-reviews")
    if tokens["refused"]:
        faults.append(f"the API server refused tokens: {tokens['log']}")
    found = json.loads(account.kubectl(CLUSTER, "get", "configmap", "aws-auth", "-n", "kube-system", "-o", "json"))
    if OPERATORS not in found["data"].get("mapRoles", ""):
        faults.append(f"the operators are not in aws-auth: {found['data']}")
    bindings = json.loads(account.kubectl(CLUSTER, "get", "clusterrolebindings", "-o", "json"))["items"]
    subjects = [subject["name"] for one in bindings for subject in one.get("subjects") or []]
    if OPERATORS not in subjects:
        faults.append("nothing binds the client certificate to a role")
    instances = [one for one in account.call("dump")["regions"][account.region]["ec2"]["others"].values()
                 if one["tags"].get("Name", "").startswith(f"{CLUSTER}-control-plane-")]
    if len(instances) != 3:
        faults.append(f"the control plane has {len(instances)} instances, expected three")
    return faults


def by_hand(account, stack) -> list[str]:
    """The operators sign in with the client certificate, as they do while IAM cannot be reached."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as kubeconfig:
        kubeconfig.write(stack.output("disconnected_kubeconfig"))
        kubeconfig.flush()
        answer = subprocess.run(
            [tools.go_tool("kubectl"), "--kubeconfig", kubeconfig.name, "auth", "whoami", "-o", "json"],
            capture_output=True, text=True,
        )
    if answer.returncode != 0:
        return [f"the client certificate is refused: {answer.stderr}"]
    user = json.loads(answer.stdout)["status"]["userInfo"]["username"]
    return [] if user == OPERATORS else [f"the client certificate is that of {user}"]
