"""Runs the example stacks with real Terraform against the sandbox.

    python3 tests/tools/stack.py check [NAME]  every stack (or one): apply, empty plan, destroy, nothing left
    python3 tests/tools/stack.py mirror        a filesystem mirror with the built provider, for `terraform init`
    python3 tests/tools/stack.py sandbox [OPTION…]  the sandbox alone, until it is stopped

A stack is a folder under examples/stacks. Where hashicorp/aws is at hand (see terraform.py), the
folder runs as it is, and the AWS provider creates roles, networks, clusters and nodes in the
sandbox. Each stack also runs with a stand-in, which is all that can be done elsewhere:
tests/stacks/NAME.tf takes the place of aws.tf, and gives the same values. Everything else runs as
it is written. tests/stacks/NAME.py has

    prepare(account, charts)   makes what must be there before; `charts` gives the folder of the published
                        charts. Its result: `variables`, and a `note` for people
    stand_in(account)   makes what else a stand-in needs; its result is added to the variable `sandbox`
    after_stand_in(account)    does what people do after a destroy in a cluster that outlives the stack
    verify(account)     what is wrong with what was made
    by_hand(account, stack)    does what people do beside Terraform, after which a plan must be empty; what
                        is wrong with it
    REGION              where the stack is, if that is not the sandbox's first region
    KEPT_CLUSTERS       clusters that exist before and after, and must be the same; STAND_IN_CLUSTERS those
                        that exist before with a stand-in alone
    LEFT_NAMESPACES     those that a release has made in them, and that stay, as they do with Helm
    LEFT_DEFINITIONS    custom resource definitions that stay, because other programs may use them by now
    STANDS_FOR          resources of aws.tf that other files name, and those of the stand-in
    OPTIONAL            the file that is left out where `prepare` cannot be done
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
import terraform
import tools

STACKS = tools.ROOT / "examples" / "stacks"
STAND_INS = tools.ROOT / "tests" / "stacks"
sys.path.append(str(STAND_INS))

# Arguments that a person at a terminal would not type.
HOUSEKEEPING = ("-input=false", "-no-color", "-detailed-exitcode")


# Kinds that a CNI has objects of, or could take some along.
KINDS = (
    "namespaces", "nodes", "daemonsets", "deployments", "services", "serviceaccounts", "configmaps", "secrets",
    "clusterroles", "clusterrolebindings", "roles", "rolebindings", "customresourcedefinitions", "poddisruptionbudgets",
    "validatingwebhookconfigurations", "mutatingwebhookconfigurations",
)


class Failed(Exception):
    """A step did not end as it must; the text says which and how."""


class LeftOut(Exception):
    """A stack that cannot run here; the text says why."""


# --- programs of this work tree --------------------------------------------------------------------


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
        tools.say("the provider and the sandbox are compiled: about 13 minutes on two cores the first time, "
                  "nearly all of it AWS's EC2 client")
    environment = os.environ | tools.compiler()
    if subprocess.run(["cargo", "build", "--workspace", "--bins"], cwd=tools.ROOT, env=environment).returncode != 0:
        raise Failed("the provider or the sandbox does not compile")


# --- the sandbox -----------------------------------------------------------------------------------


class Sandbox:
    """A running sandbox; each stack gets an account of its own in it."""

    def __init__(self):
        self.without_control_plane = None
        try:
            options = ["--control-plane", tools.control_plane()]
        except tools.Unavailable as reason:
            options, self.without_control_plane = [], str(reason)
        # Its log goes to stderr; only the first line of stdout is ours.
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

    def account(self) -> "Account":
        return Account(self, self.call("accounts", {"seed": True}))

    def call(self, path: str, body: dict | None = None):
        return control.call(f"{self.facts['control_url']}/{path}", body)


class Account:
    """One AWS account of the sandbox, with its roles, its network and its cluster."""

    def __init__(self, sandbox: Sandbox, facts: dict):
        self.sandbox, self.facts, self.region = sandbox, facts, facts["region"]

    def call(self, path: str, body: dict | None = None):
        """A call of this account's control API."""
        return control.call(f"{self.sandbox.facts['control_url']}/accounts/{self.facts['account_id']}/{path}", body)

    def cluster(self, name: str, path: str, body: dict | None = None):
        """A call of the control API about a cluster."""
        return self.call(f"clusters/{name}/{path}?region={self.region}", body)

    def dump(self) -> str:
        return json.dumps(self.call("dump"), indent=2, sort_keys=True)

    def kubectl(self, cluster: str, *arguments: str) -> str:
        """What kubectl answers the administrator of a cluster."""
        return self.administrator(cluster, "kubectl", *arguments)

    def helm(self, cluster: str, *arguments: str) -> str:
        """What Helm's command line answers the administrator of a cluster, where it is built."""
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
        """What a cluster holds but for some namespaces and definitions, without what its own programs say about it."""
        # Kubernetes takes a deleted namespace apart some seconds later, and nobody waits for that but this comparison.
        for namespace in json.loads(self.kubectl(cluster, "get", "namespaces", "-o", "json"))["items"]:
            if "deletionTimestamp" in namespace["metadata"]:
                name = namespace["metadata"]["name"]
                try:
                    self.kubectl(cluster, "wait", "--for=delete", f"namespace/{name}", "--timeout=60s")
                except Failed as reason:
                    # It went in between.
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
        """What a user exports to reach an account, with the sandbox as its endpoint."""
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
        self.module = importlib.import_module(name.replace("-", "_"))
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
            (self.folder / optional).unlink()
            variables = {"cluster_name": self.module.CLUSTER}
            self.module, self.notes = None, [f"{optional} is left out: {reason}"]
        if not aws:
            self.stand_in()
            more = self.module.stand_in(account) if self.module else {}
            variables = {"sandbox": facts | more} | variables
        (self.folder / "sandbox.auto.tfvars.json").write_text(json.dumps(variables))
        self.environment = (
            terraform.environment(folder, program("terraform-provider-ekshybrid"), aws) | account.environment()
        )

    def stand_in(self) -> None:
        """Puts the stand-in where aws.tf is; nothing asks for hashicorp/aws any more."""
        stand_in = STAND_INS / f"{self.name}.tf"
        if not stand_in.exists():
            raise Failed(f"{stand_in.relative_to(tools.ROOT)} is missing: nothing stands in for aws.tf")
        # Those of both: aws.tf has others for its own use.
        if missing := locals_of(stand_in) - (real := locals_of(self.folder / "aws.tf")):
            raise Failed(f"stack {self.name}: aws.tf gives the locals {sorted(real)}, its stand-in also {sorted(missing)}")
        shutil.copy(stand_in, self.folder / "aws.tf")
        versions = self.folder / "versions.tf"
        versions.write_text(re.sub(r"    aws = \{\n.*?\n    \}\n\n?", "", versions.read_text(), flags=re.DOTALL))
        for real, here in getattr(self.module, "STANDS_FOR", {}).items():
            for file in self.folder.glob("*.tf"):
                file.write_text(file.read_text().replace(real, here))

    def run(self, *arguments: str, expect: tuple[int, ...] = (0,)) -> tuple[int, str]:
        """Runs one command of Terraform. Its output is shown to people, or kept for a failure."""
        self.shown(*arguments)
        process = subprocess.Popen(
            [*self.chosen.command, *arguments], cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        lines = []
        for line in process.stdout:
            if self.show:
                print(indented(line, 180) or "  ", flush=True)
            lines.append(line)
        status, text = process.wait(), "".join(lines)
        if status not in expect:
            shown = "" if self.show else f"\n{text}"
            raise Failed(f"stack {self.name}: `{' '.join(arguments)}` ended with exit status {status}{shown}")
        return status, text

    def init(self) -> None:
        # Its text is about checksums for other systems, which nobody needs here.
        self.shown("init")
        quiet, self.show = self.show, False
        self.run("init", "-input=false", "-no-color")
        self.show = quiet

    def plan(self) -> bool:
        """Makes and keeps a plan; whether it would change anything."""
        return self.run("plan", "-input=false", "-detailed-exitcode", "-out=tfplan", *self.plain(), expect=(0, 2))[0] == 2

    def apply(self) -> None:
        """Does what the last plan says."""
        self.run("apply", "-input=false", *self.plain(), "tfplan")

    def actions(self, *options: str) -> dict[str, list[str]]:
        """What a plan with these options would do, by the address of the resource; nothing comes of it."""
        self.run("plan", "-input=false", "-out=other", *options, *self.plain())
        changes = json.loads(self.run("show", "-json", "other")[1].splitlines()[-1])["resource_changes"]
        return {one["address"]: one["change"]["actions"] for one in changes if one["change"]["actions"] != ["no-op"]}

    def destroy(self) -> None:
        self.run("destroy", "-input=false", "-auto-approve", *self.plain())

    def kept_clusters(self) -> tuple[str, ...]:
        """Clusters that exist before the first apply, and must be the same in the end."""
        with_stand_in = () if self.aws else getattr(self.module, "STAND_IN_CLUSTERS", ())
        return getattr(self.module, "KEPT_CLUSTERS", ()) + with_stand_in

    def everything(self) -> str:
        """What the account holds, and the clusters that the stack is to leave as they are."""
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
    """Account and clusters after destroy are what they were before apply."""
    if before != after:
        difference = difflib.unified_diff(before.splitlines(), after.splitlines(), "before", "after", lineterm="")
        raise Failed("destroy left something behind, or took too much:\n" + "\n".join(difference))


# --- make stacks -------------------------------------------------------------------------------------


def check(names: list[str]) -> int:
    build()
    chosen, aws = terraform.choose(), terraform.aws_provider()
    print(f"{chosen}, in an account of the sandbox for each stack", flush=True)
    if aws:
        print(f"hashicorp/aws {aws.version} ({aws.path})", flush=True)
    else:
        print("note: hashicorp/aws is not at hand (EKSHYBRID_AWS_PROVIDER names its folder): stand-ins alone", flush=True)
    # They wait for each other's clouds and clusters most of the time, so they run side by side.
    with Sandbox() as sandbox, ThreadPoolExecutor() as pool:
        outcomes = list(pool.map(lambda one: one_run(sandbox, chosen, *one), runs(names, aws)))
    print(f"{outcomes.count('passed')} passed, {outcomes.count('failed')} failed")
    return 1 if "failed" in outcomes else 0


def runs(names: list[str], aws: terraform.AwsProvider | None):
    """The stacks as they are shipped where that is possible, and with their stand-ins."""
    if aws:
        yield from ((name, aws, tools.charts) for name in names)
    yield from ((name, None, tools.charts) for name in names)
    if "workshop" in names:
        yield "workshop", None, no_charts


def no_charts() -> Path:
    raise tools.Unavailable("this run does without published charts")


def one_run(
    sandbox: Sandbox, chosen: terraform.Terraform, name: str, aws: terraform.AwsProvider | None,
    charts: Callable[[], Path],
) -> str:
    """Runs one stack and prints what came of it in one go: `passed`, `failed` or `left out`."""
    title = f"{name} {'with hashicorp/aws' if aws else 'with its stand-in'}"
    title += "" if charts is tools.charts else ", without published charts"
    begun = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="ekshybrid-") as folder:
            stack = Stack(name, sandbox.account(), chosen, Path(folder), False, aws, charts)
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
    """What people do beside Terraform, in stacks that know of such a thing."""
    if not hasattr(stack.module, "by_hand"):
        return
    try:
        if faults := stack.module.by_hand(stack.account, stack):
            raise Failed("\n".join(faults))
    except tools.Unavailable as reason:
        stack.notes.append(f"what people do by hand is left out: {reason}")


def verify(stack: Stack) -> None:
    """What was made is as the stack wants it."""
    faults = stack.module.verify(stack.account) if stack.module else []
    if faults:
        raise Failed("\n".join(faults))


# --- make mirror -------------------------------------------------------------------------------------


def write_mirror() -> int:
    """A mirror with the provider of this work tree, and the settings by which Terraform takes it from there."""
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
    tools.say("put these lines into ~/.terraformrc (OpenTofu: ~/.tofurc), or into a file that TF_CLI_CONFIG_FILE names")
    return 0


def indented(text: str, width: int = 110) -> str:
    """Long lines, such as a certificate's, are cut for people."""
    return "\n".join(f"  {line if len(line) <= width else line[:width] + '…'}" for line in text.splitlines())


def main() -> int:
    there = sorted(folder.name for folder in STACKS.iterdir() if folder.is_dir()) if STACKS.exists() else []
    match sys.argv[1:]:
        case ["sandbox", *options]:
            build()
            # It takes this program's place, so that signals reach it.
            os.execv(program("sandbox"), [str(program("sandbox")), *tools.sandbox_options(), *options])
        case ["check"]:
            return check(there)
        case ["mirror"]:
            return write_mirror()
        case ["check", name] if name in there:
            return check([name])
        case ["check", name]:
            raise Failed(f"there is no stack `{name}`; there are: {', '.join(there)}")
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
