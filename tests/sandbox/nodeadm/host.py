"""The host: what it claims to be, its files and programs, and how fast its time goes."""

import json
import os
import platform
import shutil
import subprocess
import time
from pathlib import Path

FACTS = Path("/sandbox/facts.json")


def facts():
    try:
        return json.loads(FACTS.read_text())
    except OSError:
        return {}


def is_whole():
    """Whether systemd, containerd and a real kubelet are here."""
    return facts().get("kind") == "whole"


def pause(seconds, at_least=0):
    """Waits as long as nodeadm does, by the host's own measure; longer where something real is waited for."""
    time.sleep(max(at_least, seconds * facts().get("time_scale", 1)))


def now():
    """Seconds since 1970 by the host's clock."""
    return time.time() + facts().get("clock_offset_seconds", 0)


def os_release():
    found = {}
    for one in Path("/etc/os-release").read_text().splitlines():
        name, separator, value = one.partition("=")
        if separator:
            found[name] = value.strip('"')
    return found


def system():
    return os_release().get("ID", "")


def is_ubuntu():
    return system() == "ubuntu"


def has_apt():
    """nodeadm takes the package manager that it finds; here, the one that goes with the system."""
    return system() in ("ubuntu", "debian")


def architecture():
    """As Go names it."""
    machine = facts().get("architecture") or platform.machine()
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)


def address():
    """Of the interface that leads to the default route."""
    shown = run("ip", "-json", "-4", "address", "show", "dev", "eth0").stdout
    return json.loads(shown)[0]["addr_info"][0]["local"]


def run(*command, check=False):
    return subprocess.run(command, capture_output=True, text=True, check=check)


def write(path, text, mode=0o644, folder_mode=0o755):
    """Writes a file as a whole. nodeadm gives folders that it makes the mode of their files; they are root's anyway."""
    path = Path(path)
    if not path.parent.is_dir():
        path.parent.mkdir(parents=True, mode=folder_mode)
    fresh = path.with_name(path.name + ".new")
    fresh.touch(mode=mode)
    fresh.write_text(text)
    fresh.chmod(mode)
    fresh.rename(path)


def read(path):
    """The text of a file; None when there is none."""
    try:
        return Path(path).read_text()
    except FileNotFoundError:
        return None


def remove(*paths):
    for path in map(Path, paths):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def program(path, text):
    """A program that stands for one which is not here."""
    write(path, text, 0o755)


def is_root():
    return os.geteuid() == 0
