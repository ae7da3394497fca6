"""Writes the built-in table of instance types, src/node/instance_limits/table.txt.

    python3 tests/tools/instance_limits.py \
        --limits vpc_ip_resource_limit.go --limits-version v1.23.1 \
        --types instance-types.md --types-version 1d92708 \
        > src/node/instance_limits/table.txt

The limits are those that the VPC CNI itself uses: pkg/vpc/vpc_ip_resource_limit.go in
github.com/aws/amazon-vpc-cni-k8s. That file has no vCPUs; they come from Karpenter's reference page
(github.com/aws/karpenter-provider-aws, website/content/en/preview/reference/instance-types.md),
which is also generated from EC2's DescribeInstanceTypes. For a type missing there, an `<n>xlarge`
counts as 4·n vCPUs; of the types on the page, this rule would put only hpc7a.12xlarge on the wrong
side of 30.
"""

import argparse
import collections
import re
import sys
from pathlib import Path

# Up to this number of vCPUs, 110 pods are recommended; above it, 250.
FEW_VCPUS = 30

LIMITS = re.compile(
    r'"(?P<family>[a-z0-9-]+)\.(?P<size>[a-z0-9-]+)": \{\s*'
    r'ENILimit:\s*-?\d+,\s*'
    r'IPv4Limit:\s*(?P<addresses>\d+),\s*'
    r'DefaultNetworkCardIndex:\s*(?P<card>\d+),\s*'
    r'NetworkCards:\s*\[\]NetworkCard\{(?P<cards>.*?)\n\t\t\},\s*'
    r'HypervisorType:\s*"(?P<hypervisor>\w*)",\s*'
    r'IsBareMetal:\s*(?P<bare_metal>true|false)',
    re.DOTALL,
)
CARD = re.compile(r"MaximumNetworkInterfaces:\s*(\d+),\s*NetworkCardIndex:\s*(\d+)")
VCPUS = re.compile(r"^### `([a-z0-9.-]+)`$.*?\|karpenter\.k8s\.aws/instance-cpu\|(\d+)\|", re.DOTALL | re.MULTILINE)


def limits_of(match: re.Match, vcpus: dict) -> str:
    """The limits of one type in the table's form, such as `8/30>`."""
    # Pods get addresses only from the default network card.
    cards = {int(index): int(interfaces) for interfaces, index in CARD.findall(match["cards"])}
    interfaces = cards[int(match["card"])]
    # The VPC CNI assigns prefixes on Nitro and bare metal, and single addresses elsewhere.
    prefixes = match["hypervisor"] == "nitro" or match["bare_metal"] == "true"
    count = vcpus.get(f"{match['family']}.{match['size']}")
    multiple = re.fullmatch(r"(\d*)xlarge", match["size"])
    # Not for old types about which EC2 reports little: hs1.8xlarge, for example, had 16.
    if count is None and multiple and match["hypervisor"] != "unknown":
        count = 4 * int(multiple[1] or 1)
    many = "?" if count is None else ">" if count > FEW_VCPUS else ""
    return f"{interfaces}/{match['addresses']}{'' if prefixes else '!'}{many}"


def place(size: str) -> tuple:
    """Sort key for sizes: from small to large, bare metal last."""
    words = ["nano", "micro", "small", "medium", "large"]
    multiple = re.fullmatch(r"(\d*)xlarge", size)
    metal = re.fullmatch(r"metal(?:-(\d+)xl)?", size)
    if size in words:
        return (0, words.index(size), size)
    if multiple:
        return (1, int(multiple[1] or 1), size)
    if metal:
        return (2, int(metal[1] or 0), size)
    return (3, 0, size)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limits", type=Path, required=True, help="vpc_ip_resource_limit.go")
    parser.add_argument("--limits-version", required=True, help="its tag or commit")
    parser.add_argument("--types", type=Path, required=True, help="instance-types.md")
    parser.add_argument("--types-version", required=True, help="its tag or commit")
    arguments = parser.parse_args()

    source = arguments.limits.read_text(encoding="utf-8")
    vcpus = {name: int(count) for name, count in VCPUS.findall(arguments.types.read_text(encoding="utf-8"))}
    families = collections.defaultdict(dict)
    for match in LIMITS.finditer(source):
        families[match["family"]][match["size"]] = limits_of(match, vcpus)
    found = sum(len(sizes) for sizes in families.values())
    if found == 0 or found != source.count("DefaultNetworkCardIndex:") or not vcpus:
        sys.exit(f"unexpected file format: found {found} types, and vCPUs of {len(vcpus)}")

    # Families of the same sizes and limits share a line.
    lines = collections.defaultdict(list)
    for family, sizes in sorted(families.items()):
        ordered = sorted(sizes.items(), key=lambda entry: place(entry[0]))
        lines[" ".join(f"{size}={limits}" for size, limits in ordered)].append(family)
    print(f"# {found} types; amazon-vpc-cni-k8s {arguments.limits_version}, "
          f"karpenter-provider-aws {arguments.types_version}.")
    print("# Written by tests/tools/instance_limits.py. families: size=interfaces/addresses, with `!` no prefixes,")
    print("# `>` more than 30 vCPUs, `?` vCPUs not known.")
    for sizes, names in sorted(lines.items(), key=lambda line: line[1]):
        print(f"{' '.join(names)}: {sizes}")


if __name__ == "__main__":
    main()
