"""A stand-in for nodeadm of EKS Hybrid Nodes, and for what it starts: one archive, called by several names.

It does what the real one does as far as others see it: flags, order, files, units, exit codes, texts, and how long things
take, times the host's own measure. What it installs is in the archive already, or beside it on a whole host.
"""

import os
import sys

import agent
import command_line
import kubelet
import systemd


def main():
    name, arguments = os.path.basename(sys.argv[0]), sys.argv[1:]
    if name == "ssm-setup-cli":
        return agent.setup(arguments)
    if name == "amazon-ssm-agent":
        return agent.main(arguments)
    if name == "systemctl":
        return systemd.systemctl(arguments)
    if name == "journalctl":
        return systemd.journalctl(arguments)
    if name == "ecr-credential-provider":
        return kubelet.give_password()
    if name == "kubelet-stand-in":
        return kubelet.serve()
    return command_line.main(arguments)


sys.exit(main())
