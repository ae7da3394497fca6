"""Shared by the checks: a running sandbox, an account in it with validated clients, assertions."""

import json
import subprocess
import time
import urllib.error
import urllib.request

import boto3
import botocore.config
import botocore.exceptions

import model

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


class Sandbox:
    """A running sandbox process."""

    def __init__(self, binary, *options):
        self.process = subprocess.Popen([binary, *options], stdout=subprocess.PIPE, text=True)
        self.ready = json.loads(self.process.stdout.readline())

    def stop(self):
        self.process.terminate()
        return self.process.wait(10)

    def control(self, method, path, body=None, status=(200, 201)):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.ready["control_url"] + path, data=data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                code, text = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            code, text = error.code, error.read()
        wanted = (status,) if isinstance(status, int) else status
        assert code in wanted, f"{method} {path}: {code} {text!r}"
        return json.loads(text)


class Account:
    """An account in a sandbox, with clients whose responses are validated."""

    def __init__(self, sandbox, faults, seed=True):
        self.sandbox, self.faults = sandbox, faults
        self.seen = sandbox.control("POST", "/accounts", {"seed": seed})
        self.id = self.seen["account_id"]
        self.holds = self.seen["holds"]

    def control(self, method, path, body=None, status=(200, 201)):
        return self.sandbox.control(method, f"/accounts/{self.id}{path}", body, status)

    def client(self, service, region=None, key=None, secret=None, token=None, attempts=1):
        client = boto3.client(
            service,
            endpoint_url=self.sandbox.ready["endpoint"],
            region_name=region or self.seen["region"],
            aws_access_key_id=key or self.seen["access_key"],
            aws_secret_access_key=secret or self.seen["secret_key"],
            aws_session_token=token,
            config=botocore.config.Config(
                retries={"total_max_attempts": attempts}, parameter_validation=False, connect_timeout=5, read_timeout=20
            ),
        )

        def validate(event_name, response_dict, **_):
            # The event's name ends with the name of the operation.
            operation = client.meta.service_model.operation_model(event_name.rsplit(".", 1)[-1])
            reply = response_dict
            self.faults += model.reply(operation, reply["status_code"], reply["headers"], reply["body"])

        client.meta.events.register(f"before-parse.{service}.*", validate)
        return client

    def wait(self, holds, what, seconds=10):
        give_up = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < give_up, f"timed out waiting for {what}"
            time.sleep(0.05)

    def session(self, created, service, **more):
        """A client with credentials from the control API or STS."""
        return self.client(
            service,
            key=created.get("access_key") or created.get("AccessKeyId"),
            secret=created.get("secret_key") or created.get("SecretAccessKey"),
            token=created.get("session_token") or created.get("SessionToken"),
            **more,
        )


def refused(code, call, *texts, **arguments):
    """The call must fail with this code, and its message must contain the texts."""
    try:
        answer = call(**arguments)
    except botocore.exceptions.ClientError as error:
        found = error.response["Error"]
        assert found["Code"] == code, f"{found} instead of {code}"
        for text in texts:
            assert text in found["Message"], f"`{text}` is not in `{found['Message']}`"
        return error.response
    raise AssertionError(f"expected {code}, but the call succeeded: {answer}")


def equal(found, expected):
    assert found == expected, f"{found!r} instead of {expected!r}"


def activate(ssm, **more):
    return ssm.create_activation(IamRole="hybrid-nodes", **more)


def send(prepared):
    data = prepared.body if isinstance(prepared.body, bytes) else (prepared.body or "").encode() or None
    headers = {name: text.decode() if isinstance(text, bytes) else text for name, text in prepared.headers.items()}
    request = urllib.request.Request(prepared.url, data=data, headers=headers, method=prepared.method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
