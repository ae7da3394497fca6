"""EKS add-ons."""

import json

from support import check, equal, refused

NAMES = {"clusterName": "workshop", "addonName": "vpc-cni"}


@check
def addon_versions_and_schemas(account):
    eks = account.client("eks")
    found = {addon["addonName"]: addon for addon in eks.describe_addon_versions()["addons"]}
    equal(sorted(found), ["coredns", "kube-proxy", "vpc-cni"])
    one = eks.describe_addon_versions(addonName="vpc-cni", kubernetesVersion="1.34")["addons"]
    equal(len(one), 1)
    versions = [entry["addonVersion"] for entry in one[0]["addonVersions"]]
    equal(versions, sorted(versions, reverse=True))
    default = [entry["addonVersion"] for entry in one[0]["addonVersions"] if entry["compatibilities"][0]["defaultVersion"]]
    equal(len(default), 1)
    equal({compatible["clusterVersion"] for entry in one[0]["addonVersions"] for compatible in entry["compatibilities"]},
          {"1.34"})
    proxies = eks.describe_addon_versions(addonName="kube-proxy", kubernetesVersion="1.33")["addons"][0]
    assert all(entry["addonVersion"].startswith("v1.33.") for entry in proxies["addonVersions"]), proxies
    equal(eks.describe_addon_versions(addonName="none")["addons"], [])
    equal(eks.describe_addon_versions(types=["security"])["addons"], [])
    pages = list(eks.get_paginator("describe_addon_versions").paginate(PaginationConfig={"PageSize": 2}))
    equal([len(page["addons"]) for page in pages], [2, 1])
    refused("InvalidParameterException", eks.describe_addon_versions, kubernetesVersion="1.2")

    schema = json.loads(eks.describe_addon_configuration(addonName="vpc-cni", addonVersion=default[0])["configurationSchema"])
    equal(schema["$ref"], "#/definitions/VpcCni")
    assert "AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG" in schema["definitions"]["Env"]["properties"]
    for name in ("coredns", "kube-proxy"):
        version = found[name]["addonVersions"][0]["addonVersion"]
        json.loads(eks.describe_addon_configuration(addonName=name, addonVersion=version)["configurationSchema"])
    refused("ResourceNotFoundException", eks.describe_addon_configuration, addonName="vpc-cni", addonVersion="v9.9.9-eksbuild.1")


@check
def addon_life(account):
    eks = account.client("eks")
    refused("ResourceNotFoundException", eks.describe_addon, "No addon: vpc-cni found in cluster: workshop", **NAMES)
    account.control("POST", "/settings", {"addon_create_seconds": 60, "addon_update_seconds": 60, "addon_delete_seconds": 60})
    values = '{"env": {"WARM_ENI_TARGET": "2"}}'
    arguments = {**NAMES, "configurationValues": values, "clientRequestToken": "once", "tags": {"k": "v"}}
    created = eks.create_addon(**arguments)["addon"]
    equal((created["status"], created["configurationValues"], created["tags"]), ("CREATING", values, {"k": "v"}))
    equal(eks.create_addon(**arguments)["addon"]["addonArn"], created["addonArn"])
    refused("ResourceInUseException", eks.create_addon, "Addon already exists.", **NAMES)
    refused("ResourceInUseException", eks.update_addon, "cannot be updated as it is currently in CREATING state", **NAMES)
    refused("InvalidRequestException", eks.delete_addon, "CREATING", **NAMES)
    account.control("POST", "/clock", {"advance_seconds": 60})
    found = eks.describe_addon(**NAMES)["addon"]
    equal((found["status"], found["health"]["issues"]), ("ACTIVE", []))
    equal(eks.list_addons(clusterName="workshop")["addons"], ["vpc-cni"])
    equal(eks.list_tags_for_resource(resourceArn=created["addonArn"])["tags"], {"k": "v"})

    role = f"arn:aws:iam::{account.id}:role/hybrid-nodes"
    update = eks.update_addon(**NAMES, addonVersion="v1.21.1-eksbuild.1", resolveConflicts="OVERWRITE",
                              serviceAccountRoleArn=role, clientRequestToken="twice")["update"]
    equal((update["status"], update["type"]), ("InProgress", "AddonUpdate"))
    equal({entry["type"]: entry["value"] for entry in update["params"]},
          {"AddonVersion": "v1.21.1-eksbuild.1", "ResolveConflicts": "OVERWRITE", "ServiceAccountRoleArn": role})
    equal(eks.update_addon(**NAMES, clientRequestToken="twice")["update"]["id"], update["id"])
    refused("ResourceInUseException", eks.update_addon, "UPDATING", **NAMES)
    found = eks.describe_addon(**NAMES)["addon"]
    equal((found["status"], found["addonVersion"], found["configurationValues"], found["serviceAccountRoleArn"]),
          ("UPDATING", "v1.21.1-eksbuild.1", values, role))
    account.control("POST", "/clock", {"advance_seconds": 60})
    described = eks.describe_update(name="workshop", updateId=update["id"], addonName="vpc-cni")["update"]
    equal((described["status"], described["errors"]), ("Successful", []))
    refused("ResourceNotFoundException", eks.describe_update, name="workshop", updateId=update["id"])
    equal(eks.list_updates(name="workshop", addonName="vpc-cni")["updateIds"], [update["id"]])
    # An update without a role removes the role; an update without values keeps them.
    eks.update_addon(**NAMES, addonVersion="v1.20.4-eksbuild.1")
    account.control("POST", "/clock", {"advance_seconds": 60})
    found = eks.describe_addon(**NAMES)["addon"]
    assert "serviceAccountRoleArn" not in found, found
    equal(found["configurationValues"], values)

    equal(eks.delete_addon(**NAMES, preserve=True)["addon"]["status"], "DELETING")
    equal(eks.describe_addon(**NAMES)["addon"]["status"], "DELETING")
    account.control("POST", "/clock", {"advance_seconds": 60})
    refused("ResourceNotFoundException", eks.describe_addon, **NAMES)


@check
def addon_bad_input(account):
    eks = account.client("eks")
    wrong = "ConfigurationValue provided in request is not supported"
    for values, text in [
        ('{"env": {"NONE": "x"}}', "[$.env.NONE: is not defined in the schema and the schema does not allow additional properties]"),
        ('{"env": {"WARM_ENI_TARGET": 2}}', "$.env.WARM_ENI_TARGET: integer found, string expected"),
        ('{"eniConfig": {"create": true, "subnets": {"a": {"id": "s"}}}}', "$.eniConfig.region: is missing but it is required"),
        ("other: true", "$.other: is not defined"),
        ("[]", "array found, object expected"),
        ("{", "neither JSON nor YAML"),
    ]:
        for text in (wrong, text):
            refused("InvalidParameterException", eks.create_addon, text, **NAMES, configurationValues=values)
    refused("InvalidParameterException", eks.create_addon, "Addon version specified is not supported", **NAMES,
            addonVersion="v1.6.2-eksbuild.1")
    refused("InvalidParameterException", eks.create_addon, "Addon none specified is not supported in 1.34",
            clusterName="workshop", addonName="none")
    refused("InvalidParameterException", eks.create_addon, "resolveConflicts", **NAMES, resolveConflicts="MAYBE")
    refused("ResourceNotFoundException", eks.create_addon, clusterName="none", addonName="vpc-cni")
    # YAML is accepted too.
    eks.create_addon(**NAMES, addonVersion="v1.19.2-eksbuild.1", configurationValues="env:\n  WARM_ENI_TARGET: '2'\n")
    refused("InvalidParameterException", eks.update_addon, wrong, **NAMES, configurationValues='{"x": 1}')
    refused("InvalidParameterException", eks.update_addon, "1 minor version at a time", **NAMES, addonVersion="v1.21.1-eksbuild.1")
    # Multi-NIC was introduced in 1.20.
    refused("InvalidParameterException", eks.update_addon, "ENABLE_MULTI_NIC", **NAMES,
            configurationValues='{"env": {"ENABLE_MULTI_NIC": "true"}}')
    refused("ResourceNotFoundException", eks.update_addon, clusterName="workshop", addonName="coredns")
    refused("ResourceNotFoundException", eks.delete_addon, clusterName="workshop", addonName="coredns")
    account.control("POST", "/delete", {"kind": "addon", "name": "workshop/vpc-cni"})
    equal(eks.list_addons(clusterName="workshop")["addons"], [])
    account.control("POST", "/clusters/workshop/addons", {"name": "none"}, status=400)
    created = account.control("POST", "/clusters/workshop/addons", {"name": "kube-proxy"})["addon"]
    equal((created["status"], created["clusterName"]), ("ACTIVE", "workshop"))
    equal(list(account.control("GET", "/dump")["regions"][account.seen["region"]]["eks"]["clusters"]["workshop"]["addons"]), ["kube-proxy"])
