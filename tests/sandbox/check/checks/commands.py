"""Run Command. No host is behind these instances: what scripts do is shown where hosts are."""

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
