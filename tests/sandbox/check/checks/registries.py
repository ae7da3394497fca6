"""ECR: passwords for its registries."""

import base64
import datetime

from support import check, equal, refused


@check
def passwords_of_registries(account):
    ecr = account.client("ecr")
    host = f"{account.id}.dkr.ecr.{account.seen['region']}.amazonaws.com"
    [login] = ecr.get_authorization_token()["authorizationData"]
    equal(login["proxyEndpoint"], f"https://{host}")
    user, _, password = base64.b64decode(login["authorizationToken"]).decode().partition(":")
    equal(user, "AWS")
    assert len(password) > 100, password
    left = login["expiresAt"] - datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta(hours=11, minutes=59) < left <= datetime.timedelta(hours=12), left
    two = ecr.get_authorization_token(registryIds=[account.id, "444455556666"])["authorizationData"]
    equal([one["proxyEndpoint"][8:20] for one in two], [account.id, "444455556666"])
    refused("InvalidParameterException", ecr.get_authorization_token, registryIds=["1"])
    equal(account.control("POST", "/registry")["host"], host)


@check
def passwords_need_a_permission(account):
    created = account.control("POST", "/principals", {"name": "limited", "deny": ["ecr:GetAuthorizationToken"]})
    limited = account.client("ecr", key=created["access_key"], secret=created["secret_key"])
    refused("AccessDeniedException", limited.get_authorization_token, "ecr:GetAuthorizationToken on resource: *")
    wrong = account.client("ecr", secret="x" * 40)
    refused("InvalidSignatureException", wrong.get_authorization_token)
    account.control("POST", "/faults", {"service": "ecr", "kind": "http_500", "times": 1})
    refused("ServerException", account.client("ecr").get_authorization_token)
