"""What the sandbox's hosts run on: the root file system that all of them share, put into the cache when it is missing.

`tools.py hosts` prints its folder, which `sandbox --hosts` takes:

    rootfs/     Debian with systemd, sshd, sudo, containerd and Python, unpacked by debootstrap
    bin/        what a whole host's nodeadm installs, built from Go modules; only after `tools.py whole-hosts`

The folder is named by what pins it. Needs root, a Debian mirror and apt's archive keys; everything is checked against
Debian's signatures. Nothing is installed on the machine itself.
"""

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import tools

SUITE = "bookworm"
# Fast hosts need sshd, sudo, curl and Python (with YAML, for nodeadm's stand-in); the rest is for whole ones.
PACKAGES = [
    "systemd-sysv", "dbus", "openssh-server", "sudo", "ca-certificates", "curl", "iproute2", "iptables", "kmod", "procps",
    "containerd", "runc", "conntrack", "ethtool", "socat", "openssl", "python3-minimal", "python3-yaml",
]  # fmt: skip
# Of no use in a container: devices are there already, and nobody logs in at a console.
MASKED = ["systemd-udevd.service", "e2scrub_reap.service", "systemd-networkd.service", "getty.target", "modprobe@.service"]


def path() -> Path:
    """Where it lies once it is made."""
    modules = [tools.digest(file) for file in sorted((tools.PINS / "hosts").glob("*/go.*"))]
    key = hashlib.sha256(" ".join([SUITE, *PACKAGES, *MASKED, *modules]).encode()).hexdigest()
    return tools.cache() / "tools" / f"hosts-{key[:12]}"


def is_there() -> bool:
    return (path() / "rootfs").is_dir()


def make() -> Path:
    """The folder with the root file system; unpacked by debootstrap when it is missing."""
    folder = path()
    if is_there():
        return folder
    if sys.platform != "linux" or os.geteuid() != 0:
        raise tools.Unavailable("hosts need Linux and root: they are namespaces with a root file system of their own")
    with tools.lock("hosts"):
        if is_there():
            return folder
        tools.say("Debian is unpacked for the sandbox's hosts: about 2 minutes and 470 MB, once")
        fresh = folder / "rootfs.new"
        shutil.rmtree(fresh, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        with debootstrap() as (program, environment):
            tools.run(
                [program, "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, fresh, *mirror()],
                f"debootstrap could not unpack Debian; see {fresh}/debootstrap/debootstrap.log",
                env={**environment, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"},
            )
        trim(fresh)
        fresh.rename(folder / "rootfs")
    return folder


def trim(root: Path) -> None:
    """Takes away what no two hosts may share, what only costs room, and settings that reach beyond a namespace."""
    for pattern in ["var/cache/apt/archives/*.deb", "var/lib/apt/lists/*", "etc/ssh/ssh_host_*", "usr/lib/sysctl.d/*.conf"]:
        for file in root.glob(pattern):
            if file.is_dir():
                shutil.rmtree(file)
            else:
                file.unlink()
    (root / "etc" / "machine-id").write_text("")
    for unit in MASKED:
        link = root / "etc" / "systemd" / "system" / unit
        if not link.is_symlink():
            link.symlink_to("/dev/null")


@contextlib.contextmanager
def debootstrap():
    """The program and its environment: from PATH, or unpacked from Debian's package for as long as it is needed."""
    if found := shutil.which("debootstrap"):
        yield Path(found), dict(os.environ)
        return
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise tools.Unavailable("there is no debootstrap on PATH, and this is no Debian whose package could be fetched")
    with tempfile.TemporaryDirectory(prefix="ekshybrid-") as name:
        tools.run(["apt-get", "download", "--quiet", "debootstrap"], "apt-get could not fetch debootstrap", cwd=name)
        (package,) = Path(name).glob("*.deb")
        tools.run(["dpkg-deb", "--extract", package, name], "dpkg-deb could not unpack debootstrap")
        scripts = Path(name) / "usr" / "share" / "debootstrap"
        yield Path(name) / "usr" / "sbin" / "debootstrap", {**os.environ, "DEBOOTSTRAP_DIR": str(scripts)}


def mirror() -> list[str]:
    """The mirror of this machine's own packages, where it is a Debian; else debootstrap's own choice."""
    release = Path("/etc/os-release")
    if not release.exists() or not re.search(r"^ID=debian$", release.read_text(), re.MULTILINE):
        return []
    asked = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", f"Codename: {SUITE}"],
        capture_output=True, text=True,
    )  # fmt: skip
    return asked.stdout.split()[:1]


# Program of a whole host → (module below tests/tools/hosts, Go package, about how long it takes on two cores).
PROGRAMS = {
    "kubelet": ("kubelet", "k8s.io/kubernetes/cmd/kubelet", "3 minutes"),
    "bridge": ("plugins", "github.com/containernetworking/plugins/plugins/main/bridge", "1 minute"),
    "loopback": ("plugins", "github.com/containernetworking/plugins/plugins/main/loopback", "a moment"),
    "host-local": ("plugins", "github.com/containernetworking/plugins/plugins/ipam/host-local", "a moment"),
    "portmap": ("plugins", "github.com/containernetworking/plugins/plugins/meta/portmap", "a moment"),
    "aws-iam-authenticator": ("plugins", "sigs.k8s.io/aws-iam-authenticator/cmd/aws-iam-authenticator", "2 minutes"),
    "pause": ("pause", ".", "a moment"),
}


def programs() -> Path:
    """The same folder, with what whole hosts install; what is missing is built from source."""
    folder = make()
    if all((folder / "bin" / name).exists() for name in PROGRAMS):
        return folder
    if shutil.which("go") is None:
        raise tools.Unavailable("what whole hosts run is built from source, and there is no `go` on PATH")
    with tools.lock("hosts"):
        (folder / "bin").mkdir(exist_ok=True)
        for name, (module, package, duration) in PROGRAMS.items():
            program = folder / "bin" / name
            if program.exists():
                continue
            tools.say(f"{name} is built from its pinned source: about {duration}, once")
            fresh = folder / "bin" / f"{name}.new"
            tools.run(
                ["go", "build", "-mod=readonly", "-trimpath", "-ldflags", tools.kubernetes_flags(module), "-o", fresh, package],
                f"go could not build {name}",
                cwd=tools.PINS / "hosts" / module,
                env={**os.environ, "CGO_ENABLED": "0"},
            )
            fresh.rename(program)
    return folder
