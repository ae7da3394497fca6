"""The AWS calls that stand-ins for hashicorp/aws need: signed requests, with only Python's standard library.

    python3 tests/tools/aws.py create-cluster NAME ROLE_ARN SUBNET_ID…
    python3 tests/tools/aws.py delete-cluster NAME
    python3 tests/tools/aws.py create-node-group CLUSTER NAME ROLE_ARN COUNT INSTANCE_TYPE SUBNET_ID…
    python3 tests/tools/aws.py delete-node-group CLUSTER NAME
    python3 tests/tools/aws.py run-instance NAME INSTANCE_TYPE SUBNET_ID
    python3 tests/tools/aws.py terminate-instance NAME

A node group has a launch template of the same name. USER_DATA in the environment is its user data, or that of an
instance. Each command waits until EKS reports completion, as the AWS provider does. Endpoint, region and keys come
from the environment: AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY.
"""

import base64
import datetime
import hashlib
import hmac
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ElementTree

# How long EKS may take for one change; the sandbox takes seconds.
PATIENCE_SECONDS = 300


class Refused(Exception):
    """AWS returned an error; the message contains its status and its text."""

    def __init__(self, status: int, text: str):
        super().__init__(f"HTTP status {status}: {text}")
        self.status = status


def request(service: str, method: str, path: str, body: bytes, content_type: str, environment: dict) -> bytes:
    """One request, signed with Signature Version 4."""
    endpoint = environment["AWS_ENDPOINT_URL"].rstrip("/")
    now = datetime.datetime.now(datetime.timezone.utc)
    date, moment = now.strftime("%Y%m%d"), now.strftime("%Y%m%dT%H%M%SZ")
    scope = f"{date}/{environment['AWS_REGION']}/{service}/aws4_request"
    headers = {
        "content-type": content_type,
        "host": urllib.parse.urlsplit(endpoint).netloc,
        "x-amz-date": moment,
    }
    names = ";".join(sorted(headers))
    # All services except S3 sign a path that is encoded twice.
    signed_path = urllib.parse.quote(path)
    canonical = "\n".join(
        [method, signed_path, "", *(f"{name}:{headers[name]}" for name in sorted(headers)), "", names,
         hashlib.sha256(body).hexdigest()]
    )
    to_sign = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{environment['AWS_SECRET_ACCESS_KEY']}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={environment['AWS_ACCESS_KEY_ID']}/{scope}, "
        f"SignedHeaders={names}, Signature={signature}"
    )
    call = urllib.request.Request(endpoint + path, data=body or None, method=method, headers=headers)
    # The sandbox is on loopback: the user's proxy must not be used.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(call) as answer:
            return answer.read()
    except urllib.error.HTTPError as refused:
        raise Refused(refused.code, refused.read().decode(errors="replace")) from None


def eks(method: str, path: str, body: dict | None = None, environment: dict = os.environ) -> dict:
    """Calls EKS: JSON in and out."""
    data = b"" if body is None else json.dumps(body).encode()
    return json.loads(request("eks", method, path, data, "application/json", environment) or b"{}")


def ec2(action: str, arguments: dict[str, str], environment: dict = os.environ) -> dict[str, str]:
    """Calls EC2; returns the response's elements that contain text, the last of each name."""
    body = urllib.parse.urlencode({"Action": action, "Version": "2016-11-15"} | arguments).encode()
    answer = request("ec2", "POST", "/", body, "application/x-www-form-urlencoded; charset=utf-8", environment)
    return {
        element.tag.rsplit("}")[-1]: element.text
        for element in ElementTree.fromstring(answer).iter() if element.text and element.text.strip()
    }


# Instance families on ARM, and names of the images by what runs on them.
ARM = ("t4g", "m6g", "m7g")
IMAGES = {"node": "amazon-eks-node-al2023-{machine}-1.34-*", "host": "ubuntu-noble-24.04-{machine}-*"}


def newest_image(kind: str, instance_type: str) -> str:
    """The newest image: AWS lists the oldest first, and `ec2` keeps the last element of a name."""
    machine = "arm64" if instance_type.startswith(ARM) else "x86_64"
    return ec2("DescribeImages", {"Filter.1.Name": "name", "Filter.1.Value.1": IMAGES[kind].format(machine=machine)})["imageId"]


def user_data() -> str:
    return base64.b64encode(os.environ["USER_DATA"].encode()).decode()


def create_node_group(cluster: str, name: str, role: str, count: int, instance_type: str, subnets: list[str]) -> None:
    template = ec2("CreateLaunchTemplate", {
        "LaunchTemplateName": name, "LaunchTemplateData.UserData": user_data(),
        "LaunchTemplateData.ImageId": newest_image("node", instance_type),
        "LaunchTemplateData.InstanceType": instance_type,
    })["launchTemplateId"]
    eks("POST", f"/clusters/{cluster}/node-groups", {
        "nodegroupName": name, "nodeRole": role, "subnets": subnets, "launchTemplate": {"id": template, "version": "1"},
        "scalingConfig": {"minSize": count, "desiredSize": count, "maxSize": count},
    })
    until(f"/clusters/{cluster}/node-groups/{name}", "nodegroup", "ACTIVE")


def delete_node_group(cluster: str, name: str) -> None:
    eks("DELETE", f"/clusters/{cluster}/node-groups/{name}")
    until(f"/clusters/{cluster}/node-groups/{name}", "nodegroup", None)
    ec2("DeleteLaunchTemplate", {"LaunchTemplateName": name})


def run_instance(name: str, instance_type: str, subnet: str) -> None:
    ec2("RunInstances", {
        "ImageId": newest_image("host", instance_type), "InstanceType": instance_type, "MinCount": "1", "MaxCount": "1",
        "SubnetId": subnet, "UserData": user_data(), "TagSpecification.1.ResourceType": "instance",
        "TagSpecification.1.Tag.1.Key": "Name", "TagSpecification.1.Tag.1.Value": name,
    })


def terminate_instance(name: str) -> None:
    ec2("TerminateInstances", {"InstanceId.1": ec2("DescribeInstances", {
        "Filter.1.Name": "tag:Name", "Filter.1.Value.1": name,
        "Filter.2.Name": "instance-state-name", "Filter.2.Value.1": "running",
    })["instanceId"]})


def until(path: str, member: str, wanted: str | None, environment: dict = os.environ) -> None:
    """Waits for a status; `None` waits for the deletion of the object."""
    give_up, status = time.monotonic() + PATIENCE_SECONDS, "unknown"
    while time.monotonic() < give_up:
        try:
            status = eks("GET", path, environment=environment)[member]["status"]
        except Refused as refused:
            if refused.status == 404 and wanted is None:
                return
            raise
        if status == wanted:
            return
        if status.endswith("FAILED") or status == "DEGRADED":
            break
        time.sleep(0.3)
    sys.exit(f"{path} is {status}: {json.dumps(eks('GET', path, environment=environment)[member].get('health', {}))}")


def create_cluster(name: str, role: str, subnets: list[str], more: dict | None = None, environment: dict = os.environ) -> dict:
    """Creates a cluster whose creator is its administrator, and waits for it; `more` are further members of the call."""
    eks("POST", "/clusters", {
        "name": name, "roleArn": role, "version": "1.34",
        "resourcesVpcConfig": {"subnetIds": subnets},
        "accessConfig": {
            "authenticationMode": "API_AND_CONFIG_MAP", "bootstrapClusterCreatorAdminPermissions": True,
        },
    } | (more or {}), environment)
    until(f"/clusters/{name}", "cluster", "ACTIVE", environment)
    return eks("GET", f"/clusters/{name}", environment=environment)["cluster"]


def main() -> None:
    match sys.argv[1:]:
        case ["create-cluster", name, role, *subnets]:
            create_cluster(name, role, subnets)
        case ["delete-cluster", name]:
            eks("DELETE", f"/clusters/{name}")
            until(f"/clusters/{name}", "cluster", None)
        case ["create-node-group", cluster, name, role, count, instance_type, *subnets]:
            create_node_group(cluster, name, role, int(count), instance_type, subnets)
        case ["delete-node-group", cluster, name]:
            delete_node_group(cluster, name)
        case ["run-instance", name, instance_type, subnet]:
            run_instance(name, instance_type, subnet)
        case ["terminate-instance", name]:
            terminate_instance(name)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    try:
        main()
    except Refused as refused:
        sys.exit(str(refused))
