"""EC2."""

from support import check, equal, refused


@check
def vpcs(account):
    ec2 = account.client("ec2")
    tag = [{"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": "v"}]}]
    vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16", TagSpecifications=tag)["Vpc"]["VpcId"]
    equal(ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["Tags"], tag[0]["Tags"])
    equal([entry["VpcId"] for entry in ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": ["v"]}])["Vpcs"]], [vpc])
    equal(len(ec2.describe_vpcs()["Vpcs"]), 2)
    refused("InvalidVpcID.NotFound", ec2.describe_vpcs, VpcIds=["vpc-none"])
    refused("InvalidParameterValue", ec2.describe_vpcs, "filter", Filters=[{"Name": "other", "Values": ["x"]}])
    refused("InvalidVpc.Range", ec2.create_vpc, CidrBlock="10.0.0.0/8")
    refused("InvalidParameterValue", ec2.create_vpc, CidrBlock="10.0.0.1/16")
    created = ec2.associate_vpc_cidr_block(VpcId=vpc, CidrBlock="100.64.0.0/16")["CidrBlockAssociation"]
    blocks = ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["CidrBlockAssociationSet"]
    equal([(entry["CidrBlock"], entry["CidrBlockState"]["State"]) for entry in blocks],
          [("10.20.0.0/16", "associated"), ("100.64.0.0/16", "associated")])
    refused("InvalidVpc.Range", ec2.associate_vpc_cidr_block, VpcId=vpc, CidrBlock="100.64.1.0/24")
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="100.64.0.0/24", AvailabilityZone=account.seen["region"] + "b")["Subnet"]
    equal((subnet["AvailabilityZone"], subnet["AvailableIpAddressCount"]), (account.seen["region"] + "b", 251))
    refused("DependencyViolation", ec2.disassociate_vpc_cidr_block, AssociationId=created["AssociationId"])
    refused("InvalidSubnet.Conflict", ec2.create_subnet, VpcId=vpc, CidrBlock="100.64.0.0/25")
    refused("InvalidSubnet.Range", ec2.create_subnet, VpcId=vpc, CidrBlock="10.99.0.0/24")
    refused("InvalidParameterValue", ec2.create_subnet, VpcId=vpc, CidrBlock="100.64.1.0/24", AvailabilityZone="x")
    refused("DependencyViolation", ec2.delete_vpc, VpcId=vpc)
    ec2.create_tags(Resources=[vpc, subnet["SubnetId"]], Tags=[{"Key": "a", "Value": "b"}])
    ec2.delete_tags(Resources=[vpc], Tags=[{"Key": "Name"}])
    equal(ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["Tags"], [{"Key": "a", "Value": "b"}])
    refused("InvalidID", ec2.create_tags, Resources=["vpc-none"], Tags=[{"Key": "a", "Value": "b"}])
    group = ec2.create_security_group(GroupName="g", Description="d", VpcId=vpc)["GroupId"]
    refused("InvalidGroup.Duplicate", ec2.create_security_group, GroupName="g", Description="d", VpcId=vpc)
    equal(len(ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["SecurityGroups"]), 2)
    equal(ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["GroupName"], "g")
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    answer = ec2.describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsHostnames")
    equal(answer["EnableDnsHostnames"], {"Value": True})
    ec2.delete_security_group(GroupId=group)
    refused("InvalidGroup.NotFound", ec2.delete_security_group, GroupId=group)
    ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    refused("InvalidSubnetID.NotFound", ec2.delete_subnet, SubnetId=subnet["SubnetId"])
    ec2.disassociate_vpc_cidr_block(AssociationId=created["AssociationId"])
    ec2.delete_vpc(VpcId=vpc)
    refused("InvalidVpcID.NotFound", ec2.delete_vpc, VpcId=vpc)
    refused("DependencyViolation", ec2.delete_subnet, SubnetId=account.holds["subnet_ids"][0])


@check
def ec2_paging_and_catalog(account):
    ec2 = account.client("ec2")
    vpc = account.holds["vpc_ids"][0]
    for number in range(32, 43):
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24")
    pages = list(ec2.get_paginator("describe_subnets").paginate(PaginationConfig={"PageSize": 5}))
    equal([len(page["Subnets"]) for page in pages], [5, 5, 3])
    refused("InvalidParameterValue", ec2.describe_subnets, "maxResults", MaxResults=4)
    refused("InvalidNextToken", ec2.describe_subnets, MaxResults=5, NextToken="made up")
    zones = ec2.describe_availability_zones()["AvailabilityZones"]
    equal([zone["ZoneName"] for zone in zones], [account.seen["region"] + letter for letter in "abc"])
    names = [region["RegionName"] for region in ec2.describe_regions()["Regions"]]
    assert "us-west-2" in names and "af-south-1" not in names, names
    assert len(ec2.describe_regions(AllRegions=True)["Regions"]) > len(names)
    refused("InvalidParameterValue", ec2.describe_regions, RegionNames=["us-west-9"])
    found = ec2.describe_instance_types(InstanceTypes=["m5.large"])["InstanceTypes"][0]
    info = found["NetworkInfo"]
    equal((info["MaximumNetworkInterfaces"], info["Ipv4AddressesPerInterface"]), (3, 10))
    assert len(ec2.describe_instance_types()["InstanceTypes"]) > 5
    refused("InvalidInstanceType", ec2.describe_instance_types, InstanceTypes=["m5.none"])
    refused("DryRunOperation", ec2.describe_vpcs, DryRun=True)


@check
def instance_types(account):
    ec2 = account.client("ec2")

    def described(name):
        return ec2.describe_instance_types(InstanceTypes=[name])["InstanceTypes"][0]

    for name, cards, interfaces, of_default_card, addresses, processors, hypervisor in [
        ("m5.large", 1, 3, 3, 10, 2, "nitro"),
        ("m4.large", 1, 2, 2, 10, 2, "xen"),
        ("m5.metal", 1, 15, 15, 50, 96, None),
        ("p4d.24xlarge", 4, 60, 15, 50, 96, "nitro"),
        ("m7g.large", 1, 3, 3, 10, 2, "nitro"),
        ("t2.micro", 1, 2, 2, 2, 1, "xen"),
    ]:
        found = described(name)
        info = found["NetworkInfo"]
        card = info["NetworkCards"][info["DefaultNetworkCardIndex"]]
        equal((info["MaximumNetworkCards"], len(info["NetworkCards"]), info["MaximumNetworkInterfaces"],
               card["MaximumNetworkInterfaces"], info["Ipv4AddressesPerInterface"]),
              (cards, cards, interfaces, of_default_card, addresses))
        equal((found["VCpuInfo"]["DefaultVCpus"], found.get("Hypervisor"), found["BareMetal"]),
              (processors, hypervisor, hypervisor is None))
        equal(found["VCpuInfo"]["DefaultCores"] * found["VCpuInfo"]["DefaultThreadsPerCore"], processors)
    equal(described("m7g.large")["ProcessorInfo"]["SupportedArchitectures"], ["arm64"])
    refused("InvalidInstanceType", ec2.describe_instance_types,
            "The following supplied instance types do not exist: [x1.none, x2.none]",
            InstanceTypes=["x1.none", "m5.large", "x2.none"])
    metal = ec2.describe_instance_types(Filters=[{"Name": "bare-metal", "Values": ["true"]}])["InstanceTypes"]
    equal([found["InstanceType"] for found in metal], ["m5.metal"])
    pages = list(ec2.get_paginator("describe_instance_types").paginate(PaginationConfig={"PageSize": 5}))
    assert len(pages) > 2 and all(len(page["InstanceTypes"]) == 5 for page in pages[:-1]), [len(p["InstanceTypes"]) for p in pages]


@check
def networks_are_found_by_id_and_by_filter(account):
    ec2 = account.client("ec2")
    vpc = account.holds["vpc_ids"][0]
    first, second = account.holds["subnet_ids"]

    def subnets(**filters):
        wanted = [{"Name": name.replace("_", "-"), "Values": values} for name, values in filters.items()]
        return {subnet["SubnetId"] for subnet in ec2.describe_subnets(Filters=wanted)["Subnets"]}

    equal({subnet["SubnetId"] for subnet in ec2.describe_subnets(SubnetIds=[first, second])["Subnets"]}, {first, second})
    refused("InvalidSubnetID.NotFound", ec2.describe_subnets, "The subnet ID 'subnet-0none' does not exist",
            SubnetIds=[first, "subnet-0none"])
    zone = ec2.describe_subnets(SubnetIds=[first])["Subnets"][0]["AvailabilityZone"]
    equal(subnets(availability_zone=[zone]), {first})
    equal(subnets(vpc_id=[vpc], availability_zone=[zone]), {first})
    equal(subnets(vpc_id=["vpc-other"]), set())
    equal(subnets(subnet_id=[first, "subnet-0none"]), {first})
    ec2.create_tags(Resources=[second], Tags=[{"Key": "kubernetes.io/role/cni", "Value": "1"}])
    equal({subnet["SubnetId"] for subnet in ec2.describe_subnets(
        Filters=[{"Name": "tag:kubernetes.io/role/cni", "Values": ["1"]}])["Subnets"]}, {second})
    equal(subnets(tag_key=["kubernetes.io/role/*"]), {second})

    group = account.holds["security_group_ids"][0]
    equal(ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["VpcId"], vpc)
    refused("InvalidGroup.NotFound", ec2.describe_security_groups, "The security group 'sg-0none' does not exist",
            GroupIds=[group, "sg-0none"])
    refused("InvalidGroupId.Malformed", ec2.describe_security_groups, 'Invalid id: "x"', GroupIds=["x"])
    found = ec2.describe_security_groups(Filters=[{"Name": "group-id", "Values": [group, "sg-0none"]}])["SecurityGroups"]
    equal([entry["GroupId"] for entry in found], [group])
    pages = list(ec2.get_paginator("describe_security_groups").paginate(PaginationConfig={"PageSize": 5}))
    assert sum(len(page["SecurityGroups"]) for page in pages) >= 3, pages


@check
def vpc_endpoints(account):
    ec2, region = account.client("ec2"), account.seen["region"]
    vpc, (subnet, other_zone) = account.holds["vpc_ids"][0], account.holds["subnet_ids"]
    letter = ec2.describe_subnets(SubnetIds=[other_zone])["Subnets"][0]["AvailabilityZone"][-1]
    group = ec2.create_security_group(GroupName="endpoints", Description="d", VpcId=vpc)["GroupId"]
    service = f"com.amazonaws.{region}.ec2"
    details = ec2.describe_vpc_endpoint_services(ServiceNames=[service])["ServiceDetails"]
    equal([(detail["ServiceType"], detail["AvailabilityZones"]) for detail in details],
          [([{"ServiceType": "Interface"}], [region + letter for letter in "abc"])])
    kinds = ec2.describe_vpc_endpoint_services(ServiceNames=[f"com.amazonaws.{region}.s3"])["ServiceDetails"]
    equal([detail["ServiceType"][0]["ServiceType"] for detail in kinds], ["Gateway", "Interface"])
    refused("InvalidServiceName", ec2.describe_vpc_endpoint_services, ServiceNames=["com.amazonaws.x"])
    assert service in ec2.describe_vpc_endpoint_services()["ServiceNames"]

    wanted = {"VpcId": vpc, "ServiceName": service, "VpcEndpointType": "Interface", "SecurityGroupIds": [group]}
    account.control("POST", "/settings", {"vpc_endpoint_seconds": 60})
    tags = [{"ResourceType": "vpc-endpoint", "Tags": [{"Key": "Name", "Value": "e"}]}]
    answer = ec2.create_vpc_endpoint(SubnetIds=[subnet], ClientToken="t", TagSpecifications=tags, **wanted)
    endpoint = answer["VpcEndpoint"]["VpcEndpointId"]
    equal(answer["VpcEndpoint"]["State"], "pending")
    again = ec2.create_vpc_endpoint(SubnetIds=[subnet], ClientToken="t", TagSpecifications=tags, **wanted)
    equal(again["VpcEndpoint"]["VpcEndpointId"], endpoint)
    account.control("POST", "/clock", {"advance_seconds": 61})
    found = ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"][0]
    equal((found["State"], found["PrivateDnsEnabled"], found["Tags"]), ("available", True, tags[0]["Tags"]))
    equal(found["DnsEntries"][-1]["DnsName"], f"ec2.{region}.amazonaws.com")
    interface = ec2.describe_network_interfaces(NetworkInterfaceIds=found["NetworkInterfaceIds"])["NetworkInterfaces"][0]
    equal((interface["InterfaceType"], interface["Groups"][0]["GroupId"]), ("vpc_endpoint", group))

    refused("InvalidParameter", ec2.create_vpc_endpoint, "conflicting DNS domain", SubnetIds=[subnet], **wanted)
    plain = {**wanted, "PrivateDnsEnabled": False}
    refused("DuplicateSubnetsInSameZone", ec2.modify_vpc_endpoint, VpcEndpointId=endpoint, AddSubnetIds=[subnet])
    refused("InvalidServiceName", ec2.create_vpc_endpoint, **{**plain, "ServiceName": "com.amazonaws.x"})
    refused("InvalidParameter", ec2.create_vpc_endpoint, "does not match available", **{**plain, "VpcEndpointType": "Gateway"})
    refused("InvalidVpcID.NotFound", ec2.create_vpc_endpoint, **{**plain, "VpcId": "vpc-none"})
    refused("InvalidPolicyDocument", ec2.create_vpc_endpoint, PolicyDocument="{}", **plain)
    account.control("POST", "/settings", {"endpoint_services_lack_zones": {"ec2": [letter]}, "endpoint_services_absent": ["xray"]})
    refused("InvalidParameter", ec2.create_vpc_endpoint, "availability zone of the subnet", SubnetIds=[other_zone], **plain)
    refused("InvalidServiceName", ec2.create_vpc_endpoint, **{**plain, "ServiceName": f"com.amazonaws.{region}.xray"})
    account.control("POST", "/settings", {"interface_endpoints_per_vpc": 1, "endpoint_services_lack_zones": {}})
    refused("VpcEndpointLimitExceeded", ec2.create_vpc_endpoint, SubnetIds=[other_zone], **plain)

    ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, AddSubnetIds=[other_zone], RemoveSubnetIds=[subnet], PrivateDnsEnabled=False)
    found = ec2.describe_vpc_endpoints(Filters=[{"Name": "service-name", "Values": [service]}])["VpcEndpoints"][0]
    equal((found["SubnetIds"], found["PrivateDnsEnabled"], len(found["NetworkInterfaceIds"])), ([other_zone], False, 1))
    other_vpc = ec2.create_vpc(CidrBlock="10.30.0.0/16")["Vpc"]["VpcId"]
    foreign = ec2.create_route_table(VpcId=other_vpc)["RouteTable"]["RouteTableId"]
    refused("InvalidParameter", ec2.create_vpc_endpoint, "enableDnsSupport", **{**wanted, "VpcId": other_vpc, "SecurityGroupIds": []})
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    gateway = {"VpcId": vpc, "ServiceName": f"com.amazonaws.{region}.s3", "VpcEndpointType": "Gateway"}
    refused("InvalidParameter", ec2.create_vpc_endpoint, "different networks", RouteTableIds=[foreign], **gateway)
    s3 = ec2.create_vpc_endpoint(RouteTableIds=[table], **gateway)["VpcEndpoint"]
    equal(s3["State"], "available")
    refused("RouteAlreadyExists", ec2.create_vpc_endpoint, RouteTableIds=[table], **gateway)
    routes = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
    lists = ec2.describe_prefix_lists(Filters=[{"Name": "prefix-list-name", "Values": [gateway["ServiceName"]]}])
    equal((routes[1]["GatewayId"], routes[1]["DestinationPrefixListId"]),
          (s3["VpcEndpointId"], lists["PrefixLists"][0]["PrefixListId"]))
    policy = '{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*"}]}'
    ec2.modify_vpc_endpoint(VpcEndpointId=s3["VpcEndpointId"], PolicyDocument=policy)
    equal(ec2.describe_vpc_endpoints(VpcEndpointIds=[s3["VpcEndpointId"]])["VpcEndpoints"][0]["PolicyDocument"], policy)

    refused("DependencyViolation", ec2.delete_security_group, GroupId=group)
    failed = ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint, "vpce-none"])["Unsuccessful"]
    equal([item["ResourceId"] for item in failed], ["vpce-none"])
    equal(ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"][0]["State"], "deleting")
    account.control("POST", "/clock", {"advance_seconds": 61})
    refused("InvalidVpcEndpointId.NotFound", ec2.describe_vpc_endpoints, VpcEndpointIds=[endpoint])
    equal(ec2.describe_network_interfaces(Filters=[{"Name": "interface-type", "Values": ["vpc_endpoint"]}])["NetworkInterfaces"], [])
    account.control("POST", "/settings", {"vpc_endpoint_seconds": 0})
    ec2.delete_vpc_endpoints(VpcEndpointIds=[s3["VpcEndpointId"]])
    equal(ec2.describe_vpc_endpoints()["VpcEndpoints"], [])


@check
def dhcp_options_and_dead_routes(account):
    ec2 = account.client("ec2")
    vpc = account.holds["vpc_ids"][0]
    options = ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["DhcpOptionsId"]
    found = ec2.describe_dhcp_options(Filters=[{"Name": "dhcp-options-id", "Values": [options]}])["DhcpOptions"]
    servers = [one["Values"] for one in found[0]["DhcpConfigurations"] if one["Key"] == "domain-name-servers"]
    equal(servers, [[{"Value": "AmazonProvidedDNS"}]])
    refused("InvalidDhcpOptionID.NotFound", ec2.describe_dhcp_options, DhcpOptionsIds=["dopt-0123456789abcdef0"])
    site = ec2.create_vpc(CidrBlock="10.80.0.0/16")["Vpc"]["VpcId"]
    peering = ec2.create_vpc_peering_connection(VpcId=vpc, PeerVpcId=site)["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering)
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="10.80.0.0/16", VpcPeeringConnectionId=peering)

    def state():
        routes = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
        return [route["State"] for route in routes if route["DestinationCidrBlock"] == "10.80.0.0/16"]

    equal(state(), ["active"])
    ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=peering)
    equal(state(), ["blackhole"])
    ec2.delete_route_table(RouteTableId=table)
    ec2.delete_vpc(VpcId=site)
