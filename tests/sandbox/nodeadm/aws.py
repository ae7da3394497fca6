"""Calls of AWS, signed with Signature Version 4: by a secret key, or by the RSA key of a managed instance."""

import base64
import configparser
import hashlib
import hmac
import http.client
import json
import os
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import host

CREDENTIALS = "/root/.aws/credentials"
# For an answer, of which the host's own time has less.
TIMEOUT = max(10, 20 * host.facts().get("time_scale", 1))


class Refused(Exception):
    """AWS has answered with an error."""

    def __init__(self, code, message, status, request_id):
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status, self.request_id = code, message, status, request_id

    def of(self, service, operation):
        """As the SDK words it."""
        return (f"operation error {service}: {operation}, https response error StatusCode: {self.status}, "
                f"RequestID: {self.request_id}, {self.code}: {self.message}")


class Unreachable(Exception):
    """No answer came."""


def credentials():
    """Access key, secret and session token of the host; None before there are any."""
    file = configparser.ConfigParser()
    if not file.read(CREDENTIALS) or "default" not in file:
        return None
    section = file["default"]
    return section["aws_access_key_id"], section["aws_secret_access_key"], section.get("aws_session_token")


def ssm(region, operation, body, signer=None):
    target = {"content-type": "application/x-amz-json-1.1", "x-amz-target": f"AmazonSSM.{operation}"}
    return call("POST", "ssm", region, f"ssm.{region}.amazonaws.com", "/", target, json.dumps(body), signer)


def eks(region, path, query=""):
    return call("GET", "eks", region, f"eks.{region}.amazonaws.com", path, {}, "", with_secret(*credentials()), query)


def ecr_token(region):
    target = {
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken",
    }
    return call("POST", "ecr", region, f"api.ecr.{region}.amazonaws.com", "/", target, "{}", with_secret(*credentials()))


def call(method, service, region, name, path, headers, body, signer=None, query=""):
    """The answer's JSON. `signer` gives the access key, the token and what signs."""
    headers = {**headers, "host": name}
    if signer:
        sign(method, service, region, path, query, headers, body, signer)
    address = f"https://{name}{path}" + (f"?{query}" if query else "")
    request = urllib.request.Request(address, method=method, headers=headers, data=body.encode() or None)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            return json.loads(answer.read() or b"{}")
    except urllib.error.HTTPError as error:
        raise refusal(error) from error
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(f"RequestError: send request failed\ncaused by: {address}: {error}") from error


def refusal(error):
    text = error.read().decode(errors="replace")
    try:
        told = json.loads(text)
    except ValueError:
        told = {}
    code = told.get("__type") or error.headers.get("x-amzn-ErrorType") or told.get("code") or str(error.code)
    message = told.get("message") or told.get("Message") or ""
    code = code.rsplit("#", 1)[-1].split(":")[0]
    return Refused(code, message, error.code, error.headers.get("x-amzn-RequestId", ""))


def with_secret(access, secret, token):
    def signature(scope, text):
        key = ("AWS4" + secret).encode()
        for part in [*scope, text]:
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return key.hex()

    return access, token, signature


def with_key(instance, key_file):
    def signature(_scope, text):
        made = subprocess.run(
            ["openssl", "dgst", "-sha256", "-sign", key_file], input=text.encode(), capture_output=True, check=True
        )
        return base64.b64encode(made.stdout).decode()

    return instance, None, signature


def stamp():
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(host.now()))


def sign(method, service, region, path, query, headers, body, signer):
    """Adds what makes a request a signed one."""
    access, token, signature = signer
    headers["x-amz-date"] = date = stamp()
    if token:
        headers["x-amz-security-token"] = token
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    digest = hashlib.sha256(body.encode()).hexdigest()
    scope = [date[:8], region, service, "aws4_request"]
    path = urllib.parse.quote(path, safe="/%") if service == "eks" else path
    canonical = f"{method}\n{path.replace('%', '%25')}\n{query}\n{lines}\n{names}\n{digest}"
    text = f"AWS4-HMAC-SHA256\n{date}\n{'/'.join(scope)}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={access}/{'/'.join(scope)}, SignedHeaders={names}, "
        f"Signature={signature(scope, text)}"
    )


def presigned_identity(region, cluster=None, expires=60):
    """Address of a presigned GetCallerIdentity, for a cluster's token or to be asked."""
    access, secret, token = credentials()
    _, _, signature = with_secret(access, secret, token)
    name, date = f"sts.{region}.amazonaws.com", stamp()
    scope = [date[:8], region, "sts", "aws4_request"]
    headers = {"host": name, **({"x-k8s-aws-id": cluster} if cluster else {})}
    query = {
        "Action": "GetCallerIdentity",
        "Version": "2011-06-15",
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{access}/{'/'.join(scope)}",
        "X-Amz-Date": date,
        "X-Amz-Expires": str(expires),
        "X-Amz-SignedHeaders": ";".join(sorted(headers)),
    }
    if token:
        query["X-Amz-Security-Token"] = token
    text = urllib.parse.urlencode(sorted(query.items()), quote_via=urllib.parse.quote, safe="-_.~")
    lines = "".join(f"{one}:{headers[one]}\n" for one in sorted(headers))
    canonical = f"GET\n/\n{text}\n{lines}\n{';'.join(sorted(headers))}\n{hashlib.sha256(b'').hexdigest()}"
    string = f"AWS4-HMAC-SHA256\n{date}\n{'/'.join(scope)}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    return f"https://{name}/?{text}&X-Amz-Signature={signature(scope, string)}"


def token(region, cluster):
    """What the API server takes for a password: as aws-iam-authenticator makes it."""
    url = presigned_identity(region, cluster)
    return "k8s-aws-v1." + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")


def caller(region):
    """ARN of whoever the host's credentials are."""
    try:
        with urllib.request.urlopen(presigned_identity(region), timeout=TIMEOUT) as answer:
            text = answer.read().decode()
    except urllib.error.HTTPError as error:
        raise refusal(error) from error
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(str(error)) from error
    return text.partition("<Arn>")[2].partition("</Arn>")[0]


def proxies():
    return {name: os.environ.get(name, "") for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")}
