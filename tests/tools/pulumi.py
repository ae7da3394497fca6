"""Uses the provider from Pulumi, through its dynamic bridge: `make pulumi`.

    python3 tests/tools/pulumi.py

Pulumi's command line, the bridge for Terraform providers and the interpreter of YAML programs are built
from their pinned sources. The schema that the bridge generates from the provider is compared with the
provider's own, and a program with an activation is previewed, applied, applied again without a change and destroyed in
the sandbox. The state is a local file; nothing but the sandbox is called.

It is no part of `make test`: what it can find are changes of the schema that the bridge cannot translate,
and the three programs take several minutes to build.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import stack
import tools

# The names by which Pulumi finds its plugins on PATH.
PROGRAMS = {
    "pulumi": "pulumi",
    "pulumi-bridge": "pulumi-resource-terraform-provider",
    "pulumi-yaml": "pulumi-language-yaml",
}
# Version of the bridge, which its linker flag in tools.py says as well.
BRIDGE = "1.1.0"
# A Pulumi program may take this long for a step; the steps take seconds.
PATIENCE = 300

PROGRAM = """\
name: ekshybrid
runtime: yaml
resources:
  provider:
    type: pulumi:providers:ekshybrid
    defaultProvider: true
    properties:
      region: {region}
      accessKey: {access_key}
      secretKey: {secret_key}
      endpoints:
        ssm: {endpoint}
        iam: {endpoint}
        sts: {endpoint}
  edge:
    type: ekshybrid:Activation
    properties:
      iamRole: hybrid-nodes
      registrationLimit: {limit}
outputs:
  activation: ${{edge.id}}
  code: ${{edge.activationCode}}
"""


class Pulumi:
    """Pulumi in a folder of its own, with the three programs on its PATH."""

    def __init__(self, folder: Path):
        self.folder = folder
        programs = folder / "bin"
        programs.mkdir()
        for tool, name in PROGRAMS.items():
            (programs / name).symlink_to(tools.go_tool(tool))
        self.project = folder / "project"
        self.project.mkdir()
        (folder / "state").mkdir()
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PULUMI_", "AWS_"))}
        self.environment = kept | {
            "PATH": os.pathsep.join([str(programs), os.environ["PATH"]]),
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "only for this check",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }

        self.run("plugin", "install", "resource", "terraform-provider", f"v{BRIDGE}", "--file",
                 str(programs / PROGRAMS["pulumi-bridge"]))

    def run(self, *arguments: str) -> str:
        print(f"  pulumi {' '.join(arguments)}", flush=True)
        answer = subprocess.run(
            [self.folder / "bin" / "pulumi", "--non-interactive", "--color", "never", *arguments],
            cwd=self.project, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=PATIENCE,
        )
        if answer.returncode != 0:
            raise stack.Failed(
                f"`pulumi {' '.join(arguments)}` ended with {answer.returncode}:\n{answer.stdout}{answer.stderr}"
            )
        return answer.stdout


def names() -> tuple[list[str], list[str]]:
    """The provider's resources and data sources."""
    golden = json.loads((tools.ROOT / "tests" / "golden" / "schema.json").read_text())
    return list(golden["resources"]), list(golden["data_sources"])


def token(name: str, is_data: bool) -> str:
    """`ekshybrid_vpc_cni` → `ekshybrid:index/vpcCni:VpcCni`, and the same with `get` for a data source."""
    words = name.removeprefix("ekshybrid_").split("_")
    camel = "".join(word.capitalize() for word in words)
    if is_data:
        return f"ekshybrid:index/get{camel}:get{camel}"
    return f"ekshybrid:index/{camel[0].lower()}{camel[1:]}:{camel}"


def check_schema(pulumi: Pulumi, provider: Path) -> list[str]:
    """What is missing from the schema that the bridge generates."""
    generated = json.loads(pulumi.run("package", "get-schema", f"terraform-provider@{BRIDGE}", str(provider)))
    resources, data = names()
    wanted = {token(name, False): name for name in resources}
    missing = [name for one, name in wanted.items() if one not in generated.get("resources", {})]
    wanted = {token(name, True): name for name in data}
    missing += [name for one, name in wanted.items() if one not in generated.get("functions", {})]
    print(f"  schema: {len(generated.get('resources', {}))} resources, {len(generated.get('functions', {}))} functions")
    secret = generated["resources"][token("ekshybrid_activation", False)]["properties"]["activationCode"]
    found = [f"{name} is missing from the schema for Pulumi" for name in sorted(missing)]
    return found if secret.get("secret") else [*found, "activationCode is not secret in the schema for Pulumi"]


def check_program(pulumi: Pulumi, provider: Path, sandbox: stack.Sandbox) -> list[str]:
    """What is wrong with a program's life in the sandbox."""
    account = sandbox.account()
    facts = account.facts
    before = account.dump()

    def write(limit: int) -> None:
        (pulumi.project / "Pulumi.yaml").write_text(PROGRAM.format(
            region=facts["region"], access_key=facts["access_key"], secret_key=facts["secret_key"],
            endpoint=sandbox.facts["endpoint"], limit=limit,
        ))

    found = []
    write(2)
    pulumi.run("stack", "init", "check")
    # What `pulumi package add` writes: it says which provider the package stands for.
    pulumi.run("package", "gen-sdk", f"terraform-provider@{BRIDGE}", str(provider), "--language", "yaml", "--out",
               str(pulumi.folder / "sdk"))
    shutil.copytree(pulumi.folder / "sdk" / "yaml", pulumi.project / "sdks" / "ekshybrid")
    if "to create" not in pulumi.run("preview"):
        found.append("the preview of a new activation creates nothing")
    if account.dump() != before:
        found.append("a preview changed the account")
    pulumi.run("up", "--yes", "--skip-preview")
    outputs = json.loads(pulumi.run("stack", "output", "--json"))
    if outputs["code"] != "[secret]":
        found.append("the activation code is not secret")
    if outputs["activation"] not in account.dump():
        found.append("the activation of the output is not in the account")
    pulumi.run("preview", "--expect-no-changes")
    pulumi.run("refresh", "--yes", "--skip-preview", "--expect-no-changes")
    # A change that replaces an activation.
    write(3)
    if "replace" not in pulumi.run("preview"):
        found.append("the preview of another registration limit replaces nothing")
    pulumi.run("up", "--yes", "--skip-preview")
    if json.loads(pulumi.run("stack", "output", "--json"))["activation"] == outputs["activation"]:
        found.append("the activation was not replaced")
    pulumi.run("destroy", "--yes", "--skip-preview")
    after = account.dump()
    return found if after == before else [*found, "something is left in the account after `pulumi destroy`"]


def main() -> int:
    try:
        stack.build()
        with tempfile.TemporaryDirectory(prefix="ekshybrid-pulumi-") as folder, stack.Sandbox() as sandbox:
            pulumi = Pulumi(Path(folder))
            provider = Path(folder) / "terraform-provider-ekshybrid"
            shutil.copy2(stack.program("terraform-provider-ekshybrid"), provider)
            found = check_schema(pulumi, provider) + check_program(pulumi, provider, sandbox)
    except (stack.Failed, tools.Unavailable, subprocess.TimeoutExpired) as reason:
        print(f"error: {reason}", file=sys.stderr)
        return 1
    for fault in found:
        print(f"error: {fault}", file=sys.stderr)
    if not found:
        print("Pulumi generates a schema from the provider, and previews, applies and destroys with it.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
