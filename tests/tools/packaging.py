"""The files of a release, as the registries of Terraform and OpenTofu expect them.

    terraform-provider-ekshybrid_V_OS_ARCH.zip       the program terraform-provider-ekshybrid_vV, its components in
                                                     CycloneDX, and licences
    terraform-provider-ekshybrid_V_OS_ARCH.cdx.json  the same components, for people and scanners
    terraform-provider-ekshybrid_V_manifest.json     the plugin protocol
    terraform-provider-ekshybrid_V_SHA256SUMS        the checksums of the archives and the manifest
    terraform-provider-ekshybrid_V_SHA256SUMS.sig    its detached signature

Terraform copies every line of the checksums into the lock file of whoever installs the provider, so they cover nothing
else; what describes an archive is in it.

The same contents always give the same bytes: entries of an archive are sorted, and carry the time of the commit
instead of that of the build.
"""

import hashlib
import json
import subprocess
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

NAME = "terraform-provider-ekshybrid"
PROTOCOLS = ["6.0"]
# OpenPGP's numbers of the algorithms that the Terraform registry accepts: RSA and DSA.
ALGORITHMS = {"1": "RSA", "17": "DSA"}
# What gpg reports about a key that cannot sign.
INVALID = {"e": "has expired", "r": "is revoked", "d": "is disabled", "i": "is invalid"}


class Refused(Exception):
    """A release that is not built, packaged or signed; the message says why and what to do."""


@dataclass(frozen=True)
class Release:
    """A version, the time that its files carry (seconds since 1970), and the folder for them."""

    version: str
    moment: int
    folder: Path

    def path(self, ending: str) -> Path:
        return self.folder / f"{NAME}_{self.version}_{ending}"

    @property
    def sums(self) -> Path:
        return self.path("SHA256SUMS")

    @property
    def signature(self) -> Path:
        return self.path("SHA256SUMS.sig")

    def archives(self) -> list[Path]:
        return sorted(self.folder.glob(f"{NAME}_{self.version}_*.zip"))


def archive(release: Release, platform: str, program: Path, texts: dict[str, str], level: int = 9) -> Path:
    """Packs a program and the given texts for a platform, such as `linux_amd64`."""
    suffix = ".exe" if platform.startswith("windows_") else ""
    entries = {name: (text.encode(), 0o644) for name, text in texts.items()}
    entries[f"{NAME}_v{release.version}{suffix}"] = (program.read_bytes(), 0o755)
    path = release.path(f"{platform}.zip")
    path.parent.mkdir(parents=True, exist_ok=True)
    # Archives know no time zone, and no year before 1980.
    moment = max(time.gmtime(release.moment)[:6], (1980, 1, 1, 0, 0, 0))
    with zipfile.ZipFile(path, "w") as packed:
        for name, (data, mode) in sorted(entries.items()):
            entry = zipfile.ZipInfo(name, moment)
            entry.create_system = 3  # Unix, on every system: otherwise the mode is lost.
            entry.external_attr = (0o100000 | mode) << 16
            packed.writestr(entry, data, zipfile.ZIP_DEFLATED, level)
    return path


def write_manifest(release: Release) -> Path:
    path = release.path("manifest.json")
    path.write_text(json.dumps({"version": 1, "metadata": {"protocol_versions": PROTOCOLS}}, indent=2) + "\n")
    return path


def write_sums(release: Release) -> Path:
    """Writes the checksums of the archives and the manifest, in the format of `sha256sum`."""
    if not release.archives():
        raise Refused(f"{release.folder} contains no archive of version {release.version}; build one first")
    covered = [*release.archives(), write_manifest(release)]
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in covered]
    release.sums.write_text("".join(sorted(lines, key=lambda line: line.split()[1])))
    release.signature.unlink(missing_ok=True)
    return release.sums


def check_key(key: str, environment: dict[str, str] | None = None) -> str:
    """The fingerprint of a secret key that can sign a release."""
    listed = subprocess.run(
        ["gpg", "--batch", "--with-colons", "--list-secret-keys", "--", key], capture_output=True, text=True, env=environment
    )
    records = [line.split(":") for line in listed.stdout.splitlines()]
    found = [record for record in records if record[0] == "sec"]
    if listed.returncode != 0 or not found:
        raise Refused(f"gpg has no secret key `{key}`; `gpg --list-secret-keys` lists those it has")
    if len(found) > 1:
        raise Refused(f"`{key}` matches {len(found)} secret keys; give the fingerprint of one")
    fingerprint = next(record[9] for record in records if record[0] == "fpr")
    if reason := INVALID.get(found[0][1]):
        expired = found[0][6] and time.strftime(" (%Y-%m-%d)", time.gmtime(int(found[0][6])))
        raise Refused(
            f"the key {fingerprint} {reason}{expired if reason == 'has expired' else ''}. Terraform would reject the "
            "release; extend the key, upload it to the registry again, or sign with another one"
        )
    if found[0][3] not in ALGORITHMS:
        raise Refused(f"the key {fingerprint} is neither RSA nor DSA; the Terraform registry accepts no other keys")
    return fingerprint


def sign(release: Release, key: str, environment: dict[str, str] | None = None) -> Path:
    """Writes and verifies the detached signature of the checksums."""
    fingerprint = check_key(key, environment)
    release.signature.unlink(missing_ok=True)
    for command in (
        ["gpg", "--batch", "--local-user", fingerprint, "--output", release.signature, "--detach-sign", release.sums],
        ["gpg", "--batch", "--verify", release.signature, release.sums],
    ):
        answer = subprocess.run([str(part) for part in command], capture_output=True, text=True, env=environment)
        if answer.returncode != 0:
            release.signature.unlink(missing_ok=True)
            raise Refused(f"could not sign {release.sums.name} with the key {fingerprint}:\n{answer.stderr.strip()}")
    return release.signature
