"""What a release consists of: its components in CycloneDX, and the licence texts of all of them.

Both are computed from Cargo.lock and the sources that cargo has downloaded, for one target and for exactly the
crates that end up in the program: no tests, no build scripts, no procedural macros. They contain no time and no
random number, so that two builds of one commit have the same.
"""

import functools
import hashlib
import json
import re
import subprocess
import uuid
from pathlib import Path

import tools

PACKAGE = "terraform-provider-ekshybrid"
REGISTRY = re.compile(r"^registry\+")
# Name, version and checksum of a package in Cargo.lock.
LOCKED = re.compile(r'^name = "(.+)"\nversion = "(.+)"\nsource = ".+"\nchecksum = "(.+)"$', re.MULTILINE)
# Files of a crate that hold licences and notices.
TEXTS = re.compile(r"^(licen[cs]e|copying|copyright|notice|unlicense)", re.IGNORECASE)


def crates(target: str) -> list[dict]:
    """The packages compiled into the program, as `cargo metadata` describes them; the program's own comes first."""
    listed = cargo(
        "tree", "--locked", "--package", PACKAGE, "--edges", "normal,no-proc-macro", "--target", target,
        "--prefix", "none", "--format", "{p}", "--no-dedupe",
    )
    wanted = {tuple(line.split()[:2]) for line in listed.splitlines() if line}
    found = [one for one in metadata(target)["packages"] if (one["name"], f"v{one['version']}") in wanted]
    if missing := wanted - {(one["name"], f"v{one['version']}") for one in found}:
        raise RuntimeError(f"`cargo metadata` lacks packages listed by `cargo tree`: {sorted(missing)}")
    return sorted(found, key=lambda one: (one["name"] != PACKAGE, one["name"], one["version"]))


@functools.cache
def metadata(target: str) -> dict:
    return json.loads(cargo("metadata", "--locked", "--format-version", "1", "--filter-platform", target))


def cargo(*arguments: str) -> str:
    answer = subprocess.run(["cargo", *arguments], cwd=tools.ROOT, capture_output=True, text=True)
    if answer.returncode != 0:
        raise RuntimeError(f"`cargo {arguments[0]}` failed:\n{answer.stderr.strip()}")
    return answer.stdout


def reference(package: dict) -> str:
    """The package's URL, which identifies it in vulnerability databases."""
    return f"pkg:cargo/{package['name']}@{package['version']}"


def licence(package: dict) -> str:
    """The SPDX expression; older packages separate alternatives by a slash."""
    return re.sub(r"\s*/\s*", " OR ", package["license"] or "")


def bill(target: str, version: str, moment: str) -> dict:
    """The program's components and what each depends on, as a CycloneDX document. `moment` is that of the commit."""
    packages = crates(target)
    included = {package["id"]: reference(package) for package in packages}
    checksums = {found[:2]: found[2] for found in LOCKED.findall((tools.ROOT / "Cargo.lock").read_text())}
    edges = {node["id"]: node["deps"] for node in metadata(target)["resolve"]["nodes"]}

    def component(package: dict, kind: str) -> dict:
        own = {"type": kind, "bom-ref": included[package["id"]], "name": package["name"], "version": package["version"]}
        if package["license"]:
            own["licenses"] = [{"expression": licence(package)}]
        if checksum := checksums.get((package["name"], package["version"])):
            own["hashes"] = [{"alg": "SHA-256", "content": checksum}]
        if REGISTRY.match(package["source"] or ""):
            own["purl"] = included[package["id"]]
        if package["repository"]:
            own["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
        return own

    program, *others = packages
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": moment,
            "component": component(program, "application") | {"version": version},
            "properties": [{"name": "target", "value": target}],
        },
        "components": [component(package, "library") for package in others],
        "dependencies": [
            {
                "ref": included[package["id"]],
                "dependsOn": sorted({
                    included[edge["pkg"]]
                    for edge in edges[package["id"]]
                    if edge["pkg"] in included and any(kind["kind"] is None for kind in edge["dep_kinds"])
                }),
            }
            for package in packages
        ],
    }
    # Named by its content, so that the same components always have the same number.
    number = uuid.UUID(bytes=hashlib.sha256(json.dumps(document, sort_keys=True).encode()).digest()[:16], version=5)
    return {"bomFormat": "CycloneDX", "specVersion": "1.5", "serialNumber": f"urn:uuid:{number}", **document}


def licences(target: str) -> str:
    """Every crate of the program with its licence, and each text once, with the crates that it belongs to."""
    listed, texts, without = [], {}, []
    for package in crates(target)[1:]:
        listed.append(f"{package['name']} {package['version']}: {licence(package) or 'see its text below'}")
        found = files(package)
        for text in found:
            texts.setdefault(text, []).append(f"{package['name']} {package['version']}")
        if not found and package["source"]:
            without.append(f"{package['name']} {package['version']} ({licence(package)}), {package['repository'] or 'no repository named'}")
    parts = [
        f"{PACKAGE} is licensed under MPL-2.0 (LICENSE). It contains the crates below, the standard library of Rust\n"
        "(MIT OR Apache-2.0), and on Linux musl (MIT).\n\n" + "\n".join(listed)
    ]
    if without:
        parts.append("These crates are published without a text; the expression is their licence:\n\n" + "\n".join(without))
    parts += [f"{', '.join(owners)}\n\n{text}" for text, owners in texts.items()]
    rule = "\n\n" + "-" * 80 + "\n\n"
    return rule.join(parts) + "\n"


def files(package: dict) -> list[str]:
    """The texts of a crate's licences and notices, in the order of their names."""
    folder = Path(package["manifest_path"]).parent
    named = {folder / package["license_file"]} if package["license_file"] else set()
    found = named | {path for path in folder.iterdir() if TEXTS.match(path.name)}
    texts = [path.read_text(errors="replace").replace("\r\n", "\n").strip() for path in sorted(found) if path.is_file()]
    return list(dict.fromkeys(text for text in texts if text))


def text(document: dict) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
