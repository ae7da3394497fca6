"""Runs the example stacks with real Terraform in the sandbox.

    python3 tests/tools/stack.py check [NAME]  test every stack (or one): apply, empty plan, destroy, nothing left
    python3 tests/tools/stack.py check [NAME] --hosts  only those that join hosts over SSH
    python3 tests/tools/stack.py mirror        build a filesystem mirror with the provider, for `terraform init`
    python3 tests/tools/stack.py sandbox [OPTION…]  run only the sandbox, until it is stopped

A stack is a folder under examples/stacks. If hashicorp/aws is available (see terraform.py), the
folder runs unmodified, and the AWS provider creates roles, networks, clusters and nodes in the
sandbox. Without that provider, or in addition if EKSHYBRID_STAND_INS is 1, a stack runs with a stand-in:
tests/stacks/NAME.tf replaces aws.tf and provides the same values. Everything else runs unmodified.
tests/stacks/NAME.py contains

    prepare(account, charts)   creates what must exist before; `charts` returns the folder of the published
                        charts. Returns `variables`, and a `note` for people
    stand_in(account)   creates what else a stand-in needs; its result is added to the variable `sandbox`
    after_stand_in(account)    cleans up as people do after a destroy in a cluster that outlives the stack
    verify(account)     returns what is wrong with what was created
    by_hand(account, stack)    does what people do outside Terraform, after which a plan must be empty; returns
                        what is wrong with it
    REGION              the stack's region, if it is not the sandbox's default
    KEPT_CLUSTERS       clusters that exist before and after, and must be the same; STAND_IN_CLUSTERS those
                        that exist before only with a stand-in
    LEFT_NAMESPACES     namespaces that a release created in them and that remain, as with Helm
    LEFT_DEFINITIONS    CRDs that remain, because other programs may use them by now
    STANDS_FOR          resources of aws.tf that other files refer to, and their stand-ins
    OPTIONAL            files that are left out if `prepare` is impossible
    HOSTS               names of the hosts that `prepare` starts if the account is `with_hosts`: the stack then runs once
                        more, and joins them over SSH
"""

import difflib
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Callable

import control
import hosts
import terraform
import tools

STACKS = tools.ROOT / "examples" / "stacks"
STAND_INS = tools.ROOT / "tests" / "stacks"
sys.path.append(str(STAND_INS))

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# Arguments that nobody would type at a terminal.
HOUSEKEEPING = ("-input=false", "-no-color", "-detailed-exitcode")


# Kinds of objects that a CNI creates, or could delete by mistake.
KINDS = (
    "namespaces", "nodes", "daemonsets", "deployments", "services", "serviceaccounts", "configmaps", "secrets",
    "clusterroles", "clusterrolebindings", "roles", "rolebindings", "customresourcedefinitions", "poddisruptionbudgets",
    "validatingwebhookconfigurations", "mutatingwebhookconfigurations",
)


class Failed(Exception):
    """A step failed; the message says which and how."""


class LeftOut(Exception):
    """A stack that cannot run here; the message says why."""


# --- programs of this working tree -----------------------------------------------------------------


def target_folder() -> Path:
    answer = subprocess.run(
        ["cargo", "metadata", "--format-version", "1", "--no-deps", "--offline"],
        cwd=tools.ROOT, capture_output=True, text=True, check=True,
    )
    return Path(json.loads(answer.stdout)["target_directory"])


def program(name: str) -> Path:
    return target_folder() / "debug" / name


def build() -> None:
    if not program("sandbox").exists():
        tools.say("compiling the provider and the sandbox: about 13 minutes on two cores the first time, "
                  "nearly all of it for AWS's EC2 client")
    environment = os.environ | tools.compiler()
    if subprocess.run(["cargo", "build", "--workspace", "--bins"], cwd=tools.ROOT, env=environment).returncode != 0:
        raise Failed("the provider or the sandbox does not compile")


# --- the sandbox -----------------------------------------------------------------------------------


class Sandbox:
    """A running sandbox, with an account for each stack."""

    def __init__(self):
        self.without_control_plane = None
        try:
            options = ["--control-plane", tools.control_plane()]
        except tools.Unavailable as reason:
            options, self.without_control_plane = [], str(reason)
        if hosts.is_there():
            options += ["--hosts", hosts.path()]
        # Its log goes to stderr; only the first line of stdout is for us.
        self.process = subprocess.Popen(
            [program("sandbox"), "--port", "0", "--die-with-parent", *options], stdout=subprocess.PIPE, text=True
        )
        line = self.process.stdout.readline()
        if not line:
            raise Failed(f"the sandbox did not start (exit status {self.process.wait()})")
        self.facts = json.loads(line)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def account(self, with_hosts: bool = False) -> "Account":
        return Account(self, self.call("accounts", {"seed": True}), with_hosts)

    def without_hosts(self) -> str | None:
        """Why a stack cannot join hosts here, or None."""
        if self.without_control_plane:
            return self.without_control_plane
        found = self.call("hosts")
        return None if found["available"] else f"hosts: {found['why']} (`make hosts`)"

    def call(self, path: str, body: dict | None = None):
        return control.call(f"{self.facts['control_url']}/{path}", body)


class Account:
    """One AWS account in the sandbox, with its roles, network and cluster."""

    def __init__(self, sandbox: Sandbox, facts: dict, with_hosts: bool):
        self.sandbox, self.facts, self.region, self.with_hosts = sandbox, facts, facts["region"], with_hosts
        # Private keys of hosts.
        self.keys = tempfile.TemporaryDirectory(prefix="ekshybrid-")

    def call(self, path: str, body: dict | None = None):
        """Calls the control API for this account."""
        return control.call(f"{self.sandbox.facts['control_url']}/accounts/{self.facts['account_id']}/{path}", body)

    def host(self, name: str, **wanted) -> dict:
        """Starts a host; `private_key_path` in the result is a key that opens it."""
        host = self.call("hosts", {"name": self.host_name(name), **wanted})
        key = Path(self.keys.name) / "id_ed25519"
        if not key.exists():
            key.touch(mode=0o600)
            key.write_text(host["private_keys"]["ed25519"])
        return host | {"private_key_path": str(key)}

    def host_name(self, name: str) -> str:
        """Names of hosts are unique across accounts."""
        return f"{name}-{self.facts['account_id']}"

    def on_host(self, name: str, command: str) -> str:
        """Output of a command that root runs on a host."""
        answer = self.call(f"hosts/{self.host_name(name)}/run", {"command": command})
        if answer["status"] != 0:
            raise Failed(f"`{command}` on the host {name} ended with {answer['status']}: {answer['stderr']}")
        return answer["stdout"]

    def cluster(self, name: str, path: str, body: dict | None = None):
        """Calls the control API for a cluster."""
        return self.call(f"clusters/{name}/{path}?region={self.region}", body)

    def dump(self) -> str:
        return json.dumps(self.call("dump"), indent=2, sort_keys=True)

    def kubectl(self, cluster: str, *arguments: str) -> str:
        """Output of kubectl as the administrator of a cluster."""
        return self.administrator(cluster, "kubectl", *arguments)

    def helm(self, cluster: str, *arguments: str) -> str:
        """Output of Helm's command line as the administrator of a cluster, if it is built."""
        if not tools.installed("helm"):
            raise tools.Unavailable("Helm's command line is not built here (`make helm`)")
        return self.administrator(cluster, "helm", *arguments)

    def administrator(self, cluster: str, program: str, *arguments: str) -> str:
        kubeconfig = self.cluster(cluster, "kubeconfig")["path"]
        answer = subprocess.run(
            [tools.go_tool(program), "--kubeconfig", kubeconfig, *arguments], capture_output=True, text=True
        )
        if answer.returncode != 0:
            raise Failed(f"{program} {' '.join(arguments)} ended with {answer.returncode}: {answer.stderr}")
        return answer.stdout

    def objects(self, cluster: str, without: tuple[str, ...]) -> str:
        """The objects of a cluster except for some namespaces and CRDs, without fields that its own programs maintain."""
        # Kubernetes empties a deleted namespace some seconds later; only this comparison waits for that.
        for namespace in json.loads(self.kubectl(cluster, "get", "namespaces", "-o", "json"))["items"]:
            if "deletionTimestamp" in namespace["metadata"]:
                name = namespace["metadata"]["name"]
                try:
                    self.kubectl(cluster, "wait", "--for=delete", f"namespace/{name}", "--timeout=60s")
                except Failed as reason:
                    # Deleted in between.
                    if "NotFound" not in str(reason):
                        raise
        found = json.loads(self.kubectl(cluster, "get", ",".join(KINDS), "-A", "-o", "json"))["items"]
        for one in found:
            one.pop("status", None)
            if one["kind"] == "Node":
                # Taints follow the conditions.
                one["spec"].pop("taints", None)
            metadata = one["metadata"]
            for member in ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"):
                metadata.pop(member, None)
            metadata.get("annotations", {}).pop("deprecated.daemonset.template.generation", None)
        names = {(one["metadata"].get("namespace") or one["metadata"]["name"], one["kind"], one["metadata"]["name"]): one
                 for one in found}
        kept = {" ".join(name): one for name, one in names.items() if name[0] not in without}
        return json.dumps(kept, indent=2, sort_keys=True)

    def environment(self) -> dict[str, str]:
        """The variables a user exports to reach an account, with the sandbox as endpoint."""
        return {
            "AWS_ENDPOINT_URL": self.sandbox.facts["endpoint"],
            "AWS_REGION": self.facts["region"],
            "AWS_ACCESS_KEY_ID": self.facts["access_key"],
            "AWS_SECRET_ACCESS_KEY": self.facts["secret_key"],
        }


# --- one stack ---------------------------------------------------------------------------------------


class Stack:
    """A copy of one example in a temporary folder, and the Terraform that runs it."""

    def __init__(
        self, name: str, account: Account, chosen: terraform.Terraform, folder: Path, show: bool,
        aws: terraform.AwsProvider | None, charts: Callable[[], Path] = tools.charts,
    ):
        self.name, self.account, self.chosen, self.show, self.aws = name, account, chosen, show, aws
        self.folder, self.notes = folder / "stack", []
        # What each command has printed, with the time of each line.
        self.commands: list[tuple[str, list[tuple[float, str]]]] = []
        self.module = module_of(name)
        if aws:
            account.region = getattr(self.module, "REGION", account.region)
        shutil.copytree(STACKS / name, self.folder, ignore=shutil.ignore_patterns(".terraform*", "terraform.tfstate*"))
        facts = {key: value for key, value in account.facts.items() if key not in ("access_key", "secret_key")}
        variables = {}
        try:
            if account.sandbox.without_control_plane:
                raise tools.Unavailable(account.sandbox.without_control_plane)
            prepared = self.module.prepare(account, charts)
            variables = prepared.get("variables", {})
            self.notes += [note] if (note := prepared.get("note")) else []
        except tools.Unavailable as reason:
            if not (optional := getattr(self.module, "OPTIONAL", None)):
                raise LeftOut(str(reason)) from reason
            for file in optional:
                (self.folder / file).unlink()
            variables = {"cluster_name": self.module.CLUSTER}
            self.module, self.notes = None, [f"{' and '.join(optional)} are left out: {reason}"]
        if not aws:
            self.stand_in()
            more = self.module.stand_in(account) if self.module else {}
            variables = {"sandbox": facts | more} | variables
        (self.folder / "sandbox.auto.tfvars.json").write_text(json.dumps(variables))
        self.environment = (
            terraform.environment(folder, program("terraform-provider-ekshybrid"), aws) | account.environment()
        )

    def stand_in(self) -> None:
        """Replaces aws.tf by the stand-in; nothing requires hashicorp/aws any more."""
        stand_in = STAND_INS / f"{self.name}.tf"
        if not stand_in.exists():
            raise Failed(f"{stand_in.relative_to(tools.ROOT)} is missing: no stand-in for aws.tf")
        # aws.tf may have more locals, for its own use.
        if missing := locals_of(stand_in) - (real := locals_of(self.folder / "aws.tf")):
            raise Failed(f"stack {self.name}: aws.tf defines the locals {sorted(real)}, its stand-in also {sorted(missing)}")
        shutil.copy(stand_in, self.folder / "aws.tf")
        versions = self.folder / "versions.tf"
        versions.write_text(re.sub(r"    aws = \{\n.*?\n    \}\n\n?", "", versions.read_text(), flags=re.DOTALL))
        for real, here in getattr(self.module, "STANDS_FOR", {}).items():
            for file in self.folder.glob("*.tf"):
                file.write_text(file.read_text().replace(real, here))

    def run(self, *arguments: str, expect: tuple[int, ...] = (0,)) -> tuple[int, str]:
        """Runs one Terraform command. Its output is shown to people, or kept in case of a failure."""
        self.shown(*arguments)
        process = subprocess.Popen(
            [*self.chosen.command, *arguments], cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        lines, timed = [], [(time.time(), "")]
        self.commands.append((arguments[0], timed))
        for line in process.stdout:
            timed.append((time.time(), COLOUR.sub("", line)))
            if self.show:
                print(indented(line, 180) or "  ", flush=True)
            lines.append(line)
        status, text = process.wait(), "".join(lines)
        timed.append((time.time(), ""))
        if status not in expect:
            shown = "" if self.show else f"\n{text}"
            raise Failed(f"stack {self.name}: `{' '.join(arguments)}` ended with exit status {status}{shown}")
        return status, text

    def init(self) -> None:
        # Its output is about checksums for other systems, which nobody needs here.
        self.shown("init")
        quiet, self.show = self.show, False
        self.run("init", "-input=false", "-no-color")
        self.show = quiet

    def plan(self) -> bool:
        """Creates and keeps a plan; returns whether it would change anything."""
        return self.run("plan", "-input=false", "-detailed-exitcode", "-out=tfplan", *self.plain(), expect=(0, 2))[0] == 2

    def apply(self) -> None:
        """Applies the last plan."""
        self.run("apply", "-input=false", *self.plain(), "tfplan")

    def actions(self, *options: str) -> dict[str, list[str]]:
        """What a plan with these options would do, by resource address; the plan is not applied."""
        self.run("plan", "-input=false", "-out=other", *options, *self.plain())
        changes = json.loads(self.run("show", "-json", "other")[1].splitlines()[-1])["resource_changes"]
        return {one["address"]: one["change"]["actions"] for one in changes if one["change"]["actions"] != ["no-op"]}

    def destroy(self) -> None:
        self.run("destroy", "-input=false", "-auto-approve", *self.plain())

    def kept_clusters(self) -> tuple[str, ...]:
        """Clusters that exist before the first apply, and must be the same at the end."""
        with_stand_in = () if self.aws else getattr(self.module, "STAND_IN_CLUSTERS", ())
        return getattr(self.module, "KEPT_CLUSTERS", ()) + with_stand_in

    def everything(self) -> str:
        """The content of the account, and of the clusters that the stack must not change."""
        left = getattr(self.module, "LEFT_NAMESPACES", ()) + getattr(self.module, "LEFT_DEFINITIONS", ())
        return "\n".join([self.account.dump(), *(self.account.objects(cluster, left) for cluster in self.kept_clusters())])

    def output(self, name: str):
        """The value of one output, secret or not."""
        answer = subprocess.run(
            [*self.chosen.command, "output", "-no-color", "-json", name],
            cwd=self.folder, env=self.environment, capture_output=True, text=True,
        )
        if answer.returncode != 0:
            raise Failed(f"stack {self.name}: the output `{name}` cannot be read\n{answer.stderr}")
        return json.loads(answer.stdout)

    def shown(self, *arguments: str) -> None:
        if self.show:
            name = {"Terraform": "terraform", "OpenTofu": "tofu"}[self.chosen.product]
            print(f"\n$ {name} {' '.join(argument for argument in arguments if argument not in HOUSEKEEPING)}", flush=True)

    def plain(self) -> list[str]:
        return [] if self.show and sys.stdout.isatty() else ["-no-color"]


def locals_of(file: Path) -> set[str]:
    """Names that the `locals` blocks of a formatted file define."""
    blocks = re.findall(r"^locals \{\n(.*?)^\}", file.read_text(), re.MULTILINE | re.DOTALL)
    return {name for block in blocks for name in re.findall(r"^  (\w+) *=", block, re.MULTILINE)}


def compare(before: str, after: str) -> None:
    """Account and clusters are the same after destroy as before apply."""
    if before != after:
        difference = difflib.unified_diff(before.splitlines(), after.splitlines(), "before", "after", lineterm="")
        raise Failed("destroy left something behind, or deleted too much:\n" + "\n".join(difference))


# --- make stacks -------------------------------------------------------------------------------------


def check(names: list[str], only_with_hosts: bool = False) -> int:
    build()
    chosen, aws = terraform.choose(), terraform.aws_provider()
    print(f"{chosen}, in an account of the sandbox for each stack", flush=True)
    if aws:
        print(f"hashicorp/aws {aws.version} ({aws.path})", flush=True)
    else:
        print("note: hashicorp/aws is not available (EKSHYBRID_AWS_PROVIDER names its folder): stand-ins only", flush=True)
    # They spend most of the time waiting for their clusters, so they run in parallel.
    with Sandbox() as sandbox, ThreadPoolExecutor() as pool:
        wanted = [one for one in runs(names, aws) if one[3] or not only_with_hosts]
        outcomes = list(pool.map(lambda one: one_run(sandbox, chosen, *one), wanted))
    print(f"{outcomes.count('passed')} passed, {outcomes.count('failed')} failed")
    return 1 if "failed" in outcomes else 0


def runs(names: list[str], aws: terraform.AwsProvider | None):
    """The stacks as shipped, if possible; otherwise, or if EKSHYBRID_STAND_INS is 1, with their stand-ins."""
    if aws:
        yield from ((name, aws, tools.charts, False) for name in names)
    if not aws or os.environ.get("EKSHYBRID_STAND_INS") == "1":
        yield from ((name, None, tools.charts, False) for name in names)
    yield from ((name, aws, tools.charts, True) for name in names if hasattr(module_of(name), "HOSTS"))
    if "workshop" in names:
        yield "workshop", None, no_charts, False


def module_of(name: str):
    """The module of a stack's test."""
    return importlib.import_module(name.replace("-", "_"))


def no_charts() -> Path:
    raise tools.Unavailable("this run uses no published charts")


def one_run(
    sandbox: Sandbox, chosen: terraform.Terraform, name: str, aws: terraform.AwsProvider | None,
    charts: Callable[[], Path], with_hosts: bool,
) -> str:
    """Runs one stack and prints its result at once: `passed`, `failed` or `left out`."""
    title = f"{name} {'with hashicorp/aws' if aws else 'with its stand-in'}"
    title += "" if charts is tools.charts else ", without published charts"
    title += ", joining hosts over SSH" if with_hosts else ""
    if with_hosts and (reason := sandbox.without_hosts()):
        print(f"left out: {title}: {reason} (known: the machine cannot have hosts)", flush=True)
        return "left out"
    begun = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="ekshybrid-") as folder:
            stack = Stack(name, sandbox.account(with_hosts), chosen, Path(folder), False, aws, charts)
            check_one(stack)
        notes = f" ({'; '.join(stack.notes)})" if stack.notes else ""
        took = time.monotonic() - begun
        print(f"ok      {title}: applied, planned empty, destroyed, nothing left, {took:.0f} s{notes}", flush=True)
        return "passed"
    except LeftOut as reason:
        print(f"left out: {title}: {reason}", flush=True)
        return "left out"
    except (Failed, tools.Unavailable) as reason:
        print(f"FAILED  {title}: {reason}", flush=True)
        return "failed"


def check_one(stack: Stack) -> None:
    before = stack.everything()
    stack.init()
    stack.run("validate", "-no-color")
    try:
        stack.plan()
        stack.apply()
        verify(stack)
        by_hand(stack)
        if stack.plan():
            raise Failed("the plan after apply is not empty:\n" + stack.run("show", "-no-color", "tfplan")[1])
    except Failed as first:
        try:
            stack.destroy()
        except Failed as second:
            raise Failed(f"{first}\n… and then {second}") from second
        raise
    stack.destroy()
    if stack.module and not stack.aws and hasattr(stack.module, "after_stand_in"):
        stack.module.after_stand_in(stack.account)
    compare(before, stack.everything())


def by_hand(stack: Stack) -> None:
    """What people do outside Terraform, in stacks that have such steps."""
    if not hasattr(stack.module, "by_hand"):
        return
    try:
        if faults := stack.module.by_hand(stack.account, stack):
            raise Failed("\n".join(faults))
    except tools.Unavailable as reason:
        stack.notes.append(f"manual steps are left out: {reason}")


def verify(stack: Stack) -> None:
    """What was created is as the stack requires."""
    faults = stack.module.verify(stack.account) if stack.module else []
    if faults:
        raise Failed("\n".join(faults))


# --- make mirror -------------------------------------------------------------------------------------


def write_mirror() -> int:
    """Writes a mirror with the provider of this working tree, and prints the settings that make Terraform use it."""
    build()
    folder = terraform.mirror(target_folder() / "mirror", program("terraform-provider-ekshybrid"))
    # Other providers come from the registry.
    print(f"""provider_installation {{
  filesystem_mirror {{
    path    = {json.dumps(str(folder))}
    include = ["{terraform.ADDRESS}"]
  }}
  direct {{
    exclude = ["{terraform.ADDRESS}"]
  }}
}}""")
    tools.say("put these lines into ~/.terraformrc (OpenTofu: ~/.tofurc), or into the file named by TF_CLI_CONFIG_FILE")
    return 0


def indented(text: str, width: int = 110) -> str:
    """Truncates long lines, such as those of a certificate, for people."""
    return "\n".join(f"  {line if len(line) <= width else line[:width] + '…'}" for line in text.splitlines())


def main() -> int:
    there = sorted(folder.name for folder in STACKS.iterdir() if folder.is_dir()) if STACKS.exists() else []
    match sys.argv[1:]:
        case ["sandbox", *options]:
            build()
            # Replaces this process, so that signals reach the sandbox.
            os.execv(program("sandbox"), [str(program("sandbox")), *tools.sandbox_options(), *options])
        case ["check"]:
            return check(there)
        case ["check", "--hosts"]:
            return check(there, only_with_hosts=True)
        case ["check", name, "--hosts"] if name in there:
            return check([name], only_with_hosts=True)
        case ["mirror"]:
            return write_mirror()
        case ["check", name] if name in there:
            return check([name])
        case ["check", name, *_]:
            raise Failed(f"unknown stack `{name}`; the stacks are {', '.join(there)}")
        case _:
            print(__doc__, file=sys.stderr)
            return 2


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Failed, tools.Unavailable) as reason:
        print(f"\nerror: {reason}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
