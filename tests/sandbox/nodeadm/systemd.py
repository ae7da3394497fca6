"""Units: by systemd on a whole host; on a fast one by a small stand-in, with a record of states and a journal of lines."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import host

UNITS = Path("/run/sandbox/units")
JOURNAL = Path("/run/sandbox/journal")
FOLDERS = ["/etc/systemd/system", "/lib/systemd/system", "/usr/lib/systemd/system"]
# A unit that fails at once is started again after this many seconds, and met while it runs at one look out of so many.
RESTART, SEEN_RUNNING = 5, 38


def name_of(unit):
    return unit.removesuffix(".service")


def exists(unit):
    return any(Path(folder, f"{name_of(unit)}.service").exists() for folder in FOLDERS)


def record(unit):
    usual = {"active": "inactive", "enabled": False, "pid": 0, "since": 0, "fails": False, "looks": 0}
    if name_of(unit) == "containerd" and exists(unit):
        usual["active"] = "active"
    return {**usual, **json.loads(host.read(UNITS / name_of(unit)) or "{}")}


def keep(unit, **changes):
    # It is gone after the host's next start, as what runs is.
    host.write(UNITS / name_of(unit), json.dumps({**record(unit), **changes}))


def say(unit, text):
    """A line of the journal."""
    JOURNAL.mkdir(parents=True, exist_ok=True)
    stamp = time.strftime("%b %d %H:%M:%S", time.gmtime(host.now()))
    program = {"kubelet": "kubelet"}.get(name_of(unit), name_of(unit).rsplit(".", 1)[-1])
    with open(JOURNAL / name_of(unit), "a") as file:
        file.write(f"{stamp} {os.uname().nodename} {program}[{os.getpid()}]: {text}\n")


def restarts(unit):
    """How often a unit that fails has been started again."""
    known = record(unit)
    if not known["fails"] or known["active"] != "active":
        return 0
    pause = RESTART * max(host.facts().get("time_scale", 1), 0.001)
    return int((time.time() - known["since"]) / pause)


def state(unit):
    """ActiveState."""
    if host.is_whole():
        return host.run("systemctl", "is-active", unit).stdout.strip()
    known = record(unit)
    if known["active"] == "active" and known["fails"]:
        keep(unit, looks=known["looks"] + 1)
        return "active" if known["looks"] % SEEN_RUNNING == SEEN_RUNNING - 1 else "activating"
    return known["active"]


def start(unit):
    if host.is_whole():
        return host.run("systemctl", "restart", unit)
    stop(unit)
    keep(unit, active="active", since=time.time(), fails=False, looks=0)
    program = {"kubelet": "/usr/lib/sandbox/kubelet-stand-in"}.get(name_of(unit))
    arguments = [program] if program else []
    if name_of(unit).endswith("amazon-ssm-agent"):
        text = host.read(next(Path(one, f"{name_of(unit)}.service") for one in FOLDERS if exists(unit)))
        arguments = [text.partition("ExecStart=")[2].split("\n")[0], "-once"]
    if arguments:
        if arguments[0] == program and not Path(program).exists():
            # The archive under another name.
            Path(program).parent.mkdir(parents=True, exist_ok=True)
            Path(program).symlink_to("/usr/bin/systemctl")
        JOURNAL.mkdir(parents=True, exist_ok=True)
        with open(JOURNAL / name_of(unit), "a") as out:
            process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
        keep(unit, pid=process.pid)
    if name_of(unit) == "kubelet":
        import kubelet

        # It ends at once, before anybody has looked.
        keep(unit, fails=kubelet.refused(kubelet.merged()) is not None)


def stop(unit):
    if host.is_whole():
        return host.run("systemctl", "stop", unit)
    known = record(unit)
    if known["pid"] and Path(f"/proc/{known['pid']}").exists():
        try:
            os.kill(known["pid"], 15)
        except ProcessLookupError:
            pass
    if name_of(unit) == "kubelet" and known["active"] == "active":
        import kubelet

        kubelet.report(False)
    keep(unit, active="inactive", pid=0)


def enable(unit):
    if host.is_whole():
        host.run("systemctl", "daemon-reload")
        return host.run("systemctl", "enable", unit)
    keep(unit, enabled=True)


def show(unit):
    known, active = record(unit), record(unit)["active"]
    failing = active == "active" and known["fails"]
    there = exists(unit)
    return {
        "Id": f"{name_of(unit)}.service",
        "LoadState": "loaded" if there else "not-found",
        "ActiveState": "activating" if failing else active,
        "SubState": "auto-restart" if failing else ("running" if active == "active" else "dead"),
        "UnitFileState": ("enabled" if known["enabled"] else "disabled") if there else "",
        "NRestarts": str(restarts(unit)),
        "MainPID": str(known["pid"] if active == "active" and not failing else 0),
        "Result": "exit-code" if failing else "success",
        "ExecMainStatus": "1" if failing else "0",
    }


def systemctl(arguments):
    """The part of systemctl that people use on a node."""
    words = [one for one in arguments if not one.startswith("-")]
    asked = [one.split("=", 1)[1] for one in arguments if one.startswith(("--property=", "-p="))]
    for index, one in enumerate(arguments[:-1]):
        if one in ("-p", "--property"):
            asked.append(arguments[index + 1])
            words.remove(arguments[index + 1])
    properties = ",".join(asked).split(",") if asked else []
    verb, units = (words[0], words[1:]) if words else ("", [])
    if verb in ("daemon-reload", "reset-failed", ""):
        return 0
    if verb == "is-system-running":
        print("running")
        return 0
    missing = [one for one in units if not exists(one)]
    if verb in ("start", "stop", "restart", "enable", "disable", "status") and missing:
        print(f"Unit {name_of(missing[0])}.service could not be found.", file=sys.stderr)
        return 4 if verb == "status" else 5
    for unit in units:
        if verb in ("start", "restart"):
            start(unit)
        elif verb == "stop":
            stop(unit)
        elif verb in ("enable", "disable"):
            keep(unit, enabled=verb == "enable")
            if "--now" in arguments:
                (start if verb == "enable" else stop)(unit)
        elif verb == "show":
            for name, value in show(unit).items():
                if not properties or name in properties:
                    print(value if "--value" in arguments else f"{name}={value}")
        elif verb in ("is-active", "is-enabled", "is-failed"):
            told = show(unit)["UnitFileState" if verb == "is-enabled" else "ActiveState"]
            if "--quiet" not in arguments and "-q" not in arguments:
                print(told)
            wanted = {"is-active": "active", "is-enabled": "enabled", "is-failed": "failed"}[verb]
            if told != wanted:
                return 3 if verb == "is-active" else 1
        elif verb == "status":
            told = show(unit)
            print(f"● {told['Id']}\n     Active: {told['ActiveState']} ({told['SubState']})")
            if told["ActiveState"] != "active":
                return 3
        else:
            print(f"Unknown command verb '{verb}'.", file=sys.stderr)
            return 1
    return 0


def journalctl(arguments):
    """`journalctl -u UNIT -n LINES`; other options change nothing."""
    unit, lines = None, None
    for index, one in enumerate(arguments):
        if one in ("-u", "--unit"):
            unit = arguments[index + 1]
        elif one.startswith("--unit="):
            unit = one.split("=", 1)[1]
        elif one in ("-n", "--lines"):
            lines = int(arguments[index + 1])
        elif one.startswith("--lines=") or (one.startswith("-n") and one[2:].isdigit()):
            lines = int(one.split("=", 1)[1] if "=" in one else one[2:])
    files = [JOURNAL / name_of(unit)] if unit else sorted(JOURNAL.glob("*"))
    found = [one for file in files for one in (host.read(file) or "").splitlines()]
    if not found:
        print("-- No entries --")
    for one in found[-lines:] if lines else found:
        print(one)
    return 0
