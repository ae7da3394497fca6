"""EKS."""

import base64
import ssl

from support import check, equal, refused


def cluster(account, name, **more):
    arguments = {
        "name": name,
        "roleArn": f"arn:aws:iam::{account.id}:role/eks-cluster",
        "resourcesVpcConfig": {"subnetIds": account.holds["subnet_ids"]},
        **more,
    }
    return account.client("eks").create_cluster(**arguments)["cluster"]


def networks(nodes=None, pods=None):
    config = {}
    if nodes is not None:
        config["remoteNodeNetworks"] = [{"cidrs": nodes}] if nodes else []
    if pods is not None:
        config["remotePodNetworks"] = [{"cidrs": pods}] if pods else []
    return config


API = {"authenticationMode": "API"}


@check
def seeded_cluster(account):
    found = account.client("eks").describe_cluster(name="workshop")["cluster"]
    equal(found["status"], "ACTIVE")
    equal(found["remoteNetworkConfig"], networks(["10.80.0.0/16"], ["10.85.0.0/16"]))
    equal(found["kubernetesNetworkConfig"]["serviceIpv4Cidr"], "172.20.0.0/16")
    equal(found["resourcesVpcConfig"]["vpcId"], account.holds["vpc_ids"][0])
    text = base64.b64decode(found["certificateAuthority"]["data"]).decode()
    ssl.create_default_context(cadata=text)
    assert found["endpoint"].startswith("https://") and found["endpoint"].endswith(".eks.amazonaws.com"), found
    entry = account.client("eks").describe_access_entry(
        clusterName="workshop", principalArn=f"arn:aws:iam::{account.id}:role/hybrid-nodes")["accessEntry"]
    equal((entry["type"], entry["username"]), ("HYBRID_LINUX", "system:node:{{SessionName}}"))


@check
def cluster_life(account):
    eks = account.client("eks")
    account.control("POST", "/settings", {"cluster_create_seconds": 600, "cluster_delete_seconds": 600})
    created = cluster(account, "c", tags={"k": "v"}, accessConfig=API)
    equal(created["status"], "CREATING")
    assert "endpoint" not in created
    refused("ResourceInUseException", eks.create_cluster, name="c", roleArn=created["roleArn"],
            resourcesVpcConfig={"subnetIds": account.holds["subnet_ids"]})
    refused("ResourceInUseException", eks.delete_cluster, name="c")
    account.control("POST", "/clock", {"advance_seconds": 600})
    found = eks.describe_cluster(name="c")["cluster"]
    equal(found["status"], "ACTIVE")
    assert found["endpoint"]
    equal(eks.list_clusters()["clusters"], ["c", "workshop"])
    first = eks.list_clusters(maxResults=1)
    equal(eks.list_clusters(maxResults=1, nextToken=first["nextToken"])["clusters"], ["workshop"])
    refused("InvalidParameterException", eks.list_clusters, nextToken="made up")
    refused("InvalidParameterException", eks.list_clusters, "maxResults", maxResults=101)
    eks.tag_resource(resourceArn=found["arn"], tags={"x": "y"})
    eks.untag_resource(resourceArn=found["arn"], tagKeys=["k"])
    equal(eks.list_tags_for_resource(resourceArn=found["arn"])["tags"], {"x": "y"})
    refused("NotFoundException", eks.list_tags_for_resource, resourceArn=found["arn"] + "x")
    equal(eks.delete_cluster(name="c")["cluster"]["status"], "DELETING")
    equal(eks.describe_cluster(name="c")["cluster"]["status"], "DELETING")
    account.control("POST", "/clock", {"advance_seconds": 600})
    answer = refused("ResourceNotFoundException", eks.describe_cluster, "No cluster found for name: c.", name="c")
    equal(answer["ResponseMetadata"]["HTTPStatusCode"], 404)
    account.control("POST", "/settings", {"cluster_delete_seconds": 0})
    eks.delete_cluster(name="workshop")
    refused("ResourceNotFoundException", eks.describe_cluster, name="workshop")


@check
def cluster_rules(account):
    eks = account.client("eks")
    subnets = account.holds["subnet_ids"]
    base = {"name": "c", "roleArn": f"arn:aws:iam::{account.id}:role/eks-cluster",
            "resourcesVpcConfig": {"subnetIds": subnets}}
    for text, more in [
        ("name", {"name": "-c"}),
        ("name", {"name": "c" * 101}),
        ("Role with arn", {"roleArn": f"arn:aws:iam::{account.id}:role/hybrid-nodes"}),
        ("two different AZs", {"resourcesVpcConfig": {"subnetIds": subnets[:1]}}),
        ("subnet-none", {"resourcesVpcConfig": {"subnetIds": [*subnets, "subnet-none"]}}),
        ("false at the same time", {"resourcesVpcConfig": {"subnetIds": subnets, "endpointPublicAccess": False}}),
        ("version", {"version": "1.10"}),
        ("overlaps", {"kubernetesNetworkConfig": {"serviceIpv4Cidr": "10.0.0.0/20"}}),
        ("service IPv4 CIDR", {"kubernetesNetworkConfig": {"serviceIpv4Cidr": "10.96.0.0/11"}}),
        ("authentication mode", {"remoteNetworkConfig": networks(["10.80.0.0/16"])}),
        ("overlaps", {"accessConfig": API, "remoteNetworkConfig": networks(["10.0.8.0/24"])}),
        ("overlaps", {"accessConfig": API, "remoteNetworkConfig": networks(["10.80.0.0/16"], ["10.80.1.0/24"])}),
        ("invalid", {"accessConfig": API, "remoteNetworkConfig": networks(["8.8.8.0/24"])}),
        ("invalid", {"accessConfig": API, "remoteNetworkConfig": networks(["10.0.0.0/7"])}),
    ]:
        refused("InvalidParameterException", eks.create_cluster, text, **{**base, **more})
    equal(cluster(account, "plain")["accessConfig"]["authenticationMode"], "CONFIG_MAP")
    refused("InvalidRequestException", eks.list_access_entries, "authentication mode", clusterName="plain")


@check
def cluster_updates(account):
    eks = account.client("eks")

    def update(**more):
        return eks.update_cluster_config(name="workshop", **more)["update"]

    def remote():
        return eks.describe_cluster(name="workshop")["cluster"].get("remoteNetworkConfig")

    created = update(remoteNetworkConfig=networks(pods=["10.86.0.0/16"]))
    equal(created["type"], "RemoteNetworkConfigUpdate")
    equal(remote(), networks(["10.80.0.0/16"], ["10.86.0.0/16"]))
    found = eks.describe_update(name="workshop", updateId=created["id"])["update"]
    equal(found["status"], "Successful")
    equal(eks.list_updates(name="workshop")["updateIds"], [created["id"]])
    refused("ResourceNotFoundException", eks.describe_update, name="workshop", updateId="none")
    answer = refused("InvalidParameterException", eks.update_cluster_config, "No changes detected", name="workshop",
                     remoteNetworkConfig=networks(pods=["10.86.0.0/16"]))
    equal(answer["ResponseMetadata"]["HTTPStatusCode"], 400)
    refused("InvalidParameterException", eks.update_cluster_config, "overlaps", name="workshop",
            remoteNetworkConfig=networks(pods=["10.80.4.0/24"]))
    refused("InvalidParameterException", eks.update_cluster_config, "one type", name="workshop",
            remoteNetworkConfig=networks(pods=[]), deletionProtection=True)
    update(remoteNetworkConfig=networks(pods=[]))
    equal(remote(), networks(["10.80.0.0/16"]))
    update(remoteNetworkConfig=networks(nodes=[]))
    equal(remote(), None)
    update(resourcesVpcConfig={"endpointPublicAccess": False})
    update(accessConfig=API)
    refused("InvalidParameterException", eks.update_cluster_config, "authentication mode", name="workshop",
            accessConfig={"authenticationMode": "CONFIG_MAP"})
    update(upgradePolicy={"supportType": "STANDARD"})
    update(logging={"clusterLogging": [{"types": ["api"], "enabled": True}]})
    account.control("POST", "/settings", {"cluster_update_seconds": 60})
    update(deletionProtection=True)
    equal(eks.describe_cluster(name="workshop")["cluster"]["status"], "UPDATING")
    refused("ResourceInUseException", eks.update_cluster_config, name="workshop", deletionProtection=False)
    account.control("POST", "/clock", {"advance_seconds": 60})
    refused("InvalidRequestException", eks.delete_cluster, "deletion protection", name="workshop")


@check
def access_entries(account):
    eks = account.client("eks")
    roles = {name: account.control("POST", "/roles", {"name": name})["arn"] for name in ("admin", "nodes", "ec2")}
    created = eks.create_access_entry(clusterName="workshop", principalArn=roles["admin"], kubernetesGroups=["ops"],
                                   tags={"k": "v"})["accessEntry"]
    equal((created["type"], created["kubernetesGroups"], created["tags"]), ("STANDARD", ["ops"], {"k": "v"}))
    equal(created["username"], f"arn:aws:sts::{account.id}:assumed-role/admin/{{{{SessionName}}}}")
    created = eks.create_access_entry(clusterName="workshop", principalArn=roles["nodes"], type="HYBRID_LINUX")
    equal(created["accessEntry"]["username"], "system:node:{{SessionName}}")
    equal(created["accessEntry"]["kubernetesGroups"], ["system:bootstrappers", "system:nodes"])
    base = {"clusterName": "workshop", "principalArn": roles["ec2"]}
    for text, more in [
        ("kubernetesGroups", {"type": "HYBRID_LINUX", "kubernetesGroups": ["x"]}),
        ("username", {"type": "HYBRID_LINUX", "username": "x"}),
        ("system:", {"kubernetesGroups": ["system:masters"]}),
        ("username", {"username": "system:x"}),
        ("type", {"type": "OTHER"}),
        ("invalid principal", {"principalArn": f"arn:aws:iam::{account.id}:role/none"}),
        ("invalid principal", {"principalArn": "none"}),
    ]:
        refused("InvalidParameterException", eks.create_access_entry, text, **{**base, **more})
    refused("ResourceInUseException", eks.create_access_entry, **{**base, "principalArn": roles["admin"]})
    refused("ResourceNotFoundException", eks.create_access_entry, **{**base, "clusterName": "none"})
    found = eks.update_access_entry(clusterName="workshop", principalArn=roles["admin"], kubernetesGroups=["dev"],
                                    username="boss")["accessEntry"]
    equal((found["kubernetesGroups"], found["username"]), (["dev"], "boss"))
    refused("InvalidParameterException", eks.update_access_entry, clusterName="workshop", principalArn=roles["nodes"],
            kubernetesGroups=["dev"])
    listed = [arn for page in eks.get_paginator("list_access_entries").paginate(
        clusterName="workshop", PaginationConfig={"PageSize": 1}) for arn in page["accessEntries"]]
    assert set(roles.values()) - {roles["ec2"]} <= set(listed), listed
    policy = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSEditPolicy"
    entry = {"clusterName": "workshop", "principalArn": roles["admin"]}
    scope = {"type": "namespace", "namespaces": ["a", "b"]}
    created = eks.associate_access_policy(**entry, policyArn=policy, accessScope=scope)["associatedAccessPolicy"]
    equal((created["policyArn"], created["accessScope"]), (policy, scope))
    for more in ({"policyArn": policy + "x"}, {"accessScope": {"type": "namespace"}},
                 {"accessScope": {"type": "cluster", "namespaces": ["a"]}}):
        refused("InvalidParameterException", eks.associate_access_policy,
                **{**entry, "policyArn": policy, "accessScope": scope, **more})
    refused("InvalidRequestException", eks.associate_access_policy, clusterName="workshop",
            principalArn=roles["nodes"], policyArn=policy, accessScope=scope)
    equal([one["policyArn"] for one in eks.list_associated_access_policies(**entry)["associatedAccessPolicies"]], [policy])
    eks.disassociate_access_policy(**entry, policyArn=policy)
    refused("ResourceNotFoundException", eks.disassociate_access_policy, **entry, policyArn=policy)
    equal(eks.list_associated_access_policies(**entry)["associatedAccessPolicies"], [])
    eks.delete_access_entry(clusterName="workshop", principalArn=roles["admin"])
    for call in (eks.describe_access_entry, eks.delete_access_entry):
        refused("ResourceNotFoundException", call, clusterName="workshop", principalArn=roles["admin"])


def outpost(account):
    return f"arn:aws:outposts:{account.seen['region']}:{account.id}:outpost/op-0123456789abcdef0"


PRIVATE = {"endpointPrivateAccess": True, "endpointPublicAccess": False}


def local_cluster(account, name, config, subnets, role="eks-cluster", network=PRIVATE, **more):
    return account.client("eks").create_cluster(
        name=name, roleArn=f"arn:aws:iam::{account.id}:role/{role}",
        resourcesVpcConfig={"subnetIds": subnets, **network},
        outpostConfig={"outpostArns": [outpost(account)], "controlPlaneInstanceType": "m5.large", **config}, **more,
    )["cluster"]


def outpost_subnet(account, block="10.0.64.0/24"):
    region = account.seen["region"]
    return account.client("ec2").create_subnet(
        VpcId=account.holds["vpc_ids"][0], CidrBlock=block, AvailabilityZone=f"{region}a", OutpostArn=outpost(account)
    )["Subnet"]


def named(account, name):
    found = account.client("ec2").describe_instances(Filters=[{"Name": "tag:Name", "Values": [f"{name}-control-plane-*"]}])
    return [one for reservation in found["Reservations"] for one in reservation["Instances"]]


@check
def local_clusters_on_ebs_volumes(account):
    eks, ec2 = account.client("eks"), account.client("ec2")
    account.control("POST", "/roles", {"name": "outpost", "trust_services": ["ec2.amazonaws.com"]})
    subnet = outpost_subnet(account)
    equal(subnet["OutpostArn"], outpost(account))
    found = ec2.describe_subnets(Filters=[{"Name": "outpost-arn", "Values": [outpost(account)]}])["Subnets"]
    equal([one["SubnetId"] for one in found], [subnet["SubnetId"]])

    def refuse(text, config=None, subnets=None, role="outpost", **more):
        refused("InvalidParameterException", lambda: local_cluster(
            account, "plant", config or {}, subnets or [subnet["SubnetId"]], role, **more), text)

    only = ("Local Amazon EKS cluster only supports bootstrapClusterCreatorAdminPermissions=true and "
            "authenticationMode=CONFIG_MAP for AccessConfig.")
    refuse(only, accessConfig=API)
    refuse(only, accessConfig={"bootstrapClusterCreatorAdminPermissions": False})
    refuse("private endpoint", network={"endpointPrivateAccess": True})
    refuse("remoteNetworkConfig", remoteNetworkConfig=networks(["10.80.0.0/16"]))
    refuse("spreadLevel requires etcdInstanceType", {"controlPlanePlacement": {"spreadLevel": "host"}})
    refuse("etcdPlacement requires etcdInstanceType", {"etcdPlacement": {"spreadLevel": "host"}})
    refuse("not on the Outpost", subnets=account.holds["subnet_ids"][:1])
    refuse("Exactly one", {"outpostArns": []})
    refuse("not valid", {"outpostArns": ["arn:aws:outposts:us-west-2:111122223333:outpost/op-1"]})
    refuse("could not be assumed", role="eks-cluster")
    refuse("computeConfig", computeConfig={"enabled": True})
    created = local_cluster(account, "plant", {"controlPlanePlacement": {"groupName": "racks"}}, [subnet["SubnetId"]], "outpost")
    equal(created["outpostConfig"]["controlPlanePlacement"], {"groupName": "racks"})
    equal(created["accessConfig"]["authenticationMode"], "CONFIG_MAP")
    equal(len(created["id"].split("-")), 5)
    members = named(account, "plant")
    equal([one["State"]["Name"] for one in members], ["running"] * 3)
    equal({one["SubnetId"] for one in members}, {subnet["SubnetId"]})
    equal(len({one["PrivateIpAddress"] for one in members}), 3)
    refused("InvalidParameterException", eks.update_cluster_config, only, name="plant", accessConfig={"authenticationMode": "API_AND_CONFIG_MAP"})
    refused("InvalidRequestException", eks.create_nodegroup, "node groups", clusterName="plant", nodegroupName="n",
            nodeRole=f"arn:aws:iam::{account.id}:role/outpost", subnets=[subnet["SubnetId"]])
    refused("InvalidRequestException", eks.create_addon, "add-ons", clusterName="plant", addonName="coredns")
    eks.delete_cluster(name="plant")
    equal([one["State"]["Name"] for one in named(account, "plant")], ["terminated"] * 3)
    ec2.delete_subnet(SubnetId=subnet["SubnetId"])


@check
def local_clusters_on_instance_stores(account):
    eks, ec2 = account.client("eks"), account.client("ec2")
    subnets = account.holds["subnet_ids"]
    etcd = {"etcdInstanceType": "m5d.large"}

    def refuse(text, config=None, wanted=subnets[:1], **more):
        refused("InvalidParameterException", lambda: local_cluster(
            account, "hall", {**etcd, **(config or {})}, wanted, **{"accessConfig": API, **more}), text)

    refuse("API or API_AND_CONFIG_MAP", accessConfig={"authenticationMode": "CONFIG_MAP"})
    refuse("groupName", {"controlPlanePlacement": {"groupName": "racks"}})
    refuse("Availability Zone", wanted=subnets)
    refuse("private endpoint", network={"endpointPublicAccess": True})
    refuse("remotePodNetworks", remoteNetworkConfig=networks(["10.80.0.0/16"]))
    created = local_cluster(
        account, "hall", {**etcd, "controlPlanePlacement": {"spreadLevel": "rack"}, "etcdPlacement": {"spreadLevel": "host"}},
        subnets[:1], accessConfig=API, version="1.33", remoteNetworkConfig=networks(pods=["10.85.0.0/16"]),
    )
    equal(created["outpostConfig"]["etcdPlacement"], {"spreadLevel": "host"})
    equal(named(account, "hall"), [])

    def interfaces():
        filters = [{"Name": "description", "Values": ["Amazon EKS hall"]}]
        return ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"]

    equal(len({one["PrivateIpAddress"] for one in interfaces()}), 3)
    update = eks.update_cluster_version(name="hall", version="1.34")["update"]
    equal((update["type"], update["status"]), ("VersionUpdate", "InProgress"))
    equal(eks.describe_cluster(name="hall")["cluster"]["version"], "1.34")
    refused("InvalidParameterException", eks.update_cluster_version, "minor version", name="hall", version="1.34")
    refused("InvalidParameterException", eks.update_cluster_version, "unsupported", name="hall", version="1.99")
    eks.delete_cluster(name="hall")
    equal(interfaces(), [])


@check
def insights_versions_and_authorities(account):
    eks = account.client("eks")
    equal(eks.list_insights(clusterName="workshop")["insights"], [])
    refused("ResourceNotFoundException", eks.list_insights, clusterName="none")
    insights = [
        {"name": "Routes", "category": "MISCONFIGURATION", "status": "ERROR", "reason": "No route.", "recommendation": "Add one."},
        {"name": "Webhooks", "category": "MISCONFIGURATION", "status": "PASSING", "reason": "None."},
        {"name": "Skew", "category": "ROLLBACK_READINESS", "status": "PASSING", "reason": "None."},
    ]
    account.control("POST", "/insights", {"cluster": "workshop", "insights": insights})
    account.control("POST", "/insights", {"cluster": "workshop", "insights": [{**insights[0], "status": "BAD"}]}, 400)
    account.control("POST", "/insights", {"cluster": "none", "insights": []}, 404)
    found = eks.list_insights(clusterName="workshop", filter={"categories": ["MISCONFIGURATION"], "statuses": ["ERROR"]})["insights"]
    equal([(one["name"], one["insightStatus"]["reason"]) for one in found], [("Routes", "No route.")])
    equal(eks.describe_insight(clusterName="workshop", id=found[0]["id"])["insight"]["recommendation"], "Add one.")
    refused("ResourceNotFoundException", eks.describe_insight, clusterName="workshop", id="none")
    refused("InvalidParameterException", eks.list_insights, clusterName="workshop", filter={"statuses": ["BAD"]})
    first = eks.list_insights(clusterName="workshop", maxResults=2)
    rest = eks.list_insights(clusterName="workshop", maxResults=2, nextToken=first["nextToken"])
    equal([one["name"] for one in first["insights"] + rest["insights"]], ["Routes", "Webhooks", "Skew"])
    versions = eks.describe_cluster_versions()["clusterVersions"]
    equal([one["clusterVersion"] for one in versions if one["defaultVersion"]], ["1.34"])
    assert all(one["versionStatus"] != "UNSUPPORTED" for one in versions)
    assert len(eks.describe_cluster_versions(includeAll=True)["clusterVersions"]) > len(versions)
    equal(len(eks.describe_cluster_versions(clusterVersions=["1.33"])["clusterVersions"]), 1)
    refused("InvalidParameterException", eks.describe_cluster_versions, clusterVersions=["9.9"])
    authorities = eks.list_certificate_authorities(clusterName="workshop")["certificateAuthorities"]
    equal([one["signingStatus"] for one in authorities], ["IN_USE"])
