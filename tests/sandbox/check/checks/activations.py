"""Hybrid activations."""

import datetime

from checks.identity import TRUST
from support import activate, check, equal, refused


@check
def activation_life(account):
    ssm = account.client("ssm")
    date = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) + datetime.timedelta(days=29)
    created = activate(ssm, Description="d", DefaultInstanceName="host", RegistrationLimit=5, ExpirationDate=date,
                    Tags=[{"Key": "k", "Value": "v"}])
    found = ssm.describe_activations(
        Filters=[{"FilterKey": "ActivationIds", "FilterValues": [created["ActivationId"]]}]
    )["ActivationList"]
    equal(len(found), 1)
    found = found[0]
    assert "ActivationCode" not in found
    for name, value in [("Description", "d"), ("DefaultInstanceName", "host"), ("RegistrationLimit", 5),
                        ("RegistrationsCount", 0), ("Expired", False), ("IamRole", "hybrid-nodes"),
                        ("ExpirationDate", date), ("Tags", [{"Key": "k", "Value": "v"}])]:
        equal(found[name], value)
    ssm.delete_activation(ActivationId=created["ActivationId"])
    equal(ssm.describe_activations()["ActivationList"], [])
    refused("InvalidActivation", ssm.delete_activation, ActivationId=created["ActivationId"])
    refused("ValidationException", ssm.delete_activation, "activationId", ActivationId="x")


@check
def activation_defaults(account):
    ssm = account.client("ssm")
    activate(ssm)
    found = ssm.describe_activations()["ActivationList"][0]
    equal(found["RegistrationLimit"], 1)
    equal(found["ExpirationDate"] - found["CreatedDate"], datetime.timedelta(hours=24))


@check
def activation_rules(account):
    ssm = account.client("ssm")
    now = datetime.datetime.now(datetime.timezone.utc)
    arn = f"arn:aws:iam::{account.id}:role/hybrid-nodes"
    for text, arguments in [
        ("greater than or equal to 1", {"RegistrationLimit": 0}),
        ("less than or equal to 1000", {"RegistrationLimit": 1001}),
        ("description", {"Description": "x" * 257}),
        ("defaultInstanceName", {"DefaultInstanceName": "x" * 257}),
        ("defaultInstanceName", {"DefaultInstanceName": "a*b"}),
        ("30 days", {"ExpirationDate": now + datetime.timedelta(days=31)}),
        ("future", {"ExpirationDate": now - datetime.timedelta(minutes=1)}),
        ("tags.1.member.key", {"Tags": [{"Key": "", "Value": ""}]}),
        ("tags.1.member.value", {"Tags": [{"Key": "k", "Value": "x" * 257}]}),
        ("Nonexistent role or missing ssm service principal", {"IamRole": arn}),
        ("length less than or equal to 64", {"IamRole": "x" * 65}),
        ("Nonexistent role or missing ssm service principal", {"IamRole": "eks-cluster"}),
        ("Nonexistent role or missing ssm service principal", {"IamRole": "none"}),
    ]:
        refused("ValidationException", ssm.create_activation, text, **{"IamRole": "hybrid-nodes", **arguments})
    refused("ValidationException", ssm.create_activation, "Value null at 'iamRole'")
    answer = refused("ValidationException", ssm.create_activation, "2 validation errors detected",
                     IamRole="x" * 65, RegistrationLimit=0)
    assert "; " in answer["Error"]["Message"]
    activate(ssm, RegistrationLimit=1000, Description="x" * 256, ExpirationDate=now + datetime.timedelta(days=29.99))
    equal(len(ssm.describe_activations()["ActivationList"]), 1)


@check
def roles_with_a_path_are_given_with_it(account):
    account.control("POST", "/roles", {"name": "deep", "path": "/service-role/", "trust_services": ["ssm.amazonaws.com"]})
    ssm = account.client("ssm")
    ssm.create_activation(IamRole="service-role/deep")
    for wrong in ("deep", "/service-role/deep"):
        refused("ValidationException", ssm.create_activation, "Nonexistent role", IamRole=wrong)


@check
def roles_settle(account):
    account.control("POST", "/roles", {"name": "new", "trust_services": ["ssm.amazonaws.com"], "settle_attempts": 2})
    account.control("POST", "/roles", {"name": "slow", "trust_services": ["ssm.amazonaws.com"], "settle_seconds": 3600})
    account.control("POST", "/settings", {"role_settle_attempts": 1})
    account.client("iam").create_role(RoleName="created", AssumeRolePolicyDocument=TRUST)
    ssm = account.client("ssm")
    for role, attempts in [("new", 2), ("created", 1)]:
        for _ in range(attempts):
            refused("ValidationException", ssm.create_activation, "Nonexistent role", IamRole=role)
        ssm.create_activation(IamRole=role)
    refused("ValidationException", ssm.create_activation, "Nonexistent role", IamRole="slow")
    account.control("POST", "/clock", {"advance_seconds": 3600})
    ssm.create_activation(IamRole="slow")
    account.control("POST", "/roles/hybrid-nodes/settle", {"attempts": 1})
    refused("ValidationException", activate, "Nonexistent role", ssm=ssm)
    activate(ssm)


@check
def activation_paging(account):
    ssm = account.client("ssm")
    created = [activate(ssm, DefaultInstanceName=f"n{index % 2}")["ActivationId"] for index in range(53)]
    first = ssm.describe_activations()
    equal(len(first["ActivationList"]), 50)
    second = ssm.describe_activations(NextToken=first["NextToken"])
    equal(len(second["ActivationList"]), 3)
    assert "NextToken" not in second
    paginator = ssm.get_paginator("describe_activations")
    for size in (1, 7, 50):
        seen = [entry["ActivationId"] for page in paginator.paginate(PaginationConfig={"PageSize": size})
                for entry in page["ActivationList"]]
        equal(seen, created)
    filters = [{"FilterKey": "DefaultInstanceName", "FilterValues": ["n1"]}]
    equal(len(ssm.describe_activations(Filters=filters)["ActivationList"]), 26)
    refused("InvalidNextToken", ssm.describe_activations, NextToken=first["NextToken"], Filters=filters)
    refused("InvalidNextToken", ssm.describe_activations, NextToken="made up")
    other = account.client("ssm", region="eu-west-1")
    refused("InvalidNextToken", other.describe_activations, NextToken=first["NextToken"])
    for size in (0, 51):
        refused("ValidationException", ssm.describe_activations, "maxResults", MaxResults=size)
    refused("ValidationException", ssm.describe_activations, "enum value set",
            Filters=[{"FilterKey": "Other", "FilterValues": ["x"]}])


@check
def expiry_by_the_clock(account):
    ssm = account.client("ssm")
    old = activate(ssm)["ActivationId"]
    account.control("POST", "/clock", {"advance_seconds": 2 * 86400})
    new = activate(ssm, ExpirationDate=datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1))
    expired = {entry["ActivationId"]: entry["Expired"] for entry in ssm.describe_activations()["ActivationList"]}
    equal(expired, {old: True, new["ActivationId"]: False})
    answer = account.control("POST", "/instances", {"activation_id": old, "computer_name": "h",
                                                    "ip_address": "10.80.0.1"}, status=400)
    equal(answer["error"], "ActivationExpired")
