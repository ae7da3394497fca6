"""STS and IAM."""

import json

from support import check, equal, refused


@check
def roles_are_assumed_in_a_chain(account):
    user = account.seen["principal_arn"]
    first = account.control("POST", "/roles", {"name": "first", "trust_principals": [user]})
    second = account.control(
        "POST", "/roles", {"name": "second", "trust_principals": [first["arn"]], "external_id": "blue"}
    )
    sts = account.client("sts")
    answer = sts.assume_role(RoleArn=first["arn"], RoleSessionName="one", DurationSeconds=900)
    equal(answer["AssumedRoleUser"]["Arn"], f"arn:aws:sts::{account.id}:assumed-role/first/one")
    chained = account.session(answer["Credentials"], "sts")
    refused("AccessDenied", chained.assume_role, "sts:AssumeRole", RoleArn=second["arn"], RoleSessionName="two")
    refused("AccessDenied", sts.assume_role, RoleArn=second["arn"], RoleSessionName="two", ExternalId="blue")
    answer = chained.assume_role(RoleArn=second["arn"], RoleSessionName="two", ExternalId="blue")
    identity = account.session(answer["Credentials"], "sts").get_caller_identity()
    equal(identity["Arn"], f"arn:aws:sts::{account.id}:assumed-role/second/two")
    refused("AccessDenied", sts.assume_role, RoleArn=f"arn:aws:iam::{account.id}:role/none", RoleSessionName="xx")
    refused("ValidationError", sts.assume_role, "durationSeconds", RoleArn=first["arn"], RoleSessionName="xx",
            DurationSeconds=899)
    refused("ValidationError", sts.assume_role, "MaxSessionDuration", RoleArn=first["arn"], RoleSessionName="xx",
            DurationSeconds=3601)
    refused("ValidationError", sts.assume_role, "roleSessionName", RoleArn=first["arn"], RoleSessionName="a b")
    refused("MalformedPolicyDocument", sts.assume_role, RoleArn=first["arn"], RoleSessionName="xx", Policy="{")


@check
def session_policies_narrow(account):
    role = account.control("POST", "/roles", {"name": "wide", "trust_principals": [account.seen["principal_arn"]]})
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "eks:*", "Resource": "*"}]}
    answer = account.client("sts").assume_role(
        RoleArn=role["arn"], RoleSessionName="narrow", Policy=json.dumps(policy)
    )
    equal(account.session(answer["Credentials"], "eks").list_clusters()["clusters"], ["workshop"])
    refused("AccessDeniedException", account.session(answer["Credentials"], "ssm").describe_activations)


@check
def web_identities(account):
    issued = account.control("POST", "/web-identity-tokens", {"subject": "system:serviceaccount:a:b"})
    old = account.control("POST", "/web-identity-tokens", {"subject": "old-subject", "expires_in_seconds": -5})
    role = account.control("POST", "/roles", {"name": "web", "trust_principals": [issued["issuer"]]})
    sts = account.client("sts")
    answer = sts.assume_role_with_web_identity(
        RoleArn=role["arn"], RoleSessionName="web", WebIdentityToken=issued["token"]
    )
    equal(answer["SubjectFromWebIdentityToken"], "system:serviceaccount:a:b")
    identity = account.session(answer["Credentials"], "sts").get_caller_identity()
    equal(identity["Arn"], f"arn:aws:sts::{account.id}:assumed-role/web/web")
    refused("ExpiredTokenException", sts.assume_role_with_web_identity, RoleArn=role["arn"], RoleSessionName="web",
            WebIdentityToken=old["token"])
    refused("InvalidIdentityToken", sts.assume_role_with_web_identity, RoleArn=role["arn"], RoleSessionName="web",
            WebIdentityToken="made.up.token")
    hybrid = f"arn:aws:iam::{account.id}:role/hybrid-nodes"
    refused("AccessDenied", sts.assume_role_with_web_identity, RoleArn=hybrid, RoleSessionName="web",
            WebIdentityToken=issued["token"])


TRUST = json.dumps({
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ssm.amazonaws.com"}, "Action": "sts:AssumeRole"}],
})


@check
def iam_roles(account):
    iam = account.client("iam")
    created = iam.create_role(RoleName="r", Path="/p/", AssumeRolePolicyDocument=TRUST, Description="d",
                           Tags=[{"Key": "k", "Value": "v"}])["Role"]
    equal(created["Arn"], f"arn:aws:iam::{account.id}:role/p/r")
    equal(iam.get_role(RoleName="r")["Role"]["AssumeRolePolicyDocument"], json.loads(TRUST))
    refused("EntityAlreadyExists", iam.create_role, RoleName="r", AssumeRolePolicyDocument=TRUST)
    refused("MalformedPolicyDocument", iam.create_role, RoleName="s", AssumeRolePolicyDocument="{}")
    refused("ValidationError", iam.create_role, "roleName", RoleName="a/b", AssumeRolePolicyDocument=TRUST)
    refused("NoSuchEntity", iam.get_role, "none", RoleName="none")
    policy = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
    iam.attach_role_policy(RoleName="r", PolicyArn=policy)
    refused("NoSuchEntity", iam.attach_role_policy, RoleName="r", PolicyArn="arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCor")
    refused("MalformedPolicyDocument", iam.put_role_policy, RoleName="r", PolicyName="own", PolicyDocument="{")
    iam.put_role_policy(RoleName="r", PolicyName="own", PolicyDocument='{"Statement": []}')
    equal(iam.list_role_policies(RoleName="r")["PolicyNames"], ["own"])
    equal(iam.get_role_policy(RoleName="r", PolicyName="own")["PolicyDocument"], {"Statement": []})
    iam.delete_role_policy(RoleName="r", PolicyName="own")
    refused("NoSuchEntity", iam.get_role_policy, RoleName="r", PolicyName="own")
    attached = iam.list_attached_role_policies(RoleName="r")["AttachedPolicies"]
    equal(attached, [{"PolicyName": "AmazonSSMManagedInstanceCore", "PolicyArn": policy}])
    refused("DeleteConflict", iam.delete_role, RoleName="r")
    iam.detach_role_policy(RoleName="r", PolicyArn=policy)
    refused("NoSuchEntity", iam.detach_role_policy, RoleName="r", PolicyArn=policy)
    other = TRUST.replace("ssm.", "ec2.")
    iam.update_assume_role_policy(RoleName="r", PolicyDocument=other)
    equal(iam.get_role(RoleName="r")["Role"]["AssumeRolePolicyDocument"], json.loads(other))
    equal([role["RoleName"] for role in iam.list_roles(PathPrefix="/p/")["Roles"]], ["r"])
    first = iam.list_roles(MaxItems=2)
    assert first["IsTruncated"]
    rest = iam.list_roles(MaxItems=2, Marker=first["Marker"])
    equal([role["RoleName"] for role in first["Roles"] + rest["Roles"]], ["eks-cluster", "hybrid-nodes", "r"])
    assert not rest["IsTruncated"]
    iam.delete_role(RoleName="r")
    refused("NoSuchEntity", iam.delete_role, RoleName="r")


@check
def roles_are_simulated(account):
    iam = account.client("iam")
    arn = iam.create_role(RoleName="r", Path="/p/", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    cluster = f"arn:aws:eks:us-west-2:{account.id}:cluster/edge"
    own = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "eks:DescribeCluster", "Resource": cluster},
        {"Effect": "Allow", "Action": "ssm:DeregisterManagedInstance", "Resource": "*",
         "Condition": {"StringEquals": {"ssm:resourceTag/EKSClusterARN": cluster}}},
    ]}
    iam.put_role_policy(RoleName="r", PolicyName="own", PolicyDocument=json.dumps(own))
    iam.attach_role_policy(RoleName="r", PolicyArn="arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly")

    def decisions(*actions, **more):
        results = iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=list(actions), **more)["EvaluationResults"]
        return [(one["EvalDecision"], one["MissingContextValues"]) for one in results]

    equal(decisions("eks:DescribeCluster", "ecr:BatchGetImage"), [("implicitDeny", []), ("allowed", [])])
    equal(decisions("eks:DescribeCluster", ResourceArns=[cluster]), [("allowed", [])])
    equal(decisions("ssm:DeregisterManagedInstance"), [("implicitDeny", ["ssm:resourceTag/EKSClusterARN"])])
    refused("NoSuchEntity", iam.simulate_principal_policy, PolicySourceArn=arn + "x", ActionNames=["a:B"])
    refused("InvalidInput", iam.simulate_principal_policy, PolicySourceArn=arn, ActionNames=["DescribeCluster"])
    refused("ValidationError", iam.simulate_principal_policy, PolicySourceArn=arn, ActionNames=[])
    first = iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=["a:A", "a:B"], MaxItems=1)
    assert first["IsTruncated"]
    rest = iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=["a:A", "a:B"], MaxItems=1, Marker=first["Marker"])
    equal([one["EvalActionName"] for one in first["EvaluationResults"] + rest["EvaluationResults"]], ["a:A", "a:B"])
    iam.detach_role_policy(RoleName="r", PolicyArn="arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly")
    iam.delete_role_policy(RoleName="r", PolicyName="own")
    iam.delete_role(RoleName="r")
