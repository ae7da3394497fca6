"""What nodeadm says: JSON lines on stderr."""

import json
import sys
import time


class Failure(Exception):
    """A command has failed; the text is nodeadm's."""


def line(level, message, **fields):
    entry = {"level": level, "ts": round(time.time(), 7), "caller": "nodeadm/main.go:1", "msg": message, **fields}
    print(json.dumps(entry, separators=(",", ":")), file=sys.stderr, flush=True)


def info(message, **fields):
    line("info", message, **fields)


def warn(message, **fields):
    line("warn", message, **fields)


def error(message, **fields):
    line("error", message, **fields)


def fatal(failure):
    """The last line of a command that has failed; gives its exit code."""
    line("fatal", "Command failed", error=str(failure))
    return 1
