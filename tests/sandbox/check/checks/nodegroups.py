"""EKS node groups, without a control plane."""

from support import check, equal, refused


def wanted(account, name="g", **more):
    return {
        "clusterName": "workshop", "nodegroupName": name, "subnets": account.holds["subnet_ids"],
        "nodeRole": f"arn:aws:iam::{account.id}:role/nodes", **more,
    }


@check
def node_group_life(account):
    eks = account.client("eks")
    account.control("POST", "/roles", {"name": "nodes", "trust_services": ["ec2.amazonaws.com"]})
    account.control("POST", "/settings", {"nodegroup_create_seconds": 60, "nodegroup_delete_seconds": 60})
    created = account.client("ec2").create_launch_template(LaunchTemplateName="nodes", LaunchTemplateData={"UserData": "eA=="})
    template = {"id": created["LaunchTemplate"]["LaunchTemplateId"], "version": "1"}
    arguments = wanted(account, scalingConfig={"minSize": 0, "maxSize": 4, "desiredSize": 3}, labels={"a": "b"},
                       taints=[{"key": "t", "value": "v", "effect": "NO_SCHEDULE"}], launchTemplate=template,
                       tags={"k": "v"}, clientRequestToken="once")
    created = eks.create_nodegroup(**arguments)["nodegroup"]
    equal((created["status"], created["scalingConfig"]["desiredSize"], created["launchTemplate"], created["labels"]),
          ("CREATING", 3, {**template, "name": "nodes"}, {"a": "b"}))
    equal(created["taints"], arguments["taints"])
    equal(eks.create_nodegroup(**arguments)["nodegroup"]["nodegroupArn"], created["nodegroupArn"])
    refused("ResourceInUseException", eks.create_nodegroup, "NodeGroup already exists", **wanted(account))
    refused("ResourceInUseException", eks.delete_nodegroup, clusterName="workshop", nodegroupName="g")
    entry = eks.describe_access_entry(clusterName="workshop", principalArn=arguments["nodeRole"])["accessEntry"]
    equal(entry["type"], "EC2_LINUX")
    account.control("POST", "/clock", {"advance_seconds": 60})
    found = eks.describe_nodegroup(clusterName="workshop", nodegroupName="g")["nodegroup"]
    equal((found["status"], found["health"]["issues"]), ("ACTIVE", []))
    equal(eks.list_nodegroups(clusterName="workshop")["nodegroups"], ["g"])
    equal(eks.list_tags_for_resource(resourceArn=created["nodegroupArn"])["tags"], {"k": "v"})
    refused("ResourceInUseException", eks.delete_cluster, "Cluster has nodegroups attached", name="workshop")
    eks.create_nodegroup(**wanted(account, "h"))
    account.control("POST", "/clock", {"advance_seconds": 60})
    for name in ("g", "h"):
        # The entry is kept as long as a group needs it.
        eks.describe_access_entry(clusterName="workshop", principalArn=arguments["nodeRole"])
        gone = eks.delete_nodegroup(clusterName="workshop", nodegroupName=name)["nodegroup"]
        equal(gone["status"], "DELETING")
        account.control("POST", "/clock", {"advance_seconds": 60})
        refused("ResourceNotFoundException", eks.describe_nodegroup, clusterName="workshop", nodegroupName=name)
    refused("ResourceNotFoundException", eks.describe_access_entry, clusterName="workshop", principalArn=arguments["nodeRole"])


@check
def node_group_bad_input(account):
    eks = account.client("eks")
    account.control("POST", "/roles", {"name": "nodes", "trust_services": ["ec2.amazonaws.com"]})
    ec2 = account.client("ec2")
    image = "/aws/service/eks/optimized-ami/1.34/amazon-linux-2023/x86_64/standard/recommended/image_id"
    own = account.client("ssm").get_parameter(Name=image)["Parameter"]["Value"]
    ec2.create_launch_template(LaunchTemplateName="typed", LaunchTemplateData={"InstanceType": "m5.large"})
    ec2.create_launch_template(LaunchTemplateName="own", LaunchTemplateData={"ImageId": own})
    for text, more in [
        ("cannot be found", {"nodeRole": f"arn:aws:iam::{account.id}:role/none"}),
        ("service principals [ec2.amazonaws.com]", {"nodeRole": f"arn:aws:iam::{account.id}:role/eks-cluster"}),
        ("The subnet ID 'subnet-0none' does not exist", {"subnets": ["subnet-0none"]}),
        ("can't be greater than max size", {"scalingConfig": {"minSize": 1, "maxSize": 2, "desiredSize": 3}}),
        ("can't be greater than desired size", {"scalingConfig": {"minSize": 2, "maxSize": 2, "desiredSize": 1}}),
        ("[m5.none]", {"instanceTypes": ["m5.none"]}),
        ("taint effect", {"taints": [{"key": "a", "effect": "NONE"}]}),
        ("launch template", {"launchTemplate": {"id": "lt-0", "name": "n"}}),
        ("Disk size must be specified within", {"launchTemplate": {"id": "lt-0"}, "diskSize": 20}),
        ("instance types in both", {"launchTemplate": {"name": "typed"}, "instanceTypes": ["m5.large"]}),
        ("AMI type", {"launchTemplate": {"name": "own"}, "amiType": "AL2023_x86_64_STANDARD"}),
        ("does not fit", {"launchTemplate": {"name": "own"}, "instanceTypes": ["m7g.large"]}),
        ("invalid characters", {"nodegroupName": "a b"}),
    ]:
        refused("InvalidParameterException", eks.create_nodegroup, text, **{**wanted(account), **more})
    refused("InvalidRequestException", eks.create_nodegroup, "lt-0", **wanted(account, launchTemplate={"id": "lt-0"}))
    refused("ResourceNotFoundException", eks.create_nodegroup, **{**wanted(account), "clusterName": "none"})
    refused("ResourceNotFoundException", eks.describe_nodegroup, "No node group found for name: none.",
            clusterName="workshop", nodegroupName="none")
    equal(eks.list_nodegroups(clusterName="workshop")["nodegroups"], [])
