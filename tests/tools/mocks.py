"""`terraform test` with this provider: every function is called, and every resource and data source is mocked.

The folder tests/mocks/functions is a module and its test, as people write them; a function without an assertion there
fails. The guide's module and test are run as they are printed. The examples of all types become one module each, which is applied with `mock_provider "ekshybrid" {}`: nothing
of it leaves the machine, and no credentials are needed. All run with the newest Terraform, and with OpenTofu.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import configurations
import stack
import terraform
import tools

# What examples leave open.
REQUEST = tools.ROOT / "tests" / "acceptance" / "client_certificate" / "own_request.case"
OPEN = {"certificate_request": f'regex("(?s)-----BEGIN.*REQUEST-----", file("{REQUEST}"))'}
MOCKS = tools.ROOT / "tests" / "mocks"
VARIABLE = re.compile(r'^variable "(\w+)"', re.MULTILINE)
BLOCK = re.compile(r'^(resource|data) "(\w+)" "(\w+)"', re.MULTILINE)


def unasserted() -> list[str]:
    """Functions that no assertion of the test is about."""
    functions = json.loads((tools.ROOT / "tests" / "golden" / "schema.json").read_text())["functions"]
    test = (MOCKS / "functions" / "functions.tftest.hcl").read_text()
    return [name for name in functions if f"output.{name}" not in test]


def module(folder: Path) -> None:
    """A root module with each type's example as a child, and its test."""
    roots, ids = [], []
    for kind, file in (("resources", "resource.tf"), ("data-sources", "data-source.tf")):
        for example in sorted((tools.ROOT / "examples" / kind).iterdir()):
            text = (example / file).read_text()
            found = [match for match in BLOCK.finditer(text) if match[2] == example.name]
            if not found:
                raise stack.Failed(f"{example / file} is no example of its type")
            name = f"{kind.split('-')[0]}_{example.name}"
            child = folder / name
            child.mkdir()
            address = ".".join(part for part in found[0].groups() if part != "resource")
            text += f'\noutput "whole" {{\n  value     = {address}\n  sensitive = true\n}}\n'
            (child / "main.tf").write_text(text)
            (child / "versions.tf").write_text(configurations.required(aws=False))
            given = "".join(f"  {variable} = {OPEN[variable]}\n" for variable in VARIABLE.findall(text))
            roots.append(f'module "{name}" {{\n  source = "./{name}"\n{given}}}\n')
            if kind == "resources":
                ids.append(f'      {name} = nonsensitive(module.{name}.whole.id),\n')
    ids = "".join(ids).replace(",\n", "\n")
    roots.append(f'output "ids" {{\n  value = {{\n{ids}  }}\n}}\n')
    (folder / "main.tf").write_text(configurations.required(aws=False) + "\n".join(roots))
    (folder / "mocked.tftest.hcl").write_text("""mock_provider "ekshybrid" {
  # What reaches a function or a check has to have a real form.
  mock_resource "ekshybrid_activation" {
    defaults = {
      id              = "12345678-1234-1234-1234-123456789012"
      activation_code = "Fjz3sZfSvv78EXAMPLE0"
    }
  }
  mock_data "ekshybrid_cni_images" {
    defaults = { chart_version = "1.17.1" }
  }
  mock_data "ekshybrid_nodes" {
    defaults = { ready_count = 2 }
  }
  mock_data "ekshybrid_preflight" {
    defaults = { passed = true }
  }
}

run "every_type" {
  assert {
    condition     = alltrue([for id in values(output.ids) : length(id) > 0])
    error_message = jsonencode(output.ids)
  }
  assert {
    condition     = output.ids.resources_ekshybrid_activation == "12345678-1234-1234-1234-123456789012"
    error_message = output.ids.resources_ekshybrid_activation
  }
}
""")


def guide(folder: Path) -> None:
    """The module and the test of the guide."""
    text = (tools.ROOT / "docs" / "guides" / "testing.md").read_text()
    (configuration,) = configurations.BLOCK.findall(text)
    (printed,) = re.findall(r"^```\n(mock_provider.*?)^```", text, re.MULTILINE | re.DOTALL)
    (folder / "main.tf").write_text(configurations.required(aws=False) + configuration)
    (folder / "printed.tftest.hcl").write_text(printed)


def test(chosen: terraform.Terraform, folder: Path, home: Path) -> str | None:
    """What is wrong with the tests of a folder."""
    environment = terraform.environment(home, stack.program("terraform-provider-ekshybrid"), None)
    for arguments in (["init", "-input=false", "-backend=false", "-no-color"], ["test", "-no-color"]):
        answer = subprocess.run([*chosen.command, *arguments], cwd=folder, env=environment, capture_output=True, text=True)
        if answer.returncode != 0:
            return f"`{' '.join(arguments)}` ended with {answer.returncode}\n{answer.stdout}{answer.stderr}"
    return None


def runtimes() -> list[terraform.Terraform]:
    found = [terraform.choose()]
    if found[0].product != "OpenTofu":
        if tools.installed("opentofu"):
            found.append(terraform.asked((str(tools.go_tool("opentofu")),)) or terraform.refuse(("tofu",)))
        else:
            print("left out: mocks with OpenTofu: not built here (`make opentofu`)")
    return found


def main() -> int:
    stack.build()
    if missing := unasserted():
        print(f"FAILED  tests/mocks/functions asserts nothing about: {', '.join(missing)}\n0 passed, 1 failed")
        return 1
    passed = failed = 0
    for chosen in runtimes():
        for what, write in (
            ("functions", lambda folder: shutil.copytree(MOCKS / "functions", folder, dirs_exist_ok=True)),
            ("the guide", guide),
            ("mocked types", module),
        ):
            with tempfile.TemporaryDirectory(prefix="ekshybrid-") as name:
                folder, home = Path(name) / "configuration", Path(name) / "home"
                folder.mkdir()
                home.mkdir()
                write(folder)
                wrong = test(chosen, folder, home)
            passed, failed = passed + (not wrong), failed + bool(wrong)
            print(f"FAILED  {what} with {chosen}: {wrong}" if wrong else f"ok      {what} with {chosen}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (stack.Failed, tools.Unavailable) as reason:
        sys.exit(f"error: {reason}")
