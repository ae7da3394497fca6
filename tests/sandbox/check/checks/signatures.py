"""Signatures, sessions, regions, permissions."""

import datetime

import botocore.auth
import botocore.awsrequest
import botocore.credentials

from support import activate, check, equal, refused, send


@check
def caller_identity(account):
    answer = account.client("sts").get_caller_identity()
    equal((answer["Account"], answer["Arn"]), (account.id, account.seen["principal_arn"]))


@check
def wrong_secret_is_refused_by_every_service(account):
    for service, operation, code, status in [
        ("ssm", "describe_activations", "InvalidSignatureException", 400),
        ("eks", "list_clusters", "InvalidSignatureException", 403),
        ("sts", "get_caller_identity", "SignatureDoesNotMatch", 403),
        ("iam", "list_roles", "SignatureDoesNotMatch", 403),
        ("ec2", "describe_vpcs", "AuthFailure", 401),
    ]:
        answer = refused(code, getattr(account.client(service, secret="x" * 40), operation))
        equal(answer["ResponseMetadata"]["HTTPStatusCode"], status)


@check
def unknown_key_is_refused_by_every_service(account):
    for service, operation, code in [
        ("ssm", "describe_activations", "UnrecognizedClientException"),
        ("eks", "list_clusters", "UnrecognizedClientException"),
        ("sts", "get_caller_identity", "InvalidClientTokenId"),
        ("iam", "list_roles", "InvalidClientTokenId"),
        ("ec2", "describe_vpcs", "AuthFailure"),
    ]:
        refused(code, getattr(account.client(service, key="AKIAAAAAAAAAAAAAAAAA"), operation))


@check
def expired_credentials_are_refused_by_every_service(account):
    created = account.control("POST", "/principals", {"name": "old", "expires_in_seconds": -1})
    for service, operation, code in [
        ("ssm", "describe_activations", "ExpiredTokenException"),
        ("eks", "list_clusters", "ExpiredTokenException"),
        ("sts", "get_caller_identity", "ExpiredToken"),
        ("iam", "list_roles", "ExpiredToken"),
        ("ec2", "describe_vpcs", "RequestExpired"),
    ]:
        refused(code, getattr(account.session(created, service), operation))


@check
def session_tokens_are_checked(account):
    created = account.control("POST", "/principals", {"name": "session", "expires_in_seconds": 600})
    equal(account.session(created, "sts").get_caller_identity()["Arn"], created["arn"])
    for token in (None, "wrong"):
        client = account.client("sts", key=created["access_key"], secret=created["secret_key"], token=token)
        refused("InvalidClientTokenId", client.get_caller_identity)


@check
def tampered_requests_are_refused(account):
    def tamper(change):
        client = account.client("ssm")
        client.meta.events.register_last("before-send.ssm.*", change)
        refused("InvalidSignatureException", client.create_activation, IamRole="hybrid-nodes")

    def body(request, **_):
        request.body = request.body.replace(b"hybrid-nodes", b"hybrid-nodez")

    def target(request, **_):
        request.headers["X-Amz-Target"] = b"AmazonSSM.DescribeActivations"

    def query(request, **_):
        request.url += "?a=b"

    for change in (body, target, query):
        tamper(change)


@check
def clock_skew_is_refused(account):
    keys = botocore.credentials.Credentials(account.seen["access_key"], account.seen["secret_key"])
    signer = botocore.auth.SigV4Auth(keys, "sts", account.seen["region"])
    for minutes, accepted in [(-14, True), (-16, False), (14, True), (16, False)]:
        moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=minutes)
        request = botocore.awsrequest.AWSRequest(
            "POST",
            account.sandbox.ready["endpoint"] + "/",
            data=b"Action=GetCallerIdentity&Version=2011-06-15",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        # Does what `add_auth` does, with another time.
        request.context["timestamp"] = moment.strftime("%Y%m%dT%H%M%SZ")
        signer._modify_request_before_signing(request)
        string = signer.string_to_sign(request, signer.canonical_request(request))
        signer._inject_signature_to_request(request, signer.signature(string, request))
        status, text = send(request.prepare())
        equal(status, 200 if accepted else 403)
        if not accepted:
            assert "SignatureDoesNotMatch" in text and ("expired" in text or "not yet current" in text), text


@check
def presigned_identity_for_a_cluster_token(account):
    keys = botocore.credentials.Credentials(account.seen["access_key"], account.seen["secret_key"])
    url = account.sandbox.ready["endpoint"] + "/?Action=GetCallerIdentity&Version=2011-06-15"

    def signed(expires):
        request = botocore.awsrequest.AWSRequest("GET", url, headers={"x-k8s-aws-id": "workshop"})
        botocore.auth.SigV4QueryAuth(keys, "sts", account.seen["region"], expires=expires).add_auth(request)
        return request.prepare()

    prepared = signed(60)
    assert "x-k8s-aws-id" in prepared.url, prepared.url
    status, text = send(prepared)
    equal(status, 200)
    assert account.seen["principal_arn"] in text, text
    prepared.headers["x-k8s-aws-id"] = "another"
    equal(send(prepared)[0], 403)
    prepared = signed(60)
    prepared.url = prepared.url.replace("X-Amz-Expires=60", "X-Amz-Expires=600")
    equal(send(prepared)[0], 403)


@check
def unsigned_requests_are_refused(account):
    endpoint = account.sandbox.ready["endpoint"]
    for headers, body, status, code in [
        ({"X-Amz-Target": "AmazonSSM.DescribeActivations"}, b"{}", 400, "MissingAuthenticationTokenException"),
        ({}, b"Action=GetCallerIdentity&Version=2011-06-15", 403, "MissingAuthenticationToken"),
        ({"Authorization": "AWS4-HMAC-SHA256 Credential=a/b/us-west-2/sts/aws4_request"},
         b"Action=GetCallerIdentity&Version=2011-06-15", 400, "IncompleteSignature"),
    ]:
        found, text = send(botocore.awsrequest.AWSRequest("POST", endpoint + "/", headers, body).prepare())
        equal(found, status)
        assert code in text, text


@check
def unknown_regions_are_refused(account):
    refused("InvalidSignatureException", account.client("ssm", region="us-west-9").describe_activations, "region")


@check
def regions_are_apart(account):
    activate(account.client("ssm"))
    equal(account.client("ssm", region="eu-west-1").describe_activations()["ActivationList"], [])
    equal(account.client("eks", region="eu-west-1").list_clusters()["clusters"], [])


@check
def denied_actions_name_themselves(account):
    created = account.control(
        "POST", "/principals", {"name": "limited", "deny": ["ssm:CreateActivation", "eks:*", "iam:ListRoles", "ec2:*"]}
    )
    sentence = f"User: arn:aws:iam::{account.id}:user/limited is not authorized to perform: "
    ssm = account.session(created, "ssm")
    refused("AccessDeniedException", ssm.create_activation, sentence + "ssm:CreateActivation on resource: arn:aws:ssm",
            IamRole="hybrid-nodes")
    equal(ssm.describe_activations()["ActivationList"], [])
    refused("AccessDeniedException", account.session(created, "eks").describe_cluster,
            sentence + "eks:DescribeCluster on resource: arn:aws:eks", name="workshop")
    refused("AccessDenied", account.session(created, "iam").list_roles, sentence + "iam:ListRoles")
    refused("UnauthorizedOperation", account.session(created, "ec2").describe_vpcs, sentence + "ec2:DescribeVpcs")
    only = account.control("POST", "/principals", {"name": "only", "allow": ["ssm:*"]})
    refused("AccessDeniedException", account.session(only, "ssm").create_activation, "iam:PassRole",
            IamRole="hybrid-nodes")
