"""Writes the table of instance types that the provider has built in, src/node/instance_limits/table.txt.

    python3 tests/tools/instance_limits.py \
        --limits vpc_ip_resource_limit.go --limits-version v1.23.1 \
        --types instance-types.md --types-version 1d92708 \
        > src/node/instance_limits/table.txt

The limits are those that the VPC CNI itself goes by: pkg/vpc/vpc_ip_resource_limit.go of
github.com/aws/amazon-vpc-cni-k8s. It has no vCPUs; those are taken from the reference page of
Karpenter (github.com/aws/karpenter-provider-aws, website/content/en/preview/reference/
instance-types.md), which is generated from EC2's DescribeInstanceTypes too. For a type that the
page leaves out, an `<n>xlarge` counts as 4·n vCPUs; of the types on the page, only hpc7a.12xlarge
is put on the wrong side of 30 by that rule.
"""

import argparse
import collections
import re
import sys
from pathlib import Path

# vCPUs up to which 110 pods are recommended, beyond it 250.
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
    """One type's limits as the table writes them, such as `8/30>`."""
    # Pods get addresses of the default network card only.
    cards = {int(index): int(interfaces) for interfaces, index in CARD.findall(match["cards"])}
    interfaces = cards[int(match["card"])]
    # The VPC CNI assigns prefixes on Nitro and on bare metal, and falls back to addresses elsewhere.
    prefixes = match["hypervisor"] == "nitro" or match["bare_metal"] == "true"
    count = vcpus.get(f"{match['family']}.{match['size']}")
    multiple = re.fullmatch(r"(\d*)xlarge", match["size"])
    # hs1.8xlarge, of the types before Nitro that EC2 says little of, had 16.
    if count is None and multiple and match["hypervisor"] != "unknown":
        count = 4 * int(multiple[1] or 1)
    many = "?" if count is None else ">" if count > FEW_VCPUS else ""
    return f"{interfaces}/{match['addresses']}{'' if prefixes else '!'}{many}"


def place(size: str) -> tuple:
    """Sizes from small to large, bare metal last."""
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
    parser.add_argument("--limits-version", required=True, help="tag or commit that it is of")
    parser.add_argument("--types", type=Path, required=True, help="instance-types.md")
    parser.add_argument("--types-version", required=True, help="tag or commit that it is of")
    arguments = parser.parse_args()

    source = arguments.limits.read_text(encoding="utf-8")
    vcpus = {name: int(count) for name, count in VCPUS.findall(arguments.types.read_text(encoding="utf-8"))}
    families = collections.defaultdict(dict)
    for match in LIMITS.finditer(source):
        families[match["family"]][match["size"]] = limits_of(match, vcpus)
    found = sum(len(sizes) for sizes in families.values())
    if found == 0 or found != source.count("DefaultNetworkCardIndex:") or not vcpus:
        sys.exit(f"the files have another form than expected: {found} types, vCPUs of {len(vcpus)}")

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
