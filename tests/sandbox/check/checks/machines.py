"""The rest of EC2 (gateways, routes, rules, launch templates, instances), and load balancers."""

import base64

from support import check, equal, refused


def network(ec2, block, zones=("us-west-2a", "us-west-2b"), way_out=True):
    """A VPC with a subnet in each zone, and an internet gateway."""
    vpc = ec2.create_vpc(CidrBlock=f"{block}.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, AvailabilityZone=zone, CidrBlock=f"{block}.{number}.0/24")["Subnet"]["SubnetId"]
        for number, zone in enumerate(zones, 1)
    ]
    if way_out:
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(VpcId=vpc, InternetGatewayId=gateway)
        return vpc, subnets, gateway
    return vpc, subnets


@check
def what_comes_with_a_vpc(account):
    ec2 = account.client("ec2")
    before = account.control("GET", "/dump")
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    of_vpc = [{"Name": "vpc-id", "Values": [vpc]}]
    (table,) = ec2.describe_route_tables(Filters=of_vpc + [{"Name": "association.main", "Values": ["true"]}])["RouteTables"]
    equal([(route["DestinationCidrBlock"], route["GatewayId"]) for route in table["Routes"]], [("10.1.0.0/16", "local")])
    (acl,) = ec2.describe_network_acls(Filters=of_vpc + [{"Name": "default", "Values": ["true"]}])["NetworkAcls"]
    equal(len(acl["Entries"]), 4)
    (group,) = ec2.describe_security_groups(Filters=of_vpc)["SecurityGroups"]
    equal((group["GroupName"], [one["UserIdGroupPairs"][0]["GroupId"] for one in group["IpPermissions"]]),
          ("default", [group["GroupId"]]))
    refused("InvalidParameterValue", ec2.disassociate_route_table,
            AssociationId=table["Associations"][0]["RouteTableAssociationId"])
    ec2.delete_vpc(VpcId=vpc)
    equal(account.control("GET", "/dump"), before)


@check
def rules_of_security_groups(account):
    ec2 = account.client("ec2")
    vpc, _ = network(ec2, "10.1", way_out=False)
    group = ec2.create_security_group(GroupName="g", Description="d", VpcId=vpc)["GroupId"]
    other = ec2.create_security_group(GroupName="o", Description="d", VpcId=vpc)["GroupId"]

    def tcp(**peer):
        return [{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 81, **peer}]

    from_range = tcp(IpRanges=[{"CidrIp": "10.0.0.0/8", "Description": "x"}])
    tags = [{"ResourceType": "security-group-rule", "Tags": [{"Key": "k", "Value": "v"}]}]
    (created,) = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=from_range, TagSpecifications=tags)["SecurityGroupRules"]
    equal((created["CidrIpv4"], created["FromPort"], created["ToPort"], created["IsEgress"], created["Tags"]),
          ("10.0.0.0/8", 80, 81, False, [{"Key": "k", "Value": "v"}]))
    refused("InvalidPermission.Duplicate", ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=from_range)
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=tcp(UserIdGroupPairs=[{"GroupId": other}]))
    (described,) = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
    (permission,) = described["IpPermissions"]
    equal((permission["IpRanges"][0]["CidrIp"], permission["UserIdGroupPairs"][0]["GroupId"]), ("10.0.0.0/8", other))
    refused("DependencyViolation", ec2.delete_security_group, GroupId=other)
    (found,) = ec2.describe_security_group_rules(SecurityGroupRuleIds=[created["SecurityGroupRuleId"]])["SecurityGroupRules"]
    equal(found["GroupId"], group)
    ec2.create_tags(Resources=[created["SecurityGroupRuleId"]], Tags=[{"Key": "a", "Value": "b"}])
    ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[created["SecurityGroupRuleId"]])
    refused("InvalidSecurityGroupRuleId.NotFound", ec2.describe_security_group_rules,
            SecurityGroupRuleIds=[created["SecurityGroupRuleId"]])
    refused("InvalidPermission.NotFound", ec2.revoke_security_group_ingress, GroupId=group, IpPermissions=from_range)
    everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    ec2.revoke_security_group_egress(GroupId=group, IpPermissions=everything)
    (described,) = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
    equal(described["IpPermissionsEgress"], [])
    refused("InvalidGroup.NotFound", ec2.authorize_security_group_ingress, GroupId=group,
            IpPermissions=tcp(UserIdGroupPairs=[{"GroupId": "sg-0"}]))
    for wrong in ({"FromPort": 81, "ToPort": 80}, {"ToPort": 70000}):
        refused("InvalidParameterValue", ec2.authorize_security_group_ingress, GroupId=group,
                IpPermissions=[{**from_range[0], **wrong}])


@check
def gateways_and_routes(account):
    ec2 = account.client("ec2")
    before = account.control("GET", "/dump")
    vpc, subnets, gateway = network(ec2, "10.1")
    peer, peer_subnets = network(ec2, "10.2", way_out=False)
    refused("Resource.AlreadyAssociated", ec2.attach_internet_gateway, VpcId=peer, InternetGatewayId=gateway)
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    refused("Gateway.NotAttached", ec2.create_nat_gateway, SubnetId=peer_subnets[0], AllocationId=address)
    nat = ec2.create_nat_gateway(SubnetId=subnets[0], AllocationId=address)["NatGateway"]
    equal(nat["State"], "pending")
    nat = nat["NatGatewayId"]
    (found,) = ec2.describe_nat_gateways(NatGatewayIds=[nat])["NatGateways"]
    equal((found["State"], found["NatGatewayAddresses"][0]["AllocationId"]), ("available", address))
    refused("InvalidIPAddress.InUse", ec2.release_address, AllocationId=address)
    association = ec2.describe_addresses(AllocationIds=[address])["Addresses"][0]["AssociationId"]
    refused("AuthFailure", ec2.disassociate_address, AssociationId=association)
    connection = ec2.create_vpc_peering_connection(VpcId=vpc, PeerVpcId=peer)["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    accepted = ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=connection)["VpcPeeringConnection"]
    equal(accepted["Status"]["Code"], "active")
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    for route in ({"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": nat},
                  {"DestinationCidrBlock": "10.2.0.0/16", "VpcPeeringConnectionId": connection}):
        ec2.create_route(RouteTableId=table, **route)
        refused("RouteAlreadyExists", ec2.create_route, RouteTableId=table, **route)
    ec2.replace_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    refused("InvalidRoute.NotFound", ec2.delete_route, RouteTableId=table, DestinationCidrBlock="10.9.0.0/16")
    refused("InvalidInternetGatewayID.NotFound", ec2.create_route, RouteTableId=table,
            DestinationCidrBlock="10.9.0.0/16", GatewayId="igw-0")
    (described,) = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"]
    equal([route.get("GatewayId", route.get("VpcPeeringConnectionId")) for route in described["Routes"]],
          ["local", gateway, connection])
    attached = ec2.associate_route_table(RouteTableId=table, SubnetId=subnets[0])["AssociationId"]
    refused("Resource.AlreadyAssociated", ec2.associate_route_table, RouteTableId=table, SubnetId=subnets[0])
    refused("InvalidParameterValue", ec2.associate_route_table, RouteTableId=table, SubnetId=peer_subnets[0])
    refused("DependencyViolation", ec2.delete_route_table, RouteTableId=table)
    refused("DependencyViolation", ec2.detach_internet_gateway, VpcId=vpc, InternetGatewayId=gateway)
    refused("DependencyViolation", ec2.delete_subnet, SubnetId=subnets[0])
    refused("DependencyViolation", ec2.delete_internet_gateway, InternetGatewayId=gateway)
    ec2.delete_nat_gateway(NatGatewayId=nat)
    (found,) = ec2.describe_nat_gateways(NatGatewayIds=[nat])["NatGateways"]
    equal(found["State"], "deleted")
    refused("InvalidAssociationID.NotFound", ec2.disassociate_address, AssociationId=association)
    ec2.release_address(AllocationId=address)
    ec2.disassociate_route_table(AssociationId=attached)
    ec2.delete_route_table(RouteTableId=table)
    ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=connection)
    ec2.detach_internet_gateway(VpcId=vpc, InternetGatewayId=gateway)
    refused("Gateway.NotAttached", ec2.detach_internet_gateway, VpcId=vpc, InternetGatewayId=gateway)
    ec2.delete_internet_gateway(InternetGatewayId=gateway)
    for subnet in [*subnets, *peer_subnets]:
        ec2.delete_subnet(SubnetId=subnet)
    for one in (vpc, peer):
        ec2.delete_vpc(VpcId=one)
    equal(account.control("GET", "/dump"), before)


def image(account, machine="x86_64"):
    name = f"/aws/service/eks/optimized-ami/1.34/amazon-linux-2023/{machine}/standard/recommended/image_id"
    return account.client("ssm").get_parameter(Name=name)["Parameter"]["Value"]


@check
def images_come_out_anew(account):
    ec2 = account.client("ec2")
    first = image(account)
    (described,) = ec2.describe_images(ImageIds=[first])["Images"]
    equal((described["Architecture"], described["RootDeviceName"]), ("x86_64", "/dev/xvda"))
    equal(image(account), first)
    account.control("POST", "/clock", {"advance_seconds": 7 * 24 * 3600})
    assert image(account) != first
    ec2.describe_images(ImageIds=[first])
    refused("InvalidAMIID.NotFound", ec2.describe_images, ImageIds=["ami-0"])
    refused("ParameterNotFound", account.client("ssm").get_parameter,
            Name="/aws/service/eks/optimized-ami/1.1/amazon-linux-2023/x86_64/standard/recommended/image_id")


@check
def launch_templates(account):
    ec2 = account.client("ec2")
    data = {"ImageId": image(account), "InstanceType": "m5.large", "UserData": "eA==",
            "MetadataOptions": {"HttpTokens": "required"}, "SecurityGroupIds": ["sg-1", "sg-2"],
            "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 20, "Encrypted": True}}]}
    created = ec2.create_launch_template(LaunchTemplateName="one", LaunchTemplateData=data)["LaunchTemplate"]
    refused("InvalidLaunchTemplateName.AlreadyExistsException", ec2.create_launch_template,
            LaunchTemplateName="one", LaunchTemplateData=data)
    refused("InvalidLaunchTemplateName.MalformedException", ec2.create_launch_template,
            LaunchTemplateName="a b", LaunchTemplateData=data)
    named = {"LaunchTemplateId": created["LaunchTemplateId"]}
    ec2.create_launch_template_version(LaunchTemplateName="one", LaunchTemplateData={"InstanceType": "m5.xlarge"})
    ec2.modify_launch_template(DefaultVersion="2", **named)
    (described,) = ec2.describe_launch_templates(LaunchTemplateIds=[named["LaunchTemplateId"]])["LaunchTemplates"]
    equal((described["DefaultVersionNumber"], described["LatestVersionNumber"]), (2, 2))
    (first,) = ec2.describe_launch_template_versions(Versions=["1"], **named)["LaunchTemplateVersions"]
    equal(first["LaunchTemplateData"], data)
    (latest,) = ec2.describe_launch_template_versions(Versions=["$Latest"], **named)["LaunchTemplateVersions"]
    equal((latest["VersionNumber"], latest["DefaultVersion"]), (2, True))
    refused("InvalidLaunchTemplateId.VersionNotFound", ec2.describe_launch_template_versions, Versions=["3"], **named)
    ec2.delete_launch_template(**named)
    refused("InvalidLaunchTemplateId.NotFound", ec2.describe_launch_templates, LaunchTemplateIds=[named["LaunchTemplateId"]])
    refused("InvalidLaunchTemplateName.NotFoundException", ec2.describe_launch_templates, LaunchTemplateNames=["one"])


@check
def instances_in_ec2(account):
    ec2 = account.client("ec2")
    before = account.control("GET", "/dump")
    vpc, subnets, gateway = network(ec2, "10.1")
    group = ec2.create_security_group(GroupName="g", Description="d", VpcId=vpc)["GroupId"]
    ec2.modify_subnet_attribute(SubnetId=subnets[0], MapPublicIpOnLaunch={"Value": True})
    arguments = {"ImageId": image(account), "InstanceType": "m5.large", "MinCount": 1, "MaxCount": 1,
                 "SubnetId": subnets[0], "SecurityGroupIds": [group]}
    refused("InvalidParameterValue", ec2.run_instances, "does not match the architecture",
            **{**arguments, "InstanceType": "m7g.large"})
    refused("InvalidSubnetID.NotFound", ec2.run_instances, **{**arguments, "SubnetId": "subnet-0"})
    refused("InvalidAMIID.NotFound", ec2.run_instances, **{**arguments, "ImageId": "ami-0"})
    refused("InvalidParameter", ec2.run_instances, "different networks",
            **{**arguments, "SubnetId": account.holds["subnet_ids"][0]})
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "n"}]}]
    created = ec2.run_instances(
        UserData="#!/bin/sh", TagSpecifications=tags, MetadataOptions={"HttpTokens": "required"},
        BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 30, "Encrypted": True}}], **arguments,
    )["Instances"][0]
    equal(created["State"]["Name"], "pending")
    named = {"InstanceIds": [created["InstanceId"]]}
    described = ec2.describe_instances(**named)["Reservations"][0]["Instances"][0]
    equal((described["State"]["Name"], described["PrivateIpAddress"], described["SecurityGroups"][0]["GroupId"], described["Tags"]),
          ("running", "10.1.1.4", group, tags[0]["Tags"]))
    equal((described["MetadataOptions"]["HttpTokens"], bool(described["PublicIpAddress"])), ("required", True))
    by_tags = ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": named["InstanceIds"]}])["Tags"]
    equal([(one["ResourceType"], one["Key"], one["Value"]) for one in by_tags], [("instance", "Name", "n")])
    (volume,) = ec2.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": named["InstanceIds"]}])["Volumes"]
    equal((volume["Size"], volume["Encrypted"]), (30, True))
    attribute = ec2.describe_instance_attribute(InstanceId=created["InstanceId"], Attribute="userData")
    equal(base64.b64decode(attribute["UserData"]["Value"]), b"#!/bin/sh")
    refused("InvalidInstanceCreditSpecification.NotSupported", ec2.describe_instance_credit_specifications, **named)
    refused("DependencyViolation", ec2.delete_security_group, GroupId=group)
    refused("DependencyViolation", ec2.delete_subnet, SubnetId=subnets[0])
    second = ec2.run_instances(**arguments)["Instances"][0]
    equal(second["PrivateIpAddress"], "10.1.1.5")
    (subnet,) = ec2.describe_subnets(SubnetIds=subnets[:1])["Subnets"]
    equal(subnet["AvailableIpAddressCount"], 256 - 5 - 2)
    ec2.modify_instance_attribute(InstanceId=second["InstanceId"], DisableApiTermination={"Value": True})
    refused("OperationNotPermitted", ec2.terminate_instances, InstanceIds=[second["InstanceId"]])
    ec2.modify_instance_attribute(InstanceId=second["InstanceId"], DisableApiTermination={"Value": False})
    ec2.terminate_instances(InstanceIds=[created["InstanceId"], second["InstanceId"]])
    described = ec2.describe_instances(**named)["Reservations"][0]["Instances"][0]
    equal(described["State"]["Name"], "terminated")
    ec2.delete_security_group(GroupId=group)
    for subnet in subnets:
        ec2.delete_subnet(SubnetId=subnet)
    ec2.detach_internet_gateway(VpcId=vpc, InternetGatewayId=gateway)
    ec2.delete_internet_gateway(InternetGatewayId=gateway)
    ec2.delete_vpc(VpcId=vpc)
    equal(account.control("GET", "/dump"), before)


USER_DATA = """Content-Type: multipart/mixed; boundary="b"
MIME-Version: 1.0

--b
Content-Type: text/cloud-config

write_files:
- path: /etc/nodeadm/nodeConfig.yaml
  content: |
    apiVersion: node.eks.aws/v1alpha1
    kind: NodeConfig
    spec:
      cluster: {name: workshop, region: us-west-2}
      hybrid: {ssm: {activationId: %s, activationCode: %s}}
--b
Content-Type: text/x-shellscript

#!/bin/sh
nodeadm init -c file:///etc/nodeadm/nodeConfig.yaml
--b--
"""


@check
def a_machine_registers_by_its_user_data(account):
    ec2, ssm = account.client("ec2"), account.client("ssm")
    activation = ssm.create_activation(IamRole="hybrid-nodes", RegistrationLimit=1)

    def run(code):
        return ec2.run_instances(
            ImageId=image(account), InstanceType="m5.large", MinCount=1, MaxCount=1, SubnetId=account.holds["subnet_ids"][0],
            UserData=USER_DATA % (activation["ActivationId"], code),
        )["Instances"][0]

    def registered():
        found = ssm.describe_activations()["ActivationList"]
        return [one["RegistrationsCount"] for one in found if one["ActivationId"] == activation["ActivationId"]]

    run("wrong" * 4)
    created = run(activation["ActivationCode"])
    account.wait(lambda: registered() == [1], "the machine's registration")
    (host,) = ssm.describe_instance_information()["InstanceInformationList"]
    equal((host["IPAddress"], host["PingStatus"]), (created["PrivateIpAddress"], "Online"))
    ec2.terminate_instances(InstanceIds=[created["InstanceId"]])
    account.wait(lambda: ssm.describe_instance_information()["InstanceInformationList"][0]["PingStatus"] == "ConnectionLost",
                 "the end of its connection")


@check
def load_balancers(account):
    ec2, elb = account.client("ec2"), account.client("elbv2")
    before = account.control("GET", "/dump")
    vpc, subnets, gateway = network(ec2, "10.1")
    _, closed = network(ec2, "10.2", way_out=False)
    refused("InvalidSubnet", elb.create_load_balancer, "no internet gateway", Name="l", Subnets=closed)
    refused("ValidationError", elb.create_load_balancer, "two different Availability Zones", Name="l", Subnets=subnets[:1])
    refused("ValidationError", elb.create_load_balancer, "hyphen", Name="-l", Subnets=subnets)
    (created,) = elb.create_load_balancer(Name="l", Subnets=subnets, Tags=[{"Key": "k", "Value": "v"}])["LoadBalancers"]
    equal(created["State"]["Code"], "provisioning")
    arn = created["LoadBalancerArn"]
    refused("DuplicateLoadBalancerName", elb.create_load_balancer, Name="l", Subnets=subnets)
    (described,) = elb.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"]
    equal((described["State"]["Code"], described["VpcId"]), ("active", vpc))
    equal(elb.describe_tags(ResourceArns=[arn])["TagDescriptions"][0]["Tags"], [{"Key": "k", "Value": "v"}])
    dropped = {"Key": "routing.http.drop_invalid_header_fields.enabled", "Value": "true"}
    assert dropped in elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[dropped])["Attributes"]
    refused("ValidationError", elb.modify_load_balancer_attributes, "not recognized", LoadBalancerArn=arn,
            Attributes=[{"Key": "none", "Value": "1"}])
    (group,) = elb.create_target_group(Name="t", Protocol="HTTP", Port=80, VpcId=vpc, TargetType="ip")["TargetGroups"]
    targets = group["TargetGroupArn"]
    listen = {"LoadBalancerArn": arn, "Protocol": "HTTP", "Port": 80,
              "DefaultActions": [{"Type": "forward", "TargetGroupArn": targets}]}
    (listener,) = elb.create_listener(**listen)["Listeners"]
    refused("DuplicateListener", elb.create_listener, **listen)
    refused("ResourceInUse", elb.delete_target_group, TargetGroupArn=targets)
    equal(elb.describe_target_groups(TargetGroupArns=[targets])["TargetGroups"][0]["LoadBalancerArns"], [arn])
    elb.register_targets(TargetGroupArn=targets, Targets=[{"Id": "10.1.1.9"}])
    outside = {"Id": "10.90.1.4", "Port": 30080}
    for wrong in (outside, {"Id": "8.8.8.8", "AvailabilityZone": "all"}, {"Id": "x"}):
        refused("ValidationError", elb.register_targets, TargetGroupArn=targets, Targets=[wrong])
    elb.register_targets(TargetGroupArn=targets, Targets=[{**outside, "AvailabilityZone": "all"}])
    health = elb.describe_target_health(TargetGroupArn=targets)["TargetHealthDescriptions"]
    equal([(one["Target"]["Id"], one["Target"]["Port"], one["Target"]["AvailabilityZone"]) for one in health],
          [("10.1.1.9", 80, "us-west-2a"), ("10.90.1.4", 30080, "all")])
    elb.deregister_targets(TargetGroupArn=targets, Targets=[outside])
    (one,) = elb.describe_target_health(TargetGroupArn=targets, Targets=[outside])["TargetHealthDescriptions"]
    equal(one["TargetHealth"]["Reason"], "Target.NotRegistered")
    refused("DependencyViolation", ec2.delete_subnet, SubnetId=subnets[0])
    elb.delete_listener(ListenerArn=listener["ListenerArn"])
    refused("ListenerNotFound", elb.describe_listeners, ListenerArns=[listener["ListenerArn"]])
    elb.delete_target_group(TargetGroupArn=targets)
    refused("TargetGroupNotFound", elb.describe_target_groups, TargetGroupArns=[targets])
    elb.delete_load_balancer(LoadBalancerArn=arn)
    refused("LoadBalancerNotFound", elb.describe_load_balancers, LoadBalancerArns=[arn])
    ec2.detach_internet_gateway(VpcId=vpc, InternetGatewayId=gateway)
    ec2.delete_internet_gateway(InternetGatewayId=gateway)
    for subnet in [*subnets, *closed]:
        ec2.delete_subnet(SubnetId=subnet)
    for found in ec2.describe_vpcs(Filters=[{"Name": "cidr", "Values": ["10.1.0.0/16", "10.2.0.0/16"]}])["Vpcs"]:
        ec2.delete_vpc(VpcId=found["VpcId"])
    equal(account.control("GET", "/dump"), before)
