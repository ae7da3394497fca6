"""Validates every configuration that people may copy: in README, in the pages under docs, and in examples.

    python3 tests/tools/configurations.py         all of them
    python3 tests/tools/configurations.py NAME    those whose file name contains NAME

`terraform validate` checks each unmodified, with the newest Terraform available, because some need
it. A block without `required_providers` gets the two source addresses, as any root module has
them. Import blocks are validated together with the first configuration on their page, to which they
belong. A configuration that names resources of hashicorp/aws needs that provider (see terraform.py),
and is left out without it. The folders under examples/stacks are validated as a whole, by
`terraform init` and `terraform validate` in a copy. Finally, `terraform init` is run with the
settings printed by `make mirror`, and the search for hashicorp/aws is tested with sample folders.
Each configuration of the guide about moves must also be that of an acceptance case, which runs it.
"""

import functools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import stack
import terraform
import tools

BLOCK = re.compile(r"^```(?:terraform|hcl)\n(.*?)^```", re.MULTILINE | re.DOTALL)
# Top-level blocks of a configuration, by their first word.
TOP = re.compile(r"^(\w+)\b.*\{", re.MULTILINE)
# A name of hashicorp/aws: a resource, a reference to one, or its settings.
AWS = re.compile(r'\baws_[a-z_]+\b|provider "aws"')
ADDRESSES = {"aws": "hashicorp/aws", "ekshybrid": terraform.ADDRESS}


@dataclass(frozen=True)
class Configuration:
    """A text or a whole folder."""

    name: str
    text: str = ""
    folder: Path | None = None

    def needs_aws(self) -> bool:
        texts = [file.read_text() for file in self.folder.glob("*.tf")] if self.folder else [self.text]
        # Ignores comments, and our own `ekshybrid_aws_auth_entry`.
        return any(AWS.search(re.sub(r"#.*|ekshybrid_aws_", "", text)) for text in texts)

    def write(self, folder: Path) -> None:
        if self.folder:
            shutil.copytree(self.folder, folder, ignore=shutil.ignore_patterns(".terraform*"), dirs_exist_ok=True)
            return
        # List blocks need a file of their own.
        is_query = "list" in TOP.findall(self.text)
        (folder / ("main.tfquery.hcl" if is_query else "main.tf")).write_text(self.text)
        if "required_providers" not in self.text:
            (folder / "versions.tf").write_text(required(self.needs_aws()))


def required(aws: bool) -> str:
    names = [name for name in ADDRESSES if aws or name != "aws"]
    lines = "".join(f'    {name} = {{ source = "{ADDRESSES[name]}" }}\n' for name in names)
    return f"terraform {{\n  required_providers {{\n{lines}  }}\n}}\n"


def configurations() -> list[Configuration]:
    """All of them. A text that appears both in an example and on a page is used once."""
    found, seen = [], set()

    def add(name: str, text: str) -> None:
        if text not in seen:
            seen.add(text)
            found.append(Configuration(name, text))

    for page in [tools.ROOT / "README.md", *sorted((tools.ROOT / "docs").rglob("*.md"))]:
        texts = BLOCK.findall(page.read_text())
        for number, text in enumerate(texts, 1):
            imports = set(TOP.findall(text)) == {"import"}
            add(f"{page.relative_to(tools.ROOT)}, block {number}", f"{texts[0]}\n{text}" if imports else text)
    for file in sorted((tools.ROOT / "examples").rglob("*")):
        if file.suffix not in (".tf", ".hcl") or stack.STACKS in file.parents:
            continue
        text = file.read_text()
        if set(TOP.findall(text)) == {"import"}:
            text = f"{(file.parent / 'resource.tf').read_text()}\n{text}"
        add(str(file.relative_to(tools.ROOT)), text)
    for folder in sorted(stack.STACKS.iterdir()):
        found.append(Configuration(str(folder.relative_to(tools.ROOT)), folder=folder))
        found += [Configuration(str(inner.relative_to(tools.ROOT)), folder=inner)
                  for inner in sorted(folder.iterdir()) if inner.is_dir() and not inner.name.startswith(".")]
    return found


def validate(chosen: terraform.Terraform, aws: terraform.AwsProvider | None, one: Configuration) -> str | None:
    """What is wrong with a configuration."""
    with tempfile.TemporaryDirectory(prefix="ekshybrid-") as name:
        place = Path(name) / "configuration"
        place.mkdir()
        one.write(place)
        environment = terraform.environment(Path(name), stack.program("terraform-provider-ekshybrid"), aws)
        query = ["-query"] if list(place.glob("*.tfquery.hcl")) else []
        for arguments in (["init", "-input=false", "-backend=false", "-no-color"], ["validate", "-no-color", *query]):
            answer = subprocess.run(
                [*chosen.command, *arguments], cwd=place, env=environment, capture_output=True, text=True,
            )
            if answer.returncode != 0:
                return f"`{' '.join(arguments)}` ended with {answer.returncode}\n{answer.stdout}{answer.stderr}"
    return None


def by_mirror(chosen: terraform.Terraform) -> str | None:
    """What is wrong with `terraform init` with the settings printed by `make mirror`."""
    printed = subprocess.run(
        [sys.executable, tools.ROOT / "tests" / "tools" / "stack.py", "mirror"], capture_output=True, text=True,
    )
    if printed.returncode != 0:
        return printed.stderr
    with tempfile.TemporaryDirectory(prefix="ekshybrid-") as name:
        folder = Path(name)
        (folder / "settings").write_text(printed.stdout)
        (folder / "main.tf").write_text(required(aws=False))
        clean = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
        environment = clean | {"TF_CLI_CONFIG_FILE": str(folder / "settings"), "CHECKPOINT_DISABLE": "1"}
        run = functools.partial(subprocess.run, cwd=folder, env=environment, capture_output=True, text=True)
        answer = run([*chosen.command, "init", "-input=false", "-no-color"])
        if answer.returncode != 0:
            return answer.stdout + answer.stderr
        answer = run([*chosen.command, "version", "-json"])
        selected = json.loads(answer.stdout)["provider_selections"]
        wanted = {f"{terraform.REGISTRIES[chosen.product]}/{terraform.ADDRESS}": terraform.VERSION}
        return None if selected == wanted else f"`init` selected {selected}"


def search() -> str | None:
    """What is wrong with the search for hashicorp/aws: unpacked and packed packages, too old ones, other systems."""
    def packages(*names: str) -> list[str]:
        with tempfile.TemporaryDirectory(prefix="ekshybrid-") as name:
            for one in names:
                file = Path(name) / "registry.terraform.io" / "hashicorp" / "aws" / one
                file.parent.mkdir(parents=True, exist_ok=True)
                file.touch(mode=0o755)
            return sorted(found.version for found in terraform.packages_in(Path(name)))

    here = terraform.PLATFORM
    for names, wanted in (
        ((f"6.2.0/{here}/terraform-provider-aws_v6.2.0_x5", f"5.100.0/{here}/terraform-provider-aws_v5.100.0_x5"),
         ["5.100.0", "6.2.0"]),
        ((f"terraform-provider-aws_6.2.0_{here}.zip",), ["6.2.0"]),
        ((f"5.99.0/{here}/terraform-provider-aws_v5.99.0_x5", f"6.0.0-beta1/{here}/terraform-provider-aws_x5",
          "6.2.0/plan9_mips/terraform-provider-aws_x5", f"6.3.0/{here}/LICENSE.txt"), []),
    ):
        if (found := packages(*names)) != wanted:
            return f"{names} gave {found} instead of {wanted}"
    return None


# The guide whose configurations are run by acceptance cases.
MOVES = Path("docs/guides/migrating.md")


def unshown() -> str | None:
    """Configurations of the guide about moves that no acceptance case runs."""
    cases = [set(top_blocks(case.read_text())) for case in (tools.ROOT / "tests" / "acceptance").glob("*/*.case")]
    missing = []
    for number, text in enumerate(BLOCK.findall((tools.ROOT / MOVES).read_text()), 1):
        # Each case has a provider block of its own, with the sandbox's address.
        blocks = {block for block in top_blocks(text) if not block.startswith("provider ")}
        if not any(blocks <= shown for shown in cases):
            missing.append(str(number))
    return f"no acceptance case contains block {', '.join(missing)}" if missing else None


def top_blocks(text: str) -> list[str]:
    """The top-level blocks of a configuration, without comments, spaces, and the texts in them."""
    found = re.findall(r"^\w+(?: \"[^\"]*\")* \{\n.*?^\}", text, re.MULTILINE | re.DOTALL)

    def plain(block: str) -> str:
        head, _, body = block.partition("\n")
        body = re.sub(r'"(?:[^"\\]|\\.)*"', '""', re.sub(r"^\s*#.*", "", body, flags=re.MULTILINE))
        return f"{head} {' '.join(body.split())}"

    return [plain(block) for block in found]


def main() -> int:
    part = sys.argv[1] if len(sys.argv) > 1 else ""
    stack.build()
    chosen, aws = terraform.bundled(), terraform.aws_provider()
    print(f"{chosen}; hashicorp/aws {aws.version if aws else 'is not available'}", flush=True)
    wanted = [one for one in configurations() if part in one.name]
    left_out = [one for one in wanted if one.needs_aws() and not aws]
    passed = failed = 0

    def report(name: str, fault: str | None) -> None:
        nonlocal passed, failed
        passed, failed = passed + (not fault), failed + bool(fault)
        if fault:
            print(f"FAILED  {name}: {fault}", flush=True)

    here = [one for one in wanted if one not in left_out]
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        faults = pool.map(lambda one: validate(chosen, aws if one.needs_aws() else None, one), here)
        for one, fault in zip(here, faults):
            report(one.name, fault)
    if not part:
        report("a local build by `make mirror`", by_mirror(terraform.choose()))
        report("the search for hashicorp/aws", search())
        report(str(MOVES), unshown())
    for one in left_out:
        print(f"note: {one.name} needs hashicorp/aws, which is not available")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not here else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (stack.Failed, tools.Unavailable) as reason:
        sys.exit(f"error: {reason}")
