"""Builds a release: `make release VERSION=… KEY=…`. packaging.py describes the files.

    python3 tests/tools/release.py all VERSION KEY [PLATFORM…]   build for the platforms, write checksums, and sign them
    python3 tests/tools/release.py build VERSION [PLATFORM…]     only build
    python3 tests/tools/release.py sign VERSION KEY              checksums and signature of what is in the folder
    python3 tests/tools/release.py check VERSION [PLATFORM…]     build twice, in two different folders, and compare

VERSION is the workspace's version in Cargo.toml. KEY names a secret key of gpg, best by its fingerprint. Without
PLATFORM, everything is built that can be built on this system. The files are in the folder `release-files` of cargo's target
folder, or in the one named by EKSHYBRID_RELEASE.

A release is built from a clean working tree only, with the locked dependencies, and so that the same commit gives the
same bytes on any path: paths are replaced in the program, times are those of the commit, C code is compiled by a
pinned compiler for Linux, and no variable of the user changes what cargo does. The Rust toolchain is pinned by
rust-toolchain.toml. Archives are compressed by Python's zlib, so byte-equal archives also need the same zlib; the
programs inside do not.
"""

import filecmp
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import inventory
import packaging
import tools
from packaging import Refused, Release

# cargo-auditable embeds the list of dependencies into the program, where scanners find it.
AUDITABLE = "0.7.7"

# Static, so that it runs on every distribution, Alpine included. rustc's own LLD links it, at a fixed address and
# with identical functions merged: see build.rs.
MUSL = [
    "-Clinker=rust-lld", "-Clink-self-contained=yes", "-Ctarget-feature=+crt-static", "-Crelocation-model=static",
    "-Clink-arg=--icf=all",
]


@dataclass(frozen=True)
class Target:
    """How a platform is built: cargo's target, the system that can build it, and flags for rustc."""

    triple: str
    system: str
    flags: tuple[str, ...] = ()
    # Zig's name of the target, if Zig compiles its C code.
    zig: str | None = None


TARGETS = {
    "linux_amd64": Target("x86_64-unknown-linux-musl", "linux", tuple(MUSL), "x86_64-linux-musl"),
    "linux_arm64": Target("aarch64-unknown-linux-musl", "linux", tuple(MUSL), "aarch64-linux-musl"),
    # MinGW's linker, from the distribution. Its time stamps would differ in each build.
    "windows_amd64": Target("x86_64-pc-windows-gnu", "linux", ("-Clink-arg=-Wl,--no-insert-timestamp",)),
    # Apple's frameworks exist on Apple's systems only.
    "darwin_amd64": Target("x86_64-apple-darwin", "darwin"),
    "darwin_arm64": Target("aarch64-apple-darwin", "darwin"),
}


def clean_commit(root: Path) -> str:
    """The commit of a working tree that has no change, not even a new file."""
    changes = git(root, "status", "--porcelain", "--untracked-files=all")
    if changes:
        shown = "\n".join(f"  {line}" for line in changes.splitlines()[:10])
        raise Refused(f"the working tree differs from its commit; commit, stash or delete these first:\n{shown}")
    return git(root, "rev-parse", "HEAD")


def commit_time(root: Path) -> int:
    return int(git(root, "log", "-1", "--format=%ct"))


def git(root: Path, *arguments: str) -> str:
    answer = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True)
    if answer.returncode != 0:
        raise Refused(f"`git {arguments[0]}` failed in {root}:\n{answer.stderr.strip()}")
    return answer.stdout.strip()


def check_version(root: Path, version: str) -> None:
    """The provider reports the workspace's version, so a release has no other. `v1.2.3` is a tag, `1.2.3` a version."""
    own = re.search(r'^version = "(.+)"', (root / "Cargo.toml").read_text(), re.MULTILINE)[1]
    if version != own:
        raise Refused(f"the version in Cargo.toml is {own}; change it there, commit, and release {version!r} then")


def platforms(named: list[str]) -> list[str]:
    if unknown := [name for name in named if name not in TARGETS]:
        raise Refused(f"unknown platform `{unknown[0]}`; the platforms are {', '.join(TARGETS)}")
    here = [name for name, target in TARGETS.items() if sys.platform == target.system]
    if foreign := [name for name in named if name not in here]:
        raise Refused(f"{foreign[0]} is built on {TARGETS[foreign[0]].system} only; .github/workflows/release.yml does it")
    if named:
        return named
    if shutil.which("x86_64-w64-mingw32-gcc") is None and "windows_amd64" in here:
        tools.say("windows_amd64 is not built: x86_64-w64-mingw32-gcc is not on PATH (Debian: gcc-mingw-w64-x86-64)")
        here.remove("windows_amd64")
    return here


# --- building --------------------------------------------------------------------------------------


def environment(root: Path, target: Target, output: Path, moment: int) -> dict[str, str]:
    """What cargo sees: nothing that a user has set for other builds, and no path that ends up in the program."""
    home = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")
    sysroot = subprocess.run(["rustc", "--print", "sysroot"], cwd=root, capture_output=True, text=True, check=True)
    # The last match counts. A crate's folder is named by the registry, which may be a mirror.
    replaced = {
        root: "/source",
        output: "/target",
        home: "/cargo",
        **{folder: "/cargo/crates" for folder in (home / "registry" / "src").glob("*")},
        sysroot.stdout.strip(): "/rust",
    }
    variable = target.triple.replace("-", "_")
    own = {
        "CARGO_ENCODED_RUSTFLAGS": "\x1f".join(
            [*target.flags, *(f"--remap-path-prefix={path}={name}" for path, name in replaced.items())]
        ),
        "CARGO_INCREMENTAL": "0",
        "CARGO_TARGET_DIR": str(output),
        "SOURCE_DATE_EPOCH": str(moment),
        "ZERO_AR_DATE": "1",
        "TZ": "UTC",
        "LC_ALL": "C",
        f"CFLAGS_{variable}": " ".join(f"-ffile-prefix-map={path}={name}" for path, name in replaced.items()),
    }
    if target.zig:
        own[f"CC_{variable}"], own[f"AR_{variable}"] = zig(target.zig)
    ignored = re.compile(r"^(RUSTFLAGS|RUSTC(_.+)?|CARGO_(ENCODED_RUSTFLAGS|PROFILE_.+|BUILD_.+|TARGET_.+)|(HOST_|TARGET_)?(CC|CFLAGS|AR)(_.+)?)$")
    return {name: value for name, value in os.environ.items() if not ignored.match(name)} | own


def zig(target: str) -> tuple[str, str]:
    """A C compiler and an archiver for a target, by Zig, which brings musl's headers along."""
    if platform.machine() != "x86_64":
        raise Refused(f"programs for Linux are built on x86-64, for which Zig is pinned; this is {platform.machine()}")
    interpreter = tools.packages("zig", "zig.txt", "Zig, a C compiler: about 100 MB")
    folder = interpreter.parent.parent / "programs" / target
    folder.mkdir(parents=True, exist_ok=True)
    # The crate `cc` adds Rust's name of the target, which Zig does not know.
    compiler = (
        '#!/bin/sh\nfor argument do\n  shift\n  case "$argument" in --target=*) ;; *) set -- "$@" "$argument" ;; esac\ndone\n'
        f'exec "{interpreter}" -m ziglang cc -target {target} -g0 -fno-sanitize=undefined "$@"\n'
    )
    paths = []
    for name, text in {"cc": compiler, "ar": f'#!/bin/sh\nexec "{interpreter}" -m ziglang ar "$@"\n'}.items():
        fresh, path = folder / f"{name}.{os.getpid()}", folder / name
        fresh.write_text(text)
        fresh.chmod(0o755)
        fresh.rename(path)
        paths.append(str(path))
    return paths[0], paths[1]


def auditable() -> Path:
    """The folder of cargo-auditable, which is compiled if it is missing."""
    folder = tools.cache() / "tools" / f"cargo-auditable-{AUDITABLE}"
    if not (folder / "bin" / "cargo-auditable").exists():
        with tools.lock("cargo-auditable"):
            tools.say("compiling cargo-auditable, once: about a minute")
            tools.run(
                ["cargo", "install", "--quiet", "--locked", "--version", AUDITABLE, "--root", folder, "cargo-auditable"],
                "cargo could not install cargo-auditable", cwd=tools.ROOT,
            )
    return folder / "bin"


def compile_program(root: Path, name: str, output: Path, moment: int) -> Path:
    """Compiles the provider of a working tree for a platform."""
    target = TARGETS[name]
    # Crates must be downloaded before their folders are listed.
    tools.run(["rustup", "target", "add", target.triple], f"rustup has no standard library for {target.triple}", cwd=root)
    tools.run(["cargo", "fetch", "--locked", "--target", target.triple], "cargo could not download the crates", cwd=root)
    variables = environment(root, target, output, moment)
    variables["PATH"] = os.pathsep.join([str(auditable()), variables["PATH"]])
    tools.say(f"compiling for {name} ({target.triple}): 10 to 25 minutes on two cores")
    tools.run(
        ["cargo", "auditable", "build", "--locked", "--profile", "dist", "--target", target.triple,
         "--package", packaging.NAME, "--bin", packaging.NAME],
        f"cargo could not build {name}", cwd=root, env=variables,
    )
    suffix = ".exe" if name.startswith("windows_") else ""
    return output / target.triple / "dist" / f"{packaging.NAME}{suffix}"


def build(root: Path, release: Release, platform: str, output: Path) -> list[Path]:
    """Compiles and packs a platform; returns the archive and the bill of its components."""
    return pack(release, platform, compile_program(root, platform, output, release.moment))


def pack(release: Release, platform: str, program: Path, level: int = 9) -> list[Path]:
    triple = TARGETS[platform].triple
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(release.moment))
    bill = inventory.text(inventory.bill(triple, release.version, moment))
    texts = {
        "LICENSE": (tools.ROOT / "LICENSE").read_text(),
        "THIRD_PARTY_LICENSES.txt": inventory.licences(triple),
        # Not `terraform-provider-…`: Terraform starts the first file of that name.
        "components.cdx.json": bill,
    }
    archive = packaging.archive(release, platform, program, texts, level)
    components = release.path(f"{platform}.cdx.json")
    components.write_text(bill)
    tools.say(f"{archive.name}: program {program.stat().st_size / 1e6:.1f} MB, archive {archive.stat().st_size / 1e6:.1f} MB")
    return [archive, components]


# --- commands --------------------------------------------------------------------------------------


def release_folder() -> Path:
    target = Path(os.environ.get("CARGO_TARGET_DIR") or tools.ROOT / "target")
    return Path(os.environ.get("EKSHYBRID_RELEASE") or target / "release-files").resolve()


def build_all(version: str, named: list[str]) -> Release:
    check_version(tools.ROOT, version)
    chosen = platforms(named)
    commit = clean_commit(tools.ROOT)
    release = Release(version, commit_time(tools.ROOT), release_folder())
    output = Path(os.environ.get("CARGO_TARGET_DIR") or tools.ROOT / "target").resolve()
    for platform in chosen:
        for path in build(tools.ROOT, release, platform, output):
            print(path)
    if clean_commit(tools.ROOT) != commit:
        raise Refused("HEAD changed during the build; build again")
    return release


def sign(version: str, key: str) -> None:
    release = Release(version, commit_time(tools.ROOT), release_folder())
    packaging.check_key(key)
    print(packaging.write_sums(release))
    print(packaging.sign(release, key))


def check(version: str, named: list[str]) -> None:
    """Builds the commit twice, in folders of different names and lengths, and compares every file."""
    check_version(tools.ROOT, version)
    chosen, commit = platforms(named), clean_commit(tools.ROOT)
    with tempfile.TemporaryDirectory(prefix="ekshybrid-") as name:
        releases = []
        for place in (Path(name) / "a", Path(name) / "another folder".replace(" ", "-") / "b"):
            git(tools.ROOT, "clone", "--quiet", "--no-hardlinks", str(tools.ROOT), str(place / "source"))
            git(place / "source", "checkout", "--quiet", commit)
            release = Release(version, commit_time(place / "source"), place / "files")
            for platform in chosen:
                build(place / "source", release, platform, place / "target")
            packaging.write_sums(release)
            releases.append(release)
        first, second = releases
        names = sorted(path.name for path in first.folder.iterdir())
        _, different, missing = filecmp.cmpfiles(first.folder, second.folder, names, shallow=False)
        if different or missing:
            raise Refused(f"two builds of {commit} differ in {', '.join([*different, *missing])}")
        print(first.sums.read_text(), end="")
        print(f"{len(names)} files are byte-equal in two builds of {commit}")


def main() -> int:
    # rust-toolchain.toml decides.
    os.environ.pop("RUSTUP_TOOLCHAIN", None)
    match sys.argv[1:]:
        case ["all", version, key, *named] if version and key:
            # An unusable key is reported before the build, not after.
            packaging.check_key(key)
            build_all(version, named)
            sign(version, key)
        case ["build", version, *named] if version:
            build_all(version, named)
        case ["sign", version, key] if version and key:
            check_version(tools.ROOT, version)
            sign(version, key)
        case ["check", version, *named] if version:
            check(version, named)
        case ["all" | "sign", _, ""] | ["all" | "build" | "sign" | "check", "", *_]:
            raise Refused("VERSION or KEY is missing, as in `make release VERSION=0.1.0 KEY=FINGERPRINT`")
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Refused, tools.Unavailable) as reason:
        print(f"error: {reason}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
