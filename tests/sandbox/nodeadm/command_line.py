"""nodeadm's flags and commands. A usage that is wrong ends with 2, a command that fails with 1; all texts go to stderr."""

import sys

import init
import install
import leave
import log
import node_config
import host
from version import VERSION

HELP = """nodeadm - Amazon EKS Hybrid Nodes CLI
http://github.com/aws/eks-hybrid

  Usage:
    nodeadm [config|install|init|uninstall|upgrade|debug]

  Flags:
       --version   Displays the program version string.
    -h --help      Displays help with available flag, subcommand, and positional value parameters.

Documentation:
  https://docs.aws.amazon.com/eks/latest/userguide/hybrid-nodes-nodeadm.html
"""
# Command → its flags: short and long name, and whether several values may follow.
FLAGS = {
    "install": ["p credential-provider", "s containerd-source", "r region", "m manifest-override", "t timeout", "private-mode"],
    "init": ["c config-source", "s skip", "m manifest-override", "d daemon", "private-mode"],
    "upgrade": ["c config-source", "s skip", "m manifest-override", "t timeout", "private-mode"],
    "uninstall": ["s skip", "f force"],
    "debug": ["c config-source", "no-color", "m manifest-override"],
    "config": ["c config-source"],
}
SWITCHES = ["private-mode", "force", "no-color"]


class Usage(Exception):
    """The command line is not one of nodeadm's."""


def parse(command, arguments):
    """Flags by their long names (lists), and the rest."""
    names = {}
    for flag in FLAGS[command]:
        *short, long = flag.split(" ")
        names.update({f"--{long}": long, f"-{long}": long, **{f"-{one}": long for one in short}})
    flags, rest = {}, []
    left = list(arguments)
    while left:
        one = left.pop(0)
        if not one.startswith("-") or one == "-":
            rest.append(one)
            continue
        name, separator, value = one.partition("=")
        if name not in names:
            raise Usage(f"Unknown arguments supplied:  {one}")
        long = names[name]
        if long in SWITCHES:
            flags[long] = ["true"]
            continue
        if not separator:
            if not left:
                raise Usage(f"Expected a following arg for flag {name.lstrip('-')}, but it did not exist.")
            value = left.pop(0)
        flags.setdefault(long, []).extend(value.split(","))
    return flags, rest


def main(arguments):
    if arguments[:1] in (["--version"], ["-version"]):
        # The only thing that goes to stdout.
        print(f"Version: {VERSION}")
        return 0
    try:
        if arguments[:1] in (["-h"], ["--help"], ["help"]):
            print(HELP, file=sys.stderr)
            return 0
        if not arguments or arguments[0] not in FLAGS:
            raise Usage(f"Unknown arguments supplied:  {' '.join(arguments)}" if arguments else "No command specified")
        return run(arguments[0], *parse(arguments[0], arguments[1:]))
    except Usage as usage:
        print(f"{HELP}\n{usage}", file=sys.stderr)
        return 2
    except log.Failure as failure:
        return log.fatal(failure)


def run(command, flags, rest):
    one = lambda name, otherwise=None: flags.get(name, [otherwise])[0]  # noqa: E731
    if command == "config":
        return check_config(rest, one("config-source"))
    log.info("Checking user is root..")
    if not host.is_root():
        raise log.Failure("must run as root")
    if "private-mode" in flags and "manifest-override" not in flags:
        raise log.Failure("--private-mode requires --manifest-override to be specified")
    if command in ("init", "upgrade", "debug") and not one("config-source"):
        raise Usage(
            "--config-source is a required flag. The format is a URI with supported schemes: [file, imds]."
            " For example on hybrid nodes --config-source file://nodeConfig.yaml"
        )
    if command in ("install", "upgrade") and not rest:
        raise Usage("KUBERNETES_VERSION is a required argument")
    skip = flags.get("skip")
    if command == "install":
        if "credential-provider" not in flags:
            raise Usage("--credential-provider is a required flag. Allowed values are ssm & iam-ra")
        return install.main(
            rest[0], one("credential-provider"), one("containerd-source", "distro"), one("region", "us-west-2"),
            one("manifest-override"),
        )  # fmt: skip
    if command == "init":
        return init.main(one("config-source"), skip, one("manifest-override"))
    if command == "upgrade":
        return leave.upgrade(rest[0], one("config-source"), skip or [], one("manifest-override"), "private-mode" in flags)
    if command == "uninstall":
        return leave.uninstall(skip or [], "force" in flags)
    return init.debug(one("config-source"))


def check_config(rest, source):
    if rest != ["check"] or not source:
        raise Usage("--config-source is a required flag" if rest == ["check"] else "No command specified")
    log.info("Checking configuration", source=source)
    config = node_config.load(source)
    # One without `hybrid` is taken for an EC2 instance's, of which nothing is checked here.
    if config.is_hybrid():
        node_config.validate(config, defaults=False)
    log.info("Configuration is valid")
    return 0
