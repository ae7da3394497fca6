"""The control API and the program itself."""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time

import botocore.exceptions

from checks.instances import register
from support import Account, Sandbox, activate, check, equal, refused


@check
def faults_of_every_kind(account):
    for service, operation, throttling, internal in [
        ("ssm", "describe_activations", "ThrottlingException", "InternalServerError"),
        ("eks", "list_clusters", "ThrottlingException", "ServerException"),
        ("sts", "get_caller_identity", "Throttling", "InternalFailure"),
        ("ec2", "describe_vpcs", "RequestLimitExceeded", "InternalError"),
    ]:
        client = account.client(service)
        for kind, code in [("throttling", throttling), ("http_500", internal)]:
            account.control("POST", "/faults", {"service": service, "kind": kind, "times": 1})
            refused(code, getattr(client, operation))
            getattr(client, operation)()
    ssm = account.client("ssm")
    account.control("POST", "/faults", {"service": "ssm", "operation": "CreateActivation", "kind": "reset", "times": 1})
    try:
        activate(ssm)
        raise AssertionError("expected a connection reset")
    except botocore.exceptions.HTTPClientError as error:
        assert "reset" in str(error).lower() or "closed" in str(error).lower(), error
    equal(ssm.describe_activations()["ActivationList"], [])
    account.control("POST", "/faults", {"service": "ssm", "operation": "CreateActivation", "kind": "drop_after_work",
                                        "times": 1})
    try:
        activate(ssm)
        raise AssertionError("expected a broken connection")
    except botocore.exceptions.HTTPClientError:
        pass
    equal(len(ssm.describe_activations()["ActivationList"]), 1)
    account.control("POST", "/faults", {"service": "ssm", "kind": "slow", "milliseconds": 300, "times": 1})
    start = time.monotonic()
    ssm.describe_activations()
    assert time.monotonic() - start >= 0.3
    account.control("POST", "/faults", {"service": "ssm", "kind": "throttling", "seconds": 60, "skip": 1})
    ssm.describe_activations()
    for _ in range(3):
        refused("ThrottlingException", ssm.describe_activations)
    account.control("DELETE", "/faults")
    ssm.describe_activations()
    for wrong in ({"service": "ssm", "kind": "throttling"}, {"service": "s3", "kind": "reset", "times": 1},
                  {"service": "ssm", "kind": "slow", "times": 1}, {"service": "ssm", "kind": "other", "times": 1}):
        account.control("POST", "/faults", wrong, status=400)


@check
def retries_overcome_throttling(account):
    account.control("POST", "/faults", {"service": "ssm", "kind": "throttling", "times": 2})
    activate(account.client("ssm", attempts=4))
    equal(account.control("GET", "/requests")["counters"], {"ssm:CreateActivation": 3})


@check
def requests_are_counted_and_logged(account):
    ssm = account.client("ssm")
    ssm.describe_activations()
    ssm.describe_activations()
    refused("ValidationException", ssm.create_activation)
    refused("InvalidSignatureException", account.client("ssm", secret="x" * 40).describe_activations)
    found = account.control("GET", "/requests")
    equal(found["counters"], {"ssm:DescribeActivations": 3, "ssm:CreateActivation": 1})
    equal([entry["error"] for entry in found["log"]], [None, None, "ValidationException", "InvalidSignatureException"])
    account.control("DELETE", "/requests")
    equal(account.control("GET", "/requests"), {"total": 0, "counters": {}, "log": []})


@check
def dumps_compare(account):
    ssm = account.client("ssm")
    before = account.control("GET", "/dump")
    created = activate(ssm)
    ssm.put_parameter(Name="/code", Value=created["ActivationCode"], Type="SecureString")
    instance = register(account, created["ActivationId"], 1)
    between = account.control("GET", "/dump")
    assert between != before
    assert created["ActivationCode"] not in json.dumps(between)
    found = account.control("GET", f"/activations/{created['ActivationId']}")
    equal((found["activation_code"], found["registrations_count"]), (created["ActivationCode"], 1))
    account.control("POST", "/delete", {"kind": "parameter", "name": "/code"})
    account.control("POST", "/delete", {"kind": "instance", "name": instance})
    account.control("POST", "/delete", {"kind": "activation", "name": created["ActivationId"]})
    account.control("POST", "/delete", {"kind": "activation", "name": created["ActivationId"]}, status=404)
    account.client("eks", region="eu-west-1").list_clusters()
    equal(account.control("GET", "/dump"), before)


@check
def accounts_are_apart(account):
    other = Account(account.sandbox, account.faults, seed=False)
    activate(account.client("ssm"))
    account.control("POST", "/faults", {"service": "*", "kind": "http_500", "seconds": 60})
    equal(other.client("ssm").describe_activations()["ActivationList"], [])
    equal(other.client("iam").list_roles()["Roles"], [])
    equal(other.control("GET", "/dump"), {})
    equal(other.control("GET", "/requests")["total"], 2)
    other.sandbox.control("DELETE", f"/accounts/{other.id}")
    other.control("GET", "/dump", status=404)
    refused("UnrecognizedClientException", other.client("ssm").describe_activations)


@check
def parallel_calls(account):
    created, problems = [], []

    def work():
        try:
            client = account.client("ssm")
            created.extend(activate(client)["ActivationId"] for _ in range(5))
        except Exception as problem:  # noqa: BLE001: reported below
            problems.append(problem)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(problems, [])
    equal(len(set(created)), 40)


@check
def unknown_operations_are_refused(account):
    refused("UnknownOperationException", account.client("ssm").list_documents)
    refused("MissingAuthenticationTokenException", account.client("eks").list_fargate_profiles, clusterName="workshop")
    refused("InvalidAction", account.client("iam").list_users)
    refused("InvalidAction", account.client("ec2").describe_hosts)


@check
def state_survives_a_restart(account):
    binary = account.sandbox.process.args[0]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "state")
        first = Sandbox(binary, "--state", path)
        one = Account(first, account.faults)
        created = activate(one.client("ssm"))
        dump = one.control("GET", "/dump")
        equal(first.stop(), 0)
        equal(os.listdir(folder), ["state"])
        equal(os.stat(path).st_mode & 0o077, 0)
        second = Sandbox(binary, "--state", path)
        try:
            equal(second.ready["access_key"], first.ready["access_key"])
            one.sandbox = second
            equal(one.control("GET", "/dump"), dump)
            found = one.client("ssm").describe_activations()["ActivationList"]
            equal([entry["ActivationId"] for entry in found], [created["ActivationId"]])
        finally:
            second.stop()


@check
def it_ends_with_its_parent(account):
    binary = account.sandbox.process.args[0]
    # A parent that starts the sandbox, prints its process ID and exits at once.
    program = (
        "import subprocess, sys; p = subprocess.Popen([sys.argv[1], '--die-with-parent'], stdout=subprocess.PIPE);"
        "p.stdout.readline(); print(p.pid, flush=True)"
    )
    child = int(subprocess.run([sys.executable, "-c", program, binary], stdout=subprocess.PIPE, check=True).stdout)
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            with open(f"/proc/{child}/stat") as file:
                if file.read().rsplit(")", 1)[1].split()[0] == "Z":
                    return
        except (FileNotFoundError, ProcessLookupError):
            return
        time.sleep(0.05)
    raise AssertionError("the sandbox is still running")


@check
def bad_command_lines_are_refused(account):
    binary = account.sandbox.process.args[0]
    for options in (["--port", "x"], ["--region", "mars-1"], ["--other"], ["--port"]):
        ended = subprocess.run([binary, *options], stderr=subprocess.PIPE, stdout=subprocess.PIPE, timeout=10)
        equal(ended.returncode, 2)
        equal(ended.stdout, b"")
        assert ended.stderr.startswith(b"sandbox: "), ended.stderr
