"""Run Command: on instances without a host, and on a host."""

import time

from support import activate, check, equal, refused

from checks.instances import agent

SCRIPT = {"DocumentName": "AWS-RunShellScript", "Parameters": {"commands": ["id"]}}


def online(account):
    """An instance whose agent has reported."""
    ssm = account.client("ssm")
    created = activate(ssm)
    members = {"ActivationId": created["ActivationId"], "ActivationCode": created["ActivationCode"], "PublicKey": "AAAA",
               "PublicKeyType": "Rsa", "Fingerprint": "f"}
    instance = agent(account, "RegisterManagedInstance", members)["InstanceId"]
    account.control("POST", f"/instances/{instance}/ping", {"status": "Online"})
    return ssm, instance


def status(ssm, command, instance):
    found = ssm.get_command_invocation(CommandId=command, InstanceId=instance)
    return found["Status"], found["StatusDetails"], found["ResponseCode"]


def sent(account, ssm, instance, **more):
    """A new command whose invocation is known by now."""
    command = ssm.send_command(InstanceIds=[instance], **{**SCRIPT, **more})["Command"]["CommandId"]
    known = []

    def is_known():
        try:
            known.append(ssm.get_command_invocation(CommandId=command, InstanceId=instance))
        except ssm.exceptions.InvocationDoesNotExist:
            return False
        return True

    account.wait(is_known, "the invocation")
    return command


@check
def commands_that_are_refused(account):
    ssm, instance = online(account)
    equal(ssm.list_command_invocations()["CommandInvocations"], [])
    unknown = "mi-" + "0" * 17
    for code, text, more in [
        ("InvalidInstanceId", f"[[{unknown}]] not in a valid state", {"InstanceIds": [unknown]}),
        ("InvalidInstanceId", "not in a valid state", {"InstanceIds": [instance, unknown]}),
        ("DuplicateInstanceId", "", {"InstanceIds": [instance, instance]}),
        ("InvalidDocument", "", {"DocumentName": "AWS-RunPowerShellScrip"}),
        ("InvalidDocumentVersion", "", {"DocumentVersion": "7"}),
        ("InvalidParameters", "other", {"Parameters": {"commands": ["id"], "other": ["x"]}}),
        ("InvalidParameters", "commands", {"Parameters": {}}),
        ("InvalidParameters", "executionTimeout", {"Parameters": {"commands": ["id"], "executionTimeout": ["172801"]}}),
        ("MaxDocumentSizeExceeded", "", {"Parameters": {"commands": ["x" * 70000]}}),
        ("ValidationException", "timeoutSeconds", {"TimeoutSeconds": 29}),
        ("ValidationException", "instanceIds", {"InstanceIds": ["host"]}),
        ("ValidationException", "comment", {"Comment": "x" * 101}),
        ("ValidationException", "InstanceIds", {"InstanceIds": []}),
    ]:
        refused(code, ssm.send_command, text, **{"InstanceIds": [instance], **SCRIPT, **more})
    account.control("POST", f"/instances/{instance}/ping", {"status": "ConnectionLost"})
    refused("InvalidInstanceId", ssm.send_command, InstanceIds=[instance], **SCRIPT)
    refused("InvocationDoesNotExist", ssm.get_command_invocation, CommandId="0" * 36, InstanceId=instance)
    refused("InvalidCommandId", ssm.cancel_command, CommandId="0" * 36)
    refused("InvalidCommandId", ssm.list_command_invocations, CommandId="0" * 36)


@check
def a_command_waits_for_its_agent(account):
    ssm, instance = online(account)
    first = ssm.send_command(InstanceIds=[instance], Comment="one", TimeoutSeconds=60, **SCRIPT)["Command"]
    equal((first["Status"], first["TargetCount"], first["TimeoutSeconds"]), ("Pending", 1, 60))
    refused("InvocationDoesNotExist", ssm.get_command_invocation, CommandId=first["CommandId"], InstanceId=instance)
    command = sent(account, ssm, instance, TimeoutSeconds=60)
    equal(status(ssm, command, instance), ("Pending", "Pending", -1))
    refused("InvocationDoesNotExist", ssm.get_command_invocation, CommandId=command, InstanceId="mi-" + "0" * 17)
    refused("InvalidPluginName", ssm.get_command_invocation, CommandId=command, InstanceId=instance, PluginName="aws:other")
    account.control("POST", "/clock", {"advance_seconds": 61})
    equal(status(ssm, command, instance), ("TimedOut", "DeliveryTimedOut", -1))
    ssm.cancel_command(CommandId=command)
    equal(status(ssm, command, instance)[0], "TimedOut")
    second = sent(account, ssm, instance)
    ssm.cancel_command(CommandId=second, InstanceIds=[instance])
    equal(status(ssm, second, instance), ("Cancelled", "Cancelled", -1))
    third = sent(account, ssm, instance)
    listed = ssm.list_command_invocations(InstanceId=instance, Details=True, MaxResults=2)
    equal(len(listed["CommandInvocations"]), 2)
    rest = ssm.list_command_invocations(InstanceId=instance, Details=True, NextToken=listed["NextToken"])
    equal([one["CommandId"] for one in rest["CommandInvocations"]], [second, third])
    ssm.deregister_managed_instance(InstanceId=instance)
    equal(status(ssm, third, instance), ("Failed", "Undeliverable", -1))


@check
def scripts_run_on_hosts(account):
    if not account.sandbox.control("GET", "/hosts")["available"]:
        print("left   scripts_run_on_hosts: there are no hosts")
        return
    ssm = account.client("ssm")
    name = f"edge-{account.id}"
    account.control("POST", "/hosts", {"name": name, "sshd": False})

    def run(command):
        return account.control("POST", f"/hosts/{name}/run", {"command": command})["stdout"].strip()

    created = activate(ssm)
    place = "https://amazon-ssm-us-west-2.s3.us-west-2.amazonaws.com/latest/debian_amd64/ssm-setup-cli"
    run(f"curl -sSf -o /root/ssm-setup-cli {place} && chmod 755 /root/ssm-setup-cli")
    run(f"/root/ssm-setup-cli -register -activation-code {created['ActivationCode']} "
        f"-activation-id {created['ActivationId']} -region us-west-2")
    (found,) = ssm.describe_instance_information()["InstanceInformationList"]
    instance = found["InstanceId"]
    equal(found["PingStatus"], "Online")

    def ended(command):
        account.wait(lambda: status(ssm, command, instance)[0] not in ("Pending", "InProgress", "Cancelling"), "its end", 30)
        found = ssm.get_command_invocation(CommandId=command, InstanceId=instance)
        return (found["StatusDetails"], found["ResponseCode"], found["StandardOutputContent"], found["StandardErrorContent"])

    def of(*lines, **more):
        parameters = {"commands": list(lines), **{key: [value] for key, value in more.items()}}
        return sent(account, ssm, instance, Parameters=parameters)

    equal(ended(of("id -un; pwd; echo why >&2", "exit 3")),
          ("Failed", 3, "root\n/usr/bin\n", "why\nfailed to run commands: exit status 3"))
    equal(ended(of("pwd", workingDirectory="/etc")), ("Success", 0, "/etc\n", ""))
    _, _, output, _ = ended(of("seq 1 100000"))
    equal((len(output), output[:6]), (24000, "1\n2\n3\n"))
    assert output.endswith("\n---Output truncated---")
    begun = time.monotonic()
    equal(ended(of("sleep 1000", executionTimeout="1")), ("ExecutionTimedOut", -1, "", ""))
    assert time.monotonic() - begun < 30
    command = of("sleep 1000")
    account.wait(lambda: status(ssm, command, instance)[0] == "InProgress", "its start")
    ssm.cancel_command(CommandId=command)
    equal(ended(command), ("Cancelled", -1, "", ""))
    equal(run("pgrep -fx 'sleep 1000'"), "")
    # An agent that is not there receives nothing, and one that is removed reports nothing.
    account.control("POST", f"/hosts/{name}", {"network": False})
    command = of("echo late")
    equal(status(ssm, command, instance)[0], "Pending")
    account.control("POST", f"/hosts/{name}", {"network": True})
    equal(ended(command), ("Success", 0, "late\n", ""))
    command = of("systemctl stop snap.amazon-ssm-agent.amazon-ssm-agent; touch /run/stopped")
    account.wait(lambda: run("ls /run/stopped") != "", "the end of the agent")
    equal(status(ssm, command, instance)[0], "InProgress")
    account.control("POST", "/clock", {"advance_seconds": 2 * 3600 + 1})
    equal(status(ssm, command, instance)[1], "ExecutionTimedOut")
    account.control("DELETE", f"/hosts/{name}")
