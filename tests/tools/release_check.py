"""Tests how releases are packaged and signed, with the program that is already built.

    python3 tests/tools/release_check.py

A registry on 127.0.0.1 serves the packaged files by the registries' own protocol, to real Terraform and OpenTofu: they
verify the checksums and the signature, write the lock file, and start the program. The registries' addresses are kept
(`host` in the CLI configuration), so the configuration is what users write. Nothing is compiled; `make release-check`
compares two real builds.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Callable

import inventory
import packaging
import release
import stack
import terraform
import tools
from packaging import Refused, Release

CONFIGURATION = """terraform {
  required_providers {
    ekshybrid = {
      source  = "%s"
      version = "%s"
    }
  }
}

provider "ekshybrid" {
  region = "eu-central-1"
}
""" % (terraform.ADDRESS, terraform.VERSION)


class Keys:
    """A home of gpg with keys of its own."""

    def __init__(self, folder: Path):
        folder.mkdir(mode=0o700)
        self.environment = os.environ | {"GNUPGHOME": str(folder)}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["gpgconf", "--kill", "gpg-agent"], env=self.environment, check=False)

    def create(self, name: str, algorithm: str = "rsa2048", expires: str = "never", moment: str | None = None) -> None:
        faked = ["--faked-system-time", moment] if moment else []
        self.gpg(*faked, "--passphrase", "", "--quick-generate-key", f"{name} <{name}@example.com>", algorithm, "sign", expires)

    def gpg(self, *arguments: str) -> str:
        command = ["gpg", "--batch", "--quiet", *arguments]
        return subprocess.run(command, env=self.environment, check=True, capture_output=True, text=True).stdout


class Registry:
    """Serves the files of a release by the provider registry protocol."""

    def __init__(self, files: Release, public_key: str):
        self.files, self.public_key = files, public_key
        registry = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self):
                body = registry.answer(self.path)
                self.send_response(200 if body is not None else 404)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, path: str) -> bytes | None:
        if path.startswith("/files/"):
            file = self.files.folder / path.removeprefix("/files/")
            return file.read_bytes() if file.is_file() else None
        own, version = f"/v1/providers/{terraform.ADDRESS}", self.files.version
        manifest = json.loads(self.files.path("manifest.json").read_text())
        protocols = manifest["metadata"]["protocol_versions"]
        offered = {archive.stem.split("_", 2)[2]: archive for archive in self.files.archives()}
        if path == f"{own}/versions":
            shown = [dict(zip(("os", "arch"), name.split("_"))) for name in offered]
            return json.dumps({"versions": [{"version": version, "protocols": protocols, "platforms": shown}]}).encode()
        name = path.removeprefix(f"{own}/{version}/download/").replace("/", "_")
        if name not in offered:
            return None
        system, machine = name.split("_")
        return json.dumps({
            "protocols": protocols, "os": system, "arch": machine, "filename": offered[name].name,
            "download_url": f"{self.address}/files/{offered[name].name}",
            "shasums_url": f"{self.address}/files/{self.files.sums.name}",
            "shasums_signature_url": f"{self.address}/files/{self.files.signature.name}",
            "shasum": hashlib.sha256(offered[name].read_bytes()).hexdigest(),
            "signing_keys": {"gpg_public_keys": [{"key_id": "", "ascii_armor": self.public_key}]},
        }).encode()


class Checks:
    """Everything is packaged once, into a folder that the checks share."""

    def __init__(self, folder: Path, keys: Keys):
        self.folder, self.keys = folder, keys
        self.files = Release(terraform.VERSION, 1_700_000_000, folder / "release")
        keys.create("release")
        built = stack.program(packaging.NAME)
        # A debug build is large because of its symbols.
        program = folder / "program"
        if shutil.which("strip") is None or subprocess.run(["strip", "-o", program, built]).returncode != 0:
            program = built
        release.pack(self.files, terraform.PLATFORM, program, level=1)
        other = folder / "other-program"
        other.write_bytes(b"for another platform")
        self.other = "windows_amd64"
        release.pack(self.files, self.other, other)
        packaging.write_sums(self.files)
        packaging.sign(self.files, "release", keys.environment)
        self.public_key = keys.gpg("--armor", "--export", "release")

    # --- files ---

    def same_bytes_from_the_same_contents(self) -> None:
        """Folder, time zone, and the program's own time and mode do not matter."""
        packed = []
        zone = os.environ.get("TZ")
        for name, place, mode in [("one", "UTC", 0o700), ("another", "Asia/Tokyo", 0o755)]:
            program = self.folder / name / "program"
            program.parent.mkdir()
            program.write_bytes(b"program" * 1000)
            program.chmod(mode)
            os.utime(program, (len(place), len(place)))
            os.environ["TZ"] = place
            time.tzset()
            # Different orders of the same texts.
            texts = {"LICENSE": "a", "NOTICE": "b"} if name == "one" else {"NOTICE": "b", "LICENSE": "a"}
            target = Release("1.2.3", 1_700_000_000, self.folder / name)
            packed.append(packaging.archive(target, "linux_amd64", program, texts).read_bytes())
        os.environ.pop("TZ") if zone is None else os.environ.update(TZ=zone)
        time.tzset()
        expect(packed[0] == packed[1], "two archives of the same contents differ")

    def unpacks_to_an_executable_program(self) -> None:
        import zipfile

        (archive,) = [path for path in self.files.archives() if terraform.PLATFORM in path.name]
        with zipfile.ZipFile(archive) as packed:
            modes = {entry.filename: entry.external_attr >> 16 & 0o777 for entry in packed.infolist()}
            bill = packed.read("components.cdx.json")
        expect(modes == {
            "LICENSE": 0o644, "THIRD_PARTY_LICENSES.txt": 0o644, "components.cdx.json": 0o644,
            f"terraform-provider-ekshybrid_v{terraform.VERSION}": 0o755,
        }, f"the archive contains {modes}")
        expect(bill == self.files.path(f"{terraform.PLATFORM}.cdx.json").read_bytes(), "the two lists of components differ")

    def checksums_cover_archives_and_manifest(self) -> None:
        answer = subprocess.run(["sha256sum", "--check", "--strict", self.files.sums.name], cwd=self.files.folder, capture_output=True, text=True)
        expect(answer.returncode == 0, answer.stdout + answer.stderr)
        covered = {line.split()[1] for line in self.files.sums.read_text().splitlines()}
        start = f"terraform-provider-ekshybrid_{terraform.VERSION}"
        expected = {f"{start}_{terraform.PLATFORM}.zip", f"{start}_{self.other}.zip", f"{start}_manifest.json"}
        expect(covered == expected, f"covered: {sorted(covered)}")

    def components_are_those_of_the_program(self) -> None:
        document = json.loads(self.files.path(f"{terraform.PLATFORM}.cdx.json").read_text())
        names = {one["name"] for one in document["components"]}
        expect({"ring", "tokio", "aws-sdk-eks", "helm"} <= names, "a crate of the program is missing")
        # Crates of tests, of build scripts and of macros are compiled, but not into the program.
        expect(not names & {"harness", "axum", "tonic-prost-build", "syn", "serde_derive"}, "a crate is not part of the program")
        known = {one["bom-ref"] for one in document["components"]} | {document["metadata"]["component"]["bom-ref"]}
        named = {name for one in document["dependencies"] for name in (one["ref"], *one["dependsOn"])}
        expect(named == known, f"known in one place only: {sorted(named ^ known)}")
        foreign = [one for one in document["components"] if "purl" in one]
        expect(all(re.fullmatch("[0-9a-f]{64}", one["hashes"][0]["content"]) for one in foreign), "a crate has no checksum")
        expect(inventory.REGISTRY.match("registry+x") and len(foreign) > 100, "only few crates come from a registry")

    def licences_name_every_component(self) -> None:
        document = json.loads(self.files.path(f"{terraform.PLATFORM}.cdx.json").read_text())
        text = inventory.licences(release.TARGETS[terraform.PLATFORM].triple)
        missing = [one["name"] for one in document["components"] if f"\n{one['name']} {one['version']}: " not in text]
        expect(not missing, f"no licence is listed for {missing}")
        expect("Permission is hereby granted" in text and "Apache License" in text, "the texts are missing")

    # --- what is refused ---

    def changed_working_trees_are_refused(self) -> None:
        tree = self.folder / "tree"
        tree.mkdir()
        (tree / "file").write_text("one")
        who = ["-c", "user.name=n", "-c", "user.email=n@example.com"]
        for arguments in (["init", "--quiet"], ["add", "."], [*who, "commit", "--quiet", "--message", "m"]):
            subprocess.run(["git", *arguments], cwd=tree, check=True)
        expect(re.fullmatch("[0-9a-f]{40,}", release.clean_commit(tree)), "a clean tree has no commit")
        (tree / "new").write_text("two")
        refused(lambda: release.clean_commit(tree), "?? new")
        (tree / "new").unlink()
        (tree / "file").write_text("changed")
        refused(lambda: release.clean_commit(tree), "M file")

    def other_versions_are_refused(self) -> None:
        refused(lambda: release.check_version(tools.ROOT, "99.0.0"), terraform.VERSION)
        refused(lambda: release.check_version(tools.ROOT, f"v{terraform.VERSION}"), terraform.VERSION)

    def unusable_keys_are_refused(self) -> None:
        self.keys.create("expired", expires="1d", moment="20200101T000000")
        self.keys.create("curve", algorithm="ed25519")
        before = self.files.signature.read_bytes()
        for key, reason in [("expired", "has expired (2020-01-02)"), ("curve", "neither RSA nor DSA"), ("nobody", "no secret key")]:
            refused(lambda key=key: packaging.sign(self.files, key, self.keys.environment), reason)
        expect(self.files.signature.read_bytes() == before, "a refused key changed the signature")

    # --- installing ---

    def installs_from_a_registry_and_a_mirror(self, product: terraform.Terraform) -> None:
        place = self.folder / product.product
        place.mkdir()
        (place / "main.tf").write_text(CONFIGURATION)
        registry = Registry(self.files, self.public_key)
        direct = self.settings(place, "registry", f'host "{terraform.REGISTRIES[product.product]}" {{\n  services = {{ "providers.v1" = "{registry.address}/v1/providers/" }}\n}}\nprovider_installation {{\n  direct {{}}\n}}\n')
        shown = self.run(product, place, direct, "init")
        expect("self-signed" in shown or "signed, key ID" in shown, f"the signature was not verified:\n{shown}")
        self.run(product, place, direct, "validate")

        lock = (place / ".terraform.lock.hcl").read_text()
        sums = [line.split() for line in self.files.sums.read_text().splitlines()]
        for checksum in [checksum for checksum, name in sums if name.endswith(".zip")]:
            expect(f"zh:{checksum}" in lock, f"{checksum} is not in the lock file:\n{lock}")
        # Each further line of the checksums would be one more in the lock file of each user.
        expect((len(re.findall('"h1:', lock)), len(re.findall('"zh:', lock))) == (1, len(self.files.archives()) + 1), lock)

        # The same lock file accepts the same files from a mirror, and nothing else.
        mirror = place / "mirror" / terraform.REGISTRIES[product.product] / terraform.ADDRESS
        mirror.mkdir(parents=True)
        for archive in self.files.archives():
            shutil.copy(archive, mirror)
        local = self.settings(place, "mirror", f"provider_installation {{\n  filesystem_mirror {{\n    path = {json.dumps(str(place / 'mirror'))}\n  }}\n}}\n")
        shutil.rmtree(place / ".terraform")
        self.run(product, place, local, "init", "-lockfile=readonly")
        self.run(product, place, local, "validate")
        shutil.rmtree(place / ".terraform")
        packaging.archive(Release(terraform.VERSION, 1_700_000_001, mirror), terraform.PLATFORM, self.folder / "other-program", {})
        shown = self.run(product, place, local, "init", expect_failure=True)
        expect("checksums" in shown, f"another reason than the checksums:\n{shown}")

    def rejects_changed_checksums(self, product: terraform.Terraform) -> None:
        """The signature is what the checksums are trusted for."""
        place = self.folder / f"{product.product}-changed"
        shutil.copytree(self.files.folder, place / "release")
        changed = Release(terraform.VERSION, 1_700_000_000, place / "release")
        changed.sums.write_text(changed.sums.read_text() + f"{'0' * 64}  another_file.zip\n")
        (place / "main.tf").write_text(CONFIGURATION)
        registry = Registry(changed, self.public_key)
        direct = self.settings(place, "registry", f'host "{terraform.REGISTRIES[product.product]}" {{\n  services = {{ "providers.v1" = "{registry.address}/v1/providers/" }}\n}}\nprovider_installation {{\n  direct {{}}\n}}\n')
        shown = self.run(product, place, direct, "init", expect_failure=True)
        expect("signature" in shown, f"another reason than the signature:\n{shown}")

    def settings(self, place: Path, name: str, text: str) -> dict[str, str]:
        file = place / f"{name}.rc"
        file.write_text(text)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TF_", "AWS_"))}
        return kept | {
            "TF_CLI_CONFIG_FILE": str(file), "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1",
            "OPENTOFU_ENFORCE_GPG_VALIDATION": "true",
        }

    def run(self, product, place: Path, environment: dict[str, str], *arguments: str, expect_failure: bool = False) -> str:
        answer = subprocess.run(
            [*product.command, arguments[0], "-no-color", *arguments[1:]], cwd=place, env=environment,
            capture_output=True, text=True, stdin=subprocess.DEVNULL,
        )
        shown = re.sub(r"\s+", " ", answer.stdout + answer.stderr)
        expect((answer.returncode != 0) == expect_failure, f"`{' '.join(arguments)}` with {product}:\n{answer.stdout}{answer.stderr}")
        return shown


def expect(what, otherwise: str) -> None:
    if not what:
        raise AssertionError(otherwise)


def refused(action: Callable, reason: str) -> None:
    try:
        action()
    except Refused as found:
        expect(reason in str(found), f"refused for another reason: {found}")
        return
    raise AssertionError(f"not refused; expected: {reason}")


def products() -> list[terraform.Terraform]:
    found = [terraform.bundled()]
    if found[0].product != "OpenTofu":
        if tools.installed("opentofu"):
            found.append(terraform.asked((str(tools.go_tool("opentofu")),)) or terraform.refuse(("tofu",)))
        else:
            print("left out: OpenTofu installs the release files: not built here (`make opentofu`)")
    return found


def main() -> int:
    if missing := [name for name in ("gpg", "git", "sha256sum") if shutil.which(name) is None]:
        print(f"left out: packaging and signing a release: {', '.join(missing)} not on PATH")
        print("0 passed, 0 failed")
        return 0
    passed, failed = 0, 0
    # A short path: the socket of gpg's agent is in it.
    with tempfile.TemporaryDirectory(prefix="ekshybrid-") as name, Keys(Path(name) / "keys") as keys:
        checks = Checks(Path(name), keys)
        plain = [
            checks.same_bytes_from_the_same_contents, checks.unpacks_to_an_executable_program, checks.checksums_cover_archives_and_manifest,
            checks.components_are_those_of_the_program, checks.licences_name_every_component,
            checks.changed_working_trees_are_refused, checks.other_versions_are_refused, checks.unusable_keys_are_refused,
        ]
        todo = [(one.__name__, one) for one in plain]
        for product in products():
            for one in (checks.installs_from_a_registry_and_a_mirror, checks.rejects_changed_checksums):
                todo.append((f"{product.product} {product.version} {one.__name__}", lambda one=one, product=product: one(product)))
        for title, check in todo:
            title = title.replace("_", " ")
            try:
                check()
                passed += 1
                print(f"ok      {title}", flush=True)
            except Exception as error:  # noqa: BLE001
                failed += 1
                detail = str(error) if isinstance(error, AssertionError) else traceback.format_exc()
                print(f"FAILED  {title}\n{detail}", flush=True)
    print(f"\n{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
