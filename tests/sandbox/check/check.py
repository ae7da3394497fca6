"""Calls a sandbox with boto3, an independent client, and checks its responses.

    python check.py --sandbox PATH_TO_BINARY [--hosts DIR] [NAME ...]

Checks of what runs on hosts are left out without `--hosts`, or where the machine cannot have hosts.

Every response body is validated against botocore's service models (model.py). Each check has an account of its own.
The last line is `N passed, N failed`; the exit status is 0 if none failed.
"""

import argparse
import os
import sys
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

# Each module registers its checks when it is imported; they run in this order.
from checks import validator, signatures, identity, activations, instances, commands, clusters, addons, nodegroups, network, machines, registries, control  # noqa: E402, F401
from support import CHECKS, Account, Sandbox  # noqa: E402


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sandbox", required=True, help="path of the sandbox binary")
    parser.add_argument("--hosts", help="what hosts run on, see the sandbox's README")
    parser.add_argument("names", nargs="*", help="checks to run; default: all")
    options = parser.parse_args()
    # The user's environment and files must have no influence.
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull, AWS_EC2_METADATA_DISABLED="true")
    sandbox = Sandbox(options.sandbox, *(["--hosts", options.hosts] if options.hosts else []))
    passed = failed = 0
    try:
        for function in CHECKS:
            if options.names and function.__name__ not in options.names:
                continue
            faults = []
            try:
                function(Account(sandbox, faults))
                problem = None
            except Exception:  # noqa: BLE001: every failure is reported
                problem = traceback.format_exc()
            if faults:
                problem = (problem or "") + "responses that do not match the model:\n  " + "\n  ".join(sorted(set(faults)))
            if problem:
                failed += 1
                print(f"FAILED {function.__name__}\n{problem}")
            else:
                passed += 1
                print(f"ok     {function.__name__}")
    finally:
        if sandbox.stop() != 0:
            failed += 1
            print("FAILED the sandbox did not exit cleanly")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
