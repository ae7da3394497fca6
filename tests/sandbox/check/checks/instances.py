"""Managed instances, their tags, parameters."""

import base64
import datetime
import hashlib
import json
import secrets

import botocore.auth
import botocore.awsrequest
import botocore.credentials

from support import activate, check, equal, refused, send


def agent(account, operation, members, status=200):
    """An unsigned call, as the agent sends it to register."""
    request = botocore.awsrequest.AWSRequest(
        "POST",
        account.sandbox.ready["endpoint"] + "/",
        {"X-Amz-Target": f"AmazonSSM.{operation}", "Content-Type": "application/x-amz-json-1.1"},
        json.dumps(members).encode(),
    )
    found, text = send(request.prepare())
    equal(found, status)
    return json.loads(text)


@check
def a_host_registers_as_its_agent_does(account):
    ssm = account.client("ssm")
    created = activate(ssm, RegistrationLimit=2, DefaultInstanceName="host", Tags=[{"Key": "k", "Value": "v"}])
    members = {"ActivationId": created["ActivationId"], "ActivationCode": created["ActivationCode"], "PublicKey": "AAAA",
               "PublicKeyType": "Rsa", "Fingerprint": "f"}
    instance = agent(account, "RegisterManagedInstance", members)["InstanceId"]
    equal(agent(account, "RegisterManagedInstance", {**members, "ActivationCode": "x" * 20}, 400)["__type"],
          "InvalidActivation")
    found = ssm.describe_instance_information()["InstanceInformationList"][0]
    equal((found["InstanceId"], found["PingStatus"]), (instance, "ConnectionLost"))
    sign_and_send(account, "UpdateInstanceInformation", {
        "InstanceId": instance, "AgentName": "amazon-ssm-agent", "AgentVersion": "3.3.1.0", "AgentStatus": "Active",
        "ComputerName": "h1", "IPAddress": "10.80.0.5", "PlatformType": "Linux", "PlatformName": "Ubuntu",
        "PlatformVersion": "24.04",
    })
    found = ssm.describe_instance_information()["InstanceInformationList"][0]
    for name, value in [("PingStatus", "Online"), ("ComputerName", "h1"), ("IPAddress", "10.80.0.5"), ("Name", "host"),
                        ("AgentVersion", "3.3.1.0"), ("ActivationId", created["ActivationId"]),
                        ("IamRole", "hybrid-nodes")]:
        equal(found[name], value)
    tags = ssm.list_tags_for_resource(ResourceType="ManagedInstance", ResourceId=instance)["TagList"]
    equal(tags, [{"Key": "k", "Value": "v"}])
    equal(ssm.describe_activations()["ActivationList"][0]["RegistrationsCount"], 1)
    agent(account, "RegisterManagedInstance", members)
    equal(agent(account, "RegisterManagedInstance", members, 400)["__type"], "InvalidActivation")
    equal(ssm.describe_activations()["ActivationList"][0]["RegistrationsCount"], 2)
    account.control("POST", "/clock", {"advance_seconds": 90000})
    equal(agent(account, "RegisterManagedInstance", members, 400)["__type"], "ActivationExpired")
    ssm.delete_activation(ActivationId=created["ActivationId"])
    equal(agent(account, "RegisterManagedInstance", members, 400)["__type"], "InvalidActivation")
    equal(len(ssm.describe_instance_information()["InstanceInformationList"]), 2)


def sign_and_send(account, operation, members):
    request = botocore.awsrequest.AWSRequest(
        "POST",
        account.sandbox.ready["endpoint"] + "/",
        {"X-Amz-Target": f"AmazonSSM.{operation}", "Content-Type": "application/x-amz-json-1.1"},
        json.dumps(members).encode(),
    )
    keys = botocore.credentials.Credentials(account.seen["access_key"], account.seen["secret_key"])
    botocore.auth.SigV4Auth(keys, "ssm", account.seen["region"]).add_auth(request)
    status, text = send(request.prepare())
    equal(status, 200)
    return json.loads(text)


class RsaKey:
    """A 2048-bit key, created with only the standard library: for this check, not for secrets."""

    def __init__(self):
        self.exponent = 65537
        while True:
            p, q = self.prime(), self.prime()
            self.modulus, order = p * q, (p - 1) * (q - 1)
            if p != q and order % self.exponent and self.modulus.bit_length() == 2048:
                break
        self.private = pow(self.exponent, -1, order)

    @staticmethod
    def prime():
        while True:
            found = secrets.randbits(1024) | 1 | 3 << 1022
            # For numbers of this size, Fermat's test detects composites with overwhelming probability.
            if all(found % small for small in (3, 5, 7, 11, 13)) and all(
                pow(base, found - 1, found) == 1 for base in (2, 3, 5, 7)
            ):
                return found

    def public(self):
        """Base64 of the DER-encoded SubjectPublicKeyInfo."""

        def der(tag, content):
            size = len(content)
            if size < 128:
                return bytes([tag, size]) + content
            digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
            return bytes([tag, 0x80 | len(digits)]) + digits + content

        def number(value):
            return der(2, value.to_bytes(value.bit_length() // 8 + 1, "big"))

        key = der(0x30, number(self.modulus) + number(self.exponent))
        algorithm = bytes.fromhex("300d06092a864886f70d0101010500")
        return base64.b64encode(der(0x30, algorithm + der(3, b"\0" + key))).decode()

    def sign(self, text):
        """Base64 of a PKCS #1 v1.5 signature with SHA-256."""
        digest = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(text).digest()
        padded = b"\0\1" + b"\xff" * (256 - 3 - len(digest)) + b"\0" + digest
        signed = pow(int.from_bytes(padded, "big"), self.private, self.modulus)
        return base64.b64encode(signed.to_bytes(256, "big")).decode()


@check
def a_host_gets_credentials_of_its_role_with_its_key(account):
    ssm = account.client("ssm")
    created = activate(ssm)
    key = RsaKey()
    instance = agent(account, "RegisterManagedInstance", {
        "ActivationId": created["ActivationId"], "ActivationCode": created["ActivationCode"], "PublicKey": key.public(),
        "PublicKeyType": "Rsa", "Fingerprint": "f",
    })["InstanceId"]

    def ask(signer, fingerprint="f", host=instance, operation="RequestManagedInstanceRoleToken"):
        request = botocore.awsrequest.AWSRequest(
            "POST",
            account.sandbox.ready["endpoint"] + "/",
            {"X-Amz-Target": f"AmazonSSM.{operation}", "Content-Type": "application/x-amz-json-1.1"},
            json.dumps({"Fingerprint": fingerprint}).encode(),
        )
        auth = botocore.auth.SigV4Auth(botocore.credentials.Credentials(host, "none"), "ssm", account.seen["region"])
        request.context["timestamp"] = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        auth._modify_request_before_signing(request)
        text = auth.string_to_sign(request, auth.canonical_request(request))
        auth._inject_signature_to_request(request, signer(text.encode()))
        status, text = send(request.prepare())
        return status, json.loads(text)

    status, token = ask(key.sign)
    equal(status, 200)
    created = {"AccessKeyId": token["AccessKeyId"], "SecretAccessKey": token["SecretAccessKey"],
            "SessionToken": token["SessionToken"]}
    identity = account.session(created, "sts").get_caller_identity()
    equal(identity["Arn"], f"arn:aws:sts::{account.id}:assumed-role/hybrid-nodes/{instance}")
    for arguments, code in [
        ({"signer": RsaKey().sign}, "InvalidSignatureException"),
        ({"signer": lambda text: "0" * 64}, "InvalidSignatureException"),
        ({"signer": key.sign, "fingerprint": "other"}, "MachineFingerprintDoesNotMatch"),
        ({"signer": key.sign, "host": "mi-" + "0" * 17}, "InvalidInstanceId"),
        ({"signer": key.sign, "operation": "DescribeActivations"}, "AccessDeniedException"),
    ]:
        status, answer = ask(**arguments)
        equal((status, answer["__type"]), (400, code))
    ssm.deregister_managed_instance(InstanceId=instance)
    equal(ask(key.sign)[1]["__type"], "InvalidInstanceId")


def register(account, activation, number):
    return account.control("POST", "/instances", {
        "activation_id": activation, "computer_name": f"host-{number}", "ip_address": f"10.80.0.{number}",
    })["instance_id"]


@check
def managed_instances(account):
    ssm = account.client("ssm")
    one = activate(ssm, RegistrationLimit=10, Tags=[{"Key": "team", "Value": "a"}])["ActivationId"]
    two = activate(ssm, RegistrationLimit=10)["ActivationId"]
    ones = [register(account, one, number) for number in range(1, 8)]
    twos = [register(account, two, number) for number in range(8, 13)]

    def found(*filters, **more):
        pages = ssm.get_paginator("describe_instance_information").paginate(
            Filters=[{"Key": key, "Values": values} for key, values in filters], **more)
        return [entry["InstanceId"] for page in pages for entry in page["InstanceInformationList"]]

    equal(found(("ActivationIds", [one])), ones)
    equal(found(("ActivationIds", [one, two])), ones + twos)
    equal(found(("InstanceIds", twos[:2])), twos[:2])
    equal(found(("tag:team", ["a"])), ones)
    equal(found(("tag-key", ["team"])), ones)
    equal(found(("ResourceType", ["ManagedInstance"]), ("IamRole", ["hybrid-nodes"])), ones + twos)
    account.control("POST", f"/instances/{ones[0]}/ping", {"status": "ConnectionLost"})
    equal(found(("PingStatus", ["ConnectionLost"])), ones[:1])
    equal(len(ssm.describe_instance_information()["InstanceInformationList"]), 10)
    equal(len(ssm.describe_instance_information(MaxResults=5)["InstanceInformationList"]), 5)
    old = ssm.describe_instance_information(InstanceInformationFilterList=[{"key": "ActivationIds", "valueSet": [two]}])
    equal(len(old["InstanceInformationList"]), 5)
    for size in (4, 51):
        refused("ValidationException", ssm.describe_instance_information, "maxResults", MaxResults=size)
    refused("ValidationException", ssm.describe_instance_information, "length less than or equal to 100",
            Filters=[{"Key": "ActivationIds", "Values": [one] * 101}])
    refused("InvalidFilterKey", ssm.describe_instance_information, Filters=[{"Key": "Other", "Values": ["x"]}])
    refused("InvalidFilterKey", ssm.describe_instance_information,
            Filters=[{"Key": "tag:team", "Values": ["a"]}, {"Key": "ActivationIds", "Values": [one]}])
    refused("InvalidInstanceInformationFilterValue", ssm.describe_instance_information,
            Filters=[{"Key": "PingStatus", "Values": ["Bad"]}])
    account.control("POST", "/roles", {"name": "other", "trust_services": ["ssm.amazonaws.com"]})
    ssm.update_managed_instance_role(InstanceId=ones[0], IamRole="other")
    equal(found(("IamRole", ["other"])), ones[:1])
    refused("ValidationException", ssm.update_managed_instance_role, "Nonexistent role", InstanceId=ones[0], IamRole="no")
    ssm.deregister_managed_instance(InstanceId=ones[0])
    refused("InvalidInstanceId", ssm.deregister_managed_instance, InstanceId=ones[0])
    refused("InvalidInstanceId", ssm.update_managed_instance_role, InstanceId=ones[0], IamRole="other")
    refused("ValidationException", ssm.deregister_managed_instance, "instanceId", InstanceId="i-1")
    equal(found(("ActivationIds", [one])), ones[1:])


@check
def tags(account):
    ssm = account.client("ssm")
    instance = register(account, activate(ssm)["ActivationId"], 1)
    ssm.put_parameter(Name="/p/q", Value="v", Type="String")
    for kind, resource in [("ManagedInstance", instance), ("Parameter", "/p/q")]:
        ssm.add_tags_to_resource(ResourceType=kind, ResourceId=resource,
                                 Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
        ssm.add_tags_to_resource(ResourceType=kind, ResourceId=resource, Tags=[{"Key": "a", "Value": "3"}])
        ssm.remove_tags_from_resource(ResourceType=kind, ResourceId=resource, TagKeys=["b", "none"])
        found = ssm.list_tags_for_resource(ResourceType=kind, ResourceId=resource)["TagList"]
        equal(found, [{"Key": "a", "Value": "3"}])
        many = [{"Key": f"k{index}", "Value": ""} for index in range(50)]
        refused("TooManyTagsError", ssm.add_tags_to_resource, ResourceType=kind, ResourceId=resource, Tags=many)
        refused("ValidationException", ssm.add_tags_to_resource, "aws:", ResourceType=kind, ResourceId=resource,
                Tags=[{"Key": "aws:x", "Value": ""}])
    activation = activate(ssm)["ActivationId"]
    refused("ValidationException", ssm.list_tags_for_resource, "enum value set", ResourceType="Activation",
            ResourceId=activation)
    refused("InvalidResourceId", ssm.list_tags_for_resource, ResourceType="ManagedInstance", ResourceId="mi-" + "0" * 17)


@check
def parameters(account):
    ssm = account.client("ssm")
    answer = ssm.put_parameter(Name="/a/code", Value="secret", Type="SecureString", Tags=[{"Key": "k", "Value": "v"}])
    equal((answer["Version"], answer["Tier"]), (1, "Standard"))
    found = ssm.get_parameter(Name="/a/code", WithDecryption=True)["Parameter"]
    equal((found["Value"], found["Type"], found["Version"]), ("secret", "SecureString", 1))
    equal(found["ARN"], f"arn:aws:ssm:{account.seen['region']}:{account.id}:parameter/a/code")
    assert "secret" not in ssm.get_parameter(Name="/a/code")["Parameter"]["Value"]
    refused("ParameterAlreadyExists", ssm.put_parameter, Name="/a/code", Value="x", Type="SecureString")
    equal(ssm.put_parameter(Name="/a/code", Value="x", Overwrite=True)["Version"], 2)
    equal(ssm.get_parameter(Name="/a/code:1", WithDecryption=True)["Parameter"]["Value"], "secret")
    refused("ParameterVersionNotFound", ssm.get_parameter, Name="/a/code:3")
    refused("ValidationException", ssm.put_parameter, "tags and overwrite", Name="/a/code", Value="x",
            Type="SecureString", Overwrite=True, Tags=[{"Key": "k", "Value": "v"}])
    refused("HierarchyTypeMismatchException", ssm.put_parameter, Name="/a/code", Value="x", Type="String",
            Overwrite=True)
    refused("ValidationException", ssm.put_parameter, "KeyId", Name="/a/z", Value="x", Type="String", KeyId="alias/k")
    secret = {"Name": "/a/key", "Value": "x", "Type": "SecureString"}
    refused("InvalidKeyId", ssm.put_parameter, "not found", KeyId="alias/k", **secret)
    key = "1234abcd-12ab-34cd-56ef-1234567890ab"
    refused("InvalidKeyId", ssm.put_parameter, "does not exist", KeyId=key, **secret)
    account.control("POST", "/settings", {"kms_keys": {"alias/k": key}})
    arn = f"arn:aws:kms:{account.seen['region']}:{account.id}:"
    for known in ["alias/k", "alias/aws/ssm", key, f"{arn}key/{key}", f"{arn}alias/k"]:
        ssm.put_parameter(KeyId=known, Overwrite=True, **secret)
    refused("InvalidKeyId", ssm.put_parameter, KeyId=f"arn:aws:kms:eu-west-1:{account.id}:alias/k", Overwrite=True,
            **secret)
    account.control("POST", "/settings", {"kms_keys": {}})
    ssm.delete_parameter(Name="/a/key")
    refused("ValidationException", ssm.put_parameter, "type is required", Name="/a/z", Value="x")
    refused("ValidationException", ssm.put_parameter, "4096", Name="/a/z", Value="x" * 4097, Type="String")
    refused("ValidationException", ssm.put_parameter, "fully qualified", Name="a/z", Value="x", Type="String")
    refused("AccessDeniedException", ssm.put_parameter, "reserved", Name="/aws/z", Value="x", Type="String")
    refused("HierarchyLevelLimitExceededException", ssm.put_parameter, Name="/a" * 16, Value="x", Type="String")
    ssm.put_parameter(Name="plain", Value="1,2", Type="StringList", Description="d")
    ssm.put_parameter(Name="/a/b/deep", Value="x" * 5000, Type="String", Tier="Advanced")
    answer = ssm.get_parameters(Names=["plain", "none"])
    equal(([entry["Name"] for entry in answer["Parameters"]], answer["InvalidParameters"]), (["plain"], ["none"]))
    equal(ssm.get_parameters(Names=["plain"])["InvalidParameters"], [])
    refused("ValidationException", ssm.get_parameters, "names", Names=["x"] * 11)

    def described(*filters):
        keys = [{"Key": key, "Option": option, "Values": values} for key, option, values in filters]
        return [entry["Name"] for entry in ssm.describe_parameters(ParameterFilters=keys)["Parameters"]]

    equal(described(), ["/a/b/deep", "/a/code", "plain"])
    equal(described(("Name", "BeginsWith", ["/a/"])), ["/a/b/deep", "/a/code"])
    equal(described(("Path", "OneLevel", ["/a"])), ["/a/code"])
    equal(described(("Path", "Recursive", ["/a"])), ["/a/b/deep", "/a/code"])
    equal(described(("Type", "Equals", ["SecureString"])), ["/a/code"])
    equal(described(("tag:k", "Equals", ["v"])), ["/a/code"])
    metadata = ssm.describe_parameters(Filters=[{"Key": "Name", "Values": ["/a/code"]}])["Parameters"][0]
    equal((metadata["KeyId"], metadata["LastModifiedUser"]), ("alias/aws/ssm", account.seen["principal_arn"]))
    refused("InvalidFilterOption", ssm.describe_parameters,
            ParameterFilters=[{"Key": "Type", "Option": "Contains", "Values": ["x"]}])
    page = ssm.describe_parameters(MaxResults=2)
    equal(len(ssm.describe_parameters(MaxResults=2, NextToken=page["NextToken"])["Parameters"]), 1)
    ssm.delete_parameter(Name="plain")
    for call in (ssm.delete_parameter, ssm.get_parameter):
        refused("ParameterNotFound", call, Name="plain")
    answer = ssm.delete_parameters(Names=["/a/code", "none"])
    equal((answer["DeletedParameters"], answer["InvalidParameters"]), (["/a/code"], ["none"]))


@check
def properties_and_the_tier(account):
    ssm = account.client("ssm")
    activation = activate(ssm, RegistrationLimit=10)["ActivationId"]
    for number in range(6):
        account.control("POST", "/instances", {"activation_id": activation, "computer_name": f"h{number}", "ip_address": f"10.80.0.{number + 1}"})
    only = [{"key": "ResourceType", "valueSet": ["ManagedInstance"]}]
    first = ssm.describe_instance_properties(InstancePropertyFilterList=only, MaxResults=5)
    rest = ssm.describe_instance_properties(InstancePropertyFilterList=only, MaxResults=5, NextToken=first["NextToken"])
    equal([one["ComputerName"] for one in first["InstanceProperties"] + rest["InstanceProperties"]], [f"h{number}" for number in range(6)])
    ec2 = [{"key": "ResourceType", "valueSet": ["EC2Instance"]}]
    equal(ssm.describe_instance_properties(InstancePropertyFilterList=ec2)["InstanceProperties"], [])
    refused("InvalidFilterKey", ssm.describe_instance_properties, InstancePropertyFilterList=[{"key": "Name", "valueSet": ["x"]}])
    refused("ValidationException", ssm.describe_instance_properties, MaxResults=4)
    tier = ssm.get_service_setting(SettingId="/ssm/managed-instance/activation-tier")["ServiceSetting"]
    equal(tier["SettingValue"], "standard")
    refused("ServiceSettingNotFound", ssm.get_service_setting, SettingId="/ssm/none")
